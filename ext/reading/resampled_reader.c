#include "resampled_reader.h"

#include "system/lengths.h"

/*
 * A band takes about as many pixels as a block of a read.  Neighbours share
 * rows of the region, and so rows of its tiles, which are decoded again where
 * no cache keeps them: bands are some tiles high therefore.
 */
static const int64_t BAND_PIXELS = 1 << 20;
enum { TILES_DOWN = 2, USUAL_TILE = 256 };

/* ---- what a worker keeps ---- */

static void
forget_axes(struct resampler *resampler)
{
    resample_axis_free(resampler->across.axis);
    resample_axis_free(resampler->down.axis);
    resampler->across = resampler->down = (struct placed_axis){0};
}

void
resampler_give_up(struct resampler *resampler)
{
    forget_axes(resampler);
    scratch_give_up(&resampler->words);
    scratch_give_up(&resampler->pixels);
    scratch_give_up(&resampler->sums);
    *resampler = (struct resampler){0};
}

struct pixels
resampled_source(const struct pixels *result, int64_t width, int64_t height,
                 struct scratch *scratch)
{
    struct pixels source = *result;
    size_t row_size = (size_t)(width * source.channels);
    source.row_stride = (ptrdiff_t)row_size;
    source.start = NULL;
    if ((size_t)height <= SIZE_MAX / row_size - 1) {
        size_t words = (size_t)height * row_size / sizeof(uint32_t) + 1;
        source.start = (uint8_t *)scratch_reserve(scratch, words);
    }
    return source;
}

/* ---- axes ---- */

/* Make it one for a box that begins at `start`, if it is not. */
static bool
place_axis(struct placed_axis *placed, double start, double box_length,
           int64_t source_length, int32_t length, enum resample_filter filter)
{
    if (placed->axis == NULL || placed->start != start) {
        resample_axis_free(placed->axis);
        placed->start = start;
        placed->axis = resample_axis_make((int32_t)source_length, start,
                                          start + box_length, length, filter);
    }
    return placed->axis != NULL;
}

/* The axes of this region, which most share with the one before in one
   direction at least.  False where there is no memory for them. */
static bool
place_axes(const struct resampled_reading *reading)
{
    const struct resampling *resampling = reading->resampling;
    struct resampler *resampler = reading->resampler;
    if (resampler->resampling != resampling) {
        forget_axes(resampler);
        resampler->resampling = resampling;
    }
    return place_axis(&resampler->across, reading->left, resampling->box_width,
                      reading->region.width, resampling->width,
                      resampling->filter) &&
           place_axis(&resampler->down, reading->top, resampling->box_height,
                      reading->region.height, resampling->height,
                      resampling->filter);
}

/* ---- bands ---- */

/* Rows of a result. */
struct band {
    int32_t first, last;
};

static int32_t
band_height(const struct resampled_reading *reading)
{
    const struct resampling *resampling = reading->resampling;
    const struct slide_level *level =
        slide_handle_level(reading->handle, reading->region.level);
    int64_t tile_height = level == NULL || level->tile_height < 1
                              ? USUAL_TILE
                              : level->tile_height;
    int64_t source_rows =
        larger(BAND_PIXELS / reading->region.width, TILES_DOWN * tile_height);
    double rows = (double)source_rows / resampling->box_height *
                  (double)resampling->height;
    return rows < 1                    ? 1
           : rows < resampling->height ? (int32_t)rows
                                       : resampling->height;
}

int64_t
resampled_band_count(const struct resampled_reading *reading)
{
    return (int64_t)quotient_up((uint64_t)reading->resampling->height,
                                (uint64_t)band_height(reading));
}

static struct band
band_of(const struct resampled_reading *reading, int64_t number)
{
    int64_t height = band_height(reading);
    int64_t last = smaller((number + 1) * height, reading->resampling->height);
    return (struct band){(int32_t)(number * height), (int32_t)last};
}

/* Pixels of the region from (left, top) on become a band. */
static enum region_reading
make_band(const struct resampled_reading *reading, struct band band,
          const struct pixels *pixels, int32_t left, int32_t top)
{
    const struct pixels *result = &reading->pixels;
    const struct resample_plan plan = {
        .across = reading->resampler->across.axis,
        .down = reading->resampler->down.axis,
        .format = result->channels == 4 ? RESAMPLE_RGBA : RESAMPLE_RGB,
        .order = reading->resampling->order,
    };
    const struct resample_source source = {pixels->start, pixels->row_stride,
                                           left, top};
    size_t words = resample_scratch_size(&plan) / sizeof(uint32_t) + 1;
    void *sums = scratch_reserve(&reading->resampler->sums, words);
    if (sums == NULL) {
        return REGION_OUT_OF_MEMORY;
    }
    resample(&plan, &source, band.first, band.last,
             pixels_at(result, 0, band.first), result->row_stride, sums);
    return REGION_COMPLETE;
}

/* A band, made of a part of the region that has all it comes from. */
static enum region_reading
read_band(const struct resampled_reading *reading, struct band band,
          struct resample_range columns, struct resample_range rows)
{
    struct resampler *resampler = reading->resampler;
    const struct slide_level *level =
        slide_handle_level(reading->handle, reading->region.level);
    struct region part = region_part(
        &reading->region, level == NULL ? 1 : level->downsample, columns.begin,
        rows.begin, columns.end - columns.begin, rows.end - rows.begin);
    struct pixels pixels = resampled_source(&reading->pixels, part.width,
                                            part.height, &resampler->pixels);
    if (pixels.start == NULL) {
        return REGION_OUT_OF_MEMORY;
    }
    enum region_reading state = region_read(
        reading->handle, &part, &pixels, &resampler->words, reading->worker);
    return state == REGION_COMPLETE
               ? make_band(reading, band, &pixels, columns.begin, rows.begin)
               : state;
}

enum region_reading
resampled_read_band(const struct resampled_reading *reading, int64_t number)
{
    struct band band = band_of(reading, number);
    if (!place_axes(reading)) {
        return REGION_OUT_OF_MEMORY;
    }
    return read_band(reading, band,
                     resample_axis_source(reading->resampler->across.axis, 0,
                                          reading->resampling->width),
                     resample_axis_source(reading->resampler->down.axis,
                                          band.first, band.last));
}

enum region_reading
resampled_make_band(const struct resampled_reading *reading, int64_t number,
                    const struct pixels *source)
{
    return place_axes(reading)
               ? make_band(reading, band_of(reading, number), source, 0, 0)
               : REGION_OUT_OF_MEMORY;
}

/* ---- the whole ---- */

static enum region_reading
read_undivided(const struct resampled_reading *reading)
{
    const struct region *region = &reading->region;
    if (!place_axes(reading)) {
        return REGION_OUT_OF_MEMORY;
    }
    return read_band(reading, (struct band){0, reading->resampling->height},
                     (struct resample_range){0, (int32_t)region->width},
                     (struct resample_range){0, (int32_t)region->height});
}

enum region_reading
resampled_read(const struct resampled_reading *reading)
{
    int64_t count = resampled_band_count(reading);
    enum region_reading state = REGION_COMPLETE;
    if (!region_is_divisible(&reading->region, reading->handle)) {
        return read_undivided(reading);
    }
    for (int64_t i = 0; i < count && state == REGION_COMPLETE; i++) {
        state = i == 0 || parallel_goes_on(reading->worker)
                    ? resampled_read_band(reading, i)
                    : REGION_STOPPED;
    }
    return state;
}
