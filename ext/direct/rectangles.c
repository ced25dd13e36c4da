#include "rectangles.h"

static void
add(struct rectangles *set, int64_t left, int64_t top, int64_t right,
    int64_t bottom)
{
    if (left < right && top < bottom) {
        set->items[set->count++] =
            (struct rectangle){left, top, right, bottom};
    }
}

/* What lies above, below, left and right of a hole within it. */
static void
add_rest(struct rectangles *set, const struct rectangle *item,
         const struct rectangle *hole)
{
    add(set, item->left, item->top, item->right, hole->top);
    add(set, item->left, hole->bottom, item->right, item->bottom);
    add(set, item->left, hole->top, hole->left, hole->bottom);
    add(set, hole->right, hole->top, item->right, hole->bottom);
}

bool
rectangles_cut(struct rectangles *set, const struct rectangle *hole)
{
    size_t i = 0;
    while (i < set->count) {
        struct rectangle item = set->items[i];
        struct rectangle common = rectangle_common(&item, hole);
        if (rectangle_is_empty(&common)) {
            i++;
            continue;
        }
        if (set->count + 3 > MOST_RECTANGLES) {
            return false;
        }
        set->items[i] = set->items[--set->count];
        add_rest(set, &item, &common);
    }
    return true;
}
