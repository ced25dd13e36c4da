#include "direct_slide.h"

#include "assembly.h"
#include "layout.h"
#include "slide_file.h"

#include <stdlib.h>
#include <string.h>

/* What libopenslide gives a slide. */
static const size_t DEFAULT_CACHE_BYTES = (size_t)32 << 20;

/* Positions beyond this are nobody's; products with them are not exact. */
static const int64_t FARTHEST = (int64_t)1 << 40;

/* The side of a square that is compared with libopenslide. */
static const int64_t WINDOW_SIDE = 512;

struct direct_level {
    /* Why libopenslide reads it, NULL where it does not. */
    _Atomic(const char *) refusal;
    atomic_uint compared; /* ASSEMBLY_ parts that were seen to be right */
    struct image image;
};

struct direct_slide {
    uint64_t number;
    struct slide_file *file;
    atomic_bool is_prepared;
    /* Guards the preparation, and which cache it is. */
    platform_mutex mutex;
    struct tile_cache *cache; /* NULL: not needed yet */
    struct direct_level *levels;
    int32_t level_count; /* 0: none is direct */
    const char *refusal; /* then why */
};

struct direct_slide *
direct_slide_new(const char *path)
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

void
direct_slide_free(struct direct_slide *direct)
{
    for (int32_t i = 0; i < direct->level_count; i++) {
        image_close(&direct->levels[i].image);
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
        direct->cache = tile_cache_new(DEFAULT_CACHE_BYTES);
    }
    struct tile_cache *cache = direct->cache;
    if (cache != NULL) {
        tile_cache_retain(cache);
    }
    platform_mutex_unlock(&direct->mutex);
    return cache;
}

void
direct_slide_set_cache(struct direct_slide *direct, struct tile_cache *cache)
{
    tile_cache_retain(cache);
    platform_mutex_lock(&direct->mutex);
    struct tile_cache *before = direct->cache;
    direct->cache = cache;
    platform_mutex_unlock(&direct->mutex);
    if (before != NULL) {
        tile_cache_release(before);
    }
}

/* Preparation */

static const char *const FINER_LEVEL_IN_DOUBT =
    "tiles of a finer level may be missing";

/*
 * Why a level cannot be read because of tiles without bytes; NULL if it can.
 * `fault` is why tiles of this or a finer level may be filled from others,
 * NULL until there is a reason.
 */
static const char *
deal_with_holes(struct image *image, enum layout_holes holes,
                const char **fault)
{
    bool has_holes = false;
    if (holes != HOLES_ARE_ERRORS && !image_find_holes(image, &has_holes)) {
        *fault = FINER_LEVEL_IN_DOUBT;
        return "the table of its tiles cannot be read";
    }
    if (has_holes) {
        *fault = "some tiles are missing, and made from another level";
    }
    image->has_holes = has_holes && holes == HOLES_ARE_TRANSPARENT;
    return holes == HOLES_ARE_FILLED ? *fault : NULL;
}

static void
prepare_levels(struct direct_slide *direct, const struct slide_handle *handle,
               const struct tiff_file *tiff, const struct layout *layout)
{
    const char *fault = NULL;
    for (int32_t i = 0; i < direct->level_count; i++) {
        struct direct_level *level = &direct->levels[i];
        const char *refusal =
            image_open(&level->image, tiff, layout->levels[i]);
        if (refusal == NULL) {
            refusal = deal_with_holes(&level->image, layout->holes, &fault);
        } else {
            fault = FINER_LEVEL_IN_DOUBT;
        }
        if (layout->is_padded) {
            openslide.get_level_dimensions(handle->osr, i, &level->image.width,
                                           &level->image.height);
        }
        atomic_store(&level->refusal, refusal);
    }
}

