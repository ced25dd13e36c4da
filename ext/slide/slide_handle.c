#include "slide_handle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A non-negative number from a property, 0 where there is none. */
static int64_t
level_property(openslide_t *osr, int32_t level, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "openslide.level[%d].%s", (int)level, name);
    const char *value = openslide.get_property_value(osr, key);
    long long number = value == NULL ? 0 : strtoll(value, NULL, 10);
    return number > 0 ? number : 0;
}

static const char *
vendor_name(openslide_t *osr)
{
    const char *vendor = openslide.get_property_value(osr, "openslide.vendor");
    return vendor == NULL ? "" : vendor;
}

/* MIRAX and Ventana BIF place the tiles of their upper levels at positions
   that are no integers, so there each read rounds in its own way.  Ventana's
   plain TIFF is told from BIF by its tile size, which libopenslide gives for
   grids. */
static bool
places_tiles_between_pixels(openslide_t *osr, const struct slide_level *level)
{
    const char *vendor = vendor_name(osr);
    return strcmp(vendor, "") == 0 || strcmp(vendor, "mirax") == 0 ||
           (strcmp(vendor, "ventana") == 0 && level->tile_width == 0);
}

/* Those of damaged slides may be infinite. */
static const double MAX_DOWNSAMPLE = 1 << 30;

static bool
is_whole(double downsample)
{
    return downsample >= 1 && downsample <= MAX_DOWNSAMPLE &&
           downsample == floor(downsample);
}

static void
describe_level(openslide_t *osr, int32_t number, struct slide_level *level)
{
    level->downsample = openslide.get_level_downsample(osr, number);
    level->tile_width = level_property(osr, number, "tile-width");
    level->tile_height = level_property(osr, number, "tile-height");
    level->divisible =
        is_whole(level->downsample) &&
        (number == 0 || !places_tiles_between_pixels(osr, level));
}

static struct slide_handle *
handle_of(openslide_t *osr)
{
    int32_t count = openslide.get_level_count(osr);
    count = count < 0 ? 0 : count; /* -1: opened in error */
    struct slide_handle *handle =
        calloc(1, sizeof *handle + (size_t)count * sizeof handle->levels[0]);
    if (handle == NULL) {
        return NULL;
    }
    handle->osr = osr;
    handle->process = platform_process();
    handle->level_count = count;
    atomic_init(&handle->references, 1);
    for (int32_t level = 0; level < count; level++) {
        describe_level(osr, level, &handle->levels[level]);
    }
    return handle;
}

struct slide_handle *
slide_handle_open(const char *path, const struct slide_lane *lane)
{
    void *reader = lane == NULL ? NULL : lane->open(path);
    openslide_t *osr = openslide.open(path);
    struct slide_handle *handle = osr == NULL ? NULL : handle_of(osr);
    if (handle != NULL) {
        handle->lane = lane;
        handle->reader = reader;
        return handle;
    }
    if (osr != NULL) {
        openslide.close(osr);
    }
    if (reader != NULL) {
        lane->close(reader);
    }
    return NULL;
}

void
slide_handle_retain(struct slide_handle *handle)
{
    atomic_fetch_add_explicit(&handle->references, 1, memory_order_relaxed);
}

void
slide_handle_release(struct slide_handle *handle)
{
    size_t before = atomic_fetch_sub_explicit(&handle->references, 1,
                                              memory_order_acq_rel);
    if (before > 1) {
        return;
    }
    if (slide_handle_is_ours(handle)) {
        openslide.close(handle->osr);
    }
    if (handle->reader != NULL) {
        handle->lane->close(handle->reader);
    }
    free(handle);
}

bool
slide_handle_is_ours(const struct slide_handle *handle)
{
    return handle->process == platform_process();
}

void
slide_handle_set_caches(struct slide_handle *handle,
                        const struct slide_caches *caches)
{
    if (caches->library != NULL) {
        openslide.set_cache(handle->osr, caches->library);
    }
    if (handle->reader != NULL && caches->lane != NULL) {
        handle->lane->set_cache(handle->reader, caches->lane);
    }
}

const struct slide_level *
slide_handle_level(const struct slide_handle *handle, int64_t number)
{
    return number >= 0 && number < handle->level_count
               ? &handle->levels[number]
               : NULL;
}

const char *
slide_handle_vendor(const struct slide_handle *handle)
{
    return vendor_name(handle->osr);
}
