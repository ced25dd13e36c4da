#include "paint.h"

#include "paint_kernels.h"
#include "system/lengths.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- positions ---- */

/* Tiles beyond this are in no picture. */
#define MAX_POSITION (INT64_C(1) << 31)

/* A whole pixel in pixman's coordinates. */
#define FIXED_UNIT 65536

/*
 * The tile's column (or row) that column 0 of the picture shows, which may be
 * none of its own, and the distance from there to the right.
 */
struct paint_origin {
    int64_t column;
    int64_t rest; /* of a unit */
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
static struct paint_origin
find_origin(double position, int64_t unit)
{
    int64_t fixed = round_to_integer(-position * (double)unit);
    int64_t rest = (fixed % unit + unit) % unit;

    return (struct paint_origin){(fixed - rest) / unit, rest};
}

/* ---- what shows where ---- */

/* The words that there are; what lies beyond is transparent. */
static int64_t
stored_width(const struct paint_tile *tile)
{
    return tile->format == PAINT_CLIPPED ? tile->opaque_width : tile->width;
}

static int64_t
stored_height(const struct paint_tile *tile)
{
    return tile->format == PAINT_CLIPPED ? tile->opaque_height : tile->height;
}

/*
 * One axis of what cairo composes to paint a tile: the columns (or rows) of
 * the picture, and those of the tile that they may be taken from.
 */
struct paint_axis {
    struct paint_origin origin; /* in FIXED_UNIT */
    int64_t begin, end;
    int64_t first_sample, sample_count;
};

static struct paint_axis
aligned_axis(struct paint_origin origin, int64_t tile_side,
             int64_t picture_side)
{
    struct paint_axis axis = {
        .origin = {origin.column, 0},
        .begin = larger(-origin.column, 0),
        .end = smaller(tile_side - origin.column, picture_side),
    };

    axis.first_sample = origin.column + axis.begin;
    axis.sample_count = axis.end - axis.begin;
    return axis;
}

/*
 * Half a pixel more on either side is painted; a sample counts that lies
 * within 0.495 of one that is needed. cairo adds in this order.
 */
static struct paint_axis
between_axis(double position, int64_t tile_side, int64_t picture_side)
{
    double begin = floor(position - 0.5 + 0.5);
    double end = floor(position + (double)tile_side + 0.5 + 0.5);
    struct paint_axis axis = {
        .origin = find_origin(position, FIXED_UNIT),
        .begin = larger((int64_t)begin, 0),
        .end = smaller((int64_t)end, picture_side),
    };
    double first = (double)axis.begin + 0.5 - position;
    double last = (double)axis.begin + 0.5 +
                  (double)(axis.end - axis.begin - 1) - position;

    axis.first_sample = (int64_t)floor(first - 0.495);
    axis.sample_count = (int64_t)floor(last + 0.495) + 1 - axis.first_sample;
    return axis;
}

/* Whether no pixel is a mixture with what lies beyond the tile's edges. */
static bool
is_covered_by_tile(const struct paint_axis *axis, int64_t tile_side)
{
    return axis->origin.column + axis->begin >= 0 &&
           axis->origin.column + axis->end < tile_side;
}

struct plan {
    enum paint_mode mode;
    struct paint_axis x, y;
};

static enum paint_mode
mode_of(const struct plan *plan, const struct paint_tile *tile,
        bool is_aligned)
{
    const struct paint_axis *x = &plan->x, *y = &plan->y;

    if (x->begin >= x->end || y->begin >= y->end || stored_width(tile) <= 0 ||
        stored_height(tile) <= 0) {
        return PAINT_NOTHING;
    }
    if (x->sample_count == 1 && y->sample_count == 1) {
        return PAINT_SINGLE;
    }
    if (tile->format != PAINT_RGB24) {
        return is_aligned ? PAINT_ALIGNED : PAINT_BETWEEN;
    }
    if (is_aligned) {
        return PAINT_ALIGNED_RGB24;
    }
    return is_covered_by_tile(x, tile->width) &&
                   is_covered_by_tile(y, tile->height)
               ? PAINT_COVERED_RGB24
               : PAINT_BETWEEN_RGB24;
}

static bool
is_near_picture(double position)
{
    return position > -MAX_POSITION && position < MAX_POSITION;
}

static struct plan
make_plan(int64_t picture_width, int64_t picture_height,
          const struct paint_tile *tile, double x, double y)
{
    struct plan plan = {.mode = PAINT_NOTHING};
    struct paint_origin across, down;
    bool is_aligned;

    if (!is_near_picture(x) || !is_near_picture(y)) {
        return plan;
    }
    across = find_origin(x, 256);
    down = find_origin(y, 256);
    is_aligned = across.rest == 0 && down.rest == 0;
    if (is_aligned) {
        plan.x = aligned_axis(across, tile->width, picture_width);
        plan.y = aligned_axis(down, tile->height, picture_height);
    } else {
        plan.x = between_axis(x, tile->width, picture_width);
        plan.y = between_axis(y, tile->height, picture_height);
    }
    plan.mode = mode_of(&plan, tile, is_aligned);
    return plan;
}

enum paint_mode
paint_mode_at(int64_t picture_width, int64_t picture_height,
              const struct paint_tile *tile, double x, double y)
{
    return make_plan(picture_width, picture_height, tile, x, y).mode;
}

/* Leave out what is not opaque of a copy; false where that may be anything. */
static bool
clip_to_opaque(struct paint_copy *copy, const struct paint_tile *tile)
{
    int64_t width = tile->opaque_width, height = tile->opaque_height;

    if (tile->format == PAINT_RGB24) {
        width = tile->width;
        height = tile->height;
    }
    width = copy->column < 0 ? 0 : smaller(copy->width, width - copy->column);
    height = copy->row < 0 ? 0 : smaller(copy->height, height - copy->row);
    if (tile->format == PAINT_ARGB32 &&
        (width < copy->width || height < copy->height)) {
        return false;
    }
    copy->width = larger(width, 0);
    copy->height = larger(height, 0);
    return true;
}

bool
paint_copy_at(int64_t picture_width, int64_t picture_height,
              const struct paint_tile *tile, double x, double y,
              struct paint_copy *copy)
{
    struct plan plan = make_plan(picture_width, picture_height, tile, x, y);

