/* Arithmetic of lengths and positions. */
#ifndef LENGTHS_H
#define LENGTHS_H

#include <stdint.h>

static inline int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t
larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How many parts of a length cover another one; 0 of those without length. */
static inline uint64_t
quotient_up(uint64_t length, uint64_t part)
{
    return part == 0 ? 0 : length / part + (length % part != 0);
}

#endif
