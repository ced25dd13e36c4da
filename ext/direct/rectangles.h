/*
 * Rectangles of pixels, and what is left of one when others are cut out.
 */
#ifndef DIRECT_RECTANGLES_H
#define DIRECT_RECTANGLES_H

#include "system/lengths.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rectangle {
    int64_t left, top, right, bottom;
};

static inline bool
rectangle_is_empty(const struct rectangle *rectangle)
{
    return rectangle->left >= rectangle->right ||
           rectangle->top >= rectangle->bottom;
}

/* What two have in common, which may be empty. */
static inline struct rectangle
rectangle_common(const struct rectangle *a, const struct rectangle *b)
{
    return (struct rectangle){
        larger(a->left, b->left),
        larger(a->top, b->top),
        smaller(a->right, b->right),
        smaller(a->bottom, b->bottom),
    };
}

/* The smallest that contains two. */
static inline struct rectangle
rectangle_around(const struct rectangle *a, const struct rectangle *b)
{
    return (struct rectangle){
        smaller(a->left, b->left),
        smaller(a->top, b->top),
        larger(a->right, b->right),
        larger(a->bottom, b->bottom),
    };
}

enum { MOST_RECTANGLES = 64 };

/* Some that do not overlap. */
struct rectangles {
    size_t count;
    struct rectangle items[MOST_RECTANGLES];
};

/* One, or none if it is empty. */
static inline void
rectangles_begin(struct rectangles *set, const struct rectangle *first)
{
    set->count = !rectangle_is_empty(first);
    set->items[0] = *first;
}

/* Cut a hole into all.  False where there would be too many: then some of it
   is still there. */
bool rectangles_cut(struct rectangles *set, const struct rectangle *hole);

#endif
