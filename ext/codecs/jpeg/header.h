/*
 * What stands before the samples of a JPEG stream: sizes, tables, and where
 * the entropy-coded bytes begin.
 *
 * A stream is refused wherever libjpeg-turbo would complain of it or only warn
 * of it, and wherever it is of a kind that this decoder does not know.
 */
#ifndef JPEG_HEADER_H
#define JPEG_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JPEG_COMPONENTS = 3,
    JPEG_BLOCK = 64, /* samples of a block: 8 rows of 8 */
    JPEG_TABLES = 4, /* of each kind that a stream may have */
    JPEG_CODE_BITS = 16,
    JPEG_SYMBOLS = 256,
};

/* A Huffman code as it is in the stream. */
struct jpeg_code {
    uint8_t
        counts[JPEG_CODE_BITS];    /* of symbols whose code has 1, 2... bits */
    uint8_t symbols[JPEG_SYMBOLS]; /* 0 behind the last */
};

/* In a struct jpeg_tables, bit i of has_... tells whether there is table i. */
struct jpeg_tables {
    uint8_t has_quantization, has_dc, has_ac;
    uint8_t quantization[JPEG_TABLES][JPEG_BLOCK]; /* in zigzag order */
    struct jpeg_code dc[JPEG_TABLES], ac[JPEG_TABLES];
};

struct jpeg_component {
    uint8_t id;
    uint8_t across, down; /* blocks of a unit, the MCU of the standard */
    uint8_t quantization, dc, ac; /* indexes of its tables */
};

struct jpeg_header {
    struct jpeg_tables tables;
    struct jpeg_component components[JPEG_COMPONENTS];
    uint32_t width, height;
    uint32_t restart_interval; /* units, 0: no restarts */
    size_t entropy_offset;     /* of the entropy-coded bytes */
};

/* Parse a stream of nothing but tables; false where it is refused. */
bool jpeg_parse_tables(const uint8_t *bytes, size_t size,
                       struct jpeg_tables *tables);

/*
 * Parse the header of an image; false where it is refused.  `header->tables`
 * holds the tables that the stream may leave out.
 */
bool jpeg_parse_header(const uint8_t *bytes, size_t size,
                       struct jpeg_header *header);

#endif