/* NULL, or why none of the levels can be read directly. */
static const char *
find_levels(struct direct_slide *direct, const struct slide_handle *handle)
{
    size_t count;
    struct tiff_file tiff;
    struct layout layout;
    if (!tiff_open(&tiff, &direct->file->source)) {
        return "the file is no TIFF";
    }
    struct tiff_directory *directories = tiff_read_directories(&tiff, &count);
    if (directories == NULL) {
        return "the TIFF directories cannot be read";
    }
    const char *refusal =
        layout_find(&layout, &tiff, directories, count, handle);
    if (refusal == NULL) {
        direct->levels =
            calloc((size_t)handle->level_count, sizeof *direct->levels);
        if (direct->levels == NULL) {
            refusal = "there was no memory";
        } else {
            direct->level_count = handle->level_count;
            prepare_levels(direct, handle, &tiff, &layout);
        }
        free(layout.levels);
    }
    free(directories);
    return refusal;
}

static void
prepare(struct direct_slide *direct, const struct slide_handle *handle)
{
    if (atomic_load(&direct->is_prepared)) {
        return;
    }
    platform_mutex_lock(&direct->mutex);
    if (!atomic_load(&direct->is_prepared)) {
        direct->refusal = find_levels(direct, handle);
        atomic_store(&direct->is_prepared, true);
    }
    platform_mutex_unlock(&direct->mutex);
}

const char *
direct_slide_refusal(const struct slide_handle *handle, int32_t level)
{
    struct direct_slide *direct = handle->direct;
    if (direct == NULL) {
        return "direct reads are turned off";
    }
    prepare(direct, handle);
    return level < direct->level_count
               ? atomic_load(&direct->levels[level].refusal)
               : direct->refusal;
}

void
direct_slide_trust(const struct slide_handle *handle)
{
    struct direct_slide *direct = handle->direct;
    if (direct != NULL) {
        prepare(direct, handle);
        for (int32_t i = 0; i < direct->level_count; i++) {
            atomic_store(&direct->levels[i].compared, ~0u);
        }
    }
}

/* Comparing */

/* Keep of an axis what shows the image, give or take a pixel. */
static void
clip_axis(int64_t *start, int64_t *length, double downsample,
          int64_t image_side)
{
    double from = (double)*start / downsample;
    int64_t skipped = from < 0 ? (int64_t)-from : 0;
    int64_t most = image_side - (from < 0 ? 0 : (int64_t)from);
    *start += (int64_t)((double)skipped * downsample);
    *length -= skipped;
    *length = *length < most ? *length : most;
}

/* What there is to compare of a region: the rest is blank, whoever reads it.
   It is placed as libopenslide places it. */
