/*
 * What is kept from one tile to the next: code tables, which take as long to
 * build as half a tile to decode, and memory.
 */
#ifndef JPEG_STATE_H
#define JPEG_STATE_H

#include "codecs/jpeg/entropy.h"

enum {
    JPEG_KEPT_CODES = 4, /* a slide has two; more than JPEG_COMPONENTS */
    /* Blocks are decoded and transformed by the batch, while they are in the
       first cache. */
    JPEG_BATCH_BLOCKS = 96,
};

/* Memory that grows as it must. */
struct jpeg_memory {
    uint8_t *bytes;
    size_t size;
};

/* At least `size` bytes, of any content; NULL where there is no memory. */
uint8_t *jpeg_memory_reserve(struct jpeg_memory *memory, size_t size);

struct jpeg_state {
    struct jpeg_codes codes[JPEG_KEPT_CODES];
    uint64_t codes_used[JPEG_KEPT_CODES]; /* by the clock; 0: none yet */
    uint64_t clock;
    struct jpeg_memory entropy, rows;
    int16_t
        coefficients[JPEG_BATCH_BLOCKS * JPEG_BLOCK + JPEG_COEFFICIENT_SLACK];
    uint8_t used[JPEG_BATCH_BLOCKS];
};

/* One that nobody else uses; NULL where there is no memory.  Safe from many
   threads, without a lock. */
struct jpeg_state *jpeg_state_take(void);

/* Give it back. */
void jpeg_state_put(struct jpeg_state *state);

/* What is made of two codes, which stays until three others are wanted; NULL
   where they are refused. */
const struct jpeg_codes *jpeg_state_codes(struct jpeg_state *state,
                                          const struct jpeg_code *dc,
                                          const struct jpeg_code *ac);

#endif
