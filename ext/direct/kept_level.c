#include "kept_level.h"

#include "assembly.h"
#include "system/lengths.h"

#include <string.h>

/* The images of direct levels have the numbers from 0 on. */
static const uint32_t LAST_IMAGE = UINT32_MAX;

/* Tiles of other sizes would waste memory, or time. */
enum { LEAST_TILE_SIDE = 32, MOST_TILE_SIDE = 512 };

/* Where libopenslide names no tile size, or such a one. */
enum { USUAL_TILE_SIDE = 256 };

/* libopenslide paints their tiles in bytes, in as little time as it takes to
   keep them. */
static const char *const quick_vendors[] = {"hamamatsu", "mirax"};

/* Where it names a tile size, the level is a grid of these, with alpha. */
static const char *const grid_vendors[] = {
    "aperio", "argos", "dicom", "generic-tiff", "huron", "philips", "sakura"};

static bool
is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_grid_of_tiles(const struct slide_handle *handle,
                 const struct slide_level *level)
{
    return is_among(slide_handle_vendor(handle), grid_vendors,
                    sizeof grid_vendors / sizeof *grid_vendors) &&
           level->tile_width >= LEAST_TILE_SIDE &&
           level->tile_width <= MOST_TILE_SIDE &&
           level->tile_height >= LEAST_TILE_SIDE &&
           level->tile_height <= MOST_TILE_SIDE;
}

static bool
is_worth_keeping(const struct slide_handle *handle)
{
    return !is_among(slide_handle_vendor(handle), quick_vendors,
                     sizeof quick_vendors / sizeof *quick_vendors);
}

/* An image of what the level stores, tiles beyond its edges included. */
static struct image
image_of(int64_t width, int64_t height, uint32_t tile_width,
         uint32_t tile_height)
{
    uint32_t across = (uint32_t)quotient_up((uint64_t)width, tile_width);
    uint32_t down = (uint32_t)quotient_up((uint64_t)height, tile_height);
    return (struct image){
        .tile_width = tile_width,
        .tile_height = tile_height,
        .tiles_across = across,
        .tiles_down = down,
        .width = (int64_t)across * tile_width,
        .height = (int64_t)down * tile_height,
        .surface = PAINT_ARGB32,
    };
}

void
kept_level_describe(struct kept_level *level,
                    const struct slide_handle *handle, int32_t number)
{
    const struct slide_level *known = &handle->levels[number];
    int64_t width, height;
    openslide.get_level_dimensions(handle->osr, number, &width, &height);
    *level = (struct kept_level){
        .is_kept = known->divisible && is_worth_keeping(handle) && width > 0 &&
                   width <= INT32_MAX && height > 0 && height <= INT32_MAX,
        .is_grid = is_grid_of_tiles(handle, known),
        .width = width,
        .height = height,
    };
    if (!level->is_kept) {
        return;
    }
    bool is_grid = level->is_grid;
    level->placement = (struct placement){
        .image =
            image_of(width, height,
                     is_grid ? (uint32_t)known->tile_width : USUAL_TILE_SIDE,
                     is_grid ? (uint32_t)known->tile_height : USUAL_TILE_SIDE),
        .number = LAST_IMAGE - (uint32_t)number,
    };
    level->placement.advance_x = level->placement.image.tile_width;
    level->placement.advance_y = level->placement.image.tile_height;
}

/* Its pixels are pixels of the level. */
static bool
is_on_pixels(const struct region *region, double downsample)
{
    int64_t step = (int64_t)downsample;
    return region->x % step == 0 && region->y % step == 0;
}

/* What lies beyond a level that is no grid may be anything. */
static bool
is_within(const struct kept_level *level, const struct region *region,
          const struct level_area *area)
{
    return area->width == region->width && area->height == region->height &&
           area->x + area->width <= level->width &&
           area->y + area->height <= level->height;
}

static bool
fits_cache(const struct kept_pixels *kept, const struct level_area *area,
           const struct region *whole)
{
    size_t capacity = tile_cache_capacity(kept->cache);
    size_t pixels = capacity / (2 * sizeof(uint32_t));
    return !region_exceeds(whole, pixels) &&
           kept_pixels_bytes(kept, area) <= capacity;
}

bool
kept_level_supply(const struct kept_level *level, struct kept_pixels *kept,
                  const struct block *block, struct tile_supply *supply)
{
    const struct placement *placement = &level->placement;
    const struct region *region = &block->source;
    kept->cache = supply->cache;
    kept->slide = supply->slide;
    kept->image = placement->number;
    kept->tile_width = placement->image.tile_width;
    kept->tile_height = placement->image.tile_height;
    kept->tiles_across = placement->image.tiles_across;
    supply->placements = placement;
    supply->count = 1;
    supply->kept = kept;
    return level->is_kept && assembly_area(supply, region, &supply->area) &&
           (level->is_grid || (is_on_pixels(region, supply->downsample) &&
                               is_within(level, region, &supply->area))) &&
           fits_cache(kept, &supply->area, block->whole);
}

/* Have libopenslide read an area. */
static bool
lend(const struct slide_handle *handle, const struct tile_supply *supply,
     int32_t level, const struct level_area *area, struct scratch *scratch)
{
    int64_t step = (int64_t)supply->downsample;
    uint32_t *words =
        scratch_reserve(scratch, (size_t)(area->width * area->height));
    if (words == NULL) {
        return false;
    }
    openslide.read_region(handle->osr, words, area->x * step, area->y * step,
                          level, area->width, area->height);
    if (openslide.get_error(handle->osr) != NULL) {
        return false;
    }
    kept_pixels_put(supply->kept, area, words, (ptrdiff_t)area->width);
    return true;
}

bool
kept_level_fill(const struct slide_handle *handle,
                const struct tile_supply *supply, const struct region *region,
                struct scratch *scratch)
{
    const struct level_area *area = &supply->area;
    struct level_area missing = kept_pixels_missing(supply->kept, area);
    if (missing.width == 0) {
        return true;
    }
    bool is_all =
        missing.width == area->width && missing.height == area->height;
    return !(is_all && is_on_pixels(region, supply->downsample)) &&
           lend(handle, supply, region->level, &missing, scratch);
}

void
kept_level_keep(const struct tile_supply *supply, const struct region *region,
                const uint32_t *words)
{
    const struct level_area *area = &supply->area;
    if (!is_on_pixels(region, supply->downsample)) {
        return;
    }
    int64_t step = (int64_t)supply->downsample;
    int64_t column = area->x - region->x / step;
    int64_t row = area->y - region->y / step;
    kept_pixels_put(supply->kept, area, words + row * region->width + column,
                    (ptrdiff_t)region->width);
}
