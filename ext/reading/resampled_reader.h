/*
 * Reading a region at another size: its pixels become those that Pillow's
 * Image.resize(size, filter, box) makes of it.
 *
 * Where the parts of a region have the pixels of the whole, no more is read
 * than the box needs, and large ones are read in bands.
 */
#ifndef RESAMPLED_READER_H
#define RESAMPLED_READER_H

#include "kernels/resample.h"
#include "region_reader.h"

/* What becomes of all regions of a batch; none of their sides is longer than
   RESAMPLE_LONGEST. */
struct resampling {
    enum resample_filter filter;
    enum resample_order order;
    int32_t width, height;        /* of a result */
    double box_width, box_height; /* of a box, in pixels of the level */
    const double *corners; /* (x, y) for each region: where its box begins */
};

/* The axis for a box that begins at `start`. */
struct placed_axis {
    struct resample_axis *axis; /* NULL: none yet */
    double start;
};

/* What a worker keeps from one region to the next.  All bits 0: nothing yet.
 */
struct resampler {
    struct scratch words, pixels, sums;
    const struct resampling *resampling; /* that the axes are of */
    struct placed_axis across, down;
};

void resampler_give_up(struct resampler *resampler);

/* A region that a worker reads. */
struct resampled_reading {
    const struct slide_handle *handle;
    const struct resampling *resampling;
    struct region region;
    double left, top;     /* of the box within the region */
    struct pixels pixels; /* where the result goes */
    struct resampler *resampler;
    const struct parallel_worker *worker;
};

/* All of it, looking now and then whether the worker shall go on. */
enum region_reading resampled_read(const struct resampled_reading *reading);

/*
 * Bands, for a region that workers share: how many there are, and one of them.
 * That is read, which a region allows that is divisible, or made of the whole
 * region where that was read to `source`.
 */
int64_t resampled_band_count(const struct resampled_reading *reading);
enum region_reading
resampled_read_band(const struct resampled_reading *reading, int64_t number);
enum region_reading
resampled_make_band(const struct resampled_reading *reading, int64_t number,
                    const struct pixels *source);

/* Memory for so many pixels of the kind that a result has; start is NULL
   where there is none. */
struct pixels resampled_source(const struct pixels *result, int64_t width,
                               int64_t height, struct scratch *scratch);

#endif
