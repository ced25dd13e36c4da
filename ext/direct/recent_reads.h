/*
 * Where a slide was read lately: who reads near there goes through the slide,
 * and will read on.  A guess, safe from many threads, without a lock.
 */
#ifndef DIRECT_RECENT_READS_H
#define DIRECT_RECENT_READS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RECENT_READS = 32 };

/* All bits 0: none. */
struct recent_reads {
    atomic_uint count; /* modulo its range */
    _Atomic(uint64_t) reads[RECENT_READS];
};

/* A column of tiles of a level, and a row of its pixels. */
struct read_place {
    int32_t level;
    int64_t column, row;
};

/* Note a read; whether one of the last was in the same column of tiles, or in
   the next, and not more than `reach` rows away. */
bool recent_reads_note(struct recent_reads *recent,
                       const struct read_place *place, int64_t reach);

#endif
