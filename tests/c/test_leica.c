#include "formats/leica.h"

#include "check.h"
#include "guard_page.h"

#include <stdlib.h>
#include <string.h>

#define VIEW "<view sizeX='600' sizeY='400' offsetX='70' offsetY='80'/>"
#define WIDE "<dimension sizeX='60' sizeY='40' ifd='2'/>"
#define NARROW "<dimension sizeX='15' sizeY='10' ifd='3'/>"
#define PIXELS "<pixels>" NARROW WIDE "</pixels>"
#define LIT_BY(source)                                                        \
    "<scanSettings><illuminationSettings><illuminationSource>" source         \
    "</illuminationSource></illuminationSettings></scanSettings>"
#define LIGHT LIT_BY("brightfield")
#define IMAGE(content) "<image>" content "</image>"
#define SCN(images)                                                           \
    "<scn xmlns='n'><collection sizeX='1000' sizeY='900'><barcode/>" images   \
    "</collection></scn>"

static const char usual[] = SCN(IMAGE(VIEW PIXELS LIGHT));

/* Read a description that ends where memory does. */
static bool
read_part(struct leica_collection *collection, const char *text, size_t length)
{
    struct guarded memory = guarded_alloc(length + 1);
    char *copy = (char *)memory.end - length;
    memcpy(copy, text, length);
    bool read = leica_read(collection, copy, length);
    guarded_free(memory);
    return read;
}

static struct leica_collection collection;

static bool
is_read(const char *text)
{
    return read_part(&collection, text, strlen(text));
}

static void
test_usual_slides(void)
{
    const struct leica_image *image = &collection.images[0];
    CHECK(is_read(usual), "refused");
    CHECK(collection.width == 1000 && collection.height == 900 &&
              collection.image_count == 1,
          "another collection");
    CHECK(image->x == 70 && image->y == 80 && image->width == 600 &&
              image->height == 400 && image->is_brightfield,
          "another view");
    CHECK(image->level_count == 2 && image->levels[0].width == 60 &&
              image->levels[0].directory == 2 &&
              image->levels[1].width == 15 && image->levels[1].directory == 3,
          "other levels");
    CHECK(!leica_is_macro(&collection, image), "a macro");
}

static void
test_macros(void)
{
    CHECK(is_read(SCN(IMAGE("<view sizeX='1000' sizeY='900' offsetX='0' "
                            "offsetY='0'/>" PIXELS))),
          "refused");
    struct leica_image *image = &collection.images[0];
    CHECK(leica_is_macro(&collection, image), "no macro");
    image->x = 1;
    CHECK(!leica_is_macro(&collection, image), "a macro elsewhere");
}

static void
test_illumination(void)
{
    CHECK(is_read(SCN(IMAGE(VIEW PIXELS LIT_BY("fluorescence")))) &&
              !collection.images[0].is_brightfield,
          "another source");
    CHECK(is_read(SCN(IMAGE(VIEW PIXELS))) &&
              !collection.images[0].is_brightfield,
          "no source");
    CHECK(is_read(SCN(IMAGE(VIEW PIXELS LIGHT LIGHT))) &&
              !collection.images[0].is_brightfield,
          "two sources");
    CHECK(is_read(SCN(IMAGE(VIEW PIXELS LIT_BY(" brightfield")))) &&
              !collection.images[0].is_brightfield,
          "space counts");
}

static void
test_focal_planes(void)
{
    CHECK(is_read(SCN(IMAGE(VIEW "<pixels><dimension z='0' sizeX='60' "
                                 "ifd='4'/><dimension z='1' sizeX='60' "
                                 "ifd='5'/></pixels>"))) &&
              collection.images[0].level_count == 1 &&
              collection.images[0].levels[0].directory == 4,
          "another plane than the first");
}

/* Of the same width: in the order of the description, as a stable sort has
   them. */
static void
test_equal_widths(void)
{
    CHECK(is_read(SCN(IMAGE(VIEW "<pixels><dimension sizeX='15' ifd='9'/>"
                                 "<dimension sizeX='60' ifd='7'/>"
                                 "<dimension sizeX='15' ifd='2'/>"
                                 "<dimension sizeX='60' ifd='1'/>"
                                 "<dimension sizeX='15' ifd='5'/></pixels>"))),
          "refused");
    static const int64_t directories[] = {7, 1, 9, 2, 5};
    const struct leica_image *image = &collection.images[0];
    CHECK(image->level_count == 5, "%zu levels", image->level_count);
    for (int i = 0; i < 5; i++) {
        CHECK(image->levels[i].directory == directories[i], "level %d", i);
    }
}

