#include "paint_formula.h"

#include <math.h>
#include <stdbool.h>

static float
unit(uint32_t word, unsigned channel)
{
    return (float)(word >> 8 * channel & 0xff) * (float)(1 / 255.0);
}

static uint32_t
tile_word(const struct paint_tile *tile, int64_t x, int64_t y)
{
    bool clips = tile->format == PAINT_CLIPPED;
    int64_t width = clips ? tile->opaque_width : tile->width;
    int64_t height = clips ? tile->opaque_height : tile->height;
    bool outside = x < 0 || x >= width || y < 0 || y >= height;

    return outside ? 0 : tile->words[y * tile->stride + x];
}

struct formula_place {
    int64_t column, row;
    float dx, dy;
    bool is_aligned;
};

/* rint() rounds halves to even. */
static struct formula_place
formula_place(double vx, double vy)
{
    double x = rint(vx * 256) / 256, y = rint(vy * 256) / 256;
    bool aligned = x == floor(x) && y == floor(y);

    if (!aligned) {
        x = rint(vx * 65536) / 65536;
        y = rint(vy * 65536) / 65536;
    }
    return (struct formula_place){
        (int64_t)floor(x),     (int64_t)floor(y), (float)(x - floor(x)),
        (float)(y - floor(y)), aligned,
    };
}

static float
formula_sample(const struct paint_tile *tile, struct formula_place at,
               unsigned channel)
{
    float f[4];

    for (int i = 0; i < 4; i++) {
        f[i] =
            unit(tile_word(tile, at.column + i % 2, at.row + i / 2), channel);
    }
    return f[0] * ((1 - at.dx) * (1 - at.dy)) + f[1] * (at.dx * (1 - at.dy)) +
           f[2] * ((1 - at.dx) * at.dy) + f[3] * (at.dx * at.dy);
}

static uint32_t
formula_saturate(uint32_t word, const float source[4])
{
    float room = source[3] == 0 ? 1 : (1 - unit(word, 3)) / source[3];
    uint32_t result = 0;

    for (unsigned c = 0; c < 4; c++) {
        float sum = source[c] * fminf(room, 1) + unit(word, c);
        uint32_t byte = (uint32_t)(fminf(sum, 1) * 256);

        result |= (byte - (byte >> 8)) << 8 * c;
    }
    return result;
}

/* By weights of 7 bits. */
static uint32_t
formula_bytes(const struct paint_tile *tile, struct formula_place at)
{
    unsigned dx = (unsigned)(at.dx * 128), dy = (unsigned)(at.dy * 128);
    unsigned weights[4] = {(128 - dx) * (128 - dy), dx * (128 - dy),
                           (128 - dx) * dy, dx * dy};
    uint32_t result = 0;

    for (unsigned c = 0; c < 4; c++) {
        uint32_t sum = 0;

        for (int i = 0; i < 4; i++) {
            uint32_t word = tile_word(tile, at.column + i % 2, at.row + i / 2);

            sum += weights[i] * (word >> 8 * c & 0xff);
        }
        result |= sum / (128 * 128) << 8 * c;
    }
    return result;
}

/* Integers, rounded. */
static uint32_t
formula_over(uint32_t word, uint32_t source)
{
    uint32_t room = 255 - (word >> 24), result = 0;

    for (unsigned c = 0; c < 4; c++) {
        double share = (source >> 8 * c & 0xff) * room / 255.0;
        double sum = (word >> 8 * c & 0xff) + floor(share + 0.5);

        result |= (uint32_t)fmin(sum, 255) << 8 * c;
    }
    return result;
}

/*
 * The pixels of an axis that a tile between pixels is painted on, and the
 * first and the last of the tile's that may be seen there: within 0.495 of the
 * middle of a painted one.
 */
struct formula_axis {
    int64_t begin, last, first_sample, last_sample;
};

static struct formula_axis
formula_axis(double position, int64_t tile, int64_t picture)
{
    double begin = fmax(floor(position), 0);
    double last = fmin(floor(position + (double)tile), (double)(picture - 1));

    return (struct formula_axis){
        (int64_t)begin,
        (int64_t)last,
        (int64_t)floor(begin + 0.5 - position - 0.495),
        (int64_t)floor(last + 0.5 - position + 0.495),
    };
}

