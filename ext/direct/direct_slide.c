#include "direct_slide.h"

#include "kept_level.h"
#include "level_images.h"
#include "recent_reads.h"
#include "system/lengths.h"
#include "tile_cache.h"

#include <stdlib.h>
#include <string.h>

/* The side of a square that is compared with libopenslide. */
static const int64_t WINDOW_SIDE = 320;

struct direct_level {
    struct level_images images;
    atomic_uint compared; /* ASSEMBLY_ parts that were seen to be right */
    /* How it is read otherwise; what of that was compared, and differed. */
    struct kept_level kept;
    atomic_uint kept_compared;
    atomic_bool kept_differs;
    atomic_bool is_indexed;
};

struct direct_slide {
    uint64_t number;
    struct slide_file *file; /* at the slide's path */
    atomic_bool is_prepared;
    struct recent_reads recent;
    atomic_uint reads; /* of regions that have tiles in common */
    /* Guards the preparation, and which cache it is. */
    platform_mutex mutex;
    struct tile_cache *cache; /* NULL: not needed yet */
    struct direct_level *levels;
    int32_t level_count; /* 0: there was no memory for them */
};

/* The handle's, where it is opened with this lane; else NULL. */
static struct direct_slide *
direct_slide_of(const struct slide_handle *handle)
{
    return handle->lane == &direct_lane ? handle->reader : NULL;
}

static void *
open_direct_slide(const char *path)
{
    struct direct_slide *direct = calloc(1, sizeof *direct);
    struct slide_file *file = slide_file_new(path);
    if (direct == NULL || file == NULL) {
        free(direct);
        if (file != NULL) {
            slide_file_free(file);
        }
        return NULL;
    }
    direct->number = tile_cache_slide_number();
    direct->file = file;
    direct->mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER;
    return direct;
}

static void
close_direct_slide(void *reader)
{
    struct direct_slide *direct = reader;
    for (int32_t i = 0; i < direct->level_count; i++) {
        level_images_close(&direct->levels[i].images, direct->file);
    }
    free(direct->levels);
    if (direct->cache != NULL) {
        tile_cache_release(direct->cache);
    }
    slide_file_free(direct->file);
    free(direct);
}

/* The cache */

/* A reference to the cache; NULL where there is no memory. */
static struct tile_cache *
retain_cache(struct direct_slide *direct)
{
    platform_mutex_lock(&direct->mutex);
    if (direct->cache == NULL) {
        direct->cache = tile_cache_new(TILE_CACHE_USUAL_BYTES);
    }
    struct tile_cache *cache = direct->cache;
    if (cache != NULL) {
        tile_cache_retain(cache);
    }
    platform_mutex_unlock(&direct->mutex);
    return cache;
}

static void
use_tile_cache(void *reader, void *shared)
{
    struct direct_slide *direct = reader;
    struct tile_cache *cache = shared;
    tile_cache_retain(cache);
    platform_mutex_lock(&direct->mutex);
    struct tile_cache *before = direct->cache;
    direct->cache = cache;
    platform_mutex_unlock(&direct->mutex);
    if (before != NULL) {
        tile_cache_release(before);
    }
}

const struct slide_lane direct_lane = {
    .open = open_direct_slide,
    .close = close_direct_slide,
    .set_cache = use_tile_cache,
};

/* Preparation */

static void
find_levels(struct direct_slide *direct, const struct slide_handle *handle)
{
    struct level_images *images =
        calloc((size_t)handle->level_count, sizeof *images);
    direct->levels =
        calloc((size_t)handle->level_count, sizeof *direct->levels);
    if (images != NULL && direct->levels != NULL) {
        direct->level_count = handle->level_count;
        level_images_find(images, handle, direct->file);
        for (int32_t i = 0; i < direct->level_count; i++) {
            direct->levels[i].images = images[i];
        }
    }
    free(images);
}

/* Whether it is known what the levels are made of. */
static bool
prepare(struct direct_slide *direct, const struct slide_handle *handle)
{
    if (atomic_load(&direct->is_prepared)) {
        return true;
    }
    platform_mutex_lock(&direct->mutex);
    if (!atomic_load(&direct->is_prepared) &&
        slide_file_can_be_read(direct->file)) {
        find_levels(direct, handle);
        atomic_store(&direct->is_prepared, true);
    }
    platform_mutex_unlock(&direct->mutex);
    return atomic_load(&direct->is_prepared);
}

