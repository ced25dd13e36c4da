/*
 * Reading one region: divided into blocks where that does not change a byte,
 * so that a long read can be interrupted, each read by libopenslide and
 * converted straight into its place.
 */
#ifndef REGION_H
#define REGION_H

#include "slide_handle.h"

struct region {
    int64_t x, y; /* of the top left corner, level-0 pixels */
    int32_t level;
    int64_t width, height; /* pixels of the level */
};

/* A part of a region. */
struct block {
    struct region source;
    int64_t column, row; /* of its top left pixel within the region */
};

/* How a region is divided: into `rows` rows of `columns` blocks. */
struct division {
    struct region region;
    double downsample;
    /* All blocks are this large but those at the edges. */
    int64_t block_width, block_height;
    /* How much of the first column and row is missing, for blocks end where
       tiles of the slide end. */
    int64_t skipped_columns, skipped_rows;
    int64_t columns, rows;
};

struct division division_of(const struct region *region,
                            const struct slide_handle *handle);
struct block division_block(const struct division *division, int64_t column,
                            int64_t row);

enum region_outcome {
    REGION_READ,
    REGION_FAILED, /* libopenslide has latched an error */
    REGION_INTERRUPTED,
    REGION_OUT_OF_MEMORY,
};

/*
 * Read a region into `rgba`, 4 * width * height bytes aligned for uint32_t.
 *
 * About every 0.1 s, between two blocks, `poll(argument)` is called; false
 * ends the read.
 */
enum region_outcome region_read(const struct slide_handle *handle,
                                const struct region *region, uint8_t *rgba,
                                bool (*poll)(void *argument), void *argument);

#endif
