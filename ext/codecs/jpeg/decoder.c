#include "codecs/jpeg/decoder.h"

#include "codecs/jpeg/colours.h"
#include "codecs/jpeg/inline.h"
#include "codecs/jpeg/scan.h"
#include "codecs/jpeg/transform.h"

#include <string.h>

enum {
    SIDE = 8, /* of a block */
    CACHE_LINE = 64,
};

/* Of a row of units or of columns of them: from begin on, up to end. */
struct range {
    uint32_t begin, end;
};

/* A row of units at a time becomes lines of samples, and these of pixels. */
struct picture {
    struct jpeg_header header;
    struct jpeg_area area;
    const struct jpeg_rows *rows;
    bool is_rgb;
    const struct jpeg_transform_kernel *transform;
    const struct jpeg_colour_kernel *colours;
    uint16_t quantization[JPEG_COMPONENTS][JPEG_BLOCK];
    uint32_t across, down; /* how much chroma is halved, 1 or 2 */
    uint32_t units_across, units_down;
    struct range columns, lines; /* of units, that matter to the area */
    /* Lines of samples, `stride` bytes apart: of luma two rows of units in
       turns, for its last line has to wait for chroma of the next. */
    uint8_t *samples[JPEG_COMPONENTS];
    size_t stride;
    uint32_t *pairs; /* so too; the first of a line is one before the image */
    size_t pairs_stride;
    uint8_t *line; /* of pixels, where the first of them is not wanted */
};

/* ---- what there is to do ---- */

static uint32_t
divide_up(uint32_t dividend, uint32_t divisor)
{
    return (dividend + divisor - 1) / divisor;
}

/*
 * Luma has one, two or four blocks a unit, chroma one each.  libjpeg does not
 * smooth chroma of less than three columns.  RGB with halves of colours is
 * none that anybody writes.
 */
static bool
find_layout(struct picture *picture)
{
    const struct jpeg_component *components = picture->header.components;
    uint32_t across = components[0].across, down = components[0].down;
    for (int i = 1; i < JPEG_COMPONENTS; i++) {
        if (components[i].across != 1 || components[i].down != 1) {
            return false;
        }
    }
    if (across < 1 || across > 2 || down < 1 || down > across ||
        (across == 2 && (picture->is_rgb || picture->header.width <= 4))) {
        return false;
    }
    picture->across = across;
    picture->down = down;
    picture->units_across = divide_up(picture->header.width, SIDE * across);
    picture->units_down = divide_up(picture->header.height, SIDE * down);
    return true;
}

/* The units that hold a side of the area, and the pixel before and behind it,
   which chroma is mixed with. */
static struct range
find_units(uint32_t first, uint32_t count, uint32_t unit, uint32_t units)
{
    uint32_t begin = first > 0 ? (first - 1) / unit : 0;
    uint32_t end = (first + count) / unit + 1;
    return (struct range){begin, end < units ? end : units};
}

static bool
is_area_within(const struct jpeg_area *area, const struct jpeg_header *header)
{
    return area->width > 0 && area->height > 0 && area->x < header->width &&
           area->y < header->height &&
           area->width <= header->width - area->x &&
           area->height <= header->height - area->y;
}

static void
find_quantization(struct picture *picture)
{
    const struct jpeg_header *header = &picture->header;
    for (int c = 0; c < JPEG_COMPONENTS; c++) {
        const uint8_t *table =
            header->tables.quantization[header->components[c].quantization];
        for (int i = 0; i < JPEG_BLOCK; i++) {
            picture->quantization[c][i] = table[i];
        }
    }
}

