#include "formats/ndpi_jpeg.h"

#include <string.h>

enum ndpi_marker {
    SOF0 = 0xc0, /* a baseline image */
    SOF1 = 0xc1, /* an extended sequential one */
    DHT = 0xc4,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    SOS = 0xda,
    DQT = 0xdb,
    DRI = 0xdd,
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
};

/* The marker and the length of a segment. */
enum { SEGMENT_HEAD = 4 };

/* Of the frame: precision, height, width and the number of components; then
   as much for each of them. */
enum { FRAME_HEAD = 6, COMPONENT_BYTES = 3, USUAL_COMPONENTS = 3 };

/* What the markers say of the samples. */
struct colours {
    bool has_jfif, has_adobe;
    uint8_t transform; /* of Adobe */
    uint8_t names[USUAL_COMPONENTS];
};

/* A segment behind its length. */
struct segment {
    unsigned marker;
    const uint8_t *bytes;
    size_t size;
};

static unsigned
ndpi_jpeg_number_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint32_t
larger_factor(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The first frame; there is but one in a usual JPEG. */
static bool
read_ndpi_frame(const struct segment *segment, struct ndpi_jpeg *jpeg,
                struct colours *colours)
{
    const uint8_t *bytes = segment->bytes;
    if (jpeg->dimensions != 0 || segment->size < FRAME_HEAD ||
        segment->size != FRAME_HEAD + (size_t)bytes[5] * COMPONENT_BYTES) {
        return false;
    }
    jpeg->precision = bytes[0];
    jpeg->height = ndpi_jpeg_number_at(bytes + 1);
    jpeg->width = ndpi_jpeg_number_at(bytes + 3);
    jpeg->components = bytes[5];
    for (uint32_t i = 0; i < jpeg->components; i++) {
        const uint8_t *component = bytes + FRAME_HEAD + i * COMPONENT_BYTES;
        if (i < USUAL_COMPONENTS) {
            colours->names[i] = component[0];
        }
        jpeg->across = larger_factor(jpeg->across, component[1] >> 4);
        jpeg->down = larger_factor(jpeg->down, component[1] & 15);
    }
    return jpeg->across > 0 && jpeg->down > 0;
}

/* A second one would change it. */
static bool
read_interval(const struct segment *segment, struct ndpi_jpeg *jpeg)
{
    if (segment->size != 2 || jpeg->restart_interval != 0) {
        return false;
    }
    jpeg->restart_interval = ndpi_jpeg_number_at(segment->bytes);
    return true;
}

static bool
read_ndpi_segment(const struct segment *segment, struct ndpi_jpeg *jpeg,
                  struct colours *colours)
{
    switch (segment->marker) {
    case SOF0:
    case SOF1:
        return read_ndpi_frame(segment, jpeg, colours);
    case DRI:
        return read_interval(segment, jpeg);
    case APP0:
        colours->has_jfif |=
            segment->size >= 14 && memcmp(segment->bytes, "JFIF", 5) == 0;
        return true;
    case APP14:
        if (segment->size >= 12 && memcmp(segment->bytes, "Adobe", 5) == 0) {
            colours->has_adobe = true;
            colours->transform = segment->bytes[11];
        }
        return true;
    default:
        return segment->marker == DHT || segment->marker == DQT ||
               segment->marker == SOS || segment->marker == COM ||
               (segment->marker > APP0 && segment->marker <= APP15);
    }
}

/* What libjpeg takes the samples for. */
static bool
are_rgb(const struct colours *colours)
{
    if (colours->has_jfif) {
        return false;
    }
    return colours->has_adobe ? colours->transform == 0
                              : memcmp(colours->names, "RGB", 3) == 0;
}

/* Markers follow one another without a byte between: libopenslide expects no
   other. */
static enum ndpi_parsing
next_ndpi_segment(const uint8_t *bytes, size_t size, size_t position,
                  struct segment *segment)
{
    if (size - position < SEGMENT_HEAD) {
        return NDPI_CUT_OFF;
    }
    size_t length = ndpi_jpeg_number_at(bytes + position + 2);
    if (bytes[position] != 0xff || length < 2) {
        return NDPI_REFUSED;
    }
    *segment = (struct segment){bytes[position + 1],
                                bytes + position + SEGMENT_HEAD, length - 2};
    return size - position - 2 < length ? NDPI_CUT_OFF : NDPI_PARSED;
}

enum ndpi_parsing
ndpi_parse_jpeg(const uint8_t *bytes, size_t size, struct ndpi_jpeg *jpeg)
{
    struct colours colours = {0};
    struct segment segment = {0};
    size_t position = 2;
    *jpeg = (struct ndpi_jpeg){0};
    if (size < 2) {
        return NDPI_CUT_OFF;
    }
    if (bytes[0] != 0xff || bytes[1] != SOI) {
        return NDPI_REFUSED;
    }
    while (segment.marker != SOS) {
        enum ndpi_parsing parsing =
            next_ndpi_segment(bytes, size, position, &segment);
        if (parsing != NDPI_PARSED) {
            return parsing;
        }
        if (!read_ndpi_segment(&segment, jpeg, &colours)) {
            return NDPI_REFUSED;
        }
        if (jpeg->components != 0 && jpeg->dimensions == 0) {
            jpeg->dimensions = position + SEGMENT_HEAD + 1;
        }
        position += SEGMENT_HEAD + segment.size;
    }
    jpeg->size = position;
    jpeg->is_rgb = are_rgb(&colours);
    return jpeg->dimensions == 0 ? NDPI_REFUSED : NDPI_PARSED;
}

static void
put_number(uint8_t *bytes, uint32_t number)
{
    bytes[0] = (uint8_t)(number >> 8);
    bytes[1] = (uint8_t)number;
}

void
ndpi_resize_jpeg(const struct ndpi_jpeg *jpeg, uint8_t *header, uint32_t width,
                 uint32_t height)
{
    put_number(header + jpeg->dimensions, height);
    put_number(header + jpeg->dimensions + 2, width);
}

bool
ndpi_is_restart(const uint8_t *bytes)
{
    return bytes[0] == 0xff && bytes[1] >= RST0 && bytes[1] <= RST7;
}

/* As libopenslide searches: two bytes at a time, once there is an 0xff. */
size_t
ndpi_find_restarts(const uint8_t *bytes, size_t size, uint64_t offset,
                   uint64_t *starts, size_t most)
{
    size_t count = 0, at = 0;
    while (count < most && at < size) {
        const uint8_t *found = memchr(bytes + at, 0xff, size - at);
        if (found == NULL || size - (size_t)(found - bytes) < 2) {
            break;
        }
        at = (size_t)(found - bytes) + 2;
        if (ndpi_is_restart(found)) {
            starts[count++] = offset + at;
        }
    }
    return count;
}
