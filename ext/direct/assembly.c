#include "assembly.h"

#include "map_assembly.h"

#include "system/lengths.h"

#include <math.h>
#include <string.h>

/* libopenslide paints in squares of this size, and truncates the position of
   each to whole level-0 pixels. */
static const int64_t CHUNK_SIDE = REGION_LIBRARY_SIDE;

/* Closer to a pixel than this, cairo paints without interpolation. */
static const double ALIGNED = 1.0 / 512 - 1e-9;

/* Closer to an integer than this, a position may be truncated otherwise where
   products and sums are fused. */
static const double AMBIGUOUS = 1e-6;

/* Levels of more images than this share bits of what they are made of. */
enum { IMAGE_BITS = 21 };

/* One axis of a chunk. */
struct axis {
    int64_t offset; /* of the first painted pixel within the region */
    int64_t length; /* painted pixels */
    double from;    /* where the first lies in the level, in its pixels */
};

struct chunk {
    struct axis x, y;
    bool is_aligned;
};

/* One axis of an image, and of the tiles that a chunk shows of it. */
struct span {
    double from; /* where the chunk's first painted pixel lies in the image */
    int64_t tile_side, advance, image_side;
    int64_t first_tile, end_tile; /* that libopenslide decodes */
};

/* What a chunk shows of an image. */
struct view {
    const struct tile_supply *supply;
    const struct placement *placement;
    const struct chunk *chunk;
    struct span x, y;
};

/* Placing */

/* The part of a region's axis that begins `offset` pixels from its start.
   False where it is ambiguous. */
static bool
place_axis(struct axis *axis, int64_t start, int64_t offset, int64_t length,
           double downsample)
{
    double exact = (double)start + (double)offset * downsample;
    if (offset > 0 && downsample != floor(downsample) &&
        fabs(exact - nearbyint(exact)) < AMBIGUOUS) {
        return false;
    }
    int64_t position = (int64_t)exact;
    int64_t skipped =
        position < 0 ? (int64_t)((double)-position / downsample) : 0;
    skipped = smaller(skipped, length);
    axis->offset = offset + skipped;
    axis->length = length - skipped;
    axis->from = position < 0 ? 0 : (double)position / downsample;
    return true;
}

/* The same for a region that is placed in pixels of the image. */
static void
place_exact_axis(struct axis *axis, int64_t start, int64_t length)
{
    int64_t skipped = start < 0 ? smaller(-start, length) : 0;
    axis->offset = skipped;
    axis->length = length - skipped;
    axis->from = start < 0 ? 0 : (double)start;
}

static bool
is_on_a_pixel(double position)
{
    return fabs(position - floor(position + 0.5)) <= ALIGNED;
}

/* How much of an axis is painted at once from `offset` on: all of it where the
   region is placed in pixels of the image. */
static int64_t
chunk_length(const struct region *region, int64_t length, int64_t offset)
{
    return region->is_exact ? length : smaller(length - offset, CHUNK_SIDE);
}

static bool
place_chunk(struct chunk *chunk, const struct tile_supply *supply,
            const struct region *region, int64_t column, int64_t row)
{
    if (region->is_exact) {
        place_exact_axis(&chunk->x, region->column, region->width);
        place_exact_axis(&chunk->y, region->row, region->height);
    } else if (!place_axis(&chunk->x, region->x, column,
                           chunk_length(region, region->width, column),
                           supply->downsample) ||
               !place_axis(&chunk->y, region->y, row,
                           chunk_length(region, region->height, row),
                           supply->downsample)) {
        return false;
    }
    chunk->is_aligned = supply->is_snapped || (is_on_a_pixel(chunk->x.from) &&
                                               is_on_a_pixel(chunk->y.from));
    return true;
}

/* Looking at images */

/* Tiles that reach into the chunk from the left, or from above. */
static int64_t
count_overlapping(const struct span *span, int64_t tile)
{
    int64_t count = 0;
    double overlap = (double)(span->tile_side - span->advance);
    while (overlap > 0 && count < tile &&
           (double)((tile - count) * span->advance) + overlap > span->from) {
        count++;
    }
    return count;
}

