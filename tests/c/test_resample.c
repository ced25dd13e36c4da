#include "kernels/resample.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "kernel_tests.h"
#include "kernels/resample_kernel.h"

#define MAX_SIDE 700
/* Of a source, of a target, and between the passes. */
#define MAX_PIXELS 20000

#define CANARY 0xa5

/* The one under test. */
static const struct resample_kernel *
kernel(void)
{
    return resample_kernels[tested];
}

/* ---- random numbers ---- */

static uint32_t
next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static int32_t
random_between(int32_t first, int32_t last)
{
    return first + (int32_t)(next_random() % (uint32_t)(last - first + 1));
}

/* Any, or the extremes only, beside which filters overshoot most. */
static void
fill_random(uint8_t *bytes, size_t count)
{
    bool extreme = next_random() % 2 == 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t random = next_random();

        bytes[i] = (uint8_t)(extreme ? (random % 2) * 255 : random);
    }
}

/* ---- what is expected: the definition, a pixel at a time ---- */

static double
formula_sinc(double x)
{
    return x == 0 ? 1
                  : sin(x * 3.14159265358979323846) /
                        (x * 3.14159265358979323846);
}

static double
formula_filter(enum resample_filter filter, double x)
{
    double d = fabs(x);

    switch (filter) {
    case RESAMPLE_BOX:
        return x > -0.5 && x <= 0.5;
    case RESAMPLE_BILINEAR:
        return d < 1 ? 1 - d : 0;
    case RESAMPLE_BICUBIC:
        return d < 1   ? (1.5 * d - 2.5) * d * d + 1
               : d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5
                       : 0;
    case RESAMPLE_HAMMING:
        return d < 1 ? formula_sinc(x) *
                           (0.54F + 0.46F * cos(x * 3.14159265358979323846))
                     : 0;
    default:
        return x >= -3 && x < 3 ? formula_sinc(x) * formula_sinc(x / 3) : 0;
    }
}

static const double supports[] = {0.5, 1, 2, 3, 1};

/* One axis of a picture: what axes are made of. */
struct side {
    int32_t source;
    double start, end;
    int32_t target;
};

/* The weights of all pixels of the source for pixel i, in fixed point. */
static void
formula_weights(const struct side *side, enum resample_filter filter,
                int32_t i, int32_t *fixed)
{
    static double weights[MAX_SIDE];
    double scale =
        (double)((float)side->end - (float)side->start) / side->target;
    double stretch = scale < 1 ? 1 : scale;
    double center = (float)side->start + (i + 0.5) * scale;
    double support = supports[filter] * stretch;
    double sum = 0;

    for (int32_t j = 0; j < side->source; j++) {
        bool counts = j >= (int32_t)(center - support + 0.5) &&
                      j < (int32_t)(center + support + 0.5);

        weights[j] =
            counts ? formula_filter(filter, (j - center + 0.5) * (1 / stretch))
                   : 0;
        sum += weights[j];
    }
    for (int32_t j = 0; j < side->source; j++) {
        double weight = sum == 0 ? 0 : weights[j] / sum;

        fixed[j] = (int32_t)(weight * 4194304 + (weight < 0 ? -0.5 : 0.5));
    }
}

/* A pass over lines of bytes, which lie `line` apart, their pixels `pixel`. */
struct pass {
    const struct side *side;
    enum resample_filter filter;
    size_t lines;
    size_t source_line, source_pixel;
    size_t target_line, target_pixel;
};

static void
formula_pass(const struct pass *pass, const uint8_t *source, uint8_t *target)
{
    static int32_t fixed[MAX_SIDE];

    for (int32_t i = 0; i < pass->side->target; i++) {
        formula_weights(pass->side, pass->filter, i, fixed);
        for (size_t line = 0; line < pass->lines; line++) {
            const uint8_t *bytes = source + line * pass->source_line;
            int64_t sum = 1 << 21;

            for (int32_t j = 0; j < pass->side->source; j++) {
                sum +=
                    (int64_t)fixed[j] * bytes[(size_t)j * pass->source_pixel];
            }
            sum = sum < 0 ? 0 : sum >> 22;
            target[line * pass->target_line + (size_t)i * pass->target_pixel] =
                (uint8_t)(sum > 255 ? 255 : sum);
        }
    }
}

struct picture {
    struct side across, down;
    enum resample_filter filter;
    enum resample_format format;
    enum resample_order order;
};