static struct region
shown_part(const struct region *region, const struct tile_supply *supply)
{
    struct region part = *region;
    part.is_exact = false;
    clip_axis(&part.x, &part.width, supply->downsample, supply->image->width);
    clip_axis(&part.y, &part.height, supply->downsample,
              supply->image->height);
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

/* The same around the first seam between tiles. */
static int64_t
seam_window(int64_t start, double downsample, int64_t length,
            int64_t tile_side)
{
    double from = (double)start / downsample;
    int64_t to_seam = from < 0 ? 0 : tile_side - (int64_t)from % tile_side;
    int64_t window = to_seam - WINDOW_SIDE / 2;
    int64_t last = last_window(length);
    return window < 0 ? 0 : window < last ? window : last;
}

/* Whether libopenslide reads the same.  Should it fail, then the region would
   have failed as well. */
static bool
is_same(const struct slide_handle *handle, const struct tile_supply *supply,
        const struct region *window)
{
    size_t count = (size_t)(window->width * window->height);
    uint32_t *words = malloc(2 * count * sizeof *words);
    if (words == NULL) {
        return false;
    }
    struct pixels expected = {.start = (uint8_t *)words,
                              .row_stride = (ptrdiff_t)(4 * window->width),
                              .channels = 4};
    struct pixels ours = expected;
    ours.start = (uint8_t *)(words + count);
    slide_file_leave_room();
    openslide.read_region(handle->osr, words, window->x, window->y,
                          window->level, window->width, window->height);
    pixels_convert(&expected, 0, 0, window->width, window->height, words,
                   (ptrdiff_t)window->width);
    struct scratch scratch = {0};
    bool same = openslide.get_error(handle->osr) == NULL &&
                assembly_read(supply, window, &ours, &scratch) &&
                memcmp(expected.start, ours.start, 4 * count) == 0;
    scratch_give_up(&scratch);
    free(words);
    return same;
}

static bool
compare(const struct slide_handle *handle, const struct tile_supply *supply,
        const struct region *region)
{
    double downsample = supply->downsample;
    const struct tiff_directory *directory = &supply->image->directory;
    const int64_t starts[3][2] = {
        {0, 0},
        {last_window(region->width), last_window(region->height)},
        {seam_window(region->x, downsample, region->width,
                     directory->tile_width),
         seam_window(region->y, downsample, region->height,
                     directory->tile_height)},
    };
    bool is_small =
        region->width <= WINDOW_SIDE && region->height <= WINDOW_SIDE;
    for (int i = 0; i < (is_small ? 1 : 3); i++) {
        struct region window =
            window_of(region, downsample, starts[i][0], starts[i][1]);
        if (!is_same(handle, supply, &window)) {
            return false;
        }
    }
    return true;
}

/* Reading */

/* Whether the file is what it was when the slide was opened, asked once a
   read. */
struct witness {
    const struct slide_file *file;
    bool was_asked, answer;
};

static bool
is_intact(void *argument)
{
    struct witness *witness = argument;
    if (!witness->was_asked) {
        witness->answer = slide_file_is_unchanged(witness->file);
        witness->was_asked = true;
    }
    return witness->answer;
}

static bool
read_level(const struct slide_handle *handle, struct direct_level *level,
           const struct tile_supply *supply, const struct region *region,
           const struct pixels *pixels, struct scratch *scratch)
{
    struct region shown = shown_part(region, supply);
    unsigned parts = shown.width > 0 && shown.height > 0
                         ? assembly_parts(supply, &shown)
                         : 0;
    if (!assembly_read(supply, region, pixels, scratch)) {
        return false;
    }
    if ((parts & ~atomic_load(&level->compared)) != 0) {
        if (!compare(handle, supply, &shown)) {
            if (openslide.get_error(handle->osr) == NULL) {
                atomic_store(&level->refusal,
                             "libopenslide gave other pixels");
            }
            return false;
        }
        atomic_fetch_or(&level->compared, parts);
    }
    return true;
}

static bool
is_near(int64_t position)
{
    return position > -FARTHEST && position < FARTHEST;
}

bool
direct_slide_read(const struct slide_handle *handle,
                  const struct region *region, const struct pixels *pixels,
                  struct scratch *scratch)
{
    struct direct_slide *direct = handle->direct;
    if (direct == NULL || region->level < 0 ||
        region->level >= handle->level_count || region->width <= 0 ||
        region->height <= 0 || !is_near(region->x) || !is_near(region->y) ||
        !is_near(region->width) || !is_near(region->height) ||
        direct_slide_refusal(handle, region->level) != NULL) {
        return false;
    }
    struct tile_cache *cache = retain_cache(direct);
    if (cache == NULL) {
        return false;
    }
    struct direct_level *level = &direct->levels[region->level];
    struct witness witness = {.file = direct->file};
    const struct tile_supply supply = {
        .image = &level->image,
        .downsample = handle->levels[region->level].downsample,
        .cache = cache,
        .slide = direct->number,
        .level = (uint32_t)region->level,
        .is_intact = is_intact,
        .argument = &witness,
    };
    bool complete =
        read_level(handle, level, &supply, region, pixels, scratch);
    tile_cache_release(cache);
    return complete;
}
