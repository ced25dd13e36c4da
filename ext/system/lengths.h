/* Arithmetic of lengths and positions. */
#ifndef LENGTHS_H
#define LENGTHS_H

#include <stdbool.h>
#include <stdint.h>

/* Positions beyond this are nobody's, and do not survive multiplication in
   doubles. */
#define LENGTHS_FARTHEST ((int64_t)1 << 40)

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

static inline bool
position_is_near(int64_t position)
{
    return position > -LENGTHS_FARTHEST && position < LENGTHS_FARTHEST;
}

/* The integer part of any number: the nearest of 62 bits for what is beyond
   these, 0 for what is no number. */
static inline int64_t
position_truncated(double position)
{
    const int64_t last = (int64_t)1 << 62;
    if (position >= (double)last) {
        return last;
    }
    if (position <= -(double)last) {
        return -last;
    }
    return position == position ? (int64_t)position : 0;
}

#endif
