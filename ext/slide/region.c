#include "region.h"

#include "system/lengths.h"

#include <math.h>

/*
 * A block should take a few hundredths of a second, and
 * libopenslide needs about 20 ns for a pixel of a JPEG slide, ten times that
 * for JPEG 2000.
 */
static const int64_t BLOCK_PIXELS = 1 << 20;

/* Where a block need not end with a tile of the slide. */
static const int64_t BLOCK_SIDE = 1 << 10;

/* Always in 0 .. divisor - 1, unlike %. */
static int64_t
modulo(int64_t dividend, int64_t divisor)
{
    int64_t rest = dividend % divisor;
    return rest < 0 ? rest + divisor : rest;
}

static bool
starts_on_a_pixel(const struct region *region, const struct slide_level *level)
{
    if (!level->divisible) {
        return false;
    }
    int64_t step = (int64_t)level->downsample;
    return region->x % step == 0 && region->y % step == 0;
}

/* Blocks of whole tiles: as wide as the region where that is not too much, for
   then they are read in place, else about square. */
static void
divide_by_tiles(struct division *division, const struct slide_level *level)
{
    int64_t step = (int64_t)level->downsample;
    int64_t tile_width =
        level->tile_width > 0 ? level->tile_width : BLOCK_SIDE;
    int64_t tile_height =
        level->tile_height > 0 ? level->tile_height : BLOCK_SIDE;
    int64_t across = (int64_t)quotient_up((uint64_t)division->region.width,
                                          (uint64_t)tile_width) +
                     1;
    if (across * tile_width > BLOCK_PIXELS / tile_height) {
        across = BLOCK_SIDE / tile_width;
        across = across < 1 ? 1 : across;
    }
    int64_t down = BLOCK_PIXELS / (across * tile_width) / tile_height;
    down = down < 1 ? 1 : down;
    division->block_width = across * tile_width;
    division->block_height = down * tile_height;
    division->skipped_columns = modulo(division->region.x / step, tile_width);
    division->skipped_rows = modulo(division->region.y / step, tile_height);
}

/* Whether a position of libopenslide's division is so close to an integer that
   another order of rounding could truncate it to another one. */
static bool
is_ambiguous(int64_t length, double downsample)
{
    if (!(downsample <= (double)LENGTHS_FARTHEST)) {
        return true; /* that of a damaged slide */
    }
    if (downsample == floor(downsample)) {
        return false;
    }
    for (int64_t at = REGION_LIBRARY_SIDE; at < length;
         at += REGION_LIBRARY_SIDE) {
        double offset = (double)at * downsample;
        if (fabs(offset - floor(offset + 0.5)) < 1e-6) {
            return true;
        }
    }
    return false;
}

static void
divide_as_the_library(struct division *division)
{
    const struct region *region = &division->region;
    if (!is_ambiguous(region->width, division->downsample) &&
        !is_ambiguous(region->height, division->downsample)) {
        division->block_width = REGION_LIBRARY_SIDE;
        division->block_height = REGION_LIBRARY_SIDE;
    }
}

/* 0 for nothing, else how many blocks cover a length. */
static int64_t
block_count(int64_t length, int64_t skipped, int64_t block)
{
    return length == 0 ? 0
                       : (int64_t)quotient_up((uint64_t)(length + skipped),
                                              (uint64_t)block);
}

bool
region_is_near(const struct region *region)
{
    return position_is_near(region->x) && position_is_near(region->y) &&
           position_is_near(region->width) && position_is_near(region->height);
}

bool
region_exceeds(const struct region *region, uint64_t pixels)
{
    return region->width > 0 && region->height > 0 &&
           (uint64_t)region->height > pixels / (uint64_t)region->width;
}

bool
region_is_large(const struct region *region)
{
    return region_exceeds(region, BLOCK_PIXELS);
}

bool
region_is_divisible(const struct region *region,
                    const struct slide_handle *handle)
{
    const struct slide_level *level =
        slide_handle_level(handle, region->level);
    return level != NULL && region_is_near(region) &&
           starts_on_a_pixel(region, level);
}

/* A part at 0 keeps the position that was asked for, however large; the
   others are truncated as libopenslide would. */
static int64_t
position_at(int64_t start, int64_t offset, double downsample)
{
    return offset == 0 ? start
                       : position_truncated((double)start +
                                            (double)offset * downsample);
}

struct region
region_part(const struct region *region, double downsample, int64_t column,
            int64_t row, int64_t width, int64_t height)
{
    return (struct region){
        .x = position_at(region->x, column, downsample),
        .y = position_at(region->y, row, downsample),
        .level = region->level,
        .width = width,
        .height = height,
        .is_exact = region->is_exact,
        .column = region->column + column,
        .row = region->row + row,
        .company = region->company,
    };
}

struct division
division_of(const struct region *region, const struct slide_handle *handle)
{
    struct division division = {
        .region = *region,
        .downsample = 1,
        .block_width = region->width,
        .block_height = region->height,
    };
    const struct slide_level *level =
        slide_handle_level(handle, region->level);
    if (level != NULL && region_is_large(region) && region_is_near(region)) {
        division.downsample = level->downsample;
        if (starts_on_a_pixel(region, level)) {
            divide_by_tiles(&division, level);
        } else {
            divide_as_the_library(&division);
        }
    }
    division.columns = block_count(region->width, division.skipped_columns,
                                   division.block_width);
    division.rows = block_count(region->height, division.skipped_rows,
                                division.block_height);
    return division;
}

struct block
division_block(const struct division *division, int64_t column, int64_t row)
{
    const struct region *region = &division->region;
    int64_t left = column * division->block_width - division->skipped_columns;
    int64_t top = row * division->block_height - division->skipped_rows;
    int64_t right = smaller(left + division->block_width, region->width);
    int64_t bottom = smaller(top + division->block_height, region->height);
    left = left < 0 ? 0 : left;
    top = top < 0 ? 0 : top;
    return (struct block){
        .source = region_part(region, division->downsample, left, top,
                              right - left, bottom - top),
        .whole = region,
        .column = left,
        .row = top,
    };
}
