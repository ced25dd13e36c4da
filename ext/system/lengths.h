/* The lesser and the greater of two lengths or positions. */
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

#endif
