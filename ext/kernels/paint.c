#include "paint.h"

#include "system/lengths.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "vectors.h"

/* Clang knows the standard's pragma, GCC the option alone. */
#ifdef __clang__
#    pragma STDC FP_CONTRACT OFF
#endif

/*
 * pixman makes floats of bytes, c * (float)(1 / 255.0), and bytes of floats,
 * truncated after multiplication by 256. Here that factor is in all floats
 * from the beginning: a power of two does not change how they are rounded.
 */
#define SCALE 256.0f
#define UNIT (SCALE * (float)(1 / 255.0))

/* The float before SCALE. Both are stored as 255. */
#define LARGEST 0x1.fffffep7f

/* Channels, from the lowest byte of a word on. */
enum { ALPHA = 3, COLOURS = 3 };

/* Pixels painted at once; their floats stay in the first-level cache. */
#define SPAN_PIXELS 272

/* A vector may begin with the pixel to the right of the last one painted. */
#define ROW_PIXELS (SPAN_PIXELS + 32)

/*
 * A part of a row of the tile; pixels outside the tile are transparent.
 * Aligned so that few vectors lie across cache lines.
 */
struct paint_row {
    _Alignas(64) float colours[COLOURS][ROW_PIXELS];
    const float *alpha; /* ROW_PIXELS of them */
};

/* The share that each of four neighbours has in a pixel. */
struct weights {
    float upper_left, upper_right, lower_left, lower_right;
};

/*
 * Where the pixels of a row come from: columns i and i + 1 of two rows give
 * pixel i. From opaque_begin to opaque_end, which may lie behind the last
 * pixel, these four are opaque.
 */
struct paint_span {
    const struct paint_row *upper, *lower;
    struct weights weights;
    size_t opaque_begin, opaque_end;
};

/* ---- scalar: the reference for every other kernel ---- */

static float
to_float(uint32_t word, unsigned channel)
{
    return (float)(word >> 8 * channel & 0xff) * UNIT;
}

static void
unpack_scalar(const uint32_t *words, size_t count, struct paint_row *row,
              size_t column)
{
    for (unsigned c = 0; c < COLOURS; c++) {
        for (size_t i = 0; i < count; i++) {
            row->colours[c][column + i] = to_float(words[i], c);
        }
    }
}

/* The order of these products and sums is part of the answer. */
static float
interpolate(const float *upper, const float *lower,
            const struct weights *weights)
{
    return upper[0] * weights->upper_left + upper[1] * weights->upper_right +
           lower[0] * weights->lower_left + lower[1] * weights->lower_right;
}

static float
minimum(float a, float b)
{
    return a < b ? a : b;
}

/* The share of the source that the destination has room for. */
static float
room_for(float source_alpha, float alpha)
{
    if (source_alpha == 0) {
        return 1;
    }
    return minimum((SCALE - alpha) / source_alpha, 1);
}

static uint32_t
add_channel(uint32_t word, float source, unsigned channel)
{
    float sum = source + to_float(word, channel);

    return (uint32_t)minimum(sum, LARGEST) << 8 * channel;
}

static uint32_t
blend_pixel(uint32_t word, const struct paint_span *span, size_t i)
{
    const struct paint_row *upper = span->upper, *lower = span->lower;
    float alpha =
        interpolate(upper->alpha + i, lower->alpha + i, &span->weights);
    float room = room_for(alpha, to_float(word, ALPHA));
    uint32_t result = add_channel(word, alpha * room, ALPHA);

    for (unsigned c = 0; c < COLOURS; c++) {
        float source = interpolate(upper->colours[c] + i,
                                   lower->colours[c] + i, &span->weights);

        result |= add_channel(word, source * room, c);
    }
    return result;
}

/*
 * Opaque neighbours and an empty destination. The four weights add up to 1 or
 * to the float before it, as trying all 2^32 positions has shown: there is
 * room for the whole source, and alpha is 255.
 */
static uint32_t
blend_opaque_pixel(const struct paint_span *span, size_t i)
{
    uint32_t result = 0xff000000;

    for (unsigned c = 0; c < COLOURS; c++) {
        float source =
            interpolate(span->upper->colours[c] + i,
                        span->lower->colours[c] + i, &span->weights);
        int32_t byte = (int32_t)source;

        result |= (uint32_t)(byte - (byte >> 8)) << 8 * c;
    }
    return result;
}