/* Apart from the preparation, for it may take long, and only some of the
   levels may be read. */
static void
index_level(struct direct_slide *direct, const struct slide_handle *handle,
            int32_t number)
{
    struct direct_level *level = &direct->levels[number];
    if (atomic_load(&level->is_indexed)) {
        return;
    }
    platform_mutex_lock(&direct->mutex);
    if (!atomic_load(&level->is_indexed)) {
        const char *refusal = level_images_index(&level->images);
        if (refusal != NULL) {
            kept_level_describe(&level->kept, handle, number);
        }
        atomic_store(&level->images.refusal, refusal);
        atomic_store(&level->is_indexed, true);
    }
    platform_mutex_unlock(&direct->mutex);
}

const char *
direct_slide_refusal(const struct slide_handle *handle, int32_t level)
{
    struct direct_slide *direct = direct_slide_of(handle);
    if (direct == NULL) {
        return "direct reads are turned off";
    }
    if (!prepare(direct, handle)) {
        return "the file cannot be opened now";
    }
    if (level >= direct->level_count) {
        return "there was no memory";
    }
    index_level(direct, handle, level);
    return atomic_load(&direct->levels[level].images.refusal);
}

bool
direct_slide_keeps(const struct slide_handle *handle, int32_t level)
{
    struct direct_slide *direct = direct_slide_of(handle);
    return direct_slide_refusal(handle, level) != NULL && direct != NULL &&
           level < direct->level_count && direct->levels[level].kept.is_kept &&
           !atomic_load(&direct->levels[level].kept_differs);
}

const struct level_images *
direct_slide_images(const struct slide_handle *handle, int32_t level)
{
    struct direct_slide *direct = direct_slide_of(handle);
    return slide_handle_level(handle, level) != NULL &&
                   direct_slide_refusal(handle, level) == NULL
               ? &direct->levels[level].images
               : NULL;
}

bool
direct_slide_is_compared(const struct slide_handle *handle, int32_t level)
{
    struct direct_slide *direct = direct_slide_of(handle);
    return direct_slide_images(handle, level) != NULL &&
           (atomic_load(&direct->levels[level].compared) & ASSEMBLY_TILE) != 0;
}

void
direct_slide_trust(const struct slide_handle *handle)
{
    struct direct_slide *direct = direct_slide_of(handle);
    if (direct != NULL && prepare(direct, handle)) {
        for (int32_t i = 0; i < direct->level_count; i++) {
            atomic_store(&direct->levels[i].compared, ~0u);
            atomic_store(&direct->levels[i].kept_compared, ~0u);
        }
    }
}

/* Comparing */

/* Keep of an axis what shows images, give or take a pixel. */
static void
clip_axis(int64_t *start, int64_t *length, double downsample,
          int64_t image_side)
{
    double from = (double)*start / downsample;
    int64_t skipped = from < 0 ? position_truncated(-from) : 0;
    int64_t most = image_side - (from < 0 ? 0 : position_truncated(from));
    *start += position_truncated((double)skipped * downsample);
    *length -= skipped;
    *length = *length < most ? *length : most;
}

/* What there is to compare of a region: the rest is blank, whoever reads it.
   It is placed as libopenslide places it. */
static struct region
shown_part(const struct region *region, const struct tile_supply *supply)
{
    struct region part = *region;
    int64_t right = 0, bottom = 0;
    for (size_t i = 0; i < supply->count; i++) {
        const struct placement *placement = &supply->placements[i];
        right = larger(right, placement->x + placement->image.width);
        bottom = larger(bottom, placement->y + placement->image.height);
    }
    part.is_exact = false;
    clip_axis(&part.x, &part.width, supply->downsample, right);
    clip_axis(&part.y, &part.height, supply->downsample, bottom);
    return part;
}

