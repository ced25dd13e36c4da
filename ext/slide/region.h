/*
 * A region to read, and how it is divided into blocks where that does not
 * change a byte, so that a long read can be shared and interrupted.
 */
#ifndef REGION_H
#define REGION_H

#include "slide_handle.h"

/* libopenslide itself divides reads into squares of this size, and truncates
   the position of each to whole level-0 pixels. */
enum { REGION_LIBRARY_SIDE = 4096 };

/* Whether other regions will be read that have tiles in common with one. */
enum region_company {
    COMPANY_UNKNOWN,
    COMPANY_NONE,
    COMPANY_SOME,
};

struct region {
    int64_t x, y; /* of the top left corner, level-0 pixels */
    int32_t level;
    int64_t width, height; /* pixels of the level */
    /* The top left corner is the pixel (column, row) of the level, and (x, y)
       only the position nearest to it that libopenslide can be asked for. */
    bool is_exact;
    int64_t column, row;
    enum region_company company;
    /* It is one of more than the cache has room for. */
    bool is_passing;
};

/* One that is placed in level-0 pixels. */
static inline struct region
region_at(int64_t x, int64_t y, int32_t level, int64_t width, int64_t height)
{
    return (struct region){
        .x = x, .y = y, .level = level, .width = width, .height = height};
}

/* Whether it has more than so many pixels; one without any does not. */
bool region_exceeds(const struct region *region, uint64_t pixels);

/* Whether it has so many pixels that it is worth dividing. */
bool region_is_large(const struct region *region);

/* Whether it lies, and ends, where products with its positions are exact. */
bool region_is_near(const struct region *region);

/* Whether its parts, read one by one, have the pixels of the whole. */
bool region_is_divisible(const struct region *region,
                         const struct slide_handle *handle);

/* A part of a region that starts `column` and `row` pixels from its corner;
   `downsample` is that of its level. */
struct region region_part(const struct region *region, double downsample,
                          int64_t column, int64_t row, int64_t width,
                          int64_t height);

/* A part of a region. */
struct block {
    struct region source;
    const struct region *whole; /* that it is a part of */
    int64_t column, row;        /* of its top left pixel within the region */
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

#endif
