#include "codecs/jpeg.h"

#include "codecs/jpeg_turbo.h"

#include "check.h"
#include "guard_page.h"
#include "jpeg_tiles.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

/* Not whole blocks, so that edges are met. */
enum { WIDTH = 90, HEIGHT = 52, PIXELS = WIDTH * HEIGHT };

/* Encoding */

static struct stream
encode(const struct encoding *encoding, bool only_tables)
{
    return only_tables ? encode_tables(encoding)
                       : encode_tile(encoding, WIDTH, HEIGHT);
}

/* Decoding, as anybody would do it */

static void
reference_at(const struct stream *stream, bool is_rgb, unsigned denominator,
             uint32_t *words)
{
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char line[WIDTH * 3];
    JSAMPROW lines[] = {line};
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, stream->bytes, stream->size);
    jpeg_read_header(&info, TRUE);
    info.jpeg_color_space = is_rgb ? JCS_RGB : JCS_YCbCr;
    info.out_color_space = JCS_RGB;
    info.scale_num = 1;
    info.scale_denom = denominator;
    jpeg_start_decompress(&info);
    for (JDIMENSION y = 0; y < info.output_height; y++) {
        jpeg_read_scanlines(&info, lines, 1);
        for (JDIMENSION x = 0; x < info.output_width; x++) {
            *words++ = 0xff000000 | (uint32_t)line[3 * x] << 16 |
                       (uint32_t)line[3 * x + 1] << 8 | line[3 * x + 2];
        }
    }
    jpeg_destroy_decompress(&info);
}

static void
reference(const struct stream *stream, bool is_rgb, uint32_t *words)
{
    reference_at(stream, is_rgb, 1, words);
}

/* A decoded tile, or refusal, with everything against unmapped memory. */
struct decoded {
    bool accepted;
    uint32_t words[PIXELS];
};

static struct decoded decoded;

static const struct jpeg_format ycbcr = {WIDTH, HEIGHT, false, NULL, 0};
static const struct jpeg_format rgb = {WIDTH, HEIGHT, true, NULL, 0};

static bool
decode(const struct jpeg_format *format, const unsigned char *bytes,
       size_t size)
{
    struct guarded input = guarded_alloc(size);
    struct guarded output = guarded_alloc(sizeof decoded.words);
    uint8_t *words = output.end - sizeof decoded.words;
    memcpy(input.end - size, bytes, size);
    const struct jpeg_rows rows = {words, WIDTH * sizeof(uint32_t),
                                   JPEG_WORDS};
    decoded.accepted = jpeg_decode(format, input.end - size, size, &rows);
    memcpy(decoded.words, words, sizeof decoded.words);
    guarded_free(input);
    guarded_free(output);
    return decoded.accepted;
}

static bool
decode_stream(const struct jpeg_format *format, const struct stream *stream)
{
    return decode(format, stream->bytes, stream->size);
}

static bool
is_decoded(const uint32_t *words)
{
    return decoded.accepted &&
           memcmp(decoded.words, words, sizeof decoded.words) == 0;
}

/* Where the parameters of a marker begin. */
static unsigned char *
parameters(const struct stream *stream, int marker)
{
    unsigned char *at = stream->bytes + 2;
    while (at[1] != marker) {
        at += 2 + (at[2] << 8 | at[3]);
    }
    return at + 4;
}

enum { SOF0 = 0xc0, DHT = 0xc4, SOS = 0xda, DQT = 0xdb, APP0 = 0xe0 };

static const struct encoding plain = {.name = "4:2:0"};

/* Tests */

