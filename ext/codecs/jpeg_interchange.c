#include "codecs/jpeg_interchange.h"

#include "codecs/jpeg/segments.h"

enum { PRECISION = 8, COMPONENTS = 3 };

/* The bytes in front of a segment: its marker and its length. */
enum { SEGMENT_HEAD = 4 };

static const char NOT_ORDINARY[] = "it is not the JPEG of an ordinary tile";

/* What the header of a tile says of its pixels. */
struct description {
    uint32_t width, height; /* 0: it has not said so yet */
    uint8_t names[COMPONENTS];
    bool has_jfif, has_adobe;
    uint8_t transform; /* of Adobe */
};

/* ---- colours ---- */

/* As libjpeg guesses, and whoever follows it. */
static bool
looks_like_rgb(const struct description *description)
{
    if (description->has_jfif) {
        return false;
    }
    return description->has_adobe ? description->transform == 0
                                  : memcmp(description->names, "RGB", 3) == 0;
}

/* Names of components are a weak word: not all decoders look at them. */
static bool
needs_mark(const struct description *description, bool is_rgb)
{
    return is_rgb ? !description->has_adobe || !looks_like_rgb(description)
                  : looks_like_rgb(description);
}

/* ---- reading a tile ---- */

static bool
describe_frame(struct jpeg_bytes *segment, struct description *description)
{
    unsigned precision = jpeg_next_byte(segment);
    if (description->width != 0) {
        return false; /* a second one */
    }
    description->height = jpeg_next_number(segment);
    description->width = jpeg_next_number(segment);
    unsigned components = jpeg_next_byte(segment);
    for (int i = 0; i < COMPONENTS; i++) {
        description->names[i] = (uint8_t)jpeg_next_byte(segment);
        jpeg_next_number(segment); /* sampling factors and a table */
    }
    return precision == PRECISION && components == COMPONENTS &&
           jpeg_bytes_are_used_up(segment);
}

static bool
describe_segment(unsigned marker, struct jpeg_bytes *segment,
                 struct description *description)
{
    switch (marker) {
    case JPEG_SOF0:
    case JPEG_SOF1:
    case JPEG_SOF2:
        return describe_frame(segment, description);
    case JPEG_DHT:
    case JPEG_DQT:
    case JPEG_DRI:
        return true;
    default:
        description->has_jfif |= jpeg_is_jfif(marker, segment);
        if (jpeg_is_adobe(marker, segment)) {
            description->has_adobe = true;
            description->transform = segment->at[JPEG_ADOBE_TRANSFORM];
        }
        return jpeg_is_application(marker);
    }
}

/* Up to the first scan, where `rest` then is. */
static bool
describe_header(struct jpeg_bytes *rest, struct description *description)
{
    struct jpeg_bytes segment;
    unsigned marker;
    *description = (struct description){0};
    if (!jpeg_begins_image(rest)) {
        return false;
    }
    for (;;) {
        struct jpeg_bytes before = *rest;
        if (!jpeg_next_marker(rest, &marker)) {
            return false;
        }
        if (marker == JPEG_SOS) {
            *rest = before;
            return true;
        }
        if (!jpeg_next_segment(rest, &segment) ||
            !describe_segment(marker, &segment, description)) {
            return false;
        }
    }
}

/* What may stand between the scans of a progressive image. */
static bool
is_between_scans(unsigned marker)
{
    return marker == JPEG_SOS || marker == JPEG_DHT || marker == JPEG_DQT ||
           marker == JPEG_DRI || jpeg_is_application(marker);
}

/* Skip entropy-coded bytes, with their restarts, to the next marker, which
   `rest` is at then; false where there is none. */
static bool
skip_scan(struct jpeg_bytes *rest, unsigned *marker)
{
    for (;;) {
        const uint8_t *found =
            rest->left == 0 ? NULL : memchr(rest->at, 0xff, rest->left);
        if (found == NULL) {
            return false;
        }
        rest->left -= (size_t)(found - rest->at);
        rest->at = found;
        struct jpeg_bytes ahead = *rest;
        if (!jpeg_next_marker(&ahead, marker)) {
            return false;
        }
        if (*marker != 0 && !(*marker >= JPEG_RST0 && *marker <= JPEG_RST7)) {
            return true;
        }
        *rest = ahead;
    }
}

/* From the first scan to the end of the image, behind which `rest` then is;
   false where it does not have one. */
static bool
skip_to_end(struct jpeg_bytes *rest)
{
    struct jpeg_bytes segment;
    unsigned marker;
    for (;;) {
        struct jpeg_bytes before = *rest;
        if (!jpeg_next_marker(rest, &marker)) {
            *rest = before;
            return false;
        }
        if (marker == JPEG_EOI) {
            return true;
        }
        if (!is_between_scans(marker) || !jpeg_next_segment(rest, &segment)) {
            *rest = before;
            return false;
        }
        if (marker == JPEG_SOS && !skip_scan(rest, &marker)) {
            rest->at += rest->left;
            rest->left = 0;
            return false;
        }
    }
}

/* ---- writing ---- */