static void
test_refusals(void)
{
    static const char *const descriptions[] = {
        "<scn/>",
        "<scn><collection sizeX='1' sizeY='0'/></scn>",
        "<scn><collection sizeX='1'/></scn>",
        "<scn><collection sizeX='1' sizeY='1'/>"
        "<collection sizeX='1' sizeY='1'/></scn>",
        SCN(IMAGE(PIXELS)),
        SCN(IMAGE(VIEW)),
        SCN(IMAGE(VIEW VIEW PIXELS)),
        SCN(IMAGE(VIEW PIXELS PIXELS)),
        SCN(IMAGE(VIEW PIXELS LIT_BY("&#98;rightfield"))),
        SCN(IMAGE(VIEW "<pixels><dimension sizeX='0' ifd='1'/></pixels>")),
        SCN(IMAGE(VIEW "<pixels><dimension sizeX='1'/></pixels>")),
        SCN(IMAGE(VIEW "<pixels><dimension ifd='1'/></pixels>")),
        SCN(IMAGE(VIEW
                  "<pixels><dimension z='a' sizeX='1' ifd='1'/></pixels>")),
        SCN(IMAGE("<view sizeX='0' sizeY='1' offsetX='0' offsetY='0'/>")),
        SCN(IMAGE("<view sizeX='1' sizeY='1' offsetX='-1' offsetY='0'/>")),
    };
    for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions; i++) {
        CHECK(!is_read(descriptions[i]), "%s", descriptions[i]);
    }
}

/* Elements of other places are not taken for those. */
static void
test_strangers(void)
{
    CHECK(is_read(SCN("<view/><pixels/><dimension/>" IMAGE(
              VIEW PIXELS "<dimension/><other><view/><image/></other>"))) &&
              collection.image_count == 1,
          "strangers matter");
}

/* So many of something, within what is around it. */
static bool
is_many_read(const char *before, const char *format, int count,
             const char *after)
{
    size_t size = strlen(before) + strlen(after) + (size_t)count * 400 + 1;
    char *text = malloc(size);
    size_t length = (size_t)snprintf(text, size, "%s", before);
    for (int i = 0; i < count; i++) {
        length +=
            (size_t)snprintf(text + length, size - length, format, i + 1);
    }
    strcpy(text + length, after);
    bool read = is_read(text);
    free(text);
    return read;
}

static void
test_bounds(void)
{
    const char *before = "<scn><collection sizeX='1' sizeY='1'>";
    const char *after = "</collection></scn>";
    const char *image =
        "<image>" VIEW "<pixels><dimension sizeX='%d' ifd='1'/></pixels>"
        "</image>";
    CHECK(is_many_read(before, image, LEICA_MAX_IMAGES, after), "images");
    CHECK(!is_many_read(before, image, LEICA_MAX_IMAGES + 1, after),
          "too many images");
    before = "<scn><collection sizeX='1' sizeY='1'><image>" VIEW "<pixels>";
    after = "</pixels></image></collection></scn>";
    image = "<dimension sizeX='%d' ifd='1'/>";
    CHECK(is_many_read(before, image, LEICA_MAX_LEVELS, after), "levels");
    CHECK(is_many_read(before, image, LEICA_MAX_LEVELS + 1, after) &&
              collection.images[0].level_count == LEICA_MAX_LEVELS + 1,
          "more levels than there is room for");
}

static void
test_truncation(void)
{
    for (size_t i = 0; i < strlen(usual); i++) {
        CHECK(!read_part(&collection, usual, i), "%d bytes", (int)i);
    }
}

int
main(void)
{
    check_run("usual slides", test_usual_slides);
    check_run("macros", test_macros);
    check_run("illumination", test_illumination);
    check_run("focal planes", test_focal_planes);
    check_run("equal widths", test_equal_widths);
    check_run("refusals", test_refusals);
    check_run("strangers", test_strangers);
    check_run("bounds", test_bounds);
    check_run("truncation", test_truncation);
    return check_finish();
}
