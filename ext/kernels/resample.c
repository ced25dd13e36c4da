#include "resample.h"

#include "resample_kernel.h"
#include "system/lengths.h"

#include <string.h>

enum {
    /* So many rows go through the pass along the rows together. */
    BAND_QUADS = 4,
    BAND_ROWS = BAND_QUADS * QUAD,
    /* So many quads along their rows are gathered at once, and make up to so
       many pixels: 24 KiB and 12 KiB of RGB, for the nearest cache. */
    CHUNK_QUADS = 128,
    CHUNK_PIXELS = 256,
    /* Four pixels are read as 16 bytes. */
    READ_BYTES = 16,
    ALIGNMENT = 64,
};

static const struct resample_layout layouts[] = {
    [RESAMPLE_RGB] =
        {3, 3, {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, 128, 128, 128, 128}},
    [RESAMPLE_RGBX] =
        {4, 3, {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 128, 128, 128, 128}},
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    [RESAMPLE_WORDS] =
        {4, 3, {1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 128, 128, 128, 128}},
#else
    [RESAMPLE_WORDS] =
        {4, 3, {2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 128, 128, 128, 128}},
#endif
    [RESAMPLE_RGBA] = {4,
                       4,
                       {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}},
};

size_t
resample_source_channels(enum resample_format format)
{
    return layouts[format].source_channels;
}

size_t
resample_target_channels(enum resample_format format)
{
    return layouts[format].target_channels;
}

/* ---- plans ---- */

static bool
columns_are_first(const struct resample_plan *plan)
{
    int32_t fewer_columns = plan->across->source_length - plan->across->length;
    int32_t fewer_rows = plan->down->source_length - plan->down->length;

    return plan->order == RESAMPLE_LONGER_FIRST && fewer_rows > 0 &&
           fewer_rows > 2 * (int64_t)fewer_columns;
}

/* ---- scratch memory ---- */

/*
 * Quads for the pass along the columns, row by row: those that a pixel comes
 * from, and some that were made with them. They are counted as the axis does.
 */
struct window {
    uint8_t *quads;
    size_t stride;
    int32_t capacity;
    int32_t begin, end; /* of what it has */
};

struct job {
    const struct resample_plan *plan;
    const struct resample_source *source;
    const struct resample_kernel *kernel;
    const struct resample_layout *layout;
    struct resample_range columns, rows; /* of the source, which are needed */
    bool has_alpha;
    struct window window;
    uint8_t *premultiplied; /* rows of a band */
    size_t premultiplied_stride;
    uint8_t *band; /* its rows between both passes, if columns are first */
    size_t band_stride;
    uint8_t *gathered; /* quads along its rows */
    size_t gathered_stride;
    uint8_t *sums; /* what they become */
    size_t sums_stride;
};

