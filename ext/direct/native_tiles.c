#include "native_tiles.h"

#include "direct_slide.h"
#include "level_images.h"
#include "system/lengths.h"

#include <stdlib.h>

/* So many bytes are read at once, unless a tile has more; and so many that
   nobody wants, rather than read twice. */
static const uint64_t RUN_BYTES = 1 << 20;
static const uint64_t GAP_BYTES = 1 << 14;

static const char NO_MEMORY[] = "there was no memory";

/* ---- levels ---- */

/* Why the tiles of an image are none that can be copied. */
static const char *
refusal_of_image(const struct placement *placement)
{
    const struct image *image = &placement->image;
    if (placement->map != NULL || placement->advance_x != image->tile_width ||
        placement->advance_y != image->tile_height) {
        return "the tiles overlap";
    }
    if (image->container->decode != NULL) {
        return "the level is not stored as tiles";
    }
    return image->coding.codec != CODEC_JPEG ? "the tiles are not JPEG" : NULL;
}

const char *
native_grid_find(struct native_grid *grid, const struct slide_handle *handle,
                 int32_t level)
{
    const char *refusal = direct_slide_refusal(handle, level);
    const struct level_images *images = direct_slide_images(handle, level);
    if (refusal != NULL || images == NULL) {
        return refusal == NULL ? "libopenslide reads it" : refusal;
    }
    if (images->count != 1) {
        return "the level is made of several images";
    }
    const struct placement *placement = images->placements;
    const struct image *image = &placement->image;
    *grid = (struct native_grid){
        .image = image,
        .x = placement->x,
        .y = placement->y,
        .columns = (uint32_t)smaller(
            image->tiles_across,
            (int64_t)quotient_up((uint64_t)image->width, image->tile_width)),
        .rows = (uint32_t)smaller(
            image->tiles_down,
            (int64_t)quotient_up((uint64_t)image->height, image->tile_height)),
        .is_snapped = images->is_snapped,
    };
    return refusal_of_image(placement);
}

/* ---- tiles ---- */

static uint64_t
native_tile_number(const struct native_grid *grid,
                   const struct native_tile *tile)
{
    return (uint64_t)tile->row * grid->image->tiles_across + tile->column;
}

static void
find_tile(const struct native_grid *grid, struct native_tile *tile)
{
    tile->is_hole = false;
    tile->refusal = NULL;
    if (tile->column >= grid->columns || tile->row >= grid->rows) {
        tile->refusal = "there is no such tile";
        return;
    }
    switch (image_locate_tile(grid->image, native_tile_number(grid, tile),
                              &tile->place)) {
    case TILE_STORED:
        break;
    case TILE_HOLE:
        tile->is_hole = true;
        break;
    case TILE_UNKNOWN:
        tile->refusal = "libopenslide makes it of others, or cannot read it";
        break;
    }
}

static bool
has_place(const struct native_tile *tile)
{
    return tile->refusal == NULL && !tile->is_hole;
}

/* Decode it as reads do. */
static bool
is_sound(const struct native_grid *grid, const struct native_tile *tile)
{
    const struct image *image = grid->image;
    size_t stride = image->tile_width * sizeof(uint32_t);
    uint8_t *words = malloc(image_tile_pixels(image) * sizeof(uint32_t));
    const struct jpeg_rows rows = {words, (ptrdiff_t)stride, JPEG_WORDS};
    bool decoded =
        words != NULL && codec_decode(&image->coding, &image->format,
                                      tile->bytes, tile->place.size, &rows);
    free(words);
    return decoded;
}

static void
plan_tile(const struct native_reader *reader, struct native_tile *tile)
{
    tile->refusal =
        jpeg_interchange_plan(&tile->plan, &reader->grid->image->format,
                              tile->bytes, (size_t)tile->place.size);
    if (tile->refusal == NULL && (reader->verifies || !tile->plan.has_end) &&
        !is_sound(reader->grid, tile)) {
        tile->refusal =
            tile->plan.has_end ? "it is damaged" : "it ends too early";
    }
}

