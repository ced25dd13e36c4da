#include "assembly.h"

#include "paint.h"

#include <math.h>
#include <string.h>

/* libopenslide paints in squares of this size, and truncates the position of
   each to whole level-0 pixels. */
static const int64_t CHUNK_SIDE = 4096;

/* Closer to a pixel than this, cairo paints without interpolation. */
static const double ALIGNED = 1.0 / 512 - 1e-9;

/* Closer to an integer than this, a position may be truncated otherwise where
   products and sums are fused. */
static const double AMBIGUOUS = 1e-6;

/* Of this many pixels all are painted before any is converted. */
static const int64_t BAND_PIXELS = 1 << 20;

/* One axis of a chunk. */
struct axis {
    int64_t offset; /* of the first painted pixel within the region */
    int64_t length; /* painted pixels */
    double from;    /* where the first lies in the image, in its pixels */
    int64_t first_tile, end_tile; /* that libopenslide decodes */
};

struct chunk {
    struct axis x, y;
    bool is_aligned;
};

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Placing */

static void
find_tiles(struct axis *axis, int64_t tile_side, int64_t tile_count)
{
    double end = ceil((axis->from + (double)axis->length) / (double)tile_side);
    axis->first_tile = (int64_t)(axis->from / (double)tile_side);
    axis->end_tile = end < (double)tile_count ? (int64_t)end : tile_count;
    axis->first_tile = smaller(axis->first_tile, axis->end_tile);
}

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
    const struct image *image = supply->image;
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
    find_tiles(&chunk->x, image->tile_width, image->tiles_across);
    find_tiles(&chunk->y, image->tile_height, image->tiles_down);
    chunk->is_aligned =
        is_on_a_pixel(chunk->x.from) && is_on_a_pixel(chunk->y.from);
    return true;
}

/* Tiles */

struct decoding {
    const struct tile_supply *supply;
    uint64_t number;
};

static bool
decode(uint32_t *words, void *argument)
{
    struct decoding *decoding = argument;
    const struct tile_supply *supply = decoding->supply;
    return supply->is_intact(supply->argument) &&
           image_decode_tile(supply->image, decoding->number, words);
}

/* The tile, to be released, or NULL where there is a hole; false where there
   is anything odd. */
static bool
get_tile(const struct tile_supply *supply, int64_t column, int64_t row,
         const struct tile **tile)
{
    const struct image *image = supply->image;
    struct decoding decoding = {supply, (uint64_t)row * image->tiles_across +
                                            (uint64_t)column};
    bool is_hole = false;
    *tile = NULL;
    if (image->has_holes &&
        (!image_is_hole(image, decoding.number, &is_hole) || is_hole)) {
        return is_hole;
    }
    struct tile_key key = {supply->slide, supply->level, decoding.number};
    *tile = tile_cache_get(supply->cache, &key, image_tile_pixels(image),
                           decode, &decoding);
    return *tile != NULL;
}

/* Chunks on the pixels of the image: copies */

/* One axis of the part of a tile that shows in a chunk. */
struct overlap {
    int64_t in_tile, in_region, length;
};

static struct overlap
overlap_of(const struct axis *axis, int64_t tile, int64_t tile_side,
           int64_t image_side)
{
    int64_t from = (int64_t)floor(axis->from + 0.5);
    int64_t start = larger(tile * tile_side, from);
    int64_t end = smaller((tile + 1) * tile_side,
                          smaller(from + axis->length, image_side));
    return (struct overlap){start - tile * tile_side,
                            start - from + axis->offset,
                            larger(end - start, 0)};
}

static bool
copy_tile(const struct tile_supply *supply, const struct chunk *chunk,
          int64_t column, int64_t row, const struct pixels *pixels)
{
    const struct tile *tile;
    if (!get_tile(supply, column, row, &tile)) {
        return false;
    }
    if (tile != NULL) {
        const struct image *image = supply->image;
        int64_t stride = image->tile_width;
        struct overlap x = overlap_of(&chunk->x, column, stride, image->width);
        struct overlap y =
            overlap_of(&chunk->y, row, image->tile_height, image->height);
        pixels_convert(pixels, x.in_region, y.in_region, x.length, y.length,
                       tile->words + y.in_tile * stride + x.in_tile, stride);
        tile_release(tile);
    }
    return true;
}

static bool
copy_chunk(const struct tile_supply *supply, const struct chunk *chunk,
           const struct pixels *pixels)
{
    for (int64_t row = chunk->y.first_tile; row < chunk->y.end_tile; row++) {
        for (int64_t column = chunk->x.first_tile; column < chunk->x.end_tile;
             column++) {
            if (!copy_tile(supply, chunk, column, row, pixels)) {
                return false;
            }
        }
    }
    return true;
}

/* Chunks between them: resampled, the last tile first */