/* One channel, which is a picture of bytes. */
static void
formula_channel(const struct picture *picture, const uint8_t *source,
                uint8_t *target)
{
    static uint8_t between[MAX_PIXELS];
    const struct side *x = &picture->across, *y = &picture->down;
    size_t width = (size_t)x->source, new_width = (size_t)x->target;
    int32_t fewer_columns = x->source - x->target;
    int32_t fewer_rows = y->source - y->target;

    if (picture->order == RESAMPLE_LONGER_FIRST && fewer_rows > 0 &&
        fewer_rows > 2 * fewer_columns) {
        struct pass first = {y, picture->filter, width, 1, width, 1, width};
        struct pass second = {
            x, picture->filter, (size_t)y->target, width, 1, new_width, 1};

        formula_pass(&first, source, between);
        formula_pass(&second, between, target);
    } else {
        struct pass first = {
            x, picture->filter, (size_t)y->source, width, 1, new_width, 1};
        struct pass second = {y, picture->filter, new_width, 1, new_width,
                              1, new_width};

        formula_pass(&first, source, between);
        formula_pass(&second, between, target);
    }
}

static uint8_t
formula_premultiply(uint8_t byte, uint8_t alpha)
{
    return (uint8_t)((2 * byte * alpha + 255) / 510);
}

static uint8_t
formula_unpremultiply(uint8_t byte, uint8_t alpha)
{
    int straight = alpha == 0 ? byte : 255 * byte / alpha;

    return (uint8_t)(straight < 255 ? straight : 255);
}

static bool
is_all(const struct side *side)
{
    return side->start == 0 && side->end == side->source &&
           side->target == side->source;
}

/* Where the channels of a pixel are; words are little-endian here. */
static size_t
formula_place(enum resample_format format, size_t channel)
{
    return format == RESAMPLE_WORDS ? 2 - channel : channel;
}

static void
formula(const struct picture *picture, const uint8_t *source, uint8_t *target)
{
    static uint8_t plane[MAX_PIXELS], result[MAX_PIXELS];
    size_t source_channels = resample_source_channels(picture->format);
    size_t channels = resample_target_channels(picture->format);
    size_t source_count =
        (size_t)picture->across.source * (size_t)picture->down.source;
    size_t count =
        (size_t)picture->across.target * (size_t)picture->down.target;
    bool has_alpha = channels == 4;

    if (has_alpha && is_all(&picture->across) && is_all(&picture->down)) {
        memcpy(target, source, 4 * count);
        return;
    }
    for (size_t c = channels; c-- > 0;) { /* alpha first */
        for (size_t i = 0; i < source_count; i++) {
            const uint8_t *pixel = source + i * source_channels;
            uint8_t byte = pixel[formula_place(picture->format, c)];

            plane[i] = has_alpha && c < 3 ? formula_premultiply(byte, pixel[3])
                                          : byte;
        }
        formula_channel(picture, plane, result);
        for (size_t i = 0; i < count; i++) {
            uint8_t *pixel = target + i * channels;

            pixel[c] = has_alpha && c < 3
                           ? formula_unpremultiply(result[i], pixel[3])
                           : result[i];
        }
    }
}

/* ---- pictures ---- */

static int32_t
random_length(int32_t longest)
{
    return random_between(1, next_random() % 2 == 0 ? 12 : longest);
}

/* All of the source, whole pixels of it, any part of it, nothing of it. */
static struct side
random_side(int32_t longest_source, int32_t longest_target)
{
    struct side side = {
        .source = random_length(longest_source),
        .target = random_length(longest_target),
    };
    uint32_t kind = next_random() % 4;

    side.start = random_between(0, side.source);
    side.end = random_between((int32_t)side.start, side.source);
    if (kind == 0) {
        side.start = 0;
        side.end = side.source;
        side.target = next_random() % 2 == 0 ? side.source : side.target;
    } else if (kind == 1) {
        double step = (double)next_random() / 4294967296.0;

        side.start *= step;
        side.end -= (side.end - side.start) * step / 2;
    }
    return side;
}

static struct picture
random_picture(void)
{
    bool is_wide = next_random() % 2 == 0;

    return (struct picture){
        .across = random_side(is_wide ? MAX_SIDE : 25, is_wide ? 400 : 25),
        .down = random_side(is_wide ? 25 : MAX_SIDE, is_wide ? 25 : 400),
        .filter = next_random() % 5,
        .format = next_random() % 4,
        .order = next_random() % 2,
    };
}

