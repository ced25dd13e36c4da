#include "codecs/jpeg/header.h"

#include "codecs/jpeg/segments.h"

#include <string.h>

enum { PRECISION = 8, LAST_COEFFICIENT = 63 };

/* Of libjpeg: JPEG_MAX_DIMENSION. */
enum { MAX_SIDE = 65500 };

/* ---- segments ---- */

static bool
read_codes(struct jpeg_bytes *segment, struct jpeg_tables *tables)
{
    while (segment->left > 0) {
        unsigned id = jpeg_next_byte(segment);
        unsigned class = id >> 4, index = id & 15, count = 0;
        if (class > 1 || index >= JPEG_TABLES) {
            return false;
        }
        struct jpeg_code *code =
            class == 1 ? &tables->ac[index] : &tables->dc[index];
        *(class == 1 ? &tables->has_ac : &tables->has_dc) |=
            (uint8_t)(1 << index);
        jpeg_next_bytes(segment, code->counts, JPEG_CODE_BITS);
        for (int i = 0; i < JPEG_CODE_BITS; i++) {
            count += code->counts[i];
        }
        if (count > JPEG_SYMBOLS) {
            return false;
        }
        jpeg_next_bytes(segment, code->symbols, count);
        memset(code->symbols + count, 0, JPEG_SYMBOLS - count);
    }
    return jpeg_bytes_are_used_up(segment);
}

/* Tables of 16 bits an entry are for images of 12 bits. */
static bool
read_quantization(struct jpeg_bytes *segment, struct jpeg_tables *tables)
{
    while (segment->left > 0) {
        unsigned id = jpeg_next_byte(segment);
        if (id >= JPEG_TABLES) {
            return false;
        }
        jpeg_next_bytes(segment, tables->quantization[id], JPEG_BLOCK);
        tables->has_quantization |= (uint8_t)(1 << id);
    }
    return jpeg_bytes_are_used_up(segment);
}

static bool
read_frame(struct jpeg_bytes *segment, struct jpeg_header *header)
{
    if (jpeg_next_byte(segment) != PRECISION) {
        return false;
    }
    header->height = jpeg_next_number(segment);
    header->width = jpeg_next_number(segment);
    if (jpeg_next_byte(segment) != JPEG_COMPONENTS) {
        return false;
    }
    for (int i = 0; i < JPEG_COMPONENTS; i++) {
        struct jpeg_component *component = &header->components[i];
        component->id = (uint8_t)jpeg_next_byte(segment);
        unsigned factors = jpeg_next_byte(segment);
        component->across = (uint8_t)(factors >> 4);
        component->down = factors & 15;
        component->quantization = (uint8_t)jpeg_next_byte(segment);
    }
    return jpeg_bytes_are_used_up(segment) && header->width > 0 &&
           header->height > 0 && header->width <= MAX_SIDE &&
           header->height <= MAX_SIDE;
}

static bool
has_table(unsigned tables, unsigned index)
{
    return index < JPEG_TABLES && (tables >> index & 1) != 0;
}

/* Components of one name are told apart in more than one way. */
static bool
have_names(const struct jpeg_component *components)
{
    return components[0].id != components[1].id &&
           components[0].id != components[2].id &&
           components[1].id != components[2].id;
}

/* All components, in their order. */
static bool
read_scan(struct jpeg_bytes *segment, struct jpeg_header *header)
{
    const struct jpeg_tables *tables = &header->tables;
    if (jpeg_next_byte(segment) != JPEG_COMPONENTS) {
        return false;
    }
    for (int i = 0; i < JPEG_COMPONENTS; i++) {
        struct jpeg_component *component = &header->components[i];
        bool is_next = jpeg_next_byte(segment) == component->id;
        unsigned codes = jpeg_next_byte(segment);
        component->dc = (uint8_t)(codes >> 4);
        component->ac = codes & 15;
        if (!is_next || !has_table(tables->has_dc, component->dc) ||
            !has_table(tables->has_ac, component->ac) ||
            !has_table(tables->has_quantization, component->quantization)) {
            return false;
        }
    }
    unsigned first = jpeg_next_byte(segment), last = jpeg_next_byte(segment);
    unsigned approximation = jpeg_next_byte(segment);
    return first == 0 && last == LAST_COEFFICIENT && approximation == 0 &&
           have_names(header->components) && jpeg_bytes_are_used_up(segment);
}

/* libjpeg warns of any other major version than 1. */
static bool
is_known_jfif(const struct jpeg_bytes *segment)
{
    return !jpeg_is_jfif(JPEG_APP0, segment) || segment->at[5] == 1;
}

/* It warns of a transformation that it does not know, even where the slide
   says which one it is. */
static bool
is_known_adobe(const struct jpeg_bytes *segment)
{
    return !jpeg_is_adobe(JPEG_APP14, segment) ||
           segment->at[JPEG_ADOBE_TRANSFORM] <= 1;
}

/* Those that say nothing of the samples are skipped. */
static bool
read_other(unsigned marker, struct jpeg_bytes *segment,
           struct jpeg_tables *tables)
{
    switch (marker) {
    case JPEG_DHT:
        return read_codes(segment, tables);
    case JPEG_DQT:
        return read_quantization(segment, tables);
    case JPEG_APP0:
        return is_known_jfif(segment);
    case JPEG_APP14:
        return is_known_adobe(segment);
    default:
        return jpeg_is_application(marker);
    }
}

/* ---- streams ---- */

bool
jpeg_parse_tables(const uint8_t *bytes, size_t size,
                  struct jpeg_tables *tables)
{
    struct jpeg_bytes rest = {.at = bytes, .left = size};
    struct jpeg_bytes segment;
    unsigned marker;
    if (!jpeg_begins_image(&rest)) {
        return false;
    }
    while (jpeg_next_marker(&rest, &marker)) {
        if (marker == JPEG_EOI) {
            return true;
        }
        /* A restart interval ends with the stream that sets it. */
        if (!jpeg_next_segment(&rest, &segment) ||
            !(marker == JPEG_DRI ? segment.left == 2
                                 : read_other(marker, &segment, tables))) {
            return false;
        }
    }
    return false;
}

/* Whether a segment is as it should be, but for that of the scan. */
static bool
read_segment(unsigned marker, struct jpeg_bytes *segment,
             struct jpeg_header *header)
{
    switch (marker) {
    case JPEG_SOF0:
    case JPEG_SOF1:
        return header->width == 0 && read_frame(segment, header);
    case JPEG_DRI:
        header->restart_interval = jpeg_next_number(segment);
        return jpeg_bytes_are_used_up(segment);
    default:
        return read_other(marker, segment, &header->tables);
    }
}

bool
jpeg_parse_header(const uint8_t *bytes, size_t size,
                  struct jpeg_header *header)
{
    struct jpeg_bytes rest = {.at = bytes, .left = size};
    struct jpeg_bytes segment;
    unsigned marker;
    header->width = header->height = header->restart_interval = 0;
    if (!jpeg_begins_image(&rest)) {
        return false;
    }
    while (jpeg_next_marker(&rest, &marker) &&
           jpeg_next_segment(&rest, &segment)) {
        if (marker == JPEG_SOS) {
            header->entropy_offset = size - rest.left;
            return header->width != 0 && read_scan(&segment, header);
        }
        if (!read_segment(marker, &segment, header)) {
            return false;
        }
    }
    return false;
}
