/*
 * The blocks of an image, unit after unit, with what is between them: bytes
 * that were stuffed, restarts, and first coefficients that are told as
 * differences.
 */
#ifndef JPEG_SCAN_H
#define JPEG_SCAN_H

#include "codecs/jpeg/state.h"

struct jpeg_scan {
    jpeg_entropy_kernel *decode;
    struct jpeg_memory *memory; /* for the bytes of an interval */
    const uint8_t *at, *end;    /* what follows the interval */
    struct jpeg_stream stream;  /* the interval */
    /* Units of an interval and those left of it; without restarts these never
       end. */
    uint32_t interval, left;
    unsigned restarts;
    uint8_t components[JPEG_MAX_UNIT_BLOCKS]; /* of the blocks */
    size_t block_count;
    /* Of the blocks of a batch, and one more. */
    struct jpeg_block_codes codes[JPEG_BATCH_BLOCKS + 1];
    int32_t predictions[JPEG_COMPONENTS];
};

/* False where it is refused. */
bool jpeg_scan_start(struct jpeg_scan *scan, struct jpeg_state *state,
                     const struct jpeg_header *header, const uint8_t *bytes,
                     size_t size, jpeg_entropy_kernel *decode);

/* Decode the next units, of no more than JPEG_BATCH_BLOCKS; `coefficients` and
   `used` as in entropy.h, but for first coefficients that are whole, and any
   content before. */
bool jpeg_scan_decode(struct jpeg_scan *scan, int16_t *coefficients,
                      uint8_t *used, size_t units);

/* After the last unit: whether all of its bits were there. */
bool jpeg_scan_finish(const struct jpeg_scan *scan);

#endif