static void
blend_scalar(uint32_t *words, size_t count, const struct paint_span *span)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i] == 0 && i >= span->opaque_begin && i < span->opaque_end) {
            words[i] = blend_opaque_pixel(span, i);
        } else {
            words[i] = blend_pixel(words[i], span, i);
        }
    }
}

/* ---- vector kernels ---- */

#ifdef HAVE_X86_KERNELS

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2
#    define VECTOR __m256i
#    define VECTOR_BYTES 32
#    include "paint_template.h"

#    define SUFFIX _avx512
#    define TARGET TARGET_AVX512
#    define VECTOR __m512i
#    define VECTOR_BYTES 64
#    include "paint_template.h"

#endif

#ifdef HAVE_NEON_KERNEL

#    define SUFFIX _neon
#    define TARGET /* part of AArch64 */
#    define VECTOR uint8x16_t
#    define VECTOR_BYTES 16
#    include "paint_template.h"

#endif

/* ---- dispatch ---- */

const struct paint_kernel paint_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {unpack_avx512, blend_avx512},
    [AVX2] = {unpack_avx2, blend_avx2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {unpack_neon, blend_neon},
#endif
    [SCALAR] = {unpack_scalar, blend_scalar},
};

/* ---- positions ---- */

/* Tiles beyond this are in no picture. */
#define MAX_POSITION (INT64_C(1) << 31)

/*
 * The tile's column (or row) that column 0 of the picture shows, which may be
 * none of its own, and the distance from there to the right.
 */
struct origin {
    int64_t column;
    float fraction;
};

/* Halves to the even integer. */
static int64_t
round_to_integer(double v)
{
    int64_t below = (int64_t)v - (v < (double)(int64_t)v);
    double rest = v - (double)below;

    return below + (rest > 0.5 || (rest == 0.5 && (below & 1)));
}

/*
 * Seen from any other column the position rounds the same way: a whole column
 * is an even multiple of 1 / unit, so halves go up or down with all of them.
 */
static struct origin
find_origin(double position, int64_t unit)
{
    int64_t fixed = round_to_integer(-position * (double)unit);
    int64_t rest = (fixed % unit + unit) % unit;

    return (struct origin){
        .column = (fixed - rest) / unit,
        .fraction = (float)rest / (float)unit,
    };
}

static struct weights
make_weights(float dx, float dy)
{
    return (struct weights){
        .upper_left = (1 - dx) * (1 - dy),
        .upper_right = dx * (1 - dy),
        .lower_left = (1 - dx) * dy,
        .lower_right = dx * dy,
    };
}

/* ---- painting ---- */

/*
 * What is to be painted, in columns and rows of the tile: words is the pixel
 * whose upper left neighbour is (left, top).
 */
struct area {
    uint32_t *words;
    ptrdiff_t stride;
    int64_t left, top, right, bottom;
};

static bool
is_nothing(const struct area *area)
{
    return area->left >= area->right || area->top >= area->bottom;
}

/*
 * The pixels of the canvas that show the tile from column and row first on,
 * which is -1 where pixels have neighbours to the right and below.
 */
static struct area
find_area(const struct paint_canvas *canvas, const struct paint_tile *tile,
          int64_t column, int64_t row, int64_t first)
{
    int64_t left = column + canvas->left;
    int64_t top = row + canvas->top;
    struct area area = {
        .stride = canvas->stride,
        .left = larger(left, first),
        .top = larger(top, first),
        .right = smaller(left + canvas->width, tile->opaque_width),
        .bottom = smaller(top + canvas->height, tile->opaque_height),
    };

    if (!is_nothing(&area)) {
        area.words = canvas->words + (area.left - left) +
                     canvas->stride * (area.top - top);
    }
    return area;
}

/* A part of an area, no wider than SPAN_PIXELS. */
struct strip {
    const struct paint_kernel *kernel;
    const struct paint_tile *tile;
    const struct area *area;
    struct weights weights;
    float alpha[ROW_PIXELS]; /* of the tile's rows */
};

static const float transparent[ROW_PIXELS];

