#include "map_assembly.h"

#include "assembly.h"
#include "rectangles.h"
#include "system/lengths.h"

#include <math.h>
#include <string.h>

/* The ways in which tiles are painted. */
struct map_modes {
    unsigned parts;
    int64_t count;
};

/* Painting a map's tiles into a band of a chunk. */
struct map_painting {
    const struct tile_supply *supply;
    const struct placement *placement;
    const struct paint_canvas *canvas;
    uint32_t *cut; /* room for a tile that is cut out of an image */
};

/* Copying a map's tiles into a region. */
struct map_copying {
    const struct tile_supply *supply;
    const struct block_place *place;
    const struct pixels *pixels;
    struct rectangles empty; /* what shows nothing yet of the picture */
    struct map_modes modes;
    bool is_painted; /* there is what cannot be copied */
};

static struct paint_tile
whole_image(const struct image *image, const struct map_tile *tile)
{
    return (struct paint_tile){
        .stride = image->tile_width,
        .width = image->tile_width,
        .height = image->tile_height,
        .opaque_width = tile->opaque_width,
        .opaque_height = tile->opaque_height,
        .format = image->surface,
    };
}

/* The same of a part that starts and ends at whole pixels, where it lies. */
static struct paint_tile
part_in_place(const struct paint_tile *image, int64_t x, int64_t y,
              int64_t width, int64_t height)
{
    return (struct paint_tile){
        .words = image->words + y * image->stride + x,
        .stride = image->stride,
        .width = width,
        .height = height,
        .opaque_width = larger(smaller(image->opaque_width - x, width), 0),
        .opaque_height = larger(smaller(image->opaque_height - y, height), 0),
        .format = PAINT_CLIPPED,
    };
}

/* What a tile shows of its image; there is room for it at `words`. */
static struct paint_tile
cut_out(const struct paint_tile *image, const struct tile_map *map,
        const struct map_tile *tile, uint32_t *words)
{
    int64_t x = (int64_t)tile->cut_x, y = (int64_t)tile->cut_y;
    int64_t width = (int64_t)ceil(map->width);
    int64_t height = (int64_t)ceil(map->height);
    bool is_whole = (double)x == tile->cut_x && (double)y == tile->cut_y &&
                    x + width <= image->width && y + height <= image->height;
    return is_whole ? part_in_place(image, x, y, width, height)
                    : paint_cut(image, tile->cut_x, tile->cut_y, width, height,
                                words);
}

/* Whether any of a tile shows in the band, give or take two pixels. */
static bool
touches_band(const struct paint_canvas *canvas, double y, double height)
{
    return y + height + 2 >= (double)canvas->top &&
           y - 2 <= (double)(canvas->top + canvas->height);
}

static bool
paint_map_tile(const struct map_tile *tile, double x, double y, void *argument)
{
    const struct map_painting *painting = argument;
    const struct tile_map *map = painting->placement->map;
    const struct tile *pixels;
    if (!touches_band(painting->canvas, y, map->height)) {
        return true;
    }
    if (!tile_supply_get_number(painting->supply, painting->placement,
                                tile->image, &pixels)) {
        return false;
    }
    if (pixels != NULL) {
        struct paint_tile surface =
            whole_image(&painting->placement->image, tile);
        surface.words = pixels->words;
        if (map->is_cut) {
            surface = cut_out(&surface, map, tile, painting->cut);
        }
        paint_tile_at(painting->canvas, &surface, x, y);
        tile_release(pixels);
    }
    return true;
}

/* One band of the chunk at a pixel of the region. */
static bool
paint_map_band(struct map_painting *painting, const struct map_view *view)
{
    const struct paint_canvas *canvas = painting->canvas;
    memset(canvas->words, 0,
           (size_t)(canvas->width * canvas->height) * sizeof *canvas->words);
    return tile_map_visit(painting->placement->map, view, paint_map_tile,
                          painting);
}

/* What a region is made of */

static void
note_mode(struct map_modes *modes, enum paint_mode mode)
{
    modes->parts |= (unsigned)ASSEMBLY_PAINTED * mode;
    modes->count += mode != PAINT_NOTHING;
}

static unsigned
parts_of(const struct map_modes *modes)
{
    if (modes->count == 0) {
        return 0;
    }
    return modes->parts | ASSEMBLY_TILE | (unsigned)ASSEMBLY_IMAGE |
           (modes->count > 1 ? (unsigned)(ASSEMBLY_MIXED | ASSEMBLY_SEAM) : 0);
}

/* Those of a picture that is painted. */
struct map_survey {
    const struct placement *placement;
    const struct block_place *place;
    struct map_modes modes;
};