/* A part of a region that starts `column` and `row` pixels from its corner. */
static struct region
window_of(const struct region *region, double downsample, int64_t column,
          int64_t row)
{
    int64_t width = region->width - column, height = region->height - row;
    return (struct region){
        .x = region->x + (int64_t)((double)column * downsample),
        .y = region->y + (int64_t)((double)row * downsample),
        .level = region->level,
        .width = width < WINDOW_SIDE ? width : WINDOW_SIDE,
        .height = height < WINDOW_SIDE ? height : WINDOW_SIDE,
    };
}

/* Where to cut the last window out of an axis. */
static int64_t
last_window(int64_t length)
{
    return length > WINDOW_SIDE ? length - WINDOW_SIDE : 0;
}

/* The same around the first seam between an image's tiles, where that starts
   at a pixel of the level. */
static int64_t
seam_window(int64_t start, double downsample, int64_t length,
            int64_t image_start, int64_t advance)
{
    int64_t within = (int64_t)((double)start / downsample) - image_start;
    int64_t to_seam = advance - (within < 0 ? within : within % advance);
    int64_t window = to_seam - WINDOW_SIDE / 2;
    int64_t last = last_window(length);
    return window < 0 ? 0 : window < last ? window : last;
}

/* What a comparison says of the pixels that were read directly. */
enum verdict {
    SAME,
    DIFFERENT,
    UNDECIDED, /* one could not be read, or there was no memory */
};

/* Should libopenslide fail, then the region would have failed as well. What
   the window is made of is added to what was compared. */
static enum verdict
compare_window(const struct slide_handle *handle,
               const struct tile_supply *supply, const struct region *window,
               unsigned *compared)
{
    size_t count = (size_t)(window->width * window->height);
    uint32_t *words = malloc(2 * count * sizeof *words);
    if (words == NULL) {
        return UNDECIDED;
    }
    struct pixels expected = {.start = (uint8_t *)words,
                              .row_stride = (ptrdiff_t)(4 * window->width),
                              .channels = 4};
    struct pixels ours = expected;
    ours.start = (uint8_t *)(words + count);
    openslide.read_region(handle->osr, words, window->x, window->y,
                          window->level, window->width, window->height);
    pixels_convert(&expected, 0, 0, window->width, window->height, words,
                   (ptrdiff_t)window->width);
    struct scratch scratch = {0};
    unsigned parts = 0;
    enum verdict verdict = UNDECIDED;
    if (openslide.get_error(handle->osr) == NULL &&
        assembly_read(supply, window, &ours, &scratch, &parts)) {
        verdict = memcmp(expected.start, ours.start, 4 * count) == 0
                      ? SAME
                      : DIFFERENT;
    }
    scratch_give_up(&scratch);
    free(words);
    *compared |= verdict == SAME ? parts : 0;
    return verdict;
}

static enum verdict
compare_at(const struct slide_handle *handle, const struct tile_supply *supply,
           const struct region *region, int64_t column, int64_t row,
           unsigned *compared)
{
    struct region window = window_of(region, supply->downsample, column, row);
    return compare_window(handle, supply, &window, compared);
}

static enum verdict
compare(const struct slide_handle *handle, const struct tile_supply *supply,
        const struct region *region, unsigned *compared)
{
    double downsample = supply->downsample;
    int64_t width = region->width, height = region->height;
    enum verdict verdict = compare_at(handle, supply, region, 0, 0, compared);
    if (width <= WINDOW_SIDE && height <= WINDOW_SIDE) {
        return verdict;
    }
    if (verdict == SAME) {
        verdict = compare_at(handle, supply, region, last_window(width),
                             last_window(height), compared);
    }
    for (size_t i = 0; verdict == SAME && i < supply->count; i++) {
        const struct placement *image = &supply->placements[i];
        verdict = compare_at(handle, supply, region,
                             seam_window(region->x, downsample, width,
                                         image->x, image->advance_x),
                             seam_window(region->y, downsample, height,
                                         image->y, image->advance_y),
                             compared);
    }
    return verdict;
}

/* Reading */

/* Whether files are what they were when the slide was opened; of a level that
   has only one it is asked once a read. */
struct witness {
    const struct level_images *images;
    const struct slide_file *file; /* that was asked for last; NULL: none */
    bool answer;
};

