/* Weights: which pixels of a source make a pixel, and how much each counts. */
#include "resample_kernel.h"

#include "system/lengths.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* ---- filters ---- */

static double
box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double
bilinear(double x)
{
    double distance = fabs(x);

    return distance < 1 ? 1 - distance : 0;
}

/* Keys' cubic convolution with the parameter -1/2. The order of operations
   counts, to the last bit. */
static double
bicubic(double x)
{
    const double a = -0.5;
    double distance = fabs(x);

    if (distance < 1) {
        return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
    }
    if (distance < 2) {
        return (((distance - 5) * distance + 8) * distance - 4) * a;
    }
    return 0;
}

static double
sinc(double x)
{
    double angle = x * PI;

    return x == 0 ? 1 : sin(angle) / angle;
}

static double
lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/* A sinc under Hamming's window, whose parameters Pillow has in single
   precision. */
static double
hamming(double x)
{
    return fabs(x) < 1 ? sinc(x) * (0.54F + 0.46F * cos(x * PI)) : 0;
}

static const struct filter {
    double (*weight)(double x);
    double support; /* how far from 0 it is not 0 */
} filters[] = {
    [RESAMPLE_BOX] = {box, 0.5},       [RESAMPLE_BILINEAR] = {bilinear, 1},
    [RESAMPLE_BICUBIC] = {bicubic, 2}, [RESAMPLE_LANCZOS] = {lanczos, 3},
    [RESAMPLE_HAMMING] = {hamming, 1},
};

/* ---- spans ---- */

/* How a target lies on its source. */
struct weight_placement {
    const struct filter *filter;
    double start, scale; /* in pixels of the source */
    double stretch; /* of the filter: no pixel of the source is left out */
};

static struct weight_placement
find_placement(double start, double end, int32_t length,
               const struct filter *filter)
{
    float first = (float)start, last = (float)end;
    double scale = (double)(last - first) / length;

    return (struct weight_placement){
        .filter = filter,
        .start = first,
        .scale = scale,
        .stretch = scale < 1 ? 1 : scale,
    };
}

static double
find_center(const struct weight_placement *placement, int32_t i)
{
    return placement->start + (i + 0.5) * placement->scale;
}

static void
find_span(const struct resample_axis *axis,
          const struct weight_placement *placement, int32_t i,
          struct resample_span *span)
{
    double center = find_center(placement, i);
    double support = placement->filter->support * placement->stretch;

    /* Truncated, not rounded down. A center on the last edge is half a pixel
       from the last one, which the filter decides about. */
    span->begin = (int32_t)smaller(
        larger((int64_t)(center - support + 0.5), 0), axis->source_length - 1);
    span->end = (int32_t)smaller((int64_t)(center + support + 0.5),
                                 axis->source_length);
}

/*
 * Quads begin with every fourth pixel, so most spans have some of no weight
 * at their ends. Returns how many quads all spans take if the first quad
 * begins with `origin`.
 */
static size_t
place_quads(struct resample_axis *axis, int32_t origin)
{
    size_t total = 0;

    axis->origin = origin;
    axis->most_quads = 0;
    for (int32_t i = 0; i < axis->length; i++) {
        struct resample_span *span = &axis->spans[i];

        span->first_quad = (span->begin - origin) / QUAD;
        span->quad_count =
            (span->end - 1 - origin) / QUAD + 1 - span->first_quad;
        span->first_weight = total;
        total += (size_t)span->quad_count;
        axis->most_quads = (int32_t)larger(axis->most_quads, span->quad_count);
    }
    return total;
}

/* The origin with which there are the fewest. */
static size_t
place_quads_well(struct resample_axis *axis)
{
    int32_t first = axis->spans[0].begin;
    int32_t best = first;
    size_t fewest = SIZE_MAX;

    for (int32_t origin = first; origin > first - QUAD; origin--) {
        size_t total = place_quads(axis, origin);

        if (total < fewest) {
            fewest = total;
            best = origin;
        }
    }
    return place_quads(axis, best);
}

/* ---- weights ---- */