/* Memory to write to; NULL: only count. */
struct sink {
    uint8_t *to;
    size_t size;
};

static void
put(struct sink *sink, const void *bytes, size_t count)
{
    if (sink->to != NULL) {
        memcpy(sink->to + sink->size, bytes, count);
    }
    sink->size += count;
}

static void
put_segment(struct sink *sink, unsigned marker,
            const struct jpeg_bytes *segment)
{
    size_t length = segment->left + 2;
    const uint8_t head[SEGMENT_HEAD] = {
        0xff, (uint8_t)marker, (uint8_t)(length >> 8), (uint8_t)length};
    put(sink, head, sizeof head);
    put(sink, segment->at, segment->left);
}

/* Version 100, no flags. */
static void
put_mark(struct sink *sink, bool is_rgb)
{
    const uint8_t adobe[] = {'A', 'd', 'o', 'b', 'e', 0,
                             100, 0,   0,   0,   0,   is_rgb ? 0 : 1};
    const struct jpeg_bytes segment = {adobe, sizeof adobe, false};
    put_segment(sink, JPEG_APP14, &segment);
}

/* The tables alone: whatever else stands in their stream ends with it. */
static bool
put_tables(struct sink *sink, const struct jpeg_format *format)
{
    struct jpeg_bytes rest = {format->tables, format->tables_size, false};
    struct jpeg_bytes segment;
    unsigned marker;
    if (format->tables == NULL) {
        return true;
    }
    if (!jpeg_begins_image(&rest)) {
        return false;
    }
    while (jpeg_next_marker(&rest, &marker)) {
        if (marker == JPEG_EOI) {
            return true;
        }
        if (!jpeg_next_segment(&rest, &segment)) {
            return false;
        }
        if (marker == JPEG_DQT || marker == JPEG_DHT) {
            put_segment(sink, marker, &segment);
        }
    }
    return false;
}

/* The segments before the first scan.  Tables of the slide come before those
   of the tile, which count if there are both, and behind what JFIF wants at
   the start. */
static bool
put_header(struct sink *sink, const struct jpeg_interchange *plan,
           const struct jpeg_format *format, const uint8_t *bytes)
{
    static const uint8_t start[] = {0xff, JPEG_SOI};
    struct jpeg_bytes rest = {bytes, plan->header_size, false};
    struct jpeg_bytes segment;
    unsigned marker;
    bool has_tables = false;
    put(sink, start, sizeof start);
    if (plan->is_marked) {
        put_mark(sink, format->is_rgb);
    }
    jpeg_begins_image(&rest);
    while (rest.left > 0 && jpeg_next_marker(&rest, &marker) &&
           jpeg_next_segment(&rest, &segment)) {
        if (!has_tables && !jpeg_is_application(marker)) {
            has_tables = true;
            if (!put_tables(sink, format)) {
                return false;
            }
        }
        if (!plan->is_marked || !(jpeg_is_jfif(marker, &segment) ||
                                  jpeg_is_adobe(marker, &segment))) {
            put_segment(sink, marker, &segment);
        }
    }
    return true;
}

static bool
put_stream(struct sink *sink, const struct jpeg_interchange *plan,
           const struct jpeg_format *format, const uint8_t *bytes)
{
    static const uint8_t end[] = {0xff, JPEG_EOI};
    if (plan->is_stored) {
        put(sink, bytes, plan->taken_size);
        return true;
    }
    if (!put_header(sink, plan, format, bytes)) {
        return false;
    }
    put(sink, bytes + plan->header_size, plan->taken_size - plan->header_size);
    if (!plan->has_end) {
        put(sink, end, sizeof end);
    }
    return true;
}

const char *
jpeg_interchange_plan(struct jpeg_interchange *plan,
                      const struct jpeg_format *format, const uint8_t *bytes,
                      size_t size)
{
    struct description description;
    struct jpeg_bytes rest = {bytes, size, false};
    struct sink sink = {NULL, 0};
    *plan = (struct jpeg_interchange){0};
    if (!describe_header(&rest, &description)) {
        return NOT_ORDINARY;
    }
    if (description.width != format->width ||
        description.height != format->height) {
        return "its JPEG has another size than a tile";
    }
    plan->header_size = size - rest.left;
    plan->has_end = skip_to_end(&rest);
    plan->taken_size = size - rest.left;
    if (plan->taken_size == plan->header_size) {
        return NOT_ORDINARY; /* not even the segment of a scan */
    }
    plan->is_marked = needs_mark(&description, format->is_rgb);
    plan->is_stored =
        format->tables == NULL && plan->has_end && !plan->is_marked;
    if (!put_stream(&sink, plan, format, bytes)) {
        return "the JPEG tables of the slide are damaged";
    }
    plan->size = sink.size;
    return NULL;
}

void
jpeg_interchange_write(const struct jpeg_interchange *plan,
                       const struct jpeg_format *format, const uint8_t *bytes,
                       uint8_t *stream)
{
    struct sink sink = {stream, 0};
    put_stream(&sink, plan, format, bytes);
}