/* ---- runs ---- */

/* Those without a place come first. */
static int
compare_places(const void *a, const void *b)
{
    const struct native_tile *p = a, *q = b;
    bool p_has = has_place(p), q_has = has_place(q);
    if (!p_has || !q_has) {
        return p_has - q_has;
    }
    if (p->place.source != q->place.source) {
        return (uintptr_t)p->place.source < (uintptr_t)q->place.source ? -1
                                                                       : 1;
    }
    return (p->place.offset > q->place.offset) -
           (p->place.offset < q->place.offset);
}

void
native_tiles_find(const struct native_grid *grid, struct native_tile *tiles,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        find_tile(grid, &tiles[i]);
    }
}

struct native_reader
native_reader_of(const struct native_grid *grid, struct native_tile *tiles,
                 size_t count, bool verifies)
{
    native_tiles_find(grid, tiles, count);
    qsort(tiles, count, sizeof *tiles, compare_places);
    return (struct native_reader){
        .grid = grid, .verifies = verifies, .tiles = tiles, .count = count};
}

static uint64_t
end_of(const struct native_tile *tile)
{
    return tile->place.offset + tile->place.size;
}

/* Where a run ends that begins with a tile, and how many bytes it has. */
static size_t
find_run(const struct native_reader *reader, size_t first, uint64_t *size)
{
    const struct native_tile *start = &reader->tiles[first];
    uint64_t end = end_of(start);
    size_t i = first + 1;
    for (; i < reader->count; i++) {
        const struct native_tile *tile = &reader->tiles[i];
        uint64_t farther = end_of(tile) > end ? end_of(tile) : end;
        if (tile->place.source != start->place.source ||
            tile->place.offset > end + GAP_BYTES ||
            farther - start->place.offset > RUN_BYTES) {
            break;
        }
        end = farther;
    }
    *size = end - start->place.offset;
    return i;
}

static bool
reserve_room(struct native_reader *reader, uint64_t size)
{
    if (size > reader->room) {
        free(reader->memory);
        reader->memory = malloc((size_t)size);
        reader->room = reader->memory == NULL ? 0 : (size_t)size;
    }
    return reader->memory != NULL;
}

/* NULL, or why not. */
static const char *
read_run(struct native_reader *reader, const struct tile_place *start,
         uint64_t size)
{
    if (!reserve_room(reader, size)) {
        return NO_MEMORY;
    }
    /* A file is the source of its bytes. */
    if (!slide_file_is_unchanged((const struct slide_file *)start->source)) {
        return "its file has changed";
    }
    return source_read(start->source, start->offset, reader->memory,
                       (size_t)size)
               ? NULL
               : "its file cannot be read";
}

size_t
native_reader_next(struct native_reader *reader)
{
    size_t first = reader->next;
    while (first < reader->count && !has_place(&reader->tiles[first])) {
        first++;
    }
    if (first > reader->next || first == reader->count) {
        /* A run of what needs no reading. */
        size_t begin = reader->next;
        reader->next = first;
        return begin;
    }
    const struct native_tile *start = &reader->tiles[first];
    uint64_t size;
    size_t end = find_run(reader, first, &size);
    const char *refusal = read_run(reader, &start->place, size);
    if (refusal != NULL && end > first + 1) {
        /* One bad place must not take the others with it. */
        end = first + 1;
        refusal = read_run(reader, &start->place, start->place.size);
    }
    uint64_t offset = start->place.offset;
    for (size_t i = first; i < end; i++) {
        struct native_tile *tile = &reader->tiles[i];
        tile->refusal = refusal;
        if (refusal == NULL) {
            tile->bytes = reader->memory + (tile->place.offset - offset);
            plan_tile(reader, tile);
        }
    }
    reader->next = end;
    return first;
}

void
native_reader_close(struct native_reader *reader)
{
    free(reader->memory);
    reader->memory = NULL;
    reader->room = 0;
}