static void
find_tiles(struct span *span, int64_t length, int64_t tile_count)
{
    double advance = (double)span->advance;
    double end = ceil((span->from + (double)length) / advance);
    int64_t first = (int64_t)(span->from / advance);
    first -= count_overlapping(span, first);
    span->end_tile = end < (double)tile_count ? (int64_t)end : tile_count;
    span->first_tile = smaller(larger(first, 0), span->end_tile);
}

static struct view
view_of(const struct tile_supply *supply, const struct placement *placement,
        const struct chunk *chunk)
{
    const struct image *image = &placement->image;
    double x = chunk->x.from - (double)placement->x;
    double y = chunk->y.from - (double)placement->y;
    struct view view = {
        .supply = supply,
        .placement = placement,
        .chunk = chunk,
        .x = {.from = supply->is_snapped ? trunc(x) : x,
              .tile_side = image->tile_width,
              .advance = placement->advance_x,
              .image_side = placement->image.width},
        .y = {.from = supply->is_snapped ? trunc(y) : y,
              .tile_side = image->tile_height,
              .advance = placement->advance_y,
              .image_side = placement->image.height},
    };
    find_tiles(&view.x, chunk->x.length, image->tiles_across);
    find_tiles(&view.y, chunk->y.length, image->tiles_down);
    return view;
}

/* How much of a tile belongs to the image. */
static int64_t
tile_length(const struct span *span, int64_t tile)
{
    int64_t rest = span->image_side - tile * span->tile_side;
    return larger(smaller(rest, span->tile_side), 0);
}

/* Whether any tiles are to be decoded. */
static bool
shows_tiles(const struct view *view)
{
    return view->x.first_tile < view->x.end_tile &&
           view->y.first_tile < view->y.end_tile;
}

/* Chunks on the pixels of the image: copies, of what lies on top last */

/* One axis of the part of a tile that shows in a chunk. */
struct overlap {
    int64_t in_tile, in_region, length;
};

static struct overlap
overlap_of(const struct span *span, const struct axis *axis, int64_t tile)
{
    int64_t from = (int64_t)floor(span->from + 0.5);
    int64_t tile_start = tile * span->advance;
    int64_t start = larger(tile_start, from);
    int64_t end =
        smaller(tile_start + tile_length(span, tile), from + axis->length);
    return (struct overlap){start - tile_start, start - from + axis->offset,
                            larger(end - start, 0)};
}

/* The part of a tile that shows in a chunk. */
struct part {
    struct overlap x, y;
};

static struct part
part_of(const struct view *view, int64_t column, int64_t row)
{
    return (struct part){overlap_of(&view->x, &view->chunk->x, column),
                         overlap_of(&view->y, &view->chunk->y, row)};
}

static bool
is_whole_tile(const struct part *part, const struct view *view)
{
    return part->x.length == view->x.tile_side &&
           part->y.length == view->y.tile_side;
}

/* Convert what shows of the tile, and release it. */
static void
show_tile(const struct part *part, const struct tile *tile,
          const struct pixels *pixels)
{
    int64_t stride = tile_stride(tile);
    int64_t column = part->x.in_tile - tile->key.first;
    pixels_convert(pixels, part->x.in_region, part->y.in_region,
                   part->x.length, part->y.length,
                   tile->words + part->y.in_tile * stride + column, stride);
    tile_release(tile);
}

/* Get a tile to show, or have it decoded where it shows: then there is none to
   show any more. */
static bool
take_tile(const struct view *view, int64_t column, int64_t row,
          const struct part *part, const struct pixels *pixels,
          const struct tile **tile)
{
    if (!view->supply->spares_cache || !is_whole_tile(part, view)) {
        return tile_supply_get_columns(view->supply, view->placement, column,
                                       row, part->x.in_tile, part->x.length,
                                       tile);
    }
    const struct jpeg_rows rows = {
        pixels_at(pixels, part->x.in_region, part->y.in_region),
        pixels->row_stride, pixels->channels == 3 ? JPEG_RGB : JPEG_RGBA};
    return tile_supply_put(view->supply, view->placement, column, row, &rows,
                           tile);
}

static bool
copy_tile(const struct view *view, int64_t column, int64_t row,
          const struct pixels *pixels)
{
    const struct tile *tile;
    struct part part = part_of(view, column, row);
    if (!take_tile(view, column, row, &part, pixels, &tile)) {
        return false;
    }
    if (tile != NULL) {
        show_tile(&part, tile, pixels);
    }
    return true;
}

