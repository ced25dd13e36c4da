/*
 * Whatever a description holds, it is read or not, and what is read of it is
 * within bounds and in order.
 */
#include "formats/leica.h"
#include "formats/xml.h"

#include "fuzzing.h"

static void
check_events(const char *text, size_t size)
{
    struct xml_reader reader = xml_reader_of(text, size);
    enum xml_event event;
    do {
        event = xml_next(&reader);
        REQUIRE(reader.depth <= XML_MAX_DEPTH);
        REQUIRE(reader.position >= text && reader.position <= text + size);
        REQUIRE(event != XML_FINISHED || reader.depth == 0);
    } while (event != XML_FINISHED && event != XML_REFUSED);
}

static void
check_image(const struct leica_image *image)
{
    REQUIRE(image->x >= 0 && image->y >= 0);
    REQUIRE(image->width > 0 && image->height > 0);
    REQUIRE(image->level_count > 0 && image->level_count <= LEICA_MAX_LEVELS);
    for (size_t i = 0; i < image->level_count; i++) {
        const struct leica_level *level = &image->levels[i];
        REQUIRE(level->width > 0 && level->directory >= 0);
        REQUIRE(i == 0 || level->width < image->levels[i - 1].width);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct leica_collection collection;
    const char *text = (const char *)bytes;
    check_events(text, size);
    if (leica_read(&collection, text, size)) {
        REQUIRE(collection.width > 0 && collection.height > 0);
        REQUIRE(collection.image_count <= LEICA_MAX_IMAGES);
        for (size_t i = 0; i < collection.image_count; i++) {
            check_image(&collection.images[i]);
        }
    }
    return 0;
}
