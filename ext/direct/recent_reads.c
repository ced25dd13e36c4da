#include "recent_reads.h"

/* A place in 64 bits, of which one is set. */
enum { ROW_BITS = 32, COLUMN_BITS = 23, LEVEL_BITS = 8 };

/* False where it does not fit: then it is nobody's neighbour. */
static bool
pack(const struct read_place *place, uint64_t *packed)
{
    if (place->row < 0 || place->row >> ROW_BITS != 0 || place->column < 0 ||
        place->column >> COLUMN_BITS != 0 || place->level < 0 ||
        place->level >> LEVEL_BITS != 0) {
        return false;
    }
    *packed = UINT64_C(1) << (ROW_BITS + COLUMN_BITS + LEVEL_BITS) |
              (uint64_t)place->level << (ROW_BITS + COLUMN_BITS) |
              (uint64_t)place->column << ROW_BITS | (uint64_t)place->row;
    return true;
}

static struct read_place
unpack(uint64_t packed)
{
    return (struct read_place){
        .level = (int32_t)(packed >> (ROW_BITS + COLUMN_BITS) &
                           ((1u << LEVEL_BITS) - 1)),
        .column = (int64_t)(packed >> ROW_BITS & ((1u << COLUMN_BITS) - 1)),
        .row = (int64_t)(packed & UINT32_MAX),
    };
}

static bool
is_near(const struct read_place *a, const struct read_place *b, int64_t reach)
{
    int64_t columns = a->column - b->column, rows = a->row - b->row;
    return a->level == b->level && columns >= -1 && columns <= 1 &&
           rows >= -reach && rows <= reach;
}

bool
recent_reads_note(struct recent_reads *recent, const struct read_place *place,
                  int64_t reach)
{
    uint64_t packed;
    bool found = false;
    if (!pack(place, &packed)) {
        return false;
    }
    for (int i = 0; i < RECENT_READS && !found; i++) {
        uint64_t noted =
            atomic_load_explicit(&recent->reads[i], memory_order_relaxed);
        struct read_place other = unpack(noted);
        found = noted != 0 && is_near(place, &other, reach);
    }
    unsigned next =
        atomic_fetch_add_explicit(&recent->count, 1, memory_order_relaxed);
    atomic_store_explicit(&recent->reads[next % RECENT_READS], packed,
                          memory_order_relaxed);
    return found;
}