/* The tiles of the view are about to be read. */
static void
announce(const struct view *view, bool is_upward)
{
    if (view->supply->ahead != NULL && view->placement->image.is_read_ahead) {
        view->supply->ahead->window = (struct tile_window){
            .image = &view->placement->image,
            .first_column = view->x.first_tile,
            .end_column = view->x.end_tile,
            .first_row = view->y.first_tile,
            .end_row = view->y.end_tile,
            .is_upward = is_upward,
        };
    }
}

static bool
is_overlapping(const struct view *view)
{
    return view->x.advance < view->x.tile_side ||
           view->y.advance < view->y.tile_side;
}

/* Those further right and further down last, for they lie on top. */
static bool
copy_image(const struct view *view, const struct pixels *pixels)
{
    bool is_upward = view->supply->is_upward && !is_overlapping(view);
    int64_t columns = view->x.end_tile - view->x.first_tile;
    int64_t count = columns * (view->y.end_tile - view->y.first_tile);
    announce(view, is_upward);
    for (int64_t i = 0; i < count; i++) {
        int64_t number = is_upward ? count - 1 - i : i;
        if (!copy_tile(view, view->x.first_tile + number % columns,
                       view->y.first_tile + number / columns, pixels)) {
            return false;
        }
    }
    return true;
}

static bool
copy_chunk(const struct tile_supply *supply, const struct chunk *chunk,
           const struct pixels *pixels)
{
    for (size_t i = supply->count; i-- > 0;) {
        struct view view = view_of(supply, &supply->placements[i], chunk);
        if (!copy_image(&view, pixels)) {
            return false;
        }
    }
    return true;
}

/* Chunks between them: resampled, what lies on top first */

/* Where a tile starts in a chunk: the first tile's offset, then whole tiles;
   in this order libopenslide adds them. */
static double
tile_start(const struct span *span, int64_t tile)
{
    double offset = span->from - (double)(span->first_tile * span->advance);
    return (double)((tile - span->first_tile) * span->advance) - offset;
}

/* A tile as the painter knows it, but for its pixels. */
static struct paint_tile
surface_of(const struct view *view, int64_t column, int64_t row)
{
    enum paint_format format = view->placement->image.surface;
    int64_t width = tile_length(&view->x, column);
    int64_t height = tile_length(&view->y, row);
    bool is_whole = format == PAINT_CLIPPED;
    return (struct paint_tile){
        .stride = (ptrdiff_t)view->x.tile_side,
        .width = is_whole ? view->x.tile_side : width,
        .height = is_whole ? view->y.tile_side : height,
        .opaque_width = width,
        .opaque_height = height,
        .format = format,
    };
}

static bool
paint_tile(const struct view *view, int64_t column, int64_t row,
           const struct paint_canvas *canvas)
{
    const struct tile *tile;
    if (!tile_supply_get(view->supply, view->placement, column, row, &tile)) {
        return false;
    }
    if (tile != NULL) {
        struct paint_tile surface = surface_of(view, column, row);
        surface.words = tile->words;
        if (tile->parts != NULL && !tile_parts_are_opaque(tile->parts)) {
            surface.opaque_width = surface.opaque_height = 0;
        }
        paint_tile_at(canvas, &surface, tile_start(&view->x, column),
                      tile_start(&view->y, row));
        tile_release(tile);
    }
    return true;
}

/* The last row of tiles that begins above a row of pixels. */
static int64_t
tile_row_at(const struct span *span, int64_t row)
{
    double position = (span->from + (double)row) / (double)span->advance;
    int64_t tile = (int64_t)floor(position);
    return smaller(larger(tile, span->first_tile), span->end_tile);
}

/* What shows of an image in rows of a chunk, with one pixel to spare. */
static bool
paint_image(const struct view *view, const struct paint_canvas *canvas)
{
    const struct span *y = &view->y;
    int64_t bottom = canvas->top + canvas->height;
    int64_t overlap = y->tile_side - y->advance;
    int64_t first = tile_row_at(y, canvas->top - overlap - 2);
    int64_t end = tile_row_at(y, bottom + 2) + 1;
    if (bottom == view->chunk->y.length || end > y->end_tile) {
        end = y->end_tile;
    }
    announce(view, true);
    for (int64_t row = end - 1; row >= first; row--) {
        for (int64_t column = view->x.end_tile - 1;
             column >= view->x.first_tile; column--) {
            if (!paint_tile(view, column, row, canvas)) {
                return false;
            }
        }
    }
    return true;
}