static void
fill_alpha(struct strip *strip)
{
    int64_t left = strip->area->left;
    int64_t first = larger(-left, 0);
    int64_t end = smaller(strip->tile->opaque_width - left, ROW_PIXELS);

    memset(strip->alpha, 0, sizeof(strip->alpha));
    for (int64_t i = first; i < end; i++) {
        strip->alpha[i] = SCALE;
    }
}

/* Colours outside the tile have to be 0 before; unpack leaves them so. */
static void
fetch_row(const struct strip *strip, int64_t y, struct paint_row *row)
{
    const struct paint_tile *tile = strip->tile;
    int64_t left = strip->area->left;
    int64_t first = larger(left, 0);
    int64_t end = smaller(strip->area->right + 1, tile->opaque_width);

    if (y < 0 || y >= tile->opaque_height) {
        memset(row->colours, 0, sizeof(row->colours));
        row->alpha = transparent;
        return;
    }
    strip->kernel->unpack(tile->words + y * tile->stride + first,
                          (size_t)(end - first), row, (size_t)(first - left));
    row->alpha = strip->alpha;
}

static void
blend_row(const struct strip *strip, int64_t y, uint32_t *words,
          const struct paint_row *upper, const struct paint_row *lower)
{
    const struct area *area = strip->area;
    bool inside = y >= 0 && y + 1 < strip->tile->opaque_height;
    int64_t end = inside ? strip->tile->opaque_width - 1 - area->left : 0;
    struct paint_span span = {
        .upper = upper,
        .lower = lower,
        .weights = strip->weights,
        .opaque_begin = area->left < 0,
        .opaque_end = (size_t)larger(end, 0),
    };

    strip->kernel->blend(words, (size_t)(area->right - area->left), &span);
}

/*
 * Rows are fetched one before they are needed: loads across the borders of
 * vectors that were stored just before would have to wait for these.
 */
static void
paint_strip(const struct strip *strip)
{
    struct paint_row rows[3] = {0};
    struct paint_row *upper = &rows[0], *lower = &rows[1], *next = &rows[2];
    const struct area *area = strip->area;
    uint32_t *words = area->words;

    fetch_row(strip, area->top, upper);
    fetch_row(strip, area->top + 1, lower);
    for (int64_t y = area->top; y < area->bottom; y++) {
        struct paint_row *done = upper;

        fetch_row(strip, y + 2, next);
        blend_row(strip, y, words, upper, lower);
        upper = lower;
        lower = next;
        next = done;
        words += area->stride;
    }
}

static void
paint_area(const struct paint_kernel *kernel, const struct area *area,
           const struct paint_tile *tile, struct weights weights)
{
    struct area part = *area;

    for (; part.left < area->right; part.left = part.right) {
        struct strip strip = {kernel, tile, &part, weights, {0}};

        part.right = smaller(part.left + SPAN_PIXELS, area->right);
        part.words = area->words + (part.left - area->left);
        fill_alpha(&strip);
        paint_strip(&strip);
    }
}

/* ---- copying ---- */

static bool
is_empty(const struct area *area)
{
    size_t rest = 4 * (size_t)(area->right - area->left - 1);
    const uint32_t *words = area->words;

    for (int64_t y = area->top; y < area->bottom; y++) {
        /* Every word is the one before it, and the first is 0. */
        if (words[0] != 0 || memcmp(words, words + 1, rest) != 0) {
            return false;
        }
        words += area->stride;
    }
    return true;
}

static void
copy_area(const struct area *area, const struct paint_tile *tile)
{
    size_t size = 4 * (size_t)(area->right - area->left);
    uint32_t *words = area->words;

    for (int64_t y = area->top; y < area->bottom; y++) {
        memcpy(words, tile->words + y * tile->stride + area->left, size);
        words += area->stride;
    }
}

/* ---- single pixels ---- */

/*
 * One axis of what cairo composes to paint a tile between pixels: the columns
 * (or rows) of the picture, and those of the tile that they may be taken from.
 */
struct extents {
    int64_t begin, end;
    int64_t first_sample, sample_count;
};

/*
 * Half a pixel more on either side is painted; a sample counts that lies
 * within 0.495 of one that is needed. cairo adds in this order.
 */
