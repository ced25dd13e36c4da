/*
 * Memory for pixels in between, kept from one read to the next: fresh memory
 * costs page faults, a tenth of a small read.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* All bits 0: none yet. */
struct scratch {
    uint32_t *words;
    size_t size; /* words */
};

/* At least `size` words, of any content; NULL where there is no memory. */
uint32_t *scratch_reserve(struct scratch *scratch, size_t size);

void scratch_give_up(struct scratch *scratch);

#endif
