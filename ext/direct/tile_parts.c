#include "tile_parts.h"

#include "system/lengths.h"
#include "system/platform.h"

#include <stdlib.h>
#include <string.h>

/* Reads in any order make a few parts at a time, which grow together. */
enum { MAX_PARTS = 8, MAX_PIECES = 64 };

struct tile_parts {
    platform_mutex mutex;
    bool are_opaque;
    unsigned count;
    struct tile_rectangle rectangles[MAX_PARTS]; /* which may overlap */
};

struct tile_parts *
tile_parts_new(void)
{
    struct tile_parts *parts = calloc(1, sizeof *parts);
    if (parts != NULL) {
        parts->mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER;
        parts->are_opaque = true;
    }
    return parts;
}

void
tile_parts_free(struct tile_parts *parts)
{
    free(parts);
}

/* Rectangles */

static struct tile_rectangle
common_part(const struct tile_rectangle *a, const struct tile_rectangle *b)
{
    return (struct tile_rectangle){
        larger(a->left, b->left),
        larger(a->top, b->top),
        smaller(a->right, b->right),
        smaller(a->bottom, b->bottom),
    };
}

static struct tile_rectangle
around_both(const struct tile_rectangle *a, const struct tile_rectangle *b)
{
    return (struct tile_rectangle){
        smaller(a->left, b->left),
        smaller(a->top, b->top),
        larger(a->right, b->right),
        larger(a->bottom, b->bottom),
    };
}

static int64_t
area_of(const struct tile_rectangle *rectangle)
{
    return (rectangle->right - rectangle->left) *
           (rectangle->bottom - rectangle->top);
}

/* Whether two make a rectangle together. */
static bool
are_one(const struct tile_rectangle *a, const struct tile_rectangle *b)
{
    bool touch_across = a->left <= b->right && b->left <= a->right;
    bool touch_down = a->top <= b->bottom && b->top <= a->bottom;
    bool contains = (b->left >= a->left && b->right <= a->right &&
                     b->top >= a->top && b->bottom <= a->bottom);
    return contains ||
           (a->top == b->top && a->bottom == b->bottom && touch_across) ||
           (a->left == b->left && a->right == b->right && touch_down);
}

/* Pieces that do not overlap */

struct pieces {
    size_t count;
    bool is_full; /* some are too large, for there was no room for smaller */
    struct tile_rectangle rectangles[MAX_PIECES];
};

static void
add_piece(struct pieces *pieces, int64_t left, int64_t top, int64_t right,
          int64_t bottom)
{
    if (left < right && top < bottom) {
        pieces->rectangles[pieces->count++] =
            (struct tile_rectangle){left, top, right, bottom};
    }
}

/* What lies above, below, left and right of a hole. */
static void
cut_piece(struct pieces *pieces, const struct tile_rectangle *piece,
          const struct tile_rectangle *hole)
{
    add_piece(pieces, piece->left, piece->top, piece->right, hole->top);
    add_piece(pieces, piece->left, hole->bottom, piece->right, piece->bottom);
    add_piece(pieces, piece->left, hole->top, hole->left, hole->bottom);
    add_piece(pieces, hole->right, hole->top, piece->right, hole->bottom);
}

static void
cut_hole(struct pieces *pieces, const struct tile_rectangle *hole)
{
    struct pieces before = *pieces;
    pieces->count = 0;
    for (size_t i = 0; i < before.count; i++) {
        const struct tile_rectangle *piece = &before.rectangles[i];
        struct tile_rectangle common = common_part(piece, hole);
        size_t others = before.count - i - 1;
        if (tile_rectangle_is_empty(&common)) {
            pieces->rectangles[pieces->count++] = *piece;
        } else if (pieces->count + 4 + others > MAX_PIECES) {
            pieces->is_full = true;
            pieces->rectangles[pieces->count++] = *piece;
        } else {
            cut_piece(pieces, piece, &common);
        }
    }
}

/* What is not there of a rectangle. */
static struct pieces
missing_pieces(const struct tile_parts *parts,
               const struct tile_rectangle *rectangle)
{
    struct pieces pieces = {0};
    add_piece(&pieces, rectangle->left, rectangle->top, rectangle->right,
              rectangle->bottom);
    for (unsigned i = 0; i < parts->count && pieces.count > 0; i++) {
        cut_hole(&pieces, &parts->rectangles[i]);
    }
    return pieces;
}

struct tile_rectangle
tile_parts_missing(struct tile_parts *parts,
                   const struct tile_rectangle *wanted)
{
    struct tile_rectangle around = {0};
    platform_mutex_lock(&parts->mutex);
    struct pieces pieces = missing_pieces(parts, wanted);
    platform_mutex_unlock(&parts->mutex);
    for (size_t i = 0; i < pieces.count; i++) {
        around = i == 0 ? pieces.rectangles[0]
                        : around_both(&around, &pieces.rectangles[i]);
    }
    return around;
}

/* Putting */

/* What can be one with another part becomes that; the smallest is forgotten
   where there are too many. */
static void
note_part(struct tile_parts *parts, struct tile_rectangle part)
{
    for (unsigned i = 0; i < parts->count;) {
        const struct tile_rectangle *other = &parts->rectangles[i];
        if (are_one(&part, other) || are_one(other, &part)) {
            part = around_both(&part, other);
            parts->rectangles[i] = parts->rectangles[--parts->count];
            i = 0;
        } else {
            i++;
        }
    }
    if (parts->count < MAX_PARTS) {
        parts->rectangles[parts->count++] = part;
        return;
    }
    for (unsigned i = 0; i < MAX_PARTS; i++) {
        struct tile_rectangle *other = &parts->rectangles[i];
        if (area_of(other) < area_of(&part)) {
            struct tile_rectangle kept = part;
            part = *other;
            *other = kept;
        }
    }
}

/* Whether all words are opaque. */
static bool
copy_words(uint32_t *to, const uint32_t *from, size_t count)
{
    uint32_t all = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        all &= from[i];
        to[i] = from[i];
    }
    return all >> 24 == 255;
}

static bool
copy_piece(const struct tile_rectangle *piece, uint32_t *tile,
           ptrdiff_t tile_stride, const uint32_t *words, ptrdiff_t stride)
{
    bool is_opaque = true;
    for (int64_t y = piece->top; y < piece->bottom; y++) {
        is_opaque &= copy_words(tile + y * tile_stride + piece->left, words,
                                (size_t)(piece->right - piece->left));
        words += stride;
    }
    return is_opaque;
}

void
tile_parts_put(struct tile_parts *parts, uint32_t *tile, ptrdiff_t tile_stride,
               const struct tile_rectangle *rectangle, const uint32_t *words,
               ptrdiff_t stride)
{
    platform_mutex_lock(&parts->mutex);
    struct pieces pieces = missing_pieces(parts, rectangle);
    if (!pieces.is_full) {
        for (size_t i = 0; i < pieces.count; i++) {
            const struct tile_rectangle *piece = &pieces.rectangles[i];
            parts->are_opaque &=
                copy_piece(piece, tile, tile_stride,
                           words + (piece->top - rectangle->top) * stride +
                               (piece->left - rectangle->left),
                           stride);
        }
        note_part(parts, *rectangle);
    }
    platform_mutex_unlock(&parts->mutex);
}

bool
tile_parts_are_opaque(struct tile_parts *parts)
{
    platform_mutex_lock(&parts->mutex);
    bool are_opaque = parts->are_opaque;
    platform_mutex_unlock(&parts->mutex);
    return are_opaque;
}