static struct resample_axis *
make_axis(const struct side *side, enum resample_filter filter)
{
    struct resample_axis *axis = resample_axis_make_for(
        kernel(), side->source, side->start, side->end, side->target, filter);

    if (axis == NULL) {
        perror("resample_axis_make_for");
        exit(2);
    }
    return axis;
}

static void
free_axes(const struct resample_plan *plan)
{
    resample_axis_free((struct resample_axis *)plan->across);
    resample_axis_free((struct resample_axis *)plan->down);
}

static struct resample_plan
make_plan(const struct picture *picture)
{
    return (struct resample_plan){
        .across = make_axis(&picture->across, picture->filter),
        .down = make_axis(&picture->down, picture->filter),
        .format = picture->format,
        .order = picture->order,
    };
}

/* ---- comparison ---- */

static void
check_same(const uint8_t *got, const uint8_t *expected, size_t count,
           const struct picture *picture, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        if (!CHECK(got[i] == expected[i],
                   "%s, %s: %d x %d (%.17g, %.17g, %.17g, %.17g) to %d x %d, "
                   "filter %d, format %d, order %d: byte %zu is %d, not %d",
                   tested_name(), what, picture->across.source,
                   picture->down.source, picture->across.start,
                   picture->down.start, picture->across.end, picture->down.end,
                   picture->across.target, picture->down.target,
                   picture->filter, picture->format, picture->order, i, got[i],
                   expected[i])) {
            return;
        }
    }
}

/* ---- tests of one kernel ---- */

static struct guarded source_memory, target_memory, scratch_memory;
static uint8_t pixels[4 * MAX_PIXELS], expected[4 * MAX_PIXELS];

/*
 * Rows of the target, from what they need of the source and no more: that, the
 * target and the scratch memory lie against unmapped pages, behind them or
 * before them. Upside down, strides are negative.
 */
static void
check_rows(const struct picture *picture, int32_t first, int32_t last,
           bool at_end, bool upside_down)
{
    struct resample_plan plan = make_plan(picture);
    struct resample_range rows = resample_axis_source(plan.down, first, last);
    struct resample_range columns =
        resample_axis_source(plan.across, 0, plan.across->length);
    size_t channels = resample_source_channels(plan.format);
    size_t stride = (size_t)(columns.end - columns.begin) * channels;
    size_t row_size =
        (size_t)picture->across.target * resample_target_channels(plan.format);
    size_t height = (size_t)(rows.end - rows.begin);
    size_t size = row_size * (size_t)(last - first);
    size_t scratch_size = resample_scratch_size(&plan);
    uint8_t *source =
        at_end ? source_memory.end - height * stride : source_memory.start;
    uint8_t *target = at_end ? target_memory.end - size : target_memory.start;
    uint8_t *scratch =
        at_end ? scratch_memory.end - scratch_size : scratch_memory.start;
    struct resample_source view = {
        .pixels = upside_down ? source + (height - 1) * stride : source,
        .row_stride = upside_down ? -(ptrdiff_t)stride : (ptrdiff_t)stride,
        .left = columns.begin,
        .top = rows.begin,
    };

    CHECK((size_t)(scratch_memory.end - scratch_memory.start) >= scratch_size,
          "%zu bytes of scratch memory", scratch_size);
    for (size_t y = 0; y < height; y++) {
        const uint8_t *row = pixels + ((size_t)(rows.begin + (int32_t)y) *
                                           (size_t)picture->across.source +
                                       (size_t)columns.begin) *
                                          channels;

        memcpy(source + (upside_down ? height - 1 - y : y) * stride, row,
               stride);
    }
    memset(target_memory.start, CANARY,
           (size_t)(target_memory.end - target_memory.start));
    if (upside_down) {
        resample(&plan, &view, first, last, target + size - row_size,
                 -(ptrdiff_t)row_size, scratch);
    } else {
        resample(&plan, &view, first, last, target, (ptrdiff_t)row_size,
                 scratch);
    }
    for (int32_t y = first; y < last; y++) {
        int32_t row = upside_down ? last - 1 - y : y - first;

        check_same(target + (size_t)row * row_size,
                   expected + (size_t)y * row_size, row_size, picture,
                   upside_down ? "upside down" : "upright");
    }
    for (uint8_t *byte = target_memory.start; byte < target_memory.end;
         byte++) {
        if ((byte < target || byte >= target + size) &&
            !CHECK(*byte == CANARY, "%s: a byte beside the target changed",
                   tested_name())) {
            break;
        }
    }
    free_axes(&plan);
}