static uint64_t
rounded_up(uint64_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Give each part of a job its place in the scratch memory. Returns how much
   there has to be; no axis is long enough for it to exceed 64 bits. */
static uint64_t
lay_out(struct job *job, uint8_t *scratch)
{
    const struct resample_plan *plan = job->plan;
    bool has_band = columns_are_first(plan);
    uint64_t end = 0;
    struct {
        uint8_t **place;
        uint64_t size;
    } parts[] = {
        {&job->window.quads,
         (uint64_t)job->window.capacity * job->window.stride},
        {&job->premultiplied,
         job->has_alpha ? (uint64_t)BAND_ROWS * job->premultiplied_stride : 0},
        {&job->band, has_band ? (uint64_t)BAND_ROWS * job->band_stride : 0},
        {&job->gathered, (uint64_t)(CHUNK_QUADS + plan->across->most_quads) *
                             job->gathered_stride},
        {&job->sums, (uint64_t)CHUNK_PIXELS * job->sums_stride},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        *parts[i].place = scratch == NULL ? NULL : scratch + end;
        end += rounded_up(parts[i].size + QUAD_SLACK);
    }
    return end;
}

/* All of a job but its source and its memory. */
static struct job
make_job(const struct resample_plan *plan, int32_t first, int32_t last)
{
    const struct resample_layout *layout = &layouts[plan->format];
    struct resample_range columns =
        resample_axis_source(plan->across, 0, plan->across->length);
    size_t count = (size_t)(columns.end - columns.begin);
    size_t window_bytes =
        columns_are_first(plan)
            ? count * layout->source_channels
            : (size_t)plan->across->length * layout->target_channels;

    return (struct job){
        .plan = plan,
        .kernel = plan->down->kernel,
        .layout = layout,
        .columns = columns,
        .rows = resample_axis_source(plan->down, first, last),
        .has_alpha = plan->format == RESAMPLE_RGBA,
        .window =
            {
                .stride = rounded_up(QUAD * window_bytes),
                .capacity = 2 * (plan->down->most_quads + BAND_QUADS),
                .begin = plan->down->spans[first].first_quad,
                .end = plan->down->spans[first].first_quad,
            },
        .premultiplied_stride = rounded_up(4 * count),
        .band_stride = rounded_up(layout->source_channels * count),
        .gathered_stride = (size_t)QUAD * BAND_ROWS * layout->target_channels,
        .sums_stride = (size_t)BAND_ROWS * layout->target_channels,
    };
}

size_t
resample_scratch_size(const struct resample_plan *plan)
{
    struct job job = make_job(plan, 0, plan->down->length);
    uint64_t size = lay_out(&job, NULL) + ALIGNMENT;

    return size > SIZE_MAX ? SIZE_MAX : (size_t)size;
}

/* ---- rows of the source ---- */

/* The first needed pixel of a row, or of the nearest one that is needed. */
static const uint8_t *
source_row(const struct job *job, int32_t row)
{
    const struct resample_source *source = job->source;
    int64_t nearest = larger(job->rows.begin, smaller(row, job->rows.end - 1));

    return source->pixels +
           (ptrdiff_t)(nearest - source->top) * source->row_stride +
           (ptrdiff_t)(job->columns.begin - source->left) *
               job->layout->source_channels;
}

/* Four of them, with colours that are premultiplied where there is alpha.
   `place` is where in the band they are. */
static void
source_quad(const struct job *job, int32_t quad, int place,
            const uint8_t *rows[QUAD])
{
    size_t count = (size_t)(job->columns.end - job->columns.begin);

    for (int i = 0; i < QUAD; i++) {
        rows[i] = source_row(job, job->plan->down->origin + QUAD * quad + i);
        if (job->has_alpha) {
            uint8_t *premultiplied =
                job->premultiplied +
                (size_t)(QUAD * place + i) * job->premultiplied_stride;

            job->kernel->premultiply(rows[i], count, premultiplied);
            rows[i] = premultiplied;
        }
    }
}

/* ---- along the rows ---- */

/* A quad with pixels that there are not, or of which 16 bytes are not. */
static void
gather_at_edge(const struct job *job, const uint8_t *const rows[QUAD],
               int64_t column, uint8_t *quads)
{
    size_t channels = job->layout->source_channels;
    int64_t begin = larger(column, 0);
    int64_t end =
        smaller(column + QUAD, job->columns.end - job->columns.begin);
    uint8_t copies[QUAD][READ_BYTES] = {{0}};
    const uint8_t *pointers[QUAD];

    for (int i = 0; i < QUAD; i++) {
        memcpy(copies[i] + (size_t)(begin - column) * channels,
               rows[i] + (size_t)begin * channels,
               (size_t)(end - begin) * channels);
        pointers[i] = copies[i];
    }
    job->kernel->gather(pointers, 1, job->layout, quads, 0);
}

/*
 * Quads of the axis across, from `first` to before `last`, of four rows, of
 * which the pointers lead to the first pixel that is needed.
 */
static void
gather(const struct job *job, const uint8_t *const rows[QUAD], int32_t first,
       int32_t last, uint8_t *quads)
{
    int64_t channels = job->layout->source_channels;
    int64_t bytes = channels * (job->columns.end - job->columns.begin);
    int64_t column =
        job->plan->across->origin - job->columns.begin + QUAD * (int64_t)first;

    while (first < last) {
        int64_t readable = bytes - channels * column - READ_BYTES;
        int64_t count = readable / (QUAD * channels) + 1;

        if (column < 0 || readable < 0) {
            gather_at_edge(job, rows, column, quads);
            count = 1;
        } else {
            const uint8_t *pointers[QUAD];

            for (int i = 0; i < QUAD; i++) {
                pointers[i] = rows[i] + channels * column;
            }
            count = smaller(count, last - first);
            job->kernel->gather(pointers, (size_t)count, job->layout, quads,
                                job->gathered_stride);
        }
        quads += (size_t)count * job->gathered_stride;
        column += QUAD * count;
        first += (int32_t)count;
    }
}

/* Pixels along a row of the target. */
struct resample_chunk {
    int32_t first, last;
};

/* As many as come from few quads, or one. */
static struct resample_chunk
find_chunk(const struct resample_axis *axis, int32_t first)
{
    int32_t limit = axis->spans[first].first_quad + CHUNK_QUADS;
    struct resample_chunk chunk = {first, first + 1};

    while (chunk.last < axis->length && chunk.last - first < CHUNK_PIXELS &&
           axis->spans[chunk.last].first_quad +
                   axis->spans[chunk.last].quad_count <=
               limit) {
        chunk.last++;
    }
    return chunk;
}

/*
 * The sums of a chunk, of up to four times four rows. For each pixel there are
 * those of the first four rows, channel by channel, then of the next ones.
 */
static void
weigh_chunk(const struct job *job, const uint8_t *rows[BAND_QUADS][QUAD],
            int32_t row_quads, struct resample_chunk chunk)
{
    const struct resample_axis *axis = job->plan->across;
    const struct resample_span *end = &axis->spans[chunk.last - 1];
    int32_t first_quad = axis->spans[chunk.first].first_quad;
    size_t quad_bytes = (size_t)QUAD * QUAD * job->layout->target_channels;

    for (int32_t i = 0; i < row_quads; i++) {
        gather(job, rows[i], first_quad, end->first_quad + end->quad_count,
               job->gathered + (size_t)i * quad_bytes);
    }
    job->kernel->weigh(axis, chunk.first, chunk.last, job->gathered,
                       job->gathered_stride, first_quad,
                       (size_t)row_quads * quad_bytes / QUAD, job->sums,
                       job->sums_stride);
}

/* ---- along the columns ---- */

static uint8_t *
window_at(const struct window *window, int32_t quad)
{
    return window->quads + (size_t)(quad - window->begin) * window->stride;
}

/* Make room for `count` rows of quads behind those from `first` on. */
static void
make_band_room(struct window *window, int32_t first, int32_t count)
{
    if (window->end - window->begin + count <= window->capacity) {
        return;
    }
    memmove(window->quads, window_at(window, first),
            (size_t)(window->end - first) * window->stride);
    window->begin = first;
}

/* `size` is known to the compiler. */
static inline void
copy_apart(const uint8_t *sums, size_t stride, int32_t count, size_t size,
           uint8_t *quads)
{
    for (int32_t i = 0; i < count; i++) {
        memcpy(quads, sums, size);
        quads += size;
        sums += stride;
    }
}

/* Rows have been resampled before: sums, four rows by four, become quads. */
static void
store_sums(const struct job *job, int32_t row_quads,
           struct resample_chunk chunk)
{
    size_t size = (size_t)QUAD * job->layout->target_channels;
    int32_t count = chunk.last - chunk.first;

    for (int32_t i = 0; i < row_quads; i++) {
        const uint8_t *sums = job->sums + (size_t)i * size;
        uint8_t *quads = window_at(&job->window, job->window.end + i) +
                         (size_t)chunk.first * size;

        if (size == 12) {
            copy_apart(sums, job->sums_stride, count, 12, quads);
        } else {
            copy_apart(sums, job->sums_stride, count, 16, quads);
        }
    }
}

static void
add_resampled(struct job *job, int32_t count)
{
    const struct resample_axis *axis = job->plan->across;
    const uint8_t *rows[BAND_QUADS][QUAD];

    for (int32_t i = 0; i < count; i++) {
        source_quad(job, job->window.end + i, i, rows[i]);
    }
    for (int32_t x = 0; x < axis->length;) {
        struct resample_chunk chunk = find_chunk(axis, x);

        weigh_chunk(job, rows, count, chunk);
        store_sums(job, count, chunk);
        x = chunk.last;
    }
}

/* Columns are first: quads are bytes of the source. */
static void
add_source(struct job *job, int32_t count)
{
    size_t bytes = (size_t)(job->columns.end - job->columns.begin) *
                   job->layout->source_channels;

    for (int32_t i = 0; i < count; i++) {
        const uint8_t *rows[QUAD];
        int32_t quad = job->window.end + i;

        source_quad(job, quad, i, rows);
        job->kernel->interleave(rows, bytes, window_at(&job->window, quad));
    }
}

/* One row of `count` bytes of what the pass along the columns makes. */
static void
weigh_columns(struct job *job, int32_t row, size_t count, uint8_t *sums)
{
    const struct resample_axis *axis = job->plan->down;
    const struct resample_span *span = &axis->spans[row];
    struct window *window = &job->window;
    int32_t all_quads = (job->rows.end - 1 - axis->origin) / QUAD + 1;

    while (window->end < span->first_quad + span->quad_count) {
        int32_t more = (int32_t)smaller(BAND_QUADS, all_quads - window->end);

        make_band_room(window, (int32_t)smaller(span->first_quad, window->end),
                       more);
        if (columns_are_first(job->plan)) {
            add_source(job, more);
        } else {
            add_resampled(job, more);
        }
        window->end += more;
    }
    job->kernel->weigh(axis, row, row + 1, window_at(window, span->first_quad),
                       window->stride, span->first_quad, count, sums, 0);
}

/* ---- rows of the target ---- */

struct target {
    uint8_t *pixels;
    ptrdiff_t row_stride;
};

static void
resample_rows_first(struct job *job, int32_t first, int32_t last,
                    const struct target *target)
{
    size_t count =
        (size_t)job->plan->across->length * job->layout->target_channels;
    uint8_t *pixels = target->pixels;

    for (int32_t row = first; row < last; row++) {
        weigh_columns(job, row, count, pixels);
        pixels += target->row_stride;
    }
}

/* Sums to rows, of which there are perhaps fewer than four by four. */
static void
store_rows(const struct job *job, struct resample_chunk chunk, int32_t rows,
           const struct target *target)
{
    size_t channels = job->layout->target_channels;

    for (int32_t row = 0; row < rows; row++) {
        uint8_t *pixels =
            target->pixels + row * target->row_stride + chunk.first * channels;
        const uint8_t *sums = job->sums +
                              (size_t)(row / QUAD * QUAD) * channels +
                              (size_t)(row % QUAD);

        for (int32_t x = chunk.first; x < chunk.last; x++) {
            for (size_t c = 0; c < channels; c++) {
                *pixels++ = sums[QUAD * c];
            }
            sums += job->sums_stride;
        }
    }
}

static void
resample_columns_first(struct job *job, int32_t first, int32_t last,
                       const struct target *target)
{
    const struct resample_axis *axis = job->plan->across;
    size_t bytes = (size_t)(job->columns.end - job->columns.begin) *
                   job->layout->source_channels;

    for (int32_t row = first; row < last; row += BAND_ROWS) {
        int32_t count = (int32_t)smaller(BAND_ROWS, last - row);
        const uint8_t *rows[BAND_QUADS][QUAD];
        struct target place = {
            target->pixels + (row - first) * target->row_stride,
            target->row_stride,
        };

        for (int32_t i = 0; i < BAND_ROWS; i++) {
            int32_t nearest = (int32_t)smaller(i, count - 1);

            rows[i / QUAD][i % QUAD] =
                job->band + (size_t)nearest * job->band_stride;
            if (i < count) {
                weigh_columns(job, row + i, bytes,
                              job->band + (size_t)i * job->band_stride);
            }
        }
        for (int32_t x = 0; x < axis->length;) {
            struct resample_chunk chunk = find_chunk(axis, x);

            weigh_chunk(job, rows, (count - 1) / QUAD + 1, chunk);
            store_rows(job, chunk, count, &place);
            x = chunk.last;
        }
    }
}

/* Pillow premultiplies nothing where there is nothing to do. */
static void
copy_rows(const struct job *job, int32_t first, int32_t last,
          const struct target *target)
{
    size_t size = (size_t)job->plan->across->length * 4;

    for (int32_t row = first; row < last; row++) {
        memcpy(target->pixels + (row - first) * target->row_stride,
               source_row(job, row), size);
    }
}

void
resample(const struct resample_plan *plan,
         const struct resample_source *source, int32_t first, int32_t last,
         uint8_t *pixels, ptrdiff_t row_stride, void *scratch)
{
    struct target target = {pixels, row_stride};
    struct job job;

    if (first >= last) {
        return;
    }
    job = make_job(plan, first, last);
    job.source = source;
    if (job.has_alpha && plan->across->is_whole && plan->down->is_whole) {
        copy_rows(&job, first, last, &target);
        return;
    }
    lay_out(&job, (uint8_t *)scratch + -(uintptr_t)scratch % ALIGNMENT);
    if (columns_are_first(plan)) {
        resample_columns_first(&job, first, last, &target);
    } else {
        resample_rows_first(&job, first, last, &target);
    }
    for (int32_t row = first; job.has_alpha && row < last; row++) {
        job.kernel->unpremultiply(pixels, (size_t)plan->across->length);
        pixels += row_stride;
    }
}