/* Rows of a chunk, all of its width. */
static bool
paint_band(const struct tile_supply *supply, const struct chunk *chunk,
           const struct paint_canvas *canvas)
{
    memset(canvas->words, 0,
           (size_t)(canvas->width * canvas->height) * sizeof *canvas->words);
    for (size_t i = 0; i < supply->count; i++) {
        struct view view = view_of(supply, &supply->placements[i], chunk);
        if (!paint_image(&view, canvas)) {
            return false;
        }
    }
    return true;
}

static bool
resample_chunk(const struct tile_supply *supply, const struct chunk *chunk,
               const struct pixels *pixels, struct scratch *scratch)
{
    int64_t width = chunk->x.length, height = chunk->y.length;
    int64_t band = width == 0 ? 0 : larger(ASSEMBLY_BAND_PIXELS / width, 1);
    band = smaller(band, height);
    uint32_t *words = scratch_reserve(scratch, (size_t)(width * band));
    bool complete = words != NULL;
    for (int64_t row = 0; complete && row < height; row += band) {
        const struct paint_canvas canvas = {
            .words = words,
            .stride = (ptrdiff_t)width,
            .top = row,
            .width = width,
            .height = smaller(band, height - row),
            .picture_width = width,
            .picture_height = height,
        };
        complete = paint_band(supply, chunk, &canvas);
        if (complete) {
            pixels_convert(pixels, chunk->x.offset, chunk->y.offset + row,
                           width, canvas.height, words, canvas.stride);
        }
    }
    return complete;
}

/* Maps */

static const struct tile_map *
map_of(const struct tile_supply *supply)
{
    return supply->count == 1 ? supply->placements[0].map : NULL;
}

/* The picture is all of the chunk, also what lies left of the slide and above:
   tiles between pixels reach into that. */
static struct map_view
map_view_of(const struct chunk *chunk, const struct block_place *place)
{
    return (struct map_view){
        .x = chunk->x.from,
        .y = chunk->y.from,
        .width = chunk->x.length,
        .height = chunk->y.length,
        .picture_x = (double)(chunk->x.offset - place->column),
        .picture_y = (double)(chunk->y.offset - place->row),
    };
}

/* What a chunk is made of */

static bool
has_edge(const struct span *span)
{
    return span->end_tile * span->tile_side > span->image_side;
}

/* The ways in which tiles of an image are painted. */
static unsigned
painted_parts(const struct view *view)
{
    unsigned parts = 0;
    int64_t count = 0;
    for (int64_t row = view->y.first_tile; row < view->y.end_tile; row++) {
        for (int64_t column = view->x.first_tile; column < view->x.end_tile;
             column++) {
            struct paint_tile surface = surface_of(view, column, row);
            unsigned mode = paint_mode_at(
                view->chunk->x.length, view->chunk->y.length, &surface,
                tile_start(&view->x, column), tile_start(&view->y, row));
            parts |= ASSEMBLY_PAINTED * mode;
            count += mode != PAINT_NOTHING;
        }
    }
    return parts | (count > 1 ? ASSEMBLY_MIXED : 0);
}

static unsigned
parts_of(const struct view *view, unsigned number)
{
    const struct span *x = &view->x, *y = &view->y;
    if (!shows_tiles(view)) {
        return 0;
    }
    unsigned parts = ASSEMBLY_TILE;
    parts |= (unsigned)ASSEMBLY_IMAGE << number % IMAGE_BITS;
    if (x->end_tile - x->first_tile > 1 || y->end_tile - y->first_tile > 1) {
        parts |= ASSEMBLY_SEAM;
    }
    if (has_edge(x) || has_edge(y)) {
        parts |= ASSEMBLY_EDGE;
    }
    return parts | (view->chunk->is_aligned ? (unsigned)ASSEMBLY_COPIED
                                            : painted_parts(view));
}

