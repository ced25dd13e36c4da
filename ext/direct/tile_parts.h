/*
 * Which pixels there are of a tile that is filled part by part, by any number
 * of threads.
 */
#ifndef DIRECT_TILE_PARTS_H
#define DIRECT_TILE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tile_parts;

/* A part of a tile, in its pixels. */
struct tile_rectangle {
    int64_t left, top, right, bottom;
};

static inline bool
tile_rectangle_is_empty(const struct tile_rectangle *rectangle)
{
    return rectangle->left >= rectangle->right ||
           rectangle->top >= rectangle->bottom;
}

/* None yet; NULL where there is no memory. */
struct tile_parts *tile_parts_new(void);
void tile_parts_free(struct tile_parts *parts);

/* The smallest rectangle around what is wanted and not there; empty where all
   of it is.  Some of it may be there, too. */
struct tile_rectangle tile_parts_missing(struct tile_parts *parts,
                                         const struct tile_rectangle *wanted);

/*
 * Put pixels into a tile of `tile_stride` words from row to row: `words`, of
 * which there are `stride` from row to row, for the rectangle.  Words that are
 * there are left alone, for somebody may be reading them.
 */
void tile_parts_put(struct tile_parts *parts, uint32_t *tile,
                    ptrdiff_t tile_stride,
                    const struct tile_rectangle *rectangle,
                    const uint32_t *words, ptrdiff_t stride);

/* Whether all pixels that are there are opaque. */
bool tile_parts_are_opaque(struct tile_parts *parts);

#endif