static void
test_what_is_decoded(void)
{
    static const struct encoding encodings[] = {
        {.name = "4:2:0"},
        {.name = "4:4:4", .horizontal = 1, .vertical = 1},
        {.name = "4:2:2", .horizontal = 2, .vertical = 1},
        {.name = "RGB", .rgb = true},
        {.name = "restarts", .restart_interval = 3},
        {.name = "coarse", .quality = 3},
        {.name = "fine", .quality = 100},
        /* These are left to libjpeg-turbo. */
        {.name = "4:4:0", .horizontal = 1, .vertical = 2},
        {.name = "4:1:1", .horizontal = 4, .vertical = 1},
        {.name = "4:1:0", .horizontal = 4, .vertical = 2},
        {.name = "four lines", .horizontal = 1, .vertical = 4},
    };
    enum { OWN = 7 };
    size_t count =
        jpeg_library() == NULL ? OWN : sizeof encodings / sizeof encodings[0];
    for (size_t i = 0; i < count; i++) {
        const char *name = encodings[i].name;
        /* Only where colours are whole does the own decoder take RGB. */
        bool has_rgb = jpeg_library() != NULL || encodings[i].rgb ||
                       encodings[i].horizontal == 1;
        struct stream stream = encode(&encodings[i], false);
        uint32_t words[PIXELS];
        reference(&stream, false, words);
        decode_stream(&ycbcr, &stream);
        CHECK(is_decoded(words), "%s as YCbCr", name);
        reference(&stream, true, words);
        CHECK(decode_stream(&rgb, &stream) == has_rgb, "%s as RGB", name);
        CHECK(!has_rgb || is_decoded(words), "%s as RGB", name);
        free(stream.bytes);
    }
}

/* From the last row to the first, with bytes between that stay. */
static void
check_order(enum jpeg_order order, int pixel_size, const char *name)
{
    enum { STRIDE = WIDTH * 4 + 7, KEPT = 0x5a };
    static uint8_t pixels[HEIGHT * STRIDE];
    struct stream stream = encode(&plain, false);
    uint32_t words[PIXELS];
    reference(&stream, false, words);
    memset(pixels, KEPT, sizeof pixels);
    const struct jpeg_rows rows = {pixels + (HEIGHT - 1) * STRIDE, -STRIDE,
                                   order};
    CHECK(jpeg_decode(&ycbcr, stream.bytes, stream.size, &rows), "%s: refused",
          name);
    int wrong = 0;
    for (int y = 0; y < HEIGHT; y++) {
        const uint8_t *row = rows.first + y * rows.stride;
        for (int x = 0; x < WIDTH; x++) {
            uint32_t word = words[y * WIDTH + x];
            const uint8_t bytes[] = {(uint8_t)(word >> 16),
                                     (uint8_t)(word >> 8), (uint8_t)word, 255};
            wrong +=
                memcmp(row + x * pixel_size, bytes, (size_t)pixel_size) != 0;
        }
        for (int i = WIDTH * pixel_size; i < STRIDE; i++) {
            wrong += row[i] != KEPT;
        }
    }
    CHECK(wrong == 0, "%s: %d pixels, or bytes between rows", name, wrong);
    free(stream.bytes);
}

static void
test_orders(void)
{
    check_order(JPEG_RGBA, 4, "RGBA");
    check_order(JPEG_RGB, 3, "RGB");
}

static void
test_what_is_refused(void)
{
    static const struct encoding encodings[] = {
        {.name = "grey", .components = 1},
        {.name = "four components", .components = 4},
        {.name = "progressive", .progressive = true},
        {.name = "arithmetic", .arithmetic = true},
        {.name = "several scans", .several_scans = true},
        {.name = "no tables", .abbreviated = true},
    };
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        struct stream stream = encode(&encodings[i], false);
        CHECK(!decode_stream(&ycbcr, &stream) && !decode_stream(&rgb, &stream),
              "%s", encodings[i].name);
        free(stream.bytes);
    }
    CHECK(!decode(&ycbcr, (const unsigned char *)"", 0), "nothing");
    CHECK(!decode(&ycbcr, (const unsigned char *)"RIFF", 4), "no JPEG");
}

