#include "png.h"

#include "deflate.h"
#include "system/byte_order.h"

#include <stdlib.h>
#include <string.h>

/* PNG (ISO/IEC 15948): a signature, then chunks. Each has a length, a name,
   its data and a sum of the name and the data. */

enum { SAMPLES = 3, HEADER_BYTES = 13, AROUND_DATA = 12 };

static const uint8_t signature[8] = {0x89, 'P',  'N',  'G',
                                     '\r', '\n', 0x1a, '\n'};

struct chunk {
    char name[5];
    const uint8_t *data;
    size_t size;
};

/* What is left of the file. */
struct rest {
    const uint8_t *bytes;
    size_t size;
};

/* False where there is no chunk, or a damaged one. */
static bool
take_chunk(struct rest *rest, struct chunk *chunk)
{
    if (rest->size < AROUND_DATA ||
        big_endian_u32(rest->bytes) > rest->size - AROUND_DATA) {
        return false;
    }
    chunk->size = big_endian_u32(rest->bytes);
    memcpy(chunk->name, rest->bytes + 4, 4);
    chunk->name[4] = '\0';
    chunk->data = rest->bytes + 8;
    uint32_t sum = big_endian_u32(chunk->data + chunk->size);
    bool is_sound = sum == deflate_crc(rest->bytes + 4, chunk->size + 4);
    rest->bytes += chunk->size + AROUND_DATA;
    rest->size -= chunk->size + AROUND_DATA;
    return is_sound;
}

static bool
is_named(const struct chunk *chunk, const char *name)
{
    return strcmp(chunk->name, name) == 0;
}

/* Those that change no pixel. */
static bool
is_remark(const struct chunk *chunk)
{
    static const char *const names[] = {"gAMA", "sRGB", "pHYs", "tEXt",
                                        "tIME"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found = found || is_named(chunk, names[i]);
    }
    return found;
}

/* Eight bits, three samples, the only ways of compression and of filters, and
   no interlacing. */
static bool
is_right_header(const struct chunk *chunk, uint32_t width, uint32_t height)
{
    static const uint8_t plain[] = {8, 2, 0, 0, 0};
    return is_named(chunk, "IHDR") && chunk->size == HEADER_BYTES &&
           big_endian_u32(chunk->data) == width &&
           big_endian_u32(chunk->data + 4) == height &&
           memcmp(chunk->data + 8, plain, sizeof plain) == 0;
}

/* The compressed stream, which may be in several chunks one behind another:
   put together at `stream`, which has room for all. */
static bool
join_data(struct rest *rest, uint8_t *stream, size_t *size)
{
    struct chunk chunk;
    bool is_over = false;
    *size = 0;
    while (take_chunk(rest, &chunk)) {
        if (is_named(&chunk, "IDAT") && !is_over) {
            memcpy(stream + *size, chunk.data, chunk.size);
            *size += chunk.size;
            continue;
        }
        is_over = *size > 0;
        if (is_named(&chunk, "IEND")) {
            return is_over && chunk.size == 0 && rest->size == 0;
        }
        if (!is_remark(&chunk)) {
            return false;
        }
    }
    return false;
}

/* Filters: a row has what its samples are more than those beside them */

enum filter {
    FILTER_NONE,
    FILTER_LEFT,
    FILTER_ABOVE,
    FILTER_MEAN,
    FILTER_PAETH
};

/* Of the sample on the left, above, and in the corner between them, the one
   that is nearest to left + above - corner; the first of equals. */
static int
nearest(int left, int above, int corner)
{
    int to_left = abs(above - corner), to_above = abs(left - corner);
    int to_corner = abs(left + above - 2 * corner);
    if (to_left <= to_above && to_left <= to_corner) {
        return left;
    }
    return to_above <= to_corner ? above : corner;
}

/* Where there is nothing on the left, that counts as 0. */
static uint8_t
before(const uint8_t *row, size_t i)
{
    return i < SAMPLES ? 0 : row[i - SAMPLES];
}

/* A row; false where there is no such filter. */
static bool
undo_filter(uint8_t filter, const uint8_t *differences, const uint8_t *above,
            uint8_t *row, size_t length)
{
    switch (filter) {
    case FILTER_NONE:
        memcpy(row, differences, length);
        return true;
    case FILTER_LEFT:
        for (size_t i = 0; i < length; i++) {
            row[i] = (uint8_t)(differences[i] + before(row, i));
        }
        return true;
    case FILTER_ABOVE:
        for (size_t i = 0; i < length; i++) {
            row[i] = (uint8_t)(differences[i] + above[i]);
        }
        return true;
    case FILTER_MEAN:
        for (size_t i = 0; i < length; i++) {
            row[i] =
                (uint8_t)(differences[i] + (before(row, i) + above[i]) / 2);
        }
        return true;
    case FILTER_PAETH:
        for (size_t i = 0; i < length; i++) {
            row[i] =
                (uint8_t)(differences[i] +
                          nearest(before(row, i), above[i], before(above, i)));
        }
        return true;
    default:
        return false;
    }
}

/* `filtered`: a row of nothing, which lies above the first, then the rows,
   each behind the number of its filter. */
static bool
undo_filters(const uint8_t *filtered, size_t length, uint32_t height,
             uint8_t *samples)
{
    const uint8_t *above = filtered;
    filtered += length;
    for (uint32_t y = 0; y < height; y++) {
        if (!undo_filter(filtered[0], filtered + 1, above, samples, length)) {
            return false;
        }
        filtered += 1 + length;
        above = samples;
        samples += length;
    }
    return true;
}

bool
png_expand(const uint8_t *bytes, size_t size, uint32_t width, uint32_t height,
           uint8_t *samples)
{
    struct rest rest = {bytes, size};
    struct chunk header;
    if (size < sizeof signature ||
        memcmp(bytes, signature, sizeof signature) != 0) {
        return false;
    }
    rest.bytes += sizeof signature;
    rest.size -= sizeof signature;
    if (!take_chunk(&rest, &header) ||
        !is_right_header(&header, width, height)) {
        return false;
    }
    size_t length = (size_t)width * SAMPLES, stream_size;
    size_t count = (length + 1) * height;
    uint8_t *stream = malloc(size), *filtered = calloc(1, length + count);
    bool complete =
        stream != NULL && filtered != NULL &&
        join_data(&rest, stream, &stream_size) &&
        deflate_expand(stream, stream_size, filtered + length, count) &&
        undo_filters(filtered, length, height, samples);
    free(filtered);
    free(stream);
    return complete;
}
