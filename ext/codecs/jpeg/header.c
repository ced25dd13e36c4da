#include "codecs/jpeg/header.h"

#include <string.h>

enum marker {
    SOF0 = 0xc0, /* a baseline image */
    SOF1 = 0xc1, /* an extended sequential one */
    DHT = 0xc4,  /* Huffman codes */
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda, /* a scan */
    DQT = 0xdb, /* quantization tables */
    DRI = 0xdd, /* the restart interval */
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
};

enum { PRECISION = 8, LAST_COEFFICIENT = 63 };

/* Of libjpeg: JPEG_MAX_DIMENSION. */
enum { MAX_SIDE = 65500 };

/* ---- bytes, of which no more are read than there are ---- */

struct bytes {
    const uint8_t *at;
    size_t left;
    bool lacking; /* more were wanted than there are; all of these were 0 */
};

static unsigned
next_byte(struct bytes *bytes)
{
    if (bytes->left == 0) {
        bytes->lacking = true;
        return 0;
    }
    bytes->left--;
    return *bytes->at++;
}

static unsigned
next_number(struct bytes *bytes)
{
    unsigned high = next_byte(bytes);
    return high << 8 | next_byte(bytes);
}

static void
next_bytes(struct bytes *bytes, uint8_t *to, size_t count)
{
    if (bytes->left < count) {
        bytes->lacking = true;
        memset(to, 0, count);
        return;
    }
    memcpy(to, bytes->at, count);
    bytes->at += count;
    bytes->left -= count;
}

/* All have been read, and no more. */
static bool
are_used_up(const struct bytes *bytes)
{
    return bytes->left == 0 && !bytes->lacking;
}

/* What the length in front of it says is a segment. */
static bool
next_segment(struct bytes *bytes, struct bytes *segment)
{
    size_t length = next_number(bytes);
    if (bytes->lacking || length < 2 || length - 2 > bytes->left) {
        return false;
    }
    length -= 2;
    *segment = (struct bytes){.at = bytes->at, .left = length};
    bytes->at += length;
    bytes->left -= length;
    return true;
}

/* Any number of bytes 0xff may stand before a marker. */
static bool
next_marker(struct bytes *bytes, unsigned *marker)
{
    if (next_byte(bytes) != 0xff) {
        return false;
    }
    do {
        *marker = next_byte(bytes);
    } while (*marker == 0xff);
    return !bytes->lacking;
}

/* ---- segments ---- */

static bool
read_codes(struct bytes *segment, struct jpeg_tables *tables)
{
    while (segment->left > 0) {
        unsigned id = next_byte(segment);
        unsigned class = id >> 4, index = id & 15, count = 0;
        if (class > 1 || index >= JPEG_TABLES) {
            return false;
        }
        struct jpeg_code *code =
            class == 1 ? &tables->ac[index] : &tables->dc[index];
        *(class == 1 ? &tables->has_ac : &tables->has_dc) |=
            (uint8_t)(1 << index);
        next_bytes(segment, code->counts, JPEG_CODE_BITS);
        for (int i = 0; i < JPEG_CODE_BITS; i++) {
            count += code->counts[i];
        }
        if (count > JPEG_SYMBOLS) {
            return false;
        }
        next_bytes(segment, code->symbols, count);
        memset(code->symbols + count, 0, JPEG_SYMBOLS - count);
    }
    return are_used_up(segment);
}

/* Tables of 16 bits an entry are for images of 12 bits. */
static bool
read_quantization(struct bytes *segment, struct jpeg_tables *tables)
{
    while (segment->left > 0) {
        unsigned id = next_byte(segment);
        if (id >= JPEG_TABLES) {
            return false;
        }
        next_bytes(segment, tables->quantization[id], JPEG_BLOCK);
        tables->has_quantization |= (uint8_t)(1 << id);
    }
    return are_used_up(segment);
}