static bool
is_intact(const struct image *image, uint64_t tile, void *argument)
{
    struct witness *witness = argument;
    const struct slide_file *file =
        level_images_file(witness->images, image, tile);
    if (file == NULL) {
        return false;
    }
    if (file != witness->file) {
        witness->answer = slide_file_is_unchanged(file);
        witness->file = file;
    }
    return witness->answer;
}

/* `compared`: what is the same if it is. */
static void
note_verdict(struct direct_level *level, enum verdict verdict,
             unsigned compared)
{
    if (verdict == SAME) {
        atomic_fetch_or(&level->compared, compared);
    } else if (verdict == DIFFERENT) {
        atomic_store(&level->images.refusal, "libopenslide gave other pixels");
    }
}

/* SAME: the region was read, and is trusted. */
static enum verdict
read_level(const struct slide_handle *handle, atomic_uint *known,
           const struct tile_supply *supply, const struct region *region,
           const struct pixels *pixels, struct scratch *scratch)
{
    struct region shown = shown_part(region, supply);
    unsigned compared = 0, parts = 0;
    if (!assembly_read(supply, region, pixels, scratch, &parts)) {
        return UNDECIDED;
    }
    parts = shown.width > 0 && shown.height > 0 ? parts : 0;
    /* libopenslide has nothing to compare with what is placed exactly. */
    parts &= region->is_exact ? ~(unsigned)ASSEMBLY_ARITHMETIC : ~0u;
    if ((parts & ~atomic_load(known)) == 0) {
        return SAME;
    }
    enum verdict verdict = compare(handle, supply, &shown, &compared);
    if (verdict == SAME) {
        compared |= parts & ~(unsigned)ASSEMBLY_ARITHMETIC;
        atomic_fetch_or(known, compared);
        verdict = (parts & ~atomic_load(known)) == 0 ? SAME : UNDECIDED;
    }
    return verdict;
}

/* Whether a region shows more than the cache can keep, or what others before
   the next use of its tiles would drive out. */
static bool
spares(const struct region *region, const struct tile_cache *cache)
{
    size_t pixels = tile_cache_capacity(cache) / sizeof(uint32_t);
    return (region->is_passing && region->company == COMPANY_NONE) ||
           region_exceeds(region, pixels);
}

static struct tile_supply
supply_of(const struct slide_handle *handle, int32_t number,
          struct tile_cache *cache, struct witness *witness)
{
    const struct direct_slide *direct = direct_slide_of(handle);
    const struct level_images *images = &direct->levels[number].images;
    *witness = (struct witness){.images = images};
    return (struct tile_supply){
        .placements = images->placements,
        .count = images->count,
        .is_snapped = images->is_snapped,
        .downsample = handle->levels[number].downsample,
        .cache = cache,
        .slide = direct->number,
        .is_intact = is_intact,
        .argument = witness,
    };
}

static bool
is_readable(const struct slide_handle *handle, const struct region *region)
{
    return slide_handle_level(handle, region->level) != NULL &&
           region->width > 0 && region->height > 0 && region_is_near(region);
}

/* So many regions side by side make it worth while to decode only what shows
   of a tile. */
enum { WIDE = 2 };

/* Whether other regions will soon show what a region does not show of its
   tiles: those of the same batch, or those of a program that goes through the
   slide region by region. */
static bool
is_shared(struct direct_slide *direct, const struct tile_supply *supply,
          const struct region *region)
{
    const struct placement *placement = &supply->placements[0];
    if (!placement->image.is_divisible || region->company != COMPANY_UNKNOWN) {
        return region->company == COMPANY_SOME;
    }
    int64_t x = position_truncated((double)region->x / supply->downsample);
    int64_t y = position_truncated((double)region->y / supply->downsample);
    const struct read_place place = {region->level,
                                     x / placement->image.tile_width, y};
    return recent_reads_note(&direct->recent, &place, 2 * region->height);
}