static void
test_other_sizes_are_refused(void)
{
    struct stream stream = encode(&plain, false);
    for (int dx = -1; dx <= 1; dx++) {
        for (int dy = -1; dy <= 1; dy++) {
            struct jpeg_format format = ycbcr;
            format.width += (uint32_t)dx;
            format.height += (uint32_t)dy;
            CHECK(decode_stream(&format, &stream) == (dx == 0 && dy == 0),
                  "%d, %d", dx, dy);
        }
    }
    free(stream.bytes);
}

/* One byte of a header each: bits 8, then sizes, components, factors, a table
   that is not there, a scan of other coefficients. */
static void
test_odd_headers_are_refused(void)
{
    static const struct {
        int marker, place, value;
    } changes[] = {
        {SOF0, 0, 12}, {SOF0, 0, 16},  {SOF0, 1, 0xff}, {SOF0, 4, 91},
        {SOF0, 5, 1},  {SOF0, 5, 4},   {SOF0, 7, 0},    {SOF0, 7, 0x51},
        {SOF0, 8, 3},  {DQT, 0, 0x23}, {DHT, 0, 0x24},  {DHT, 1, 0xff},
        {SOS, 0, 1},   {SOS, 0, 4},    {SOS, 2, 0x33},  {SOS, 7, 1},
        {SOS, 8, 62},  {SOS, 9, 0x10}, {SOS, 9, 1},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct stream stream = encode(&plain, false);
        parameters(&stream, changes[i].marker)[changes[i].place] =
            (unsigned char)changes[i].value;
        CHECK(!decode_stream(&ycbcr, &stream), "change %d", (int)i);
        free(stream.bytes);
    }
}

/* libjpeg would go on after these with a warning. */
static void
test_warnings_are_refused(void)
{
    const struct encoding restarting = {.restart_interval = 2};
    struct stream stream = encode(&restarting, false);
    unsigned char *data = parameters(&stream, SOS) + 10;
    unsigned char *end = stream.bytes + stream.size;
    unsigned char *restart = data;
    while (restart[0] != 0xff || restart[1] != 0xd0) {
        restart++;
    }
    restart[1] = 0xd5;
    CHECK(!decode_stream(&ycbcr, &stream), "another restart");
    restart[1] = 0xd9;
    CHECK(!decode_stream(&ycbcr, &stream), "an early end");
    restart[1] = 0xd0;
    memset(restart - 2, 0x55, 2);
    CHECK(!decode_stream(&ycbcr, &stream), "bytes too many");
    memset(data, 0xfe, (size_t)(end - data));
    CHECK(!decode_stream(&ycbcr, &stream), "no codes");
    free(stream.bytes);
}

/* As to libopenslide, only what the decoder looks at matters. */
static void
test_truncated_tiles(void)
{
    struct stream stream = encode(&plain, false);
    uint32_t words[PIXELS];
    reference(&stream, false, words);
    for (size_t size = 0; size < stream.size; size++) {
        decode(&ycbcr, stream.bytes, size);
        CHECK(!decoded.accepted ||
                  (size + 4 > stream.size && is_decoded(words)),
              "%d of %d bytes", (int)size, (int)stream.size);
    }
    free(stream.bytes);
}

/* No segment is skipped over the end, into memory that is not there. */
static void
test_truncated_comments(void)
{
    unsigned char bytes[102] = {0xff, 0xd8, 0xff, 0xfe, 0x04, 0x00};
    for (size_t size = 0; size < sizeof bytes; size++) {
        CHECK(!decode(&ycbcr, bytes, size), "%d bytes", (int)size);
    }
}

static void
test_bytes_after_the_end(void)
{
    struct stream stream = encode(&plain, false);
    uint32_t words[PIXELS];
    reference(&stream, false, words);
    unsigned char *longer = calloc(1, stream.size + 999);
    memcpy(longer, stream.bytes, stream.size);
    decode(&ycbcr, longer, stream.size + 999);
    CHECK(is_decoded(words), "refused");
    free(longer);
    free(stream.bytes);
}

/* Flipped bits of samples cannot be noticed, all else that they do is caught:
   nothing beyond the tile is read or written. */