static bool
note_map_tile(const struct map_tile *tile, double x, double y, void *argument)
{
    struct map_survey *survey = argument;
    const struct tile_map *map = survey->placement->map;
    struct paint_tile surface = whole_image(&survey->placement->image, tile);
    if (map->is_cut) {
        surface.width = surface.opaque_width = (int64_t)ceil(map->width);
        surface.height = surface.opaque_height = (int64_t)ceil(map->height);
        surface.format = PAINT_ARGB32;
    }
    note_mode(&survey->modes,
              paint_mode_at(survey->place->width, survey->place->height,
                            &surface, x, y));
    return true;
}

/* Copies: tiles on the pixels of the level, of which those on top hide what
   lies below */

/* Convert what shows of a tile. */
static void
copy_parts(const struct map_copying *copying, const struct paint_copy *copy,
           const uint32_t *words, int64_t stride)
{
    const struct rectangle all = {copy->x, copy->y, copy->x + copy->width,
                                  copy->y + copy->height};
    for (size_t i = 0; i < copying->empty.count; i++) {
        struct rectangle part =
            rectangle_common(&copying->empty.items[i], &all);
        if (!rectangle_is_empty(&part)) {
            pixels_convert(copying->pixels, copying->place->column + part.left,
                           copying->place->row + part.top,
                           part.right - part.left, part.bottom - part.top,
                           words + (copy->row + part.top - copy->y) * stride +
                               (copy->column + part.left - copy->x),
                           (ptrdiff_t)stride);
        }
    }
}

/* A tile of which nothing shows is asked for as well: libopenslide decodes it,
   and may fail. */
static bool
copy_map_tile(const struct map_tile *tile, double x, double y, void *argument)
{
    struct map_copying *copying = argument;
    const struct placement *placement = copying->supply->placements;
    struct paint_tile surface = whole_image(&placement->image, tile);
    struct paint_copy copy;
    const struct tile *pixels;
    copying->is_painted = !paint_copy_at(
        copying->place->width, copying->place->height, &surface, x, y, &copy);
    note_mode(&copying->modes, copy.mode);
    if (copying->is_painted ||
        !tile_supply_get_number(copying->supply, placement, tile->image,
                                &pixels)) {
        return false;
    }
    if (pixels != NULL) {
        const struct rectangle shown = {copy.x, copy.y, copy.x + copy.width,
                                        copy.y + copy.height};
        copy_parts(copying, &copy, pixels->words, surface.stride);
        tile_release(pixels);
        copying->is_painted = !rectangles_cut(&copying->empty, &shown);
    }
    return !copying->is_painted;
}

static void
clear_empty(const struct map_copying *copying)
{
    for (size_t i = 0; i < copying->empty.count; i++) {
        const struct rectangle *part = &copying->empty.items[i];
        pixels_clear(copying->pixels, copying->place->column + part->left,
                     copying->place->row + part->top, part->right - part->left,
                     part->bottom - part->top);
    }
}

/* Painting: one tile upon another */

static bool
paint_map(const struct tile_supply *supply, const struct map_view *view,
          const struct block_place *place, const struct pixels *pixels,
          struct scratch *scratch)
{
    const struct tile_map *map = supply->placements[0].map;
    int64_t band =
        smaller(larger(ASSEMBLY_BAND_PIXELS / place->width, 1), place->height);
    size_t cut =
        map->is_cut ? (size_t)(ceil(map->width) * ceil(map->height)) : 0;
    uint32_t *words =
        scratch_reserve(scratch, cut + (size_t)(place->width * band));
    bool complete = words != NULL;
    for (int64_t row = 0; complete && row < place->height; row += band) {
        const struct paint_canvas canvas = {
            .words = words + cut,
            .stride = (ptrdiff_t)place->width,
            .top = row,
            .width = place->width,
            .height = smaller(band, place->height - row),
            .picture_width = place->width,
            .picture_height = place->height,
        };
        struct map_painting painting = {supply, supply->placements, &canvas,
                                        words};
        complete = paint_map_band(&painting, view);
        if (complete) {
            pixels_convert(pixels, place->column, place->row + row,
                           place->width, canvas.height, canvas.words,
                           canvas.stride);
        }
    }
    return complete;
}

bool
map_assembly_read(const struct tile_supply *supply,
                  const struct map_view *view, const struct block_place *place,
                  const struct pixels *pixels, struct scratch *scratch,
                  unsigned *parts)
{
    const struct tile_map *map = supply->placements[0].map;
    const struct rectangle all = {0, 0, place->width, place->height};
    struct map_copying copying = {
        .supply = supply,
        .place = place,
        .pixels = pixels,
        .is_painted = map->is_cut,
    };
    rectangles_begin(&copying.empty, &all);
    bool is_copied =
        !map->is_cut && tile_map_visit(map, view, copy_map_tile, &copying);
    if (is_copied) {
        clear_empty(&copying);
        *parts |= parts_of(&copying.modes);
        return true;
    }
    struct map_survey survey = {supply->placements, place, {0}};
    tile_map_visit(map, view, note_map_tile, &survey);
    *parts |= parts_of(&survey.modes);
    return copying.is_painted &&
           paint_map(supply, view, place, pixels, scratch);
}