static void
check_picture(const struct picture *picture)
{
    int32_t height = picture->down.target;
    int32_t first = random_between(0, height - 1);

    fill_random(pixels, sizeof(pixels));
    formula(picture, pixels, expected);
    check_rows(picture, 0, height, true, false);
    check_rows(picture, 0, height, false, true);
    check_rows(picture, first, random_between(first, height - 1) + 1, true,
               false);
}

static void
test_pictures(void)
{
    for (int i = 0; i < 150; i++) {
        struct picture picture = random_picture();

        check_picture(&picture);
    }
}

/* Every length of a row, with as many bytes left over for the last vector. */
static void
test_lengths(void)
{
    for (int32_t length = 1; length <= 70; length++) {
        struct picture picture = {
            .across = {length, 0, length, 71 - length},
            .down = {5, 0.5, 4.75, 3},
            .filter = RESAMPLE_BICUBIC,
            .format = (enum resample_format)(length % 4),
        };

        check_picture(&picture);
        picture.down = (struct side){40, 0, 40, 3};
        picture.order = RESAMPLE_LONGER_FIRST;
        check_picture(&picture);
    }
}

static void
test_alpha(void)
{
    static uint8_t rgba[4 * 65536], got[4 * 65536];

    for (size_t i = 0; i < 65536; i++) {
        uint8_t *pixel = rgba + 4 * i;

        pixel[0] = (uint8_t)i;
        pixel[1] = (uint8_t)(255 - i);
        pixel[2] = (uint8_t)next_random();
        pixel[3] = (uint8_t)(i >> 8);
    }
    kernel()->premultiply(rgba, 65536, got);
    for (size_t i = 0; i < sizeof(got); i++) {
        uint8_t byte =
            i % 4 == 3 ? rgba[i] : formula_premultiply(rgba[i], rgba[i | 3]);

        CHECK(got[i] == byte, "%s: %d with alpha %d becomes %d, not %d",
              tested_name(), rgba[i], rgba[i | 3], got[i], byte);
    }
    memcpy(got, rgba, sizeof(got));
    kernel()->unpremultiply(got, 65536);
    for (size_t i = 0; i < sizeof(got); i++) {
        uint8_t byte =
            i % 4 == 3 ? rgba[i] : formula_unpremultiply(rgba[i], rgba[i | 3]);

        CHECK(got[i] == byte, "%s: %d of alpha %d becomes %d, not %d",
              tested_name(), rgba[i], rgba[i | 3], got[i], byte);
    }
}

/* ---- half the size ---- */

/* The mean of those that there are. */
static uint8_t
formula_mean(const uint8_t *source, size_t channels, int32_t width,
             int32_t height, int32_t column, int32_t row, size_t channel)
{
    int sum = 0, count = 0;
    bool has_alpha = channels == 4 && channel < 3;

    for (int32_t y = row; y < row + 2 && y < height; y++) {
        for (int32_t x = column; x < column + 2 && x < width; x++) {
            const uint8_t *pixel = source + (y * width + x) * (int)channels;

            sum += has_alpha ? formula_premultiply(pixel[channel], pixel[3])
                             : pixel[channel];
            count++;
        }
    }
    return (uint8_t)((sum + count / 2) / count);
}

static void
check_halves(size_t channels, int32_t width, int32_t height)
{
    int32_t columns = (width + 1) / 2, rows = (height + 1) / 2;
    size_t size = (size_t)(columns * rows) * channels;
    size_t source_size = (size_t)(width * height) * channels;
    struct halving halving = {
        .channels = channels,
        .has_alpha = channels == 4,
        .width = width,
        .height = height,
        .source = source_memory.end - source_size,
        .source_stride = width * (ptrdiff_t)channels,
        .target = target_memory.end - size,
        .target_stride = columns * (ptrdiff_t)channels,
    };

    fill_random(source_memory.end - source_size, source_size);
    halving.target[-1] = CANARY;
    resample_halve_with(kernel(), &halving);
    CHECK(halving.target[-1] == CANARY, "a byte before the target changed");
    for (size_t i = 0; i < size; i++) {
        int32_t pixel = (int32_t)(i / channels);
        int32_t x = 2 * (pixel % columns), y = 2 * (pixel / columns);
        uint8_t mean = formula_mean(halving.source, channels, width, height, x,
                                    y, i % channels);

        if (channels == 4 && i % 4 < 3) {
            mean = formula_unpremultiply(mean, halving.target[i | 3]);
        }
        CHECK(halving.target[i] == mean,
              "%s: %d x %d of %zu: byte %zu is %d, not %d", tested_name(),
              width, height, channels, i, halving.target[i], mean);
    }
}

