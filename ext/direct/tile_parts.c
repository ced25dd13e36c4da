#include "tile_parts.h"

#include "system/platform.h"

#include <stdlib.h>
#include <string.h>

/* Reads in any order make a few parts at a time, which grow together. */
enum { MAX_PARTS = 8 };

struct tile_parts {
    platform_mutex mutex;
    bool are_opaque;
    unsigned count;
    struct rectangle rectangles[MAX_PARTS]; /* which may overlap */
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

static int64_t
area_of(const struct rectangle *rectangle)
{
    return (rectangle->right - rectangle->left) *
           (rectangle->bottom - rectangle->top);
}

/* Whether two make a rectangle together. */
static bool
are_one(const struct rectangle *a, const struct rectangle *b)
{
    bool touch_across = a->left <= b->right && b->left <= a->right;
    bool touch_down = a->top <= b->bottom && b->top <= a->bottom;
    bool contains = (b->left >= a->left && b->right <= a->right &&
                     b->top >= a->top && b->bottom <= a->bottom);
    return contains ||
           (a->top == b->top && a->bottom == b->bottom && touch_across) ||
           (a->left == b->left && a->right == b->right && touch_down);
}

/* What is not there of a rectangle.  False where that is in too many pieces:
   then some of these are there. */
static bool
find_missing(const struct tile_parts *parts, const struct rectangle *rectangle,
             struct rectangles *missing)
{
    bool is_all = true;
    rectangles_begin(missing, rectangle);
    for (unsigned i = 0; i < parts->count && missing->count > 0; i++) {
        is_all &= rectangles_cut(missing, &parts->rectangles[i]);
    }
    return is_all;
}

struct rectangle
tile_parts_missing(struct tile_parts *parts, const struct rectangle *wanted)
{
    struct rectangles missing;
    struct rectangle around = {0};
    platform_mutex_lock(&parts->mutex);
    find_missing(parts, wanted, &missing);
    platform_mutex_unlock(&parts->mutex);
    for (size_t i = 0; i < missing.count; i++) {
        around = i == 0 ? missing.items[0]
                        : rectangle_around(&around, &missing.items[i]);
    }
    return around;
}

/* Putting */

/* What can be one with another part becomes that; the smallest is forgotten
   where there are too many. */
static void
note_part(struct tile_parts *parts, struct rectangle part)
{
    for (unsigned i = 0; i < parts->count;) {
        const struct rectangle *other = &parts->rectangles[i];
        if (are_one(&part, other) || are_one(other, &part)) {
            part = rectangle_around(&part, other);
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
        struct rectangle *other = &parts->rectangles[i];
        if (area_of(other) < area_of(&part)) {
            struct rectangle kept = part;
            part = *other;
            *other = kept;
        }
    }
}

/* Compilers make vectors of loops whose length they know. */
enum { AT_ONCE = 64 };

static uint32_t
common_bits(const uint32_t *words)
{
    uint32_t common = UINT32_MAX;
    for (size_t i = 0; i < AT_ONCE; i++) {
        common &= words[i];
    }
    return common;
}

/* Whether all words are opaque. */
static bool
copy_words(uint32_t *to, const uint32_t *from, size_t count)
{
    uint32_t common = UINT32_MAX;
    memcpy(to, from, count * sizeof *to);
    for (; count >= AT_ONCE; count -= AT_ONCE, from += AT_ONCE) {
        common &= common_bits(from);
    }
    for (size_t i = 0; i < count; i++) {
        common &= from[i];
    }
    return common >> 24 == 255;
}

static bool
copy_piece(const struct rectangle *piece, uint32_t *tile,
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
               const struct rectangle *rectangle, const uint32_t *words,
               ptrdiff_t stride)
{
    platform_mutex_lock(&parts->mutex);
    struct rectangles missing;
    if (find_missing(parts, rectangle, &missing)) {
        for (size_t i = 0; i < missing.count; i++) {
            const struct rectangle *piece = &missing.items[i];
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
