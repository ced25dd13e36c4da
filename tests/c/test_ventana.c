#include "formats/ventana.h"

#include "formats/decimal.h"

#include "check.h"
#include "guard_page.h"

#include <string.h>

#define JOINT(direction, confidence, x, y)                                    \
    "<TileJointInfo Confidence='" confidence "' Direction='" direction        \
    "' OverlapX='" x "' OverlapY='" y "'/>"
#define JOINTS JOINT("RIGHT", "1", "6", "99") JOINT("UP", "2", "99", "-4")
#define INFO_OF(scanned, across, down, x, y, joints)                          \
    "<ImageInfo AOIScanned='" scanned                                         \
    "' Width='100' Height='80' NumCols='" across "' NumRows='" down           \
    "' Pos-X='" x "' Pos-Y='" y "'>" joints "</ImageInfo>"
#define INFO INFO_OF("1", "3", "2", "7", "5", JOINTS)
#define ORIGIN(x, y) "<AOI0 OriginX='" x "' OriginY='" y "'/>"
#define DOCUMENT(infos, origins)                                              \
    "<EncodeInfo Ver='2'><SlideStitchInfo>" infos                             \
    "</SlideStitchInfo><AoiOrigin>" origins "</AoiOrigin></EncodeInfo>"

static const char usual[] = DOCUMENT(INFO, ORIGIN("200", "80"));

static struct ventana_stitching stitching;

/* Read a document that ends where memory does. */
static bool
read_part(const char *text, size_t length)
{
    struct guarded memory = guarded_alloc(length + 1);
    char *copy = (char *)memory.end - length;
    memcpy(copy, text, length);
    bool read = ventana_read(&stitching, copy, length, 100, 80);
    guarded_free(memory);
    return read;
}

static bool
is_read(const char *text)
{
    return read_part(text, strlen(text));
}

static void
test_usual_slides(void)
{
    const struct ventana_area *area = &stitching.areas[0];
    CHECK(is_read(usual), "refused");
    CHECK(stitching.area_count == 1, "%zu areas", stitching.area_count);
    CHECK(stitching.advance_x == 94 && stitching.advance_y == 84,
          "advances %g %g", stitching.advance_x, stitching.advance_y);
    CHECK(area->column == 2 && area->row == 1 && area->across == 3 &&
              area->down == 2,
          "other tiles");
    CHECK(area->x == 7 && area->y == 0, "at %d, %d", (int)area->x,
          (int)area->y);
}

static void
test_weights(void)
{
    CHECK(is_read(DOCUMENT(INFO_OF("1", "3", "2", "0", "0",
                                   JOINT("RIGHT", "1", "6", "0")
                                       JOINT("RIGHT", "3", "7.5", "0")
                                           JOINT("UP", "0", "0", "50")
                                               JOINT("UP", "5", "0", "1")),
                           ORIGIN("0", "0"))),
          "refused");
    CHECK(stitching.advance_x == 100 + (-6.0 - 22.5) / 4, "x %g",
          stitching.advance_x);
    CHECK(stitching.advance_y == 79, "y %g", stitching.advance_y);
}

/* Positions are those of lower edges, counted upwards. */
static void
test_areas(void)
{
    CHECK(is_read(DOCUMENT(INFO INFO_OF("0", "0", "x", "", "", "<joint/>")
                               INFO_OF("1", "1", "1", "9.9", "500.0", ""),
                           ORIGIN("0", "0") "<AOI1/>" ORIGIN("300", "160"))),
          "refused");
    CHECK(stitching.area_count == 2, "%zu areas", stitching.area_count);
    CHECK(stitching.areas[0].y == 580 - 5 - 164 && stitching.areas[1].y == 0 &&
              stitching.areas[1].x == 9,
          "other places");
    CHECK(stitching.areas[1].column == 3 && stitching.areas[1].row == 2,
          "another origin");
}

static void
test_refusals(void)
{
    static const char *const documents[] = {
        "<EncodeInfo/>",
        "<Encode/>",
        "<EncodeInfo xmlns='n'/>",
        DOCUMENT("", ""),
        DOCUMENT(INFO, ""),
        DOCUMENT("", ORIGIN("0", "0")),
        DOCUMENT(INFO, ORIGIN("50", "0")),
        DOCUMENT(INFO, ORIGIN("0", "-80")),
        DOCUMENT(INFO, "<AOI0 OriginX='0'/>"),
        DOCUMENT("<ImageInfo/>", ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("0", "3", "2", "0", "0", JOINTS), ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "0", "2", "0", "0", JOINTS), ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "9999999", "0", "0", JOINTS),
                 ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0x1", "0", JOINTS), ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "9999999999999", JOINTS),
                 ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "0", ""), ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "0",
                         JOINTS JOINT("LEFT", "1", "1", "1")),
                 ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "0",
                         JOINTS JOINT("UP", "1", "1", "1,5")),
                 ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "0",
                         JOINTS JOINT("UP", "-1", "1", "1")),
                 ORIGIN("0", "0")),
        DOCUMENT(INFO_OF("1", "3", "2", "0", "0",
                         JOINTS JOINT("RIGHT", "9", "200", "1")),
                 ORIGIN("0", "0")),
    };
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        CHECK(!is_read(documents[i]), "%s", documents[i]);
    }
    CHECK(!ventana_read(&stitching, usual, strlen(usual), 80, 80) &&
              !ventana_read(&stitching, usual, strlen(usual), 0, 80),
          "tiles of another size");
}

static void
test_bounds(void)
{
    static char text[VENTANA_MAX_AREAS * 600];
    for (int extra = 0; extra < 2; extra++) {
        int count = VENTANA_MAX_AREAS + extra;
        strcpy(text, "<EncodeInfo><SlideStitchInfo>");
        for (int i = 0; i < count; i++) {
            strcat(text, INFO);
        }
        strcat(text, "</SlideStitchInfo><AoiOrigin>");
        for (int i = 0; i < count; i++) {
            strcat(text, ORIGIN("0", "0"));
        }
        strcat(text, "</AoiOrigin></EncodeInfo>");
        CHECK(is_read(text) == (extra == 0), "%d areas", count);
    }
}

static void
test_truncation(void)
{
    for (size_t i = 0; i < strlen(usual); i++) {
        CHECK(!read_part(usual, i), "%d bytes", (int)i);
    }
}

static void
check_decimal(const char *text, bool is_number, double expected)
{
    double number = 0;
    CHECK(decimal_read(text, strlen(text), &number) == is_number &&
              (!is_number || number == expected),
          "'%s' is %g", text, number);
}

static void
test_decimals(void)
{
    check_decimal("0", true, 0);
    check_decimal("007", true, 7);
    check_decimal("-12.25", true, -12.25);
    check_decimal(".1", true, 0.1);
    check_decimal("3.", true, 3);
    check_decimal("123456789012345", true, 123456789012345);
    check_decimal("0.00000000000003", true, 3e-14);
    static const char *const others[] = {
        "",    "-",   ".",    "-.",  "+1",   "1 ",  " 1",
        "1,5", "1e3", "1.2.", "--1", "0x10", "nan", "1234567890123456",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_decimal(others[i], false, 0);
    }
}

int
main(void)
{
    check_run("usual slides", test_usual_slides);
    check_run("weights", test_weights);
    check_run("areas", test_areas);
    check_run("refusals", test_refusals);
    check_run("bounds", test_bounds);
    check_run("truncation", test_truncation);
    check_run("decimals", test_decimals);
    return check_finish();
}