static void
test_halves(void)
{
    for (size_t channels = 3; channels <= 4; channels++) {
        for (int32_t width = 1; width < 150; width++) {
            check_halves(channels, width, random_between(1, 5));
        }
        check_halves(channels, 1023, 3);
        check_halves(channels, 1500, 4);
    }
}

/* ---- registers ---- */

static void
test_registers(void)
{
    static uint8_t scratch[1 << 20];

    for (int i = 0; i < 8; i++) {
        struct picture picture = {
            .across = {101, 0, 101, 37},
            .down = {100, 0, 100, i < 4 ? 37 : 10},
            .filter = RESAMPLE_BICUBIC,
            .format = (enum resample_format)(i % 4),
            .order = RESAMPLE_LONGER_FIRST,
        };
        struct resample_plan plan = make_plan(&picture);
        size_t channels = resample_source_channels(plan.format);
        struct resample_source source = {
            .pixels = pixels,
            .row_stride = 101 * (ptrdiff_t)channels,
        };
        struct halving halving = {
            .channels = channels,
            .has_alpha = channels == 4,
            .width = 101,
            .height = 7,
            .source = pixels,
            .source_stride = 101 * (ptrdiff_t)channels,
            .target = expected,
            .target_stride = 51 * (ptrdiff_t)channels,
        };

        CHECK(wide_registers_are_clean(), "dirty after making format %d",
              plan.format);
        CHECK(resample_scratch_size(&plan) <= sizeof(scratch), "%zu bytes",
              resample_scratch_size(&plan));
        resample(&plan, &source, 0, plan.down->length, expected, 4 * 37,
                 scratch);
        CHECK(wide_registers_are_clean(), "dirty after format %d",
              plan.format);
        resample_halve_with(kernel(), &halving);
        CHECK(wide_registers_are_clean(), "dirty after halving %zu channels",
              channels);
        free_axes(&plan);
    }
}

/* ---- axes ---- */

static void
test_nothing_to_resample(void)
{
    const struct side side = {10, 0, 10, 5};
    struct resample_plan plan = {
        .across = make_axis(&side, RESAMPLE_BOX),
        .down = make_axis(&side, RESAMPLE_BOX),
    };
    struct resample_source source = {0};

    resample(&plan, &source, 3, 3, NULL, 0, NULL);
    free_axes(&plan);
}

/* The source of a pixel, which a box of 2 takes two pixels from. */
static void
test_ranges(void)
{
    const struct side side = {100, 10, 90, 40};
    struct resample_axis *axis = make_axis(&side, RESAMPLE_BOX);
    struct resample_range range = resample_axis_source(axis, 5, 7);

    CHECK(range.begin == 20 && range.end == 24, "%d to %d", range.begin,
          range.end);
    range = resample_axis_source(axis, 0, 40);
    CHECK(range.begin == 10 && range.end == 90, "%d to %d", range.begin,
          range.end);
    resample_axis_free(axis);
    resample_axis_free(NULL);
}

/* Prepared weights are as small as kernels ask for wherever a box begins. */
static void
test_boxes_at_edges(void)
{
    for (int i = 0; i < 40; i++) {
        double gap = i / 80.0;
        struct picture picture = {
            .across = {1 + i % 7, 0, gap / 4, 1 + i % 3},
            .down = {9, 9 - gap, 9, 1 + i % 5},
            .filter = (enum resample_filter)(i % 5),
        };

        check_picture(&picture);
    }
}

static const struct kernel_test kernel_tests[] = {
    {"pictures, against unmapped pages", test_pictures},
    {"every length of a row", test_lengths},
    {"boxes at edges", test_boxes_at_edges},
    {"every alpha and colour", test_alpha},
    {"half the size", test_halves},
    {"nothing to resample", test_nothing_to_resample},
    {"what pixels come from", test_ranges},
};

int
main(void)
{
    source_memory = guarded_alloc(4 * MAX_PIXELS);
    target_memory = guarded_alloc(4 * MAX_PIXELS);
    scratch_memory = guarded_alloc(1 << 21);
    kernel_tests_run(kernel_tests,
                     sizeof(kernel_tests) / sizeof(*kernel_tests),
                     test_registers);
    guarded_free(source_memory);
    guarded_free(target_memory);
    guarded_free(scratch_memory);
    return check_finish();
}