static bool
paint(const struct tile_supply *supply, const struct chunk *chunk,
      int64_t column, int64_t row, const struct paint_canvas *canvas)
{
    const struct tile *tile;
    if (!get_tile(supply, column, row, &tile)) {
        return false;
    }
    if (tile != NULL) {
        const struct image *image = supply->image;
        int64_t tile_width = image->tile_width;
        int64_t tile_height = image->tile_height;
        const struct paint_tile part = {
            .words = tile->words,
            .stride = (ptrdiff_t)tile_width,
            .width = smaller(tile_width, image->width - column * tile_width),
            .height = smaller(tile_height, image->height - row * tile_height),
        };
        /* The first tile's offset, then whole tiles: in this order
           libopenslide adds them. */
        const struct axis *x = &chunk->x, *y = &chunk->y;
        double left = (double)((column - x->first_tile) * tile_width) -
                      (x->from - (double)(x->first_tile * tile_width));
        double top = (double)((row - y->first_tile) * tile_height) -
                     (y->from - (double)(y->first_tile * tile_height));
        if (part.width > 0 && part.height > 0) {
            paint_tile_at(canvas, &part, left, top);
        }
        tile_release(tile);
    }
    return true;
}

/* The first row of tiles that shows in the rows of pixels from `row` on, with
   one to spare on either side. */
static int64_t
tile_row_at(const struct chunk *chunk, int64_t tile_height, int64_t row)
{
    double position = (chunk->y.from + (double)row) / (double)tile_height;
    int64_t tile = (int64_t)floor(position);
    return smaller(larger(tile, chunk->y.first_tile), chunk->y.end_tile);
}

/* Rows of a chunk, all of its width. */
static bool
paint_band(const struct tile_supply *supply, const struct chunk *chunk,
           const struct paint_canvas *canvas)
{
    int64_t tile_height = supply->image->tile_height;
    int64_t bottom = canvas->top + canvas->height;
    int64_t first = tile_row_at(chunk, tile_height, canvas->top - 2);
    int64_t end = tile_row_at(chunk, tile_height, bottom + 2) + 1;
    if (bottom == chunk->y.length || end > chunk->y.end_tile) {
        end = chunk->y.end_tile;
    }
    memset(canvas->words, 0,
           (size_t)(canvas->width * canvas->height) * sizeof *canvas->words);
    for (int64_t row = end - 1; row >= first; row--) {
        for (int64_t column = chunk->x.end_tile - 1;
             column >= chunk->x.first_tile; column--) {
            if (!paint(supply, chunk, column, row, canvas)) {
                return false;
            }
        }
    }
    return true;
}

static bool
resample_chunk(const struct tile_supply *supply, const struct chunk *chunk,
               const struct pixels *pixels, struct scratch *scratch)
{
    int64_t width = chunk->x.length, height = chunk->y.length;
    int64_t band = width == 0 ? 0 : larger(BAND_PIXELS / width, 1);
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
        };
        complete = paint_band(supply, chunk, &canvas);
        if (complete) {
            pixels_convert(pixels, chunk->x.offset, chunk->y.offset + row,
                           width, canvas.height, words, canvas.stride);
        }
    }
    return complete;
}

/* Regions */

/* Whether tiles cover every pixel of an axis that is `length` long. */
static bool
is_covered(const struct axis *axis, int64_t length, int64_t image_side)
{
    return axis->length == length &&
           axis->from + (double)length <= (double)image_side;
}

/* The chunk that begins at a pixel of the region. */
static bool
read_chunk(const struct tile_supply *supply, const struct region *region,
           int64_t column, int64_t row, const struct pixels *pixels,
           struct scratch *scratch)
{
    struct chunk chunk;
    const struct image *image = supply->image;
    int64_t width = chunk_length(region, region->width, column);
    int64_t height = chunk_length(region, region->height, row);
    if (!place_chunk(&chunk, supply, region, column, row)) {
        return false;
    }
    if (image->has_holes || !is_covered(&chunk.x, width, image->width) ||
        !is_covered(&chunk.y, height, image->height)) {
        pixels_clear(pixels, column, row, width, height);
    }
    if (chunk.x.length == 0 || chunk.y.length == 0) {
        return true;
    }
    return chunk.is_aligned ? copy_chunk(supply, &chunk, pixels)
                            : resample_chunk(supply, &chunk, pixels, scratch);
}

bool
assembly_read(const struct tile_supply *supply, const struct region *region,
              const struct pixels *pixels, struct scratch *scratch)
{
    int64_t across = chunk_length(region, region->width, 0);
    int64_t down = chunk_length(region, region->height, 0);
    for (int64_t row = 0; row < region->height; row += down) {
        for (int64_t column = 0; column < region->width; column += across) {
            if (!read_chunk(supply, region, column, row, pixels, scratch)) {
                return false;
            }
        }
    }
    return true;
}

static bool
has_edge(const struct axis *axis, int64_t tile_side, int64_t image_side)
{
    return axis->end_tile * tile_side > image_side;
}

unsigned
assembly_parts(const struct tile_supply *supply, const struct region *region)
{
    struct chunk chunk;
    const struct image *image = supply->image;
    if (!place_chunk(&chunk, supply, region, 0, 0)) {
        return 0;
    }
    int64_t across = chunk.x.end_tile - chunk.x.first_tile;
    int64_t down = chunk.y.end_tile - chunk.y.first_tile;
    if (across <= 0 || down <= 0) {
        return 0;
    }
    unsigned parts = ASSEMBLY_TILE;
    parts |= across * down > 1 ? ASSEMBLY_SEAM : 0;
    parts |= chunk.is_aligned ? 0 : ASSEMBLY_RESAMPLED;
    if (has_edge(&chunk.x, image->tile_width, image->width) ||
        has_edge(&chunk.y, image->tile_height, image->height)) {
        parts |= ASSEMBLY_EDGE;
    }
    return parts;
}