static int32_t
to_fixed_point(double weight)
{
    double scaled = weight * (1 << FRACTION_BITS);

    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* `weights` has room for all of the span's quads. The sum is 0 where a box is
   nothing but the last edge, which is black. */
static void
find_weights(const struct weight_placement *placement, int32_t i,
             const struct resample_span *span, double *weights)
{
    double center = find_center(placement, i);
    double inverse = 1 / placement->stretch;
    int32_t count = span->end - span->begin;
    double sum = 0;

    for (int32_t j = 0; j < count; j++) {
        weights[j] = placement->filter->weight(
            (j + span->begin - center + 0.5) * inverse);
        sum += weights[j];
    }
    for (int32_t j = 0; j < count && sum != 0; j++) {
        weights[j] /= sum;
    }
}

static void
prepare_span(struct resample_axis *axis, const struct resample_span *span,
             const double *weights)
{
    int32_t pixel = axis->origin + span->first_quad * QUAD;

    for (int32_t quad = 0; quad < span->quad_count; quad++) {
        int32_t fixed[QUAD] = {0};

        for (int j = 0; j < QUAD; j++, pixel++) {
            if (pixel >= span->begin && pixel < span->end) {
                fixed[j] = to_fixed_point(weights[pixel - span->begin]);
            }
        }
        axis->weights[span->first_weight + (size_t)quad] =
            axis->kernel->prepare(fixed);
    }
}

static bool
make_axis_weights(struct resample_axis *axis,
                  const struct weight_placement *placement)
{
    size_t total = place_quads_well(axis);
    double *weights =
        malloc((size_t)axis->most_quads * QUAD * sizeof(*weights));

    if (total <= SIZE_MAX / sizeof(*axis->weights)) {
        axis->weights = malloc(total * sizeof(*axis->weights));
    }
    if (weights == NULL || axis->weights == NULL) {
        free(weights);
        return false;
    }
    for (int32_t i = 0; i < axis->length; i++) {
        find_weights(placement, i, &axis->spans[i], weights);
        prepare_span(axis, &axis->spans[i], weights);
    }
    free(weights);
    return true;
}

/* ---- axes ---- */

bool
resample_box_lies_within(double start, double end, int32_t source_length)
{
    return (float)start >= 0 && (float)start <= (float)end &&
           (float)end <= (float)source_length;
}

struct resample_axis *
resample_axis_make_for(const struct resample_kernel *kernel,
                       int32_t source_length, double start, double end,
                       int32_t length, enum resample_filter filter)
{
    struct weight_placement placement =
        find_placement(start, end, length, &filters[filter]);
    struct resample_axis *axis = NULL;

    if ((size_t)length <=
        (SIZE_MAX - sizeof(*axis)) / sizeof(struct resample_span)) {
        axis = malloc(sizeof(*axis) +
                      (size_t)length * sizeof(struct resample_span));
    }
    if (axis == NULL) {
        return NULL;
    }
    *axis = (struct resample_axis){
        .kernel = kernel,
        .source_length = source_length,
        .length = length,
        .is_whole =
            start == 0 && end == source_length && length == source_length,
    };
    for (int32_t i = 0; i < length; i++) {
        find_span(axis, &placement, i, &axis->spans[i]);
    }
    if (!make_axis_weights(axis, &placement)) {
        resample_axis_free(axis);
        return NULL;
    }
    return axis;
}

struct resample_axis *
resample_axis_make(int32_t source_length, double start, double end,
                   int32_t length, enum resample_filter filter)
{
    return resample_axis_make_for(resample_kernels[instruction_set_in_use()],
                                  source_length, start, end, length, filter);
}

void
resample_axis_free(struct resample_axis *axis)
{
    if (axis != NULL) {
        free(axis->weights);
        free(axis);
    }
}

/* Spans never go back, neither at the beginning nor at the end. */
struct resample_range
resample_axis_source(const struct resample_axis *axis, int32_t first,
                     int32_t last)
{
    return (struct resample_range){axis->spans[first].begin,
                                   axis->spans[last - 1].end};
}