static void
test_damaged_tiles(void)
{
    struct stream stream = encode(&plain, false);
    int accepted = 0;
    for (size_t i = 0; i < stream.size; i++) {
        unsigned char byte = stream.bytes[i];
        for (int bit = 0; bit < 8; bit += 3) {
            stream.bytes[i] = byte ^ (unsigned char)(1 << bit);
            accepted += decode_stream(&ycbcr, &stream);
        }
        stream.bytes[i] = byte;
    }
    CHECK(accepted > 0, "all refused");
    free(stream.bytes);
}

static struct jpeg_format
with_tables(const struct stream *tables)
{
    struct jpeg_format format = ycbcr;
    format.tables = tables->bytes;
    format.tables_size = tables->size;
    return format;
}

static void
test_shared_tables(void)
{
    const struct encoding shared = {.abbreviated = true, .quality = 60};
    const struct encoding whole = {.quality = 60};
    srand(7);
    struct stream complete = encode(&whole, false);
    srand(7);
    struct stream tile = encode(&shared, false);
    struct stream tables = encode(&shared, true);
    uint32_t words[PIXELS];
    reference(&complete, false, words);
    struct jpeg_format format = with_tables(&tables);
    decode_stream(&format, &tile);
    CHECK(is_decoded(words), "an abbreviated tile");
    /* Its own tables go before those that are shared. */
    struct stream other = encode(&plain, true);
    format = with_tables(&other);
    decode_stream(&format, &complete);
    CHECK(is_decoded(words), "a complete tile");
    format = with_tables(&complete);
    CHECK(!decode_stream(&format, &tile), "an image for tables");
    format = with_tables(&tables);
    for (size_t size = 0; size < tables.size; size++) {
        struct guarded guarded = guarded_alloc(size);
        format.tables = guarded.end - size;
        format.tables_size = size;
        memcpy(guarded.end - size, tables.bytes, size);
        CHECK(!decode_stream(&format, &tile), "%d bytes of tables", (int)size);
        guarded_free(guarded);
    }
    free(complete.bytes);
    free(tile.bytes);
    free(tables.bytes);
    free(other.bytes);
}

static void
test_nothing_is_left_from_another_tile(void)
{
    const struct encoding shared = {.abbreviated = true};
    const struct encoding restarting = {.restart_interval = 1};
    struct stream tile = encode(&shared, false);
    struct stream complete = encode(&plain, false);
    struct stream restarts = encode(&restarting, false);
    struct stream tables = encode(&shared, true);
    struct jpeg_format format = with_tables(&tables);
    uint32_t words[PIXELS];
    CHECK(decode_stream(&format, &tile), "with tables");
    CHECK(!decode_stream(&ycbcr, &tile), "without them");
    CHECK(decode_stream(&ycbcr, &complete), "with its own");
    CHECK(!decode_stream(&ycbcr, &tile), "without any");
    CHECK(decode_stream(&ycbcr, &restarts), "with restarts");
    reference(&complete, false, words);
    decode_stream(&ycbcr, &complete);
    CHECK(is_decoded(words), "another after it");
    free(tile.bytes);
    free(complete.bytes);
    free(restarts.bytes);
    free(tables.bytes);
}

/* A restart interval of NDPI. */
static void
check_reduced(const struct encoding *encoding, unsigned denominator)
{
    enum { LONG = 64, SHORT = 8 };
    const struct jpeg_format format = {LONG, SHORT, false, NULL, 0};
    struct stream stream = encode_tile(encoding, LONG, SHORT);
    uint32_t expected[LONG * SHORT] = {0};
    unsigned width = LONG / denominator;
    size_t count = (size_t)width * (SHORT / denominator);
    struct guarded output = guarded_alloc(count * sizeof *expected);
    uint8_t *words = output.end - count * sizeof *expected;
    const struct jpeg_rows rows = {
        words, (ptrdiff_t)(width * sizeof *expected), JPEG_WORDS};
    reference_at(&stream, false, denominator, expected);
    CHECK(jpeg_turbo_decode_reduced(&format, stream.bytes, stream.size,
                                    denominator, &rows) &&
              memcmp(words, expected, count * sizeof *expected) == 0,
          "%s at 1/%u", encoding->name, denominator);
    CHECK(!jpeg_turbo_decode_reduced(&format, stream.bytes, stream.size / 2,
                                     denominator, &rows),
          "%s at 1/%u, cut short", encoding->name, denominator);
    guarded_free(output);
    free(stream.bytes);
}

