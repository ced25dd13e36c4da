#include "leica.h"

#include "xml.h"

#include <stdlib.h>

/* How often an element that should be there once has been met. */
struct counts {
    int views, pixels, sources;
};

struct leica_reading {
    struct xml_reader xml;
    struct leica_collection *collection;
    int collections;
    struct counts image; /* of the image being read */
};

static struct leica_image *
last_image(const struct leica_reading *reading)
{
    struct leica_collection *collection = reading->collection;
    return &collection->images[collection->image_count - 1];
}

static bool
read_collection(struct leica_reading *reading)
{
    struct leica_collection *collection = reading->collection;
    return ++reading->collections == 1 &&
           xml_number(&reading->xml, "sizeX", &collection->width) &&
           xml_number(&reading->xml, "sizeY", &collection->height) &&
           collection->width > 0 && collection->height > 0;
}

static bool
begin_image(struct leica_reading *reading)
{
    struct leica_collection *collection = reading->collection;
    if (collection->image_count == LEICA_MAX_IMAGES) {
        return false;
    }
    collection->images[collection->image_count++] = (struct leica_image){0};
    reading->image = (struct counts){0};
    return true;
}

static bool
read_view(struct leica_reading *reading)
{
    struct leica_image *image = last_image(reading);
    return ++reading->image.views == 1 &&
           xml_number(&reading->xml, "offsetX", &image->x) &&
           xml_number(&reading->xml, "offsetY", &image->y) &&
           xml_number(&reading->xml, "sizeX", &image->width) &&
           xml_number(&reading->xml, "sizeY", &image->height) &&
           image->width > 0 && image->height > 0;
}

/* Levels of the first focal plane alone count. */
static bool
read_dimension(struct leica_reading *reading)
{
    struct leica_image *image = last_image(reading);
    struct xml_text text;
    int64_t plane = 0;
    if (xml_attribute(&reading->xml, "z", &text) &&
        !xml_number(&reading->xml, "z", &plane)) {
        return false;
    }
    if (plane != 0) {
        return true;
    }
    if (image->level_count++ >= LEICA_MAX_LEVELS) {
        return true;
    }
    struct leica_level *level = &image->levels[image->level_count - 1];
    level->place = image->level_count;
    return xml_number(&reading->xml, "sizeX", &level->width) &&
           xml_number(&reading->xml, "ifd", &level->directory) &&
           level->width > 0;
}

static int
compare_level_widths(const void *a, const void *b)
{
    const struct leica_level *p = a, *q = b;
    return p->width != q->width
               ? (p->width < q->width) - (p->width > q->width)
               : (p->place > q->place) - (p->place < q->place);
}

static bool
sort_levels(struct leica_image *image)
{
    size_t count = image->level_count;
    qsort(image->levels, count < LEICA_MAX_LEVELS ? count : LEICA_MAX_LEVELS,
          sizeof *image->levels, compare_level_widths);
    return count > 0;
}

#define COLLECTION "scn/collection"
#define IMAGE COLLECTION "/image"
#define SOURCE IMAGE "/scanSettings/illuminationSettings/illuminationSource"

static bool
read_leica_start(struct leica_reading *reading)
{
    if (xml_is_at(&reading->xml, COLLECTION)) {
        return read_collection(reading);
    }
    if (xml_is_at(&reading->xml, IMAGE)) {
        return begin_image(reading);
    }
    if (xml_is_at(&reading->xml, IMAGE "/view")) {
        return read_view(reading);
    }
    if (xml_is_at(&reading->xml, IMAGE "/pixels")) {
        return ++reading->image.pixels == 1;
    }
    if (xml_is_at(&reading->xml, IMAGE "/pixels/dimension")) {
        return read_dimension(reading);
    }
    return true;
}

static bool
read_source(struct leica_reading *reading)
{
    const struct xml_text *text = &reading->xml.text;
    /* To libopenslide an image with several sources has none. */
    last_image(reading)->is_brightfield =
        ++reading->image.sources == 1 && xml_is(text, "brightfield");
    return xml_is_plain(text);
}

static bool
end_image(struct leica_reading *reading)
{
    return reading->image.views == 1 && sort_levels(last_image(reading));
}

static bool
take_event(struct leica_reading *reading, enum xml_event event)
{
    switch (event) {
    case XML_START:
        return read_leica_start(reading);
    case XML_TEXT:
        return !xml_is_at(&reading->xml, SOURCE) || read_source(reading);
    case XML_END:
        return !xml_is_at(&reading->xml, IMAGE) || end_image(reading);
    default:
        return false;
    }
}

bool
leica_read(struct leica_collection *collection, const char *description,
           size_t length)
{
    collection->image_count = 0;
    struct leica_reading reading = {.xml = xml_reader_of(description, length),
                                    .collection = collection};
    enum xml_event event;
    do {
        event = xml_next(&reading.xml);
    } while (event != XML_FINISHED && take_event(&reading, event));
    return event == XML_FINISHED && reading.collections == 1;
}

bool
leica_is_macro(const struct leica_collection *collection,
               const struct leica_image *image)
{
    return image->x == 0 && image->y == 0 &&
           image->width == collection->width &&
           image->height == collection->height;
}
