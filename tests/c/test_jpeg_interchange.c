#include "codecs/jpeg_interchange.h"

#include "codecs/jpeg_turbo.h"

#include "check.h"
#include "guard_page.h"
#include "jpeg_tiles.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 40, HEIGHT = 24, PIXEL_BYTES = WIDTH * HEIGHT * 3 };

static const struct encoding encodings[] = {
    {.name = "4:2:0"},
    {.name = "4:4:4", .horizontal = 1, .vertical = 1},
    {.name = "restarts", .restart_interval = 1},
    {.name = "optimized", .optimized = true},
    {.name = "abbreviated", .abbreviated = true},
    {.name = "RGB", .rgb = true},
    {.name = "RGB abbreviated", .rgb = true, .abbreviated = true},
};

/* A tile, what the slide says of it, and the stream that it becomes. */
struct completed {
    struct stream stored, tables;
    struct jpeg_format format;
    struct jpeg_interchange plan;
    const char *refusal;
    uint8_t *stream;
};

/* Bytes lie against the ends of their memory. */
static void
complete(struct completed *tile, size_t size)
{
    struct guarded stored = guarded_alloc(size + 1);
    uint8_t *start = stored.end - size;
    if (size > 0) {
        memcpy(start, tile->stored.bytes, size);
    }
    tile->refusal =
        jpeg_interchange_plan(&tile->plan, &tile->format, start, size);
    free(tile->stream);
    tile->stream = NULL;
    if (tile->refusal == NULL) {
        struct guarded output = guarded_alloc(tile->plan.size);
        uint8_t *to = output.end - tile->plan.size;
        jpeg_interchange_write(&tile->plan, &tile->format, start, to);
        tile->stream = malloc(tile->plan.size);
        memcpy(tile->stream, to, tile->plan.size);
        guarded_free(output);
    }
    guarded_free(stored);
}

static struct completed
completed_tile(const struct encoding *encoding)
{
    struct completed tile = {
        .stored = encode_tile(encoding, WIDTH, HEIGHT),
        .format = {WIDTH, HEIGHT, encoding->rgb, NULL, 0},
    };
    if (encoding->abbreviated) {
        tile.tables = encode_tables(encoding);
        tile.format.tables = tile.tables.bytes;
        tile.format.tables_size = tile.tables.size;
    }
    complete(&tile, tile.stored.size);
    return tile;
}

static void
free_completed(struct completed *tile)
{
    free(tile->stored.bytes);
    free(tile->tables.bytes);
    free(tile->stream);
}

static bool
decode_pixels(const struct jpeg_format *format, const uint8_t *bytes,
              size_t size, uint8_t pixels[PIXEL_BYTES])
{
    const struct jpeg_rows rows = {pixels, (ptrdiff_t)WIDTH * 3, JPEG_RGB};
    return jpeg_turbo_decode(format, bytes, size, &rows);
}

/* ---- tests ---- */

static void
test_pixels(void)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        const char *name = encodings[i].name;
        struct completed tile = completed_tile(&encodings[i]);
        struct jpeg_format alone = tile.format;
        uint8_t expected[PIXEL_BYTES], pixels[PIXEL_BYTES];
        alone.tables = NULL;
        if (CHECK(tile.refusal == NULL, "%s: %s", name, tile.refusal)) {
            CHECK(decode_pixels(&tile.format, tile.stored.bytes,
                                tile.stored.size, expected) &&
                      decode_pixels(&alone, tile.stream, tile.plan.size,
                                    pixels) &&
                      memcmp(expected, pixels, PIXEL_BYTES) == 0,
                  "%s: other pixels", name);
            CHECK(tile.plan.has_end, "%s: no end", name);
        }
        free_completed(&tile);
    }
}

/* What lacks nothing stays what it is. */
static void
test_complete_ones(void)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        struct completed tile = completed_tile(&encodings[i]);
        struct jpeg_interchange again;
        struct jpeg_format alone = tile.format;
        alone.tables = NULL;
        CHECK(tile.plan.is_stored == !encodings[i].abbreviated, "%s",
              encodings[i].name);
        CHECK(jpeg_interchange_plan(&again, &alone, tile.stream,
                                    tile.plan.size) == NULL &&
                  again.is_stored && again.size == tile.plan.size,
              "%s: not as it was", encodings[i].name);
        free_completed(&tile);
    }
}

/* Where the slide says otherwise than the tile, the tile is corrected. */
static void
test_marks(void)
{
    static const uint8_t rgb[] = "Adobe\0\x64\0\0\0\0";
    static const uint8_t ycc[] = "Adobe\0\x64\0\0\0\0\x01";
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        struct completed tile = completed_tile(&encodings[i]);
        bool is_rgb = !tile.format.is_rgb;
        tile.format.is_rgb = is_rgb;
        complete(&tile, tile.stored.size);
        if (CHECK(tile.refusal == NULL && tile.plan.is_marked, "%s: no mark",
                  encodings[i].name)) {
            CHECK(memcmp(tile.stream + 6, is_rgb ? rgb : ycc, 12) == 0,
                  "%s: another mark", encodings[i].name);
        }
        free_completed(&tile);
    }
}

/* Bytes behind the end are left out; an end that lacks is put there. */
static void
test_ends(void)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        const char *name = encodings[i].name;
        struct completed tile = completed_tile(&encodings[i]);
        size_t whole = tile.plan.size;
        size_t scan = tile.stored.size - tile.plan.header_size;
        for (size_t cut = 1; cut < tile.stored.size; cut++) {
            complete(&tile, tile.stored.size - cut);
            CHECK(cut + 14 >= scan ||
                      (tile.refusal == NULL && !tile.plan.has_end &&
                       tile.plan.size + cut >= whole),
                  "%s: %zu bytes less", name, cut);
        }
        free_completed(&tile);
    }
}

static void
test_refusals(void)
{
    static const struct encoding others[] = {
        {.name = "grey", .components = 1},
        {.name = "CMYK", .components = 4},
        {.name = "arithmetic", .arithmetic = true},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct completed tile = completed_tile(&others[i]);
        CHECK(tile.refusal != NULL, "%s", others[i].name);
        free_completed(&tile);
    }
    struct completed tile = completed_tile(&encodings[0]);
    tile.format.width++;
    complete(&tile, tile.stored.size);
    CHECK(tile.refusal != NULL, "another width");
    free_completed(&tile);
}

/* Of several scans all are taken. */
static void
test_scans(void)
{
    static const struct encoding several[] = {
        {.name = "progressive", .progressive = true},
        {.name = "apart", .several_scans = true, .restart_interval = 2},
    };
    for (size_t i = 0; i < sizeof several / sizeof *several; i++) {
        struct completed tile = completed_tile(&several[i]);
        CHECK(tile.refusal == NULL && tile.plan.is_stored &&
                  tile.plan.size == tile.stored.size,
              "%s: cut", several[i].name);
        free_completed(&tile);
    }
}

int
main(void)
{
    check_run("pixels", test_pixels);
    check_run("complete ones", test_complete_ones);
    check_run("marks", test_marks);
    check_run("ends", test_ends);
    check_run("refusals", test_refusals);
    check_run("scans", test_scans);
    return check_finish();
}