static struct extents
find_extents(double position, int64_t tile_side, int64_t picture_side)
{
    double begin = floor(position - 0.5 + 0.5);
    double end = floor(position + (double)tile_side + 0.5 + 0.5);
    struct extents extents = {
        .begin = larger((int64_t)begin, 0),
        .end = smaller((int64_t)end, picture_side),
    };
    double first = (double)extents.begin + 0.5 - position;
    double last = (double)extents.begin + 0.5 +
                  (double)(extents.end - extents.begin - 1) - position;

    extents.first_sample = (int64_t)floor(first - 0.495);
    extents.sample_count =
        (int64_t)floor(last + 0.495) + 1 - extents.first_sample;
    return extents;
}

/* pixman's operator OVER_REVERSE, of which SATURATE of one opaque colour is
   made: bytes, rounded. */
static uint32_t
over_pixel(uint32_t word, uint32_t source)
{
    uint32_t room = 255 - (word >> 24);
    uint32_t result = 0;

    for (unsigned shift = 0; shift < 32; shift += 8) {
        uint32_t share = (source >> shift & 0xff) * room + 128;
        uint32_t sum = (word >> shift & 0xff) + ((share + (share >> 8)) >> 8);

        result |= (sum < 255 ? sum : 255) << shift;
    }
    return result;
}

static bool
is_single_sample(const struct extents *extents)
{
    return extents->begin < extents->end && extents->sample_count == 1;
}

static void
paint_single_pixel(const struct paint_canvas *canvas,
                   const struct paint_tile *tile, const struct extents *x,
                   const struct extents *y)
{
    int64_t column = x->begin - canvas->left, row = y->begin - canvas->top;

    if (column >= 0 && column < canvas->width && row >= 0 &&
        row < canvas->height && x->first_sample >= 0 &&
        x->first_sample < tile->opaque_width && y->first_sample >= 0 &&
        y->first_sample < tile->opaque_height) {
        uint32_t *word = canvas->words + row * canvas->stride + column;

        *word = over_pixel(
            *word,
            tile->words[y->first_sample * tile->stride + x->first_sample]);
    }
}

/* ---- painting at any position ---- */

static void
paint_resampled(const struct paint_kernel *kernel,
                const struct paint_canvas *canvas,
                const struct paint_tile *tile, double x, double y)
{
    struct extents columns =
        find_extents(x, tile->width, canvas->picture_width);
    struct extents rows =
        find_extents(y, tile->height, canvas->picture_height);
    struct origin across = find_origin(x, 65536);
    struct origin down = find_origin(y, 65536);
    struct area area = find_area(canvas, tile, across.column, down.column, -1);

    if (is_single_sample(&columns) && is_single_sample(&rows)) {
        paint_single_pixel(canvas, tile, &columns, &rows);
    } else if (!is_nothing(&area)) {
        paint_area(kernel, &area, tile,
                   make_weights(across.fraction, down.fraction));
    }
}

/* With all weight on one neighbour, interpolation gives the tile itself. */
static void
paint_aligned(const struct paint_kernel *kernel,
              const struct paint_canvas *canvas, const struct paint_tile *tile,
              int64_t column, int64_t row)
{
    struct area area = find_area(canvas, tile, column, row, 0);

    if (is_nothing(&area)) {
        return;
    }
    if (is_empty(&area)) {
        copy_area(&area, tile);
    } else {
        paint_area(kernel, &area, tile, make_weights(0, 0));
    }
}

static bool
is_near(double position)
{
    return position > -MAX_POSITION && position < MAX_POSITION;
}

void
paint_tile_with(const struct paint_kernel *kernel,
                const struct paint_canvas *canvas,
                const struct paint_tile *tile, double x, double y)
{
    struct origin across, down;

    if (!is_near(x) || !is_near(y) || tile->opaque_width <= 0 ||
        tile->opaque_height <= 0) {
        return;
    }
    across = find_origin(x, 256);
    down = find_origin(y, 256);
    if (across.fraction == 0 && down.fraction == 0) {
        paint_aligned(kernel, canvas, tile, across.column, down.column);
    } else {
        paint_resampled(kernel, canvas, tile, x, y);
    }
}

void
paint_tile_at(const struct paint_canvas *canvas, const struct paint_tile *tile,
              double x, double y)
{
    paint_tile_with(&paint_kernels[instruction_set_in_use()], canvas, tile, x,
                    y);
}
