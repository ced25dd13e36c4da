/*
 * Decoding one tile of a slide: with the decoder of jpeg/, and what that
 * refuses with libjpeg-turbo, where this build has it.
 *
 * A tile is refused wherever the slightest thing is wrong with it, so that
 * pixels are those that any libjpeg-turbo makes of it.
 */
#ifndef DIRECT_JPEG_H
#define DIRECT_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the slide says of its tiles. */
struct jpeg_format {
    uint32_t width, height;
    /* The samples are RGB, else YCbCr, whatever a tile says of itself. */
    bool is_rgb;
    /* A stream of the tables that the tiles share, or NULL. */
    const uint8_t *tables;
    size_t tables_size;
};

/* What the pixels of a tile become. */
enum jpeg_order {
    JPEG_WORDS, /* 0xffRRGGBB */
    JPEG_RGBA,  /* four bytes, the last of them 255 */
    JPEG_RGB,   /* three bytes */
};

/* Where they go. */
struct jpeg_rows {
    uint8_t *first;
    ptrdiff_t stride; /* bytes; may be negative */
    enum jpeg_order order;
};

/* A part of a tile, in its pixels. */
struct jpeg_area {
    uint32_t x, y, width, height;
};

/*
 * Decode a tile of `height` rows of `width` pixels.  False where it is
 * refused, which leaves them undefined.
 */
bool jpeg_decode(const struct jpeg_format *format, const uint8_t *bytes,
                 size_t size, const struct jpeg_rows *rows);

/*
 * The same of the part of a tile that lies in `area`, to rows of as many
 * pixels.  What is wrong with other parts is seen nonetheless.  False also
 * where the decoder that knows how is not used, or refuses the tile.
 */
bool jpeg_decode_part(const struct jpeg_format *format, const uint8_t *bytes,
                      size_t size, const struct jpeg_area *area,
                      const struct jpeg_rows *rows);

/*
 * Which decoders are used, in the whole process: "own", "libjpeg", or both for
 * "".  False, and nothing changes, for other names.
 */
bool jpeg_choose(const char *name);

/* The instruction set of the own decoder, or NULL where it is not used. */
const char *jpeg_own_decoder(void);

/* The library, as "libjpeg-turbo 3.1.0", or NULL where none is used. */
const char *jpeg_library(void);

/* Whether either is used. */
bool jpeg_is_available(void);

#endif