static bool
read_frame(struct bytes *segment, struct jpeg_header *header)
{
    if (next_byte(segment) != PRECISION) {
        return false;
    }
    header->height = next_number(segment);
    header->width = next_number(segment);
    if (next_byte(segment) != JPEG_COMPONENTS) {
        return false;
    }
    for (int i = 0; i < JPEG_COMPONENTS; i++) {
        struct jpeg_component *component = &header->components[i];
        component->id = (uint8_t)next_byte(segment);
        unsigned factors = next_byte(segment);
        component->across = (uint8_t)(factors >> 4);
        component->down = factors & 15;
        component->quantization = (uint8_t)next_byte(segment);
    }
    return are_used_up(segment) && header->width > 0 && header->height > 0 &&
           header->width <= MAX_SIDE && header->height <= MAX_SIDE;
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
read_scan(struct bytes *segment, struct jpeg_header *header)
{
    const struct jpeg_tables *tables = &header->tables;
    if (next_byte(segment) != JPEG_COMPONENTS) {
        return false;
    }
    for (int i = 0; i < JPEG_COMPONENTS; i++) {
        struct jpeg_component *component = &header->components[i];
        bool is_next = next_byte(segment) == component->id;
        unsigned codes = next_byte(segment);
        component->dc = (uint8_t)(codes >> 4);
        component->ac = codes & 15;
        if (!is_next || !has_table(tables->has_dc, component->dc) ||
            !has_table(tables->has_ac, component->ac) ||
            !has_table(tables->has_quantization, component->quantization)) {
            return false;
        }
    }
    unsigned first = next_byte(segment), last = next_byte(segment);
    unsigned approximation = next_byte(segment);
    return first == 0 && last == LAST_COEFFICIENT && approximation == 0 &&
           have_names(header->components) && are_used_up(segment);
}

/* libjpeg warns of any other major version than 1. */
static bool
is_known_jfif(const struct bytes *segment)
{
    return segment->left < 14 || memcmp(segment->at, "JFIF", 5) != 0 ||
           segment->at[5] == 1;
}

/* It warns of a transformation that it does not know, even where the slide
   says which one it is. */
static bool
is_known_adobe(const struct bytes *segment)
{
    return segment->left < 12 || memcmp(segment->at, "Adobe", 5) != 0 ||
           segment->at[11] <= 1;
}

/* Those that say nothing of the samples are skipped. */
static bool
read_other(unsigned marker, struct bytes *segment, struct jpeg_tables *tables)
{
    switch (marker) {
    case DHT:
        return read_codes(segment, tables);
    case DQT:
        return read_quantization(segment, tables);
    case APP0:
        return is_known_jfif(segment);
    case APP14:
        return is_known_adobe(segment);
    default:
        return marker == COM || (marker > APP0 && marker <= APP15);
    }
}

static bool
begins_image(struct bytes *bytes)
{
    return next_byte(bytes) == 0xff && next_byte(bytes) == SOI;
}

/* ---- streams ---- */

bool
jpeg_parse_tables(const uint8_t *bytes, size_t size,
                  struct jpeg_tables *tables)
{
    struct bytes rest = {.at = bytes, .left = size};
    struct bytes segment;
    unsigned marker;
    if (!begins_image(&rest)) {
        return false;
    }
    while (next_marker(&rest, &marker)) {
        if (marker == EOI) {
            return true;
        }
        /* A restart interval ends with the stream that sets it. */
        if (!next_segment(&rest, &segment) ||
            !(marker == DRI ? segment.left == 2
                            : read_other(marker, &segment, tables))) {
            return false;
        }
    }
    return false;
}

/* Whether a segment is as it should be, but for that of the scan. */
static bool
read_segment(unsigned marker, struct bytes *segment,
             struct jpeg_header *header)
{
    switch (marker) {
    case SOF0:
    case SOF1:
        return header->width == 0 && read_frame(segment, header);
    case DRI:
        header->restart_interval = next_number(segment);
        return are_used_up(segment);
    default:
        return read_other(marker, segment, &header->tables);
    }
}

bool
jpeg_parse_header(const uint8_t *bytes, size_t size,
                  struct jpeg_header *header)
{
    struct bytes rest = {.at = bytes, .left = size};
    struct bytes segment;
    unsigned marker;
    header->width = header->height = header->restart_interval = 0;
    if (!begins_image(&rest)) {
        return false;
    }
    while (next_marker(&rest, &marker) && next_segment(&rest, &segment)) {
        if (marker == SOS) {
            header->entropy_offset = size - rest.left;
            return header->width != 0 && read_scan(&segment, header);
        }
        if (!read_segment(marker, &segment, header)) {
            return false;
        }
    }
    return false;
}
