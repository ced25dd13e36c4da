#include "ventana.h"

#include "system/lengths.h"
#include "xml.h"

#include <math.h>

/* Nothing on a slide is larger than this, or further away. */
static const int64_t MAX_TILES = 1 << 20;
static const double FARTHEST = (double)((int64_t)1 << 40);

/* Along one axis: the overlaps of all neighbours, and how much each counts. */
struct joints {
    double offsets;
    int64_t weight;
};

struct ventana_origin {
    int64_t x, y;
    bool is_known;
};

struct ventana_reading {
    struct xml_reader xml;
    int64_t tile_width, tile_height;
    /* All areas, scanned or not; their origins are listed elsewhere. */
    struct ventana_area areas[VENTANA_MAX_AREAS];
    bool is_scanned[VENTANA_MAX_AREAS];
    size_t area_count;
    struct ventana_origin origins[VENTANA_MAX_AREAS];
    size_t origin_count;
    struct joints right, up;
};

/* An attribute in whole pixels, but for a fraction that does not count. */
static bool
read_place(const struct ventana_reading *reading, const char *name,
           int64_t *place)
{
    double exact;
    if (!xml_decimal(&reading->xml, name, &exact) ||
        !(fabs(exact) < FARTHEST)) {
        return false;
    }
    *place = (int64_t)exact;
    return true;
}

static bool
read_count(const struct ventana_reading *reading, const char *name,
           int64_t *count)
{
    return xml_number(&reading->xml, name, count) && *count > 0 &&
           *count <= MAX_TILES;
}

static bool
has_number(const struct ventana_reading *reading, const char *name,
           int64_t expected)
{
    int64_t number;
    return xml_number(&reading->xml, name, &number) && number == expected;
}

static bool
read_area(struct ventana_reading *reading)
{
    int64_t scanned;
    if (reading->area_count == VENTANA_MAX_AREAS ||
        !xml_number(&reading->xml, "AOIScanned", &scanned)) {
        return false;
    }
    size_t i = reading->area_count++;
    struct ventana_area *area = &reading->areas[i];
    reading->is_scanned[i] = scanned != 0;
    return scanned == 0 ||
           (has_number(reading, "Width", reading->tile_width) &&
            has_number(reading, "Height", reading->tile_height) &&
            read_count(reading, "NumCols", &area->across) &&
            read_count(reading, "NumRows", &area->down) &&
            read_place(reading, "Pos-X", &area->x) &&
            read_place(reading, "Pos-Y", &area->y));
}

/* Joints to the right count in x, those upwards in y. */
static bool
read_joint(struct ventana_reading *reading)
{
    struct xml_text direction;
    int64_t confidence;
    double overlap;
    if (!reading->is_scanned[reading->area_count - 1]) {
        return true;
    }
    if (!xml_attribute(&reading->xml, "Direction", &direction) ||
        !xml_number(&reading->xml, "Confidence", &confidence) ||
        confidence > MAX_TILES) {
        return false;
    }
    bool is_right = xml_is(&direction, "RIGHT");
    struct joints *joints = is_right ? &reading->right : &reading->up;
    if ((!is_right && !xml_is(&direction, "UP")) ||
        !xml_decimal(&reading->xml, is_right ? "OverlapX" : "OverlapY",
                     &overlap)) {
        return false;
    }
    joints->offsets += (double)confidence * -overlap;
    joints->weight += confidence;
    return true;
}

/* Those of areas that were not scanned do not matter. */
static bool
read_origin(struct ventana_reading *reading)
{
    if (reading->origin_count == VENTANA_MAX_AREAS) {
        return false;
    }
    struct ventana_origin *origin = &reading->origins[reading->origin_count++];
    origin->is_known = xml_number(&reading->xml, "OriginX", &origin->x) &&
                       xml_number(&reading->xml, "OriginY", &origin->y);
    return true;
}

#define STITCHING "EncodeInfo/SlideStitchInfo"

static bool
is_within(const struct xml_reader *xml, const char *path)
{
    struct xml_reader outside = *xml;
    outside.depth--;
    return xml_is_at(&outside, path);
}

static bool
take_start(struct ventana_reading *reading)
{
    const struct xml_reader *xml = &reading->xml;
    struct xml_text text;
    if (xml->depth == 1) {
        /* Names within a namespace would be others. */
        return xml_is_at(xml, "EncodeInfo") &&
               !xml_attribute(xml, "xmlns", &text);
    }
    if (xml_is_at(xml, STITCHING "/ImageInfo")) {
        return read_area(reading);
    }
    if (xml_is_at(xml, STITCHING "/ImageInfo/TileJointInfo")) {
        return read_joint(reading);
    }
    return !is_within(xml, "EncodeInfo/AoiOrigin") || read_origin(reading);
}

static bool
read_document(struct ventana_reading *reading)
{
    enum xml_event event;
    do {
        event = xml_next(&reading->xml);
    } while (event == XML_TEXT || event == XML_END ||
             (event == XML_START && take_start(reading)));
    return event == XML_FINISHED &&
           reading->area_count == reading->origin_count;
}

/* False where no tile has a neighbour, so that nobody knows. */
static bool
average(const struct joints *joints, int64_t tile_length, double *advance)
{
    *advance = (double)tile_length + joints->offsets / (double)joints->weight;
    return joints->weight > 0 && *advance >= 1 && *advance < FARTHEST;
}

/* Whether areas start with whole tiles.  Those that were not scanned are left
   out. */
static bool
place_areas(const struct ventana_reading *reading,
            struct ventana_stitching *stitching)
{
    stitching->area_count = 0;
    for (size_t i = 0; i < reading->area_count; i++) {
        const struct ventana_origin *origin = &reading->origins[i];
        struct ventana_area area = reading->areas[i];
        if (!reading->is_scanned[i]) {
            continue;
        }
        if (!origin->is_known || origin->x % reading->tile_width != 0 ||
            origin->y % reading->tile_height != 0) {
            return false;
        }
        area.column = origin->x / reading->tile_width;
        area.row = origin->y / reading->tile_height;
        if (area.column > MAX_TILES || area.row > MAX_TILES) {
            return false;
        }
        stitching->areas[stitching->area_count++] = area;
    }
    return stitching->area_count > 0;
}

/* Areas are measured upwards to their lower edges, from somewhere below all of
   them; turn that upside down. */
static void
turn_over(struct ventana_stitching *stitching, int64_t tile_height)
{
    int64_t heights[VENTANA_MAX_AREAS], top = 0;
    for (size_t i = 0; i < stitching->area_count; i++) {
        const struct ventana_area *area = &stitching->areas[i];
        heights[i] =
            (int64_t)((double)(area->down - 1) * stitching->advance_y +
                      (double)tile_height);
        top = larger(top, area->y + heights[i]);
    }
    for (size_t i = 0; i < stitching->area_count; i++) {
        stitching->areas[i].y = top - stitching->areas[i].y - heights[i];
    }
}

bool
ventana_read(struct ventana_stitching *stitching, const char *document,
             size_t length, uint32_t tile_width, uint32_t tile_height)
{
    struct ventana_reading reading = {.xml = xml_reader_of(document, length),
                                      .tile_width = tile_width,
                                      .tile_height = tile_height};
    if (tile_width == 0 || tile_height == 0 || !read_document(&reading) ||
        !average(&reading.right, tile_width, &stitching->advance_x) ||
        !average(&reading.up, tile_height, &stitching->advance_y) ||
        !place_areas(&reading, stitching)) {
        return false;
    }
    turn_over(stitching, tile_height);
    return true;
}