static struct formula_axis
formula_aligned_axis(double position, int64_t tile, int64_t picture)
{
    int64_t start = (int64_t)rint(position);
    int64_t begin = start < 0 ? 0 : start;
    int64_t last = (start + tile < picture ? start + tile : picture) - 1;

    return (struct formula_axis){begin, last, begin - start, last - start};
}

struct formula {
    struct formula_axis x, y;
    bool is_aligned, is_single, in_bytes;
};

/* Whether the neighbours of all painted pixels, and of one more, are inside.
 */
static bool
formula_covers(const struct formula *formula, const struct paint_tile *tile,
               double x, double y)
{
    const struct formula_axis *across = &formula->x, *down = &formula->y;
    struct formula_place first =
        formula_place((double)across->begin - x, (double)down->begin - y);
    struct formula_place beyond = formula_place((double)across->last + 1 - x,
                                                (double)down->last + 1 - y);

    return first.column >= 0 && first.row >= 0 &&
           beyond.column < tile->width && beyond.row < tile->height;
}

static struct formula
formula_of(int64_t picture_width, int64_t picture_height,
           const struct paint_tile *tile, double x, double y)
{
    struct formula formula = {
        .is_aligned = formula_place(-x, -y).is_aligned,
        .x = formula_axis(x, tile->width, picture_width),
        .y = formula_axis(y, tile->height, picture_height),
    };

    if (formula.is_aligned) {
        formula.x = formula_aligned_axis(x, tile->width, picture_width);
        formula.y = formula_aligned_axis(y, tile->height, picture_height);
    }
    formula.is_single = formula.x.first_sample == formula.x.last_sample &&
                        formula.y.first_sample == formula.y.last_sample;
    formula.in_bytes =
        tile->format == PAINT_RGB24 &&
        (formula.is_aligned || formula_covers(&formula, tile, x, y));
    return formula;
}

static bool
formula_shows(const struct formula *formula, int64_t x, int64_t y)
{
    return x >= formula->x.begin && x <= formula->x.last &&
           y >= formula->y.begin && y <= formula->y.last;
}

static uint32_t
formula_compose(uint32_t word, const struct formula *formula,
                const struct paint_tile *tile, struct formula_place at)
{
    float source[4];
    uint32_t sample = tile_word(tile, at.column, at.row);

    if (formula->in_bytes) {
        return formula_over(word, formula_bytes(tile, at));
    }
    if (formula->is_single && sample >> 24 == 255) {
        return formula_over(word, sample);
    }
    for (unsigned c = 0; c < 4; c++) {
        source[c] = formula_sample(tile, at, c);
    }
    return formula_saturate(word, source);
}

void
formula_paint(const struct paint_canvas *canvas, const struct paint_tile *tile,
              double x, double y)
{
    struct formula formula =
        formula_of(canvas->picture_width, canvas->picture_height, tile, x, y);

    for (int64_t row = 0; row < canvas->height; row++) {
        for (int64_t column = 0; column < canvas->width; column++) {
            uint32_t *word = canvas->words + row * canvas->stride + column;
            int64_t i = canvas->left + column, j = canvas->top + row;
            struct formula_place at =
                formula_place((double)i - x, (double)j - y);

            if (formula.is_single) {
                at = (struct formula_place){formula.x.first_sample,
                                            formula.y.first_sample, 0, 0, 1};
            }
            if (formula_shows(&formula, i, j)) {
                *word = formula_compose(*word, &formula, tile, at);
            }
        }
    }
}

void
formula_cut(const struct paint_tile *image, double x, double y, int64_t width,
            int64_t height, uint32_t *words)
{
    struct formula formula = formula_of(width, height, image, -x, -y);

    for (int64_t i = 0; i < width * height; i++) {
        int64_t column = i % width, row = i / width;
        struct formula_place at =
            formula_place((double)column + x, (double)row + y);

        if (formula.is_single) {
            at = (struct formula_place){formula.x.first_sample,
                                        formula.y.first_sample, 0, 0, 1};
        }
        words[i] = formula_shows(&formula, column, row)
                       ? formula_bytes(image, at)
                       : 0;
    }
}