static bool
read_images(const struct slide_handle *handle, struct direct_slide *direct,
            struct tile_cache *cache, const struct block *block,
            const struct pixels *pixels, struct scratch *scratch)
{
    const struct region *region = &block->source;
    struct direct_level *level = &direct->levels[region->level];
    struct witness witness;
    struct tile_supply supply =
        supply_of(handle, region->level, cache, &witness);
    struct read_ahead ahead = {0};
    bool shared = is_shared(direct, &supply, block->whole);
    supply.spares_cache = spares(block->whole, cache);
    supply.widest_whole = shared ? INT64_MAX : WIDE * block->whole->width;
    supply.is_upward = shared && atomic_fetch_add(&direct->reads, 1) % 2 != 0;
    supply.ahead = &ahead;
    enum verdict verdict =
        read_level(handle, &level->compared, &supply, region, pixels, scratch);
    read_ahead_give_up(&ahead);
    note_verdict(level, verdict, 0);
    return verdict == SAME;
}

/* What is kept of a level, for a block; false where there can be nothing. */
static bool
supply_kept(const struct slide_handle *handle, struct direct_slide *direct,
            struct tile_cache *cache, const struct block *block,
            struct kept_pixels *kept, struct tile_supply *supply)
{
    const struct region *region = &block->source;
    const struct direct_level *level = &direct->levels[region->level];
    *supply = (struct tile_supply){
        .downsample = handle->levels[region->level].downsample,
        .cache = cache,
        .slide = direct->number,
    };
    return !atomic_load(&level->kept_differs) &&
           kept_level_supply(&level->kept, kept, block, supply);
}

static bool
read_kept(const struct slide_handle *handle, struct direct_slide *direct,
          struct tile_cache *cache, const struct block *block,
          const struct pixels *pixels, struct scratch *scratch)
{
    const struct region *region = &block->source;
    struct direct_level *level = &direct->levels[region->level];
    struct kept_pixels kept;
    struct tile_supply supply;
    if (!supply_kept(handle, direct, cache, block, &kept, &supply) ||
        !kept_level_fill(handle, &supply, region, scratch)) {
        return false;
    }
    enum verdict verdict = read_level(handle, &level->kept_compared, &supply,
                                      region, pixels, scratch);
    if (verdict == DIFFERENT) {
        atomic_store(&level->kept_differs, true);
    }
    return verdict == SAME;
}

bool
direct_slide_read(const struct slide_handle *handle, const struct block *block,
                  const struct pixels *pixels, struct scratch *scratch)
{
    struct direct_slide *direct = direct_slide_of(handle);
    if (direct == NULL || !is_readable(handle, &block->source)) {
        return false;
    }
    int32_t level = block->source.level;
    bool is_direct = direct_slide_refusal(handle, level) == NULL;
    if (!is_direct && !direct_slide_keeps(handle, level)) {
        return false;
    }
    struct tile_cache *cache = retain_cache(direct);
    if (cache == NULL) {
        return false;
    }
    bool complete = (is_direct ? read_images : read_kept)(
        handle, direct, cache, block, pixels, scratch);
    tile_cache_release(cache);
    return complete;
}

void
direct_slide_compare(const struct slide_handle *handle,
                     const struct region *region,
                     const struct slide_handle *other)
{
    struct direct_slide *direct = direct_slide_of(handle);
    struct tile_cache *cache = NULL;
    if (direct_slide_images(handle, region->level) != NULL) {
        cache = retain_cache(direct);
    }
    if (cache != NULL) {
        struct witness witness;
        const struct tile_supply supply =
            supply_of(handle, region->level, cache, &witness);
        struct region shown = shown_part(region, &supply);
        unsigned compared = 0;
        enum verdict verdict = compare(other, &supply, &shown, &compared);
        note_verdict(&direct->levels[region->level], verdict, compared);
        tile_cache_release(cache);
    }
}

void
direct_slide_keep(const struct slide_handle *handle, const struct block *block,
                  const uint32_t *words)
{
    struct direct_slide *direct = direct_slide_of(handle);
    struct kept_pixels kept;
    struct tile_supply supply;
    if (direct == NULL || !is_readable(handle, &block->source) ||
        !direct_slide_keeps(handle, block->source.level)) {
        return;
    }
    struct tile_cache *cache = retain_cache(direct);
    if (cache == NULL) {
        return;
    }
    if (supply_kept(handle, direct, cache, block, &kept, &supply)) {
        kept_level_keep(&supply, &block->source, words);
    }
    tile_cache_release(cache);
}
