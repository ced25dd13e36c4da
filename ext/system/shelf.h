/*
 * Blocks of memory that nobody uses, kept for the next who needs one of their
 * size.  Safe from many threads, without a lock.
 */
#ifndef SHELF_H
#define SHELF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHELF_PLACES = 16 };

/* Of blocks of one size.  All bits 0: empty. */
struct shelf {
    _Atomic(uint32_t *) places[SHELF_PLACES];
};

/* NULL where there is none. */
uint32_t *shelf_take(struct shelf *shelf);

/* False where there is no room; the block is the caller's then. */
bool shelf_put(struct shelf *shelf, uint32_t *block);

#endif