static unsigned
chunk_parts(const struct tile_supply *supply, const struct chunk *chunk)
{
    unsigned parts = 0;
    for (size_t i = 0; i < supply->count; i++) {
        struct view view = view_of(supply, &supply->placements[i], chunk);
        parts |= parts_of(&view, (unsigned)i);
    }
    return parts;
}

/* Regions */

/* Whether tiles cover every pixel of an axis that is `length` long. */
static bool
spans(const struct span *span, int64_t length, int64_t tile_count)
{
    int64_t last = tile_count - 1;
    return span->from >= 0 &&
           span->from + (double)length <=
               (double)(last * span->advance + tile_length(span, last));
}

/* Whether one image shows in every pixel of this part of the region. */
static bool
is_covered(const struct tile_supply *supply, const struct chunk *chunk,
           int64_t width, int64_t height)
{
    bool covered = false;
    if (chunk->x.length < width || chunk->y.length < height) {
        return false;
    }
    for (size_t i = 0; !covered && i < supply->count; i++) {
        struct view view = view_of(supply, &supply->placements[i], chunk);
        const struct image *image = &view.placement->image;
        covered = !image->has_holes &&
                  spans(&view.x, width, image->tiles_across) &&
                  spans(&view.y, height, image->tiles_down);
    }
    return covered;
}

/* The chunk that begins at a pixel of the region. */
static bool
read_chunk(const struct tile_supply *supply, const struct region *region,
           int64_t column, int64_t row, const struct pixels *pixels,
           struct scratch *scratch, unsigned *parts)
{
    struct chunk chunk;
    int64_t width = chunk_length(region, region->width, column);
    int64_t height = chunk_length(region, region->height, row);
    if (!place_chunk(&chunk, supply, region, column, row)) {
        return false;
    }
    if (map_of(supply) != NULL && chunk.x.length > 0 && chunk.y.length > 0) {
        struct block_place place = {column, row, width, height};
        struct map_view view = map_view_of(&chunk, &place);
        return map_assembly_read(supply, &view, &place, pixels, scratch,
                                 parts);
    }
    if (map_of(supply) != NULL || !is_covered(supply, &chunk, width, height)) {
        pixels_clear(pixels, column, row, width, height);
    }
    if (chunk.x.length == 0 || chunk.y.length == 0) {
        return true;
    }
    *parts |= chunk_parts(supply, &chunk);
    return chunk.is_aligned ? copy_chunk(supply, &chunk, pixels)
                            : resample_chunk(supply, &chunk, pixels, scratch);
}

/* Maps have no pixels of their own that a region could be placed at. */
static struct region
placed(const struct region *region, const struct tile_supply *supply)
{
    struct region copy = *region;
    copy.is_exact &= map_of(supply) == NULL;
    return copy;
}

bool
assembly_read(const struct tile_supply *supply, const struct region *asked,
              const struct pixels *pixels, struct scratch *scratch,
              unsigned *parts)
{
    const struct region copy = placed(asked, supply), *region = &copy;
    int64_t across = chunk_length(region, region->width, 0);
    int64_t down = chunk_length(region, region->height, 0);
    for (int64_t row = 0; row < region->height; row += down) {
        for (int64_t column = 0; column < region->width; column += across) {
            if (!read_chunk(supply, region, column, row, pixels, scratch,
                            parts)) {
                return false;
            }
        }
    }
    return true;
}

/* The pixels of the tiles of an axis that a chunk shows. */
static void
clip_to_tiles(const struct span *span, int64_t length, int64_t *start,
              int64_t *count)
{
    int64_t end = (int64_t)ceil(span->from + (double)length);
    *start =
        larger((int64_t)floor(span->from), span->first_tile * span->advance);
    *count = smaller(end, span->end_tile * span->advance) - *start;
}

bool
assembly_area(const struct tile_supply *supply, const struct region *region,
              struct level_area *area)
{
    struct chunk chunk;
    if (region->width > CHUNK_SIDE || region->height > CHUNK_SIDE ||
        !place_chunk(&chunk, supply, region, 0, 0) || chunk.x.length == 0 ||
        chunk.y.length == 0) {
        return false;
    }
    struct view view = view_of(supply, supply->placements, &chunk);
    clip_to_tiles(&view.x, chunk.x.length, &area->x, &area->width);
    clip_to_tiles(&view.y, chunk.y.length, &area->y, &area->height);
    return area->width > 0 && area->height > 0;
}