    *copy = (struct paint_copy){0};
    if (plan.mode == PAINT_NOTHING) {
        return true;
    }
    *copy = (struct paint_copy){
        .mode = plan.mode,
        .x = plan.x.begin,
        .y = plan.y.begin,
        .width = plan.x.sample_count,
        .height = plan.y.sample_count,
        .column = plan.x.first_sample,
        .row = plan.y.first_sample,
    };
    return (plan.mode &
            (PAINT_SINGLE | PAINT_ALIGNED | PAINT_ALIGNED_RGB24)) != 0 &&
           clip_to_opaque(copy, tile);
}

/* ---- areas ---- */

/*
 * What is to be painted, in columns and rows of the tile: words is the pixel
 * whose upper left neighbour is (left, top).
 */
struct paint_area {
    uint32_t *words;
    ptrdiff_t stride;
    int64_t left, top, right, bottom;
};

static bool
is_nothing(const struct paint_area *area)
{
    return area->left >= area->right || area->top >= area->bottom;
}

/*
 * The pixels of the canvas that show the tile from column and row first on,
 * which is -1 where pixels have neighbours to the right and below.
 */
static struct paint_area
find_area(const struct paint_canvas *canvas, const struct paint_tile *tile,
          const struct plan *plan, int64_t first)
{
    int64_t left = plan->x.origin.column + canvas->left;
    int64_t top = plan->y.origin.column + canvas->top;
    struct paint_area area = {
        .stride = canvas->stride,
        .left = larger(left, first),
        .top = larger(top, first),
        .right = smaller(left + canvas->width, stored_width(tile)),
        .bottom = smaller(top + canvas->height, stored_height(tile)),
    };

    if (!is_nothing(&area)) {
        area.words = canvas->words + (area.left - left) +
                     canvas->stride * (area.top - top);
    }
    return area;
}

/* ---- in floats ---- */

/* A part of an area, no wider than SPAN_PIXELS. */
struct strip {
    const struct paint_kernel *kernel;
    const struct paint_tile *tile;
    const struct paint_area *area;
    struct weights weights;
    /* Columns of the strip's rows that there are in the tile. */
    int64_t begin, end;
    unsigned channels;       /* that have to be unpacked */
    float alpha[ROW_PIXELS]; /* of the tile's rows, where all is opaque */
};

static const float transparent[ROW_PIXELS];

/* What vectors reach beyond the end of a row. */
#define TAIL_PIXELS (ROW_PIXELS - SPAN_PIXELS - 1)

/* Transparent to the left and to the right of the tile. */
static void
clear_ends(const struct strip *strip, float *floats)
{
    if (strip->begin > 0) {
        floats[0] = 0;
    }
    memset(floats + strip->end, 0, TAIL_PIXELS * sizeof(*floats));
}

static struct weights
make_weights(const struct plan *plan)
{
    float dx = (float)plan->x.origin.rest / FIXED_UNIT;
    float dy = (float)plan->y.origin.rest / FIXED_UNIT;

    return (struct weights){
        .upper_left = (1 - dx) * (1 - dy),
        .upper_right = dx * (1 - dy),
        .lower_left = (1 - dx) * dy,
        .lower_right = dx * dy,
    };
}

static void
prepare_strip(struct strip *strip)
{
    const struct paint_tile *tile = strip->tile;
    int64_t left = strip->area->left;
    int64_t right = smaller(strip->area->right + 1, stored_width(tile));
    bool is_opaque = tile->opaque_width >= stored_width(tile) &&
                     tile->opaque_height >= stored_height(tile);

    strip->begin = larger(-left, 0);
    strip->end = right - left;
    strip->channels = is_opaque ? COLOURS : CHANNELS;
    clear_ends(strip, strip->alpha);
    for (int64_t i = strip->begin; i < strip->end; i++) {
        strip->alpha[i] = SCALE;
    }
}

static void
prepare_row(const struct strip *strip, struct paint_row *row)
{
    for (unsigned c = 0; c < strip->channels; c++) {
        clear_ends(strip, row->channels[c]);
    }
}

static void
fetch_row(const struct strip *strip, int64_t y, struct paint_row *row)
{
    const struct paint_tile *tile = strip->tile;
    int64_t first = strip->area->left + strip->begin;

    if (y < 0 || y >= stored_height(tile)) {
        memset(row->channels, 0, sizeof(row->channels));
        row->alpha = transparent;
        return;
    }
    strip->kernel->unpack(tile->words + y * tile->stride + first,
                          (size_t)(strip->end - strip->begin), row,
                          (size_t)strip->begin, strip->channels);
    row->alpha =
        strip->channels == COLOURS ? strip->alpha : row->channels[ALPHA];
}

static void
blend_row(const struct strip *strip, int64_t y, uint32_t *words,
          const struct paint_row *upper, const struct paint_row *lower)
{
    const struct paint_area *area = strip->area;
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
blend_strip(const struct strip *strip)
{
    struct paint_row rows[3];
    struct paint_row *upper = &rows[0], *lower = &rows[1], *next = &rows[2];
    const struct paint_area *area = strip->area;
    uint32_t *words = area->words;

    for (int i = 0; i < 3; i++) {
        prepare_row(strip, &rows[i]);
    }
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
blend_area(const struct paint_kernel *kernel, const struct paint_area *area,
           const struct paint_tile *tile, struct weights weights)
{
    struct paint_area part = *area;

    for (; part.left < area->right; part.left = part.right) {
        struct strip strip = {
            .kernel = kernel, .tile = tile, .area = &part, .weights = weights};

        part.right = smaller(part.left + SPAN_PIXELS, area->right);
        part.words = area->words + (part.left - area->left);
        prepare_strip(&strip);
        blend_strip(&strip);
    }
}

/* With all weight on one neighbour, interpolation gives the tile itself. */
static const struct weights no_weights = {.upper_left = 1};

/* ---- in bytes ---- */

static void
copy_area(const struct paint_area *area, const struct paint_tile *tile)
{
    size_t size = 4 * (size_t)(area->right - area->left);
    uint32_t *words = area->words;

    for (int64_t y = area->top; y < area->bottom; y++) {
        memcpy(words, tile->words + y * tile->stride + area->left, size);
        words += area->stride;
    }
}

static void
cover_area(const struct paint_kernel *kernel, const struct paint_area *area,
           const struct paint_tile *tile)
{
    size_t count = (size_t)(area->right - area->left);
    uint32_t *words = area->words;

    for (int64_t y = area->top; y < area->bottom; y++) {
        kernel->over(words, count,
                     tile->words + y * tile->stride + area->left);
        words += area->stride;
    }
}

/* pixman has 7 bits for where a pixel lies between others. */
static uint16_t
share_of(const struct paint_axis *axis)
{
    return (uint16_t)(axis->origin.rest >> 9);
}

static void
cover_between(const struct paint_kernel *kernel, const struct paint_area *area,
              const struct paint_tile *tile, const struct plan *plan)
{
    struct paint_neighbours neighbours = {.right_share = share_of(&plan->x),
                                          .lower_share = share_of(&plan->y)};
    uint32_t *words = area->words;
    uint32_t pixels[SPAN_PIXELS];

    for (int64_t y = area->top; y < area->bottom; y++) {
        for (int64_t x = area->left; x < area->right; x += SPAN_PIXELS) {
            size_t count = (size_t)smaller(area->right - x, SPAN_PIXELS);

            neighbours.upper = tile->words + y * tile->stride + x;
            neighbours.lower = neighbours.upper + tile->stride;
            kernel->interpolate(pixels, count, &neighbours);
            kernel->over(words + (x - area->left), count, pixels);
        }
        words += area->stride;
    }
}

/* ---- painting ---- */

static bool
is_empty(const struct paint_area *area)
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
paint_aligned(const struct paint_kernel *kernel, const struct paint_area *area,
              const struct paint_tile *tile)
{
    if (is_empty(area)) {
        copy_area(area, tile);
    } else if (tile->format == PAINT_RGB24) {
        cover_area(kernel, area, tile);
    } else {
        blend_area(kernel, area, tile, no_weights);
    }
}

/* The pixel of the canvas that shows a single one of the tile. */
static struct paint_area
find_single(const struct paint_canvas *canvas, const struct paint_tile *tile,
            const struct plan *plan)
{
    int64_t column = plan->x.begin - canvas->left;
    int64_t row = plan->y.begin - canvas->top;
    int64_t x = plan->x.first_sample, y = plan->y.first_sample;
    struct paint_area area = {.stride = canvas->stride};

    if (column >= 0 && column < canvas->width && row >= 0 &&
        row < canvas->height && x >= 0 && x < stored_width(tile) && y >= 0 &&
        y < stored_height(tile)) {
        area.words = canvas->words + row * canvas->stride + column;
        area.left = x;
        area.top = y;
        area.right = x + 1;
        area.bottom = y + 1;
    }
    return area;
}

/* One opaque colour is composed in bytes whatever surface it comes from. */
static void
paint_single(const struct paint_kernel *kernel, const struct paint_area *area,
             const struct paint_tile *tile)
{
    if (tile->words[area->top * tile->stride + area->left] >= 0xff000000) {
        cover_area(kernel, area, tile);
    } else {
        blend_area(kernel, area, tile, no_weights);
    }
}

void
paint_tile_with(const struct paint_kernel *kernel,
                const struct paint_canvas *canvas,
                const struct paint_tile *tile, double x, double y)
{
    struct plan plan =
        make_plan(canvas->picture_width, canvas->picture_height, tile, x, y);
    bool has_edges = plan.mode & (PAINT_BETWEEN | PAINT_BETWEEN_RGB24);
    struct paint_area area;

    if (plan.mode == PAINT_NOTHING) {
        return;
    }
    area = plan.mode == PAINT_SINGLE
               ? find_single(canvas, tile, &plan)
               : find_area(canvas, tile, &plan, has_edges ? -1 : 0);
    if (is_nothing(&area)) {
        return;
    }
    if (plan.mode == PAINT_SINGLE) {
        paint_single(kernel, &area, tile);
    } else if (has_edges) {
        blend_area(kernel, &area, tile, make_weights(&plan));
    } else if (plan.mode == PAINT_COVERED_RGB24) {
        cover_between(kernel, &area, tile, &plan);
    } else {
        paint_aligned(kernel, &area, tile);
    }
}

void
paint_tile_at(const struct paint_canvas *canvas, const struct paint_tile *tile,
              double x, double y)
{
    paint_tile_with(&paint_kernels[instruction_set_in_use()], canvas, tile, x,
                    y);
}

/* ---- cutting ---- */

/* A part of a row of a tile: its own words, or the buffer where that has to
   be filled up with what is transparent. */
static const uint32_t *
words_at(const struct paint_tile *tile, int64_t x, int64_t y, int64_t count,
         uint32_t *buffer)
{
    const uint32_t *row = tile->words + y * tile->stride;
    int64_t begin = larger(x, 0);
    int64_t end = smaller(x + count, stored_width(tile));

    if (y >= 0 && y < stored_height(tile) && begin == x && end == x + count) {
        return row + x;
    }
    memset(buffer, 0, 4 * (size_t)count);
    if (y >= 0 && y < stored_height(tile) && begin < end) {
        memcpy(buffer + (begin - x), row + begin, 4 * (size_t)(end - begin));
    }
    return buffer;
}

static void
cut_aligned(const struct paint_tile *image, const struct plan *plan,
            int64_t row, int64_t width, uint32_t *words)
{
    const uint32_t *source =
        words_at(image, plan->x.origin.column, plan->y.origin.column + row,
                 width, words);

    if (source != words) {
        memcpy(words, source, 4 * (size_t)width);
    }
}

static void
cut_between(const struct paint_kernel *kernel, const struct paint_tile *image,
            const struct plan *plan, int64_t row, int64_t width,
            uint32_t *words)
{
    struct paint_neighbours neighbours = {.right_share = share_of(&plan->x),
                                          .lower_share = share_of(&plan->y)};
    uint32_t buffers[2][SPAN_PIXELS + 1];
    int64_t y = plan->y.origin.column + row;

    for (int64_t i = 0; i < width; i += SPAN_PIXELS) {
        int64_t count = smaller(width - i, SPAN_PIXELS);
        int64_t x = plan->x.origin.column + i;

        neighbours.upper = words_at(image, x, y, count + 1, buffers[0]);
        neighbours.lower = words_at(image, x, y + 1, count + 1, buffers[1]);
        kernel->interpolate(words + i, (size_t)count, &neighbours);
    }
}

static void
cut_single(const struct paint_tile *image, const struct plan *plan,
           int64_t row, int64_t width, uint32_t *words)
{
    memset(words, 0, 4 * (size_t)width);
    if (row == plan->y.begin) {
        uint32_t *word = words + plan->x.begin;

        *word = *words_at(image, plan->x.first_sample, plan->y.first_sample, 1,
                          word);
    }
}

/* How many columns (or rows) of a part are opaque, from its first on. */
static int64_t
opaque_side(const struct paint_axis *axis, int64_t opaque, int64_t side)
{
    int64_t first = axis->origin.column;
    int64_t end = opaque - first - (share_of(axis) != 0);

    return first < 0 ? 0 : larger(smaller(end, side), 0);
}

struct paint_tile
paint_cut_with(const struct paint_kernel *kernel,
               const struct paint_tile *image, double x, double y,
               int64_t width, int64_t height, uint32_t *words)
{
    struct plan plan = make_plan(width, height, image, -x, -y);
    struct paint_tile cut = {
        .words = words,
        .stride = (ptrdiff_t)width,
        .width = width,
        .height = height,
        .format = PAINT_ARGB32,
    };

    for (int64_t row = 0; row < height; row++, words += width) {
        if (plan.mode == PAINT_NOTHING) {
            memset(words, 0, 4 * (size_t)width);
        } else if (plan.mode == PAINT_SINGLE) {
            cut_single(image, &plan, row, width, words);
        } else if (plan.mode & (PAINT_ALIGNED | PAINT_ALIGNED_RGB24)) {
            cut_aligned(image, &plan, row, width, words);
        } else {
            cut_between(kernel, image, &plan, row, width, words);
        }
    }
    if (plan.mode != PAINT_NOTHING && plan.mode != PAINT_SINGLE) {
        cut.opaque_width = opaque_side(&plan.x, image->opaque_width, width);
        cut.opaque_height = opaque_side(&plan.y, image->opaque_height, height);
    }
    return cut;
}

struct paint_tile
paint_cut(const struct paint_tile *image, double x, double y, int64_t width,
          int64_t height, uint32_t *words)
{
    return paint_cut_with(&paint_kernels[instruction_set_in_use()], image, x,
                          y, width, height, words);
}