static void
test_reduced_tiles(void)
{
    static const struct encoding encodings[] = {
        {.name = "4:4:4", .horizontal = 1, .vertical = 1},
        {.name = "4:2:2", .horizontal = 2, .vertical = 1},
    };
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        for (unsigned denominator = 1; denominator <= 8; denominator *= 2) {
            check_reduced(&encodings[i], denominator);
        }
    }
}

static void
test_refusals_are_silent(void)
{
    FILE *file = tmpfile();
    int terminal = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    test_what_is_refused();
    test_odd_headers_are_refused();
    test_warnings_are_refused();
    fflush(stderr);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    fseek(file, 0, SEEK_END);
    CHECK(ftell(file) == 0, "%ld bytes", ftell(file));
    fclose(file);
}

static void
test_choice(void)
{
    const struct encoding progressive = {.progressive = true};
    const struct encoding odd = {.horizontal = 1, .vertical = 2};
    struct stream streams[] = {encode(&plain, false), encode(&odd, false),
                               encode(&progressive, false)};
    static const struct {
        const char *name;
        bool decodes[3], has_own, has_library;
    } choices[] = {
        {"own", {true, false, false}, true, false},
        {"libjpeg", {true, true, false}, false, true},
        {"", {true, true, false}, true, true},
    };
    for (int i = 0; i < 3; i++) {
        const char *name = choices[i].name;
        CHECK(jpeg_choose(name), "\"%s\"", name);
        CHECK(!jpeg_choose("none") && !jpeg_choose("OWN"), "other names");
        for (int k = 0; k < 3; k++) {
            CHECK(decode_stream(&ycbcr, &streams[k]) == choices[i].decodes[k],
                  "\"%s\": stream %d", name, k);
        }
        CHECK((jpeg_own_decoder() != NULL) == choices[i].has_own &&
                  (jpeg_library() != NULL) == choices[i].has_library &&
                  jpeg_is_available(),
              "\"%s\": who decodes", name);
    }
    for (int k = 0; k < 3; k++) {
        free(streams[k].bytes);
    }
}

static void
test_version(void)
{
    const char *start = "libjpeg-turbo ";
    CHECK(strncmp(jpeg_library(), start, strlen(start)) == 0, "%s",
          jpeg_library());
}

/* With the decoders of this name. */
static void
run_all(const char *decoders)
{
    jpeg_choose(decoders);
    printf("# decoders: %s\n", *decoders == '\0' ? "both" : decoders);
    check_run("what is decoded", test_what_is_decoded);
    check_run("orders", test_orders);
    check_run("what is refused", test_what_is_refused);
    check_run("other sizes are refused", test_other_sizes_are_refused);
    check_run("odd headers are refused", test_odd_headers_are_refused);
    check_run("warnings are refused", test_warnings_are_refused);
    check_run("truncated tiles", test_truncated_tiles);
    check_run("truncated comments", test_truncated_comments);
    check_run("bytes after the end", test_bytes_after_the_end);
    check_run("damaged tiles", test_damaged_tiles);
    check_run("shared tables", test_shared_tables);
    check_run("nothing is left from another tile",
              test_nothing_is_left_from_another_tile);
    check_run("reduced tiles", test_reduced_tiles);
    check_run("refusals are silent", test_refusals_are_silent);
}

int
main(void)
{
    run_all("own");
    run_all("libjpeg");
    run_all("");
    check_run("choice", test_choice);
    check_run("version", test_version);
    return check_finish();
}
