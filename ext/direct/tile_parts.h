/*
 * Which pixels there are of a tile that is filled part by part, by any number
 * of threads.  Rectangles are in pixels of the tile.
 */
#ifndef DIRECT_TILE_PARTS_H
#define DIRECT_TILE_PARTS_H

#include "rectangles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tile_parts;

/* None yet; NULL where there is no memory. */
struct tile_parts *tile_parts_new(void);
void tile_parts_free(struct tile_parts *parts);

/* The smallest rectangle around what is wanted and not there; empty where all
   of it is.  Some of it may be there, too. */
struct rectangle tile_parts_missing(struct tile_parts *parts,
                                    const struct rectangle *wanted);

/*
 * Put pixels into a tile of `tile_stride` words from row to row: `words`, of
 * which there are `stride` from row to row, for the rectangle.  Words that are
 * there are left alone, for somebody may be reading them.
 */
void tile_parts_put(struct tile_parts *parts, uint32_t *tile,
                    ptrdiff_t tile_stride, const struct rectangle *rectangle,
                    const uint32_t *words, ptrdiff_t stride);

/* Whether all pixels that are there are opaque. */
bool tile_parts_are_opaque(struct tile_parts *parts);

#endif