static size_t
whole_lines(size_t bytes)
{
    return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

/* The next bytes of memory. */
static uint8_t *
take_segments(uint8_t **memory, size_t size)
{
    uint8_t *taken = *memory;
    *memory += size;
    return taken;
}

/*
 * Kernels write whole vectors, and blocks by the kernel's number.  Each line
 * begins with a line of the cache, for vectors that straddle two take longer.
 */
static bool
reserve_lines(struct picture *picture, struct jpeg_memory *memory)
{
    size_t width = (size_t)picture->units_across * SIDE;
    size_t lines = 2 * SIDE * (size_t)picture->down;
    size_t stride = whole_lines(width * picture->across + JPEG_ROW_SLACK);
    size_t pairs =
        whole_lines((width + 2 + JPEG_ROW_SLACK) * sizeof(uint32_t));
    size_t line = (picture->header.width + (size_t)1) * sizeof(uint32_t);
    size_t size = (lines + 2 * SIDE) * stride + 2 * SIDE * pairs + line;
    uint8_t *bytes = jpeg_memory_reserve(memory, size + CACHE_LINE);
    if (bytes == NULL) {
        return false;
    }
    bytes += whole_lines((uintptr_t)bytes) - (uintptr_t)bytes;
    picture->stride = stride;
    picture->pairs_stride = pairs / sizeof(uint32_t);
    picture->samples[0] = take_segments(&bytes, lines * stride);
    picture->samples[1] = take_segments(&bytes, SIDE * stride);
    picture->samples[2] = take_segments(&bytes, SIDE * stride);
    picture->pairs =
        (uint32_t *)(void *)take_segments(&bytes, 2 * SIDE * pairs);
    picture->line = bytes;
    return true;
}

/* ---- coefficients to samples ---- */

/* The blocks of a component that lie side by side in some units. */
struct block_row {
    const int16_t *coefficients; /* of the first one in the first unit */
    const uint8_t *used;
    size_t unit_blocks; /* of all components */
    bool are_pairs;     /* two in a unit */
    size_t count;
};

/* Some of them, as a kernel takes them: behind the last come empty ones. */
struct block_group {
    const int16_t *blocks[JPEG_MAX_BLOCKS_AT_ONCE];
    unsigned used; /* of no block are there more coefficients */
};

JPEG_INLINE void
find_group(const struct block_row *row, size_t first, size_t size,
           struct block_group *group)
{
    static const int16_t none[JPEG_BLOCK];
    unsigned most = 1;
    for (size_t k = 0; k < size; k++) {
        size_t i = first + k;
        size_t block = row->are_pairs ? i / 2 * row->unit_blocks + i % 2
                                      : i * row->unit_blocks;
        if (i >= row->count) {
            group->blocks[k] = none;
            continue;
        }
        unsigned used = (row->used[block] - 1u) % JPEG_BLOCK + 1;
        group->blocks[k] = row->coefficients + block * JPEG_BLOCK;
        most = used > most ? used : most;
    }
    group->used = most;
}

/* Of so many blocks; a call of memcpy() would take longer. */
JPEG_INLINE void
copy_line(uint8_t *samples, const uint64_t *lines, size_t blocks)
{
    switch (blocks) {
    case 4:
        memcpy(samples, lines, 4 * sizeof *lines);
        break;
    case 2:
        memcpy(samples, lines, 2 * sizeof *lines);
        break;
    default:
        memcpy(samples, lines, sizeof *lines);
    }
}

/* Blocks with a first coefficient alone are one sample all over: an eighth of
   its product, rounded.  False if one is near the end of the range. */
static bool
fill_flat(const struct block_group *group, size_t size, uint16_t quantization,
          uint8_t *samples, size_t stride)
{
    uint64_t lines[JPEG_MAX_BLOCKS_AT_ONCE];
    for (size_t k = 0; k < size; k++) {
        int32_t product = group->blocks[k][0] * (int32_t)quantization;
        int32_t sample = ((product + 4) >> 3) + 128;
        if (product < -2048 || product > 2047) {
            return false;
        }
        sample = sample < 0 ? 0 : sample > UINT8_MAX ? UINT8_MAX : sample;
        lines[k] = (uint64_t)sample * UINT64_C(0x0101010101010101);
    }
    for (int y = 0; y < SIDE; y++) {
        copy_line(samples, lines, size);
        samples += stride;
    }
    return true;
}

static bool
transform_row(const struct picture *picture, const struct block_row *row,
              const uint16_t *quantization, uint8_t *samples)
{
    const struct jpeg_transform_kernel *kernel = picture->transform;
    for (size_t i = 0; i < row->count; i += kernel->blocks) {
        struct block_group group;
        find_group(row, i, kernel->blocks, &group);
        uint8_t *to = samples + SIDE * i;
        bool is_done =
            group.used == 1 && fill_flat(&group, kernel->blocks,
                                         quantization[0], to, picture->stride);
        if (!is_done &&
            !kernel->transform(group.blocks, group.used, quantization, to,
                               (ptrdiff_t)picture->stride)) {
            return false;
        }
    }
    return true;
}

static uint8_t *
find_samples(const struct picture *picture, int component, uint32_t line)
{
    uint32_t lines = component == 0 ? 2 * SIDE * picture->down : SIDE;
    return picture->samples[component] + line % lines * picture->stride;
}

/* Some units of row y, from column x on, of which the coefficients are those
   of a batch. */
static bool
transform_units(const struct picture *picture, const struct jpeg_state *state,
                size_t unit_blocks, uint32_t y, uint32_t x, uint32_t skip,
                uint32_t count)
{
    size_t first = skip * unit_blocks;
    for (int c = 0; c < JPEG_COMPONENTS; c++) {
        const struct jpeg_component *component =
            &picture->header.components[c];
        for (uint32_t i = 0; i < component->down; i++) {
            const struct block_row row = {
                state->coefficients + first * JPEG_BLOCK, state->used + first,
                unit_blocks, component->across == 2,
                (size_t)count * component->across};
            uint32_t line = (y * component->down + i) * SIDE;
            uint8_t *samples = find_samples(picture, c, line) +
                               (size_t)(x + skip) * component->across * SIDE;
            if (!transform_row(picture, &row, picture->quantization[c],
                               samples)) {
                return false;
            }
            first += component->across;
        }
    }
    return true;
}

/* A row of units, by the batch. */
static bool
decode_row(const struct picture *picture, struct jpeg_state *state,
           struct jpeg_scan *scan, uint32_t y)
{
    bool matters = y >= picture->lines.begin && y < picture->lines.end;
    uint32_t batch = (uint32_t)(JPEG_BATCH_BLOCKS / scan->block_count);
    for (uint32_t x = 0; x < picture->units_across; x += batch) {
        uint32_t left = picture->units_across - x;
        uint32_t count = left < batch ? left : batch;
        if (!jpeg_scan_decode(scan, state->coefficients, state->used, count)) {
            return false;
        }
        uint32_t begin = picture->columns.begin, end = picture->columns.end;
        begin = begin < x ? x : begin;
        end = end > x + count ? x + count : end;
        if (matters && begin < end &&
            !transform_units(picture, state, scan->block_count, y, x,
                             begin - x, end - begin)) {
            return false;
        }
    }
    return true;
}

/* ---- samples to pixels ---- */

static uint32_t *
find_pairs(const struct picture *picture, uint32_t line)
{
    return picture->pairs + line % (2 * SIDE) * picture->pairs_stride + 1;
}

/* Samples of chroma in row y of units, those beyond the image's edges too. */
static void
pair_lines(const struct picture *picture, uint32_t y)
{
    uint32_t width = divide_up(picture->header.width, picture->across);
    size_t begin = (size_t)picture->columns.begin * SIDE;
    size_t end = (size_t)picture->columns.end * SIDE;
    for (uint32_t line = y * SIDE; line < (y + 1) * SIDE; line++) {
        uint32_t *pairs = find_pairs(picture, line);
        picture->colours->pair(find_samples(picture, 1, line) + begin,
                               find_samples(picture, 2, line) + begin,
                               pairs + begin, end - begin);
        if (begin == 0) {
            pairs[-1] = pairs[0];
        }
        if (end >= width) {
            pairs[width] = pairs[width - 1];
        }
    }
}

static void
convert_ycc(const struct picture *picture, uint32_t line, uint32_t x,
            uint8_t *pixels, size_t width)
{
    uint32_t near = line / picture->down, far = near;
    uint32_t last = divide_up(picture->header.height, picture->down) - 1;
    if (line % 2 == 0 && near > 0) {
        far = near - 1;
    } else if (line % 2 != 0 && near < last) {
        far = near + 1;
    }
    const struct jpeg_ycc_row row = {
        .luma = find_samples(picture, 0, line) + x,
        .near = find_pairs(picture, near) + x / picture->across,
        .far = picture->down == 2
                   ? find_pairs(picture, far) + x / picture->across
                   : NULL,
        .is_halved = picture->across == 2,
    };
    picture->colours->convert_ycc(&row, pixels, width, picture->rows->order);
}

static void
convert_rgb(const struct picture *picture, uint32_t line, uint8_t *pixels)
{
    const uint8_t *samples[JPEG_COMPONENTS];
    for (int c = 0; c < JPEG_COMPONENTS; c++) {
        samples[c] = find_samples(picture, c, line) + picture->area.x;
    }
    picture->colours->convert_rgb(samples, pixels, picture->area.width,
                                  picture->rows->order);
}

/* Halved chroma goes with two pixels, so the first of them is made too. */
static void
convert_line(const struct picture *picture, uint32_t line)
{
    const struct jpeg_area *area = &picture->area;
    uint8_t *pixels = picture->rows->first +
                      (ptrdiff_t)(line - area->y) * picture->rows->stride;
    size_t width = area->width;
    if (picture->is_rgb) {
        convert_rgb(picture, line, pixels);
    } else if (area->x % picture->across == 0) {
        convert_ycc(picture, line, area->x, pixels, width);
    } else {
        size_t size = jpeg_pixel_size(picture->rows->order);
        convert_ycc(picture, line, area->x - 1, picture->line, width + 1);
        memcpy(pixels, picture->line + size, width * size);
    }
}

/* The lines that can be made when row y of units is there, but not before. */
static void
convert_lines(const struct picture *picture, uint32_t y)
{
    const struct jpeg_area *area = &picture->area;
    uint32_t unit = SIDE * picture->down, late = picture->down - 1;
    uint32_t begin = y == 0 ? 0 : y * unit - late;
    uint32_t end = (y + 1) * unit - late;
    if (y + 1 == picture->units_down || end > area->y + area->height) {
        end = area->y + area->height;
    }
    for (uint32_t line = begin < area->y ? area->y : begin; line < end;
         line++) {
        convert_line(picture, line);
    }
}

/* ---- pictures ---- */

static bool
decode_picture(const struct picture *picture, struct jpeg_state *state,
               struct jpeg_scan *scan)
{
    for (uint32_t y = 0; y < picture->units_down; y++) {
        if (!decode_row(picture, state, scan, y)) {
            return false;
        }
        if (y >= picture->lines.begin && y < picture->lines.end) {
            if (!picture->is_rgb) {
                pair_lines(picture, y);
            }
            convert_lines(picture, y);
        }
    }
    return jpeg_scan_finish(scan);
}

static bool
read_headers(const struct jpeg_format *format, const uint8_t *bytes,
             size_t size, struct jpeg_header *header)
{
    struct jpeg_tables *tables = &header->tables;
    tables->has_quantization = tables->has_dc = tables->has_ac = 0;
    return (format->tables == NULL ||
            jpeg_parse_tables(format->tables, format->tables_size, tables)) &&
           jpeg_parse_header(bytes, size, header) &&
           header->width == format->width && header->height == format->height;
}

static bool
decode_with(struct jpeg_state *state, struct picture *picture,
            const uint8_t *bytes, size_t size, enum instruction_set set)
{
    struct jpeg_scan scan;
    return jpeg_scan_start(&scan, state, &picture->header, bytes, size,
                           jpeg_entropy_kernels[set]) &&
           reserve_lines(picture, &state->rows) &&
           decode_picture(picture, state, &scan);
}

bool
jpeg_decode_area(const struct jpeg_format *format, const uint8_t *bytes,
                 size_t size, const struct jpeg_area *area,
                 const struct jpeg_rows *rows, enum instruction_set set)
{
    struct picture picture;
    picture.is_rgb = format->is_rgb;
    picture.area = *area;
    picture.rows = rows;
    picture.transform = &jpeg_transform_kernels[set];
    picture.colours = &jpeg_colour_kernels[set];
    if (!read_headers(format, bytes, size, &picture.header) ||
        !is_area_within(area, &picture.header) || !find_layout(&picture)) {
        return false;
    }
    find_quantization(&picture);
    picture.columns = find_units(area->x, area->width, SIDE * picture.across,
                                 picture.units_across);
    picture.lines = find_units(area->y, area->height, SIDE * picture.down,
                               picture.units_down);
    struct jpeg_state *state = jpeg_state_take();
    if (state == NULL) {
        return false;
    }
    bool decoded = decode_with(state, &picture, bytes, size, set);
    jpeg_state_put(state);
    return decoded;
}
