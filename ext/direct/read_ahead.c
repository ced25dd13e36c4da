#include "read_ahead.h"

#include "system/lengths.h"

#include <string.h>

/* So many bytes between two tiles take about as long as a call of the system,
   where a file lies far away. */
static const uint64_t MAX_GAP = 1 << 16;

/* At once; as much as scratch memory that is kept. */
static const uint64_t MAX_RUN = 1 << 22;

/* Containers look at what stands before a tile. */
static const uint64_t MARGIN = 16;

/* Bytes of a source that are read at once. */
struct run {
    const struct source *source;
    uint64_t offset, end;
    int tiles;
};

/* Let the run reach to a tile; false where that lies elsewhere. */
static bool
extend(struct run *run, const struct tile_place *place)
{
    uint64_t offset = place->offset, end = offset + place->size;
    uint64_t first = offset < run->offset ? offset : run->offset;
    uint64_t last = end > run->end ? end : run->end;
    uint64_t gap = offset > run->end   ? offset - run->end
                   : run->offset > end ? run->offset - end
                                       : 0;
    if (place->source != run->source || gap > MAX_GAP ||
        last - first > MAX_RUN - MARGIN) {
        return false;
    }
    *run = (struct run){run->source, first, last, run->tiles + 1};
    return true;
}

static bool
locate(const struct image *image, uint64_t tile, struct tile_place *place)
{
    return image->container->locate(image, tile, place) == TILE_STORED &&
           source_has(place->source, place->offset, place->size);
}

static bool
is_within(const struct tile_window *window, int64_t column, int64_t row)
{
    return column >= window->first_column && column < window->end_column &&
           row >= window->first_row && row < window->end_row;
}

/* The next place of the window in the order of reading, which may be beyond
   its end. */
static void
go_on(const struct tile_window *window, int64_t *column, int64_t *row)
{
    int64_t step = window->is_upward ? -1 : 1;
    *column += step;
    if (*column < window->first_column || *column >= window->end_column) {
        *column =
            window->is_upward ? window->end_column - 1 : window->first_column;
        *row += step;
    }
}

/* The tile, and as many after it as lie near; false where it is alone. */
static bool
find_run(const struct tile_window *window, uint64_t tile, struct run *run)
{
    const struct image *image = window->image;
    struct tile_place place;
    int64_t column = (int64_t)(tile % image->tiles_across);
    int64_t row = (int64_t)(tile / image->tiles_across);
    if (!is_within(window, column, row) || !locate(image, tile, &place)) {
        return false;
    }
    *run =
        (struct run){place.source, place.offset, place.offset + place.size, 1};
    for (go_on(window, &column, &row); is_within(window, column, row);
         go_on(window, &column, &row)) {
        uint64_t next = (uint64_t)row * image->tiles_across + (uint64_t)column;
        if (!locate(image, next, &place) || !extend(run, &place)) {
            break;
        }
    }
    run->offset -= run->offset < MARGIN ? run->offset : MARGIN;
    return run->tiles > 1 && run->end - run->offset <= MAX_RUN;
}

static bool
has(const struct read_ahead *ahead, const struct source *source,
    uint64_t offset, uint64_t size)
{
    return ahead != NULL && ahead->size > 0 && ahead->source == source &&
           offset >= ahead->offset && size <= ahead->size &&
           offset - ahead->offset <= ahead->size - size;
}

static void
read_run(struct read_ahead *ahead, const struct run *run)
{
    size_t size = (size_t)(run->end - run->offset);
    size_t words = (size + sizeof(uint32_t) - 1) / sizeof(uint32_t);
    void *bytes = scratch_reserve(&ahead->scratch, words);
    bool is_there =
        bytes != NULL && source_read(run->source, run->offset, bytes, size);
    ahead->source = run->source;
    ahead->offset = run->offset;
    ahead->size = is_there ? size : 0;
}

void
read_ahead_from(struct read_ahead *ahead, const struct image *image,
                uint64_t tile)
{
    struct tile_place place;
    struct run run;
    if (ahead == NULL || ahead->window.image != image ||
        !locate(image, tile, &place) ||
        has(ahead, place.source, place.offset, place.size)) {
        return;
    }
    if (find_run(&ahead->window, tile, &run)) {
        read_run(ahead, &run);
    }
}

bool
read_ahead_get(const struct read_ahead *ahead, const struct source *source,
               uint64_t offset, void *bytes, size_t size)
{
    if (!has(ahead, source, offset, size)) {
        return source_read(source, offset, bytes, size);
    }
    const uint8_t *kept = (const uint8_t *)ahead->scratch.words;
    memcpy(bytes, kept + (offset - ahead->offset), size);
    return true;
}

void
read_ahead_give_up(struct read_ahead *ahead)
{
    scratch_give_up(&ahead->scratch);
    ahead->size = 0;
}
