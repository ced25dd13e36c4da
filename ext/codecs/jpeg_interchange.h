/*
 * A tile of a slide as a JPEG stream of its own, in what the standard calls
 * the interchange format.
 *
 * A slide has once what its tiles then lack: tables, and word of whether
 * samples are RGB or YCbCr.  A stream that has both gives the pixels of the
 * slide with any decoder.  Its entropy-coded bytes are those of the tile.
 */
#ifndef JPEG_INTERCHANGE_H
#define JPEG_INTERCHANGE_H

#include "codecs/jpeg.h"

/* What is made of the bytes of a tile. */
struct jpeg_interchange {
    size_t size; /* of the stream */
    /* The first bytes of the tile are the stream, which lacks nothing. */
    bool is_stored;
    /* The tile has a marker for its end; else nobody can tell, without
       decoding it, whether it is all there. */
    bool has_end;
    bool is_marked; /* it is told what its samples are */
    /* How many bytes of the tile stand before the first scan, and how many are
       taken. */
    size_t header_size, taken_size;
};

/*
 * Find out what a stream takes; why there can be none, in words, or NULL.
 * Nothing is decoded: entropy-coded bytes may be damaged.
 */
const char *jpeg_interchange_plan(struct jpeg_interchange *plan,
                                  const struct jpeg_format *format,
                                  const uint8_t *bytes, size_t size);

/* Write the stream of the same tile to memory of the planned size. */
void jpeg_interchange_write(const struct jpeg_interchange *plan,
                            const struct jpeg_format *format,
                            const uint8_t *bytes, uint8_t *stream);

#endif
