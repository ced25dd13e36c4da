#include "codecs/codec.h"

#include "check.h"
#include "codecs/deflate.h"
#include "guard_page.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 5, HEIGHT = 3, SIZE = WIDTH * HEIGHT * 3, STRIDE = 24 };

enum {
    BMP_HEADER = 54,
    BMP_ROW = 16, /* with what fills it up to four bytes */
    BMP_SIZE = BMP_HEADER + BMP_ROW * HEIGHT,
};

static const struct jpeg_format format = {WIDTH, HEIGHT, false, NULL, 0};

/* Of the samples 1, 2, 3, ... 45, as zlib writes them. */
static const uint8_t deflated[] = {
    0x78, 0x9c, 0x63, 0x64, 0x62, 0x66, 0x61, 0x65, 0x63, 0xe7, 0xe0,
    0xe4, 0xe2, 0xe6, 0xe1, 0xe5, 0xe3, 0x17, 0x10, 0x14, 0x12, 0x16,
    0x11, 0x15, 0x13, 0x97, 0x90, 0x94, 0x92, 0x96, 0x91, 0x95, 0x93,
    0x57, 0x50, 0x54, 0x52, 0x56, 0x51, 0x55, 0x53, 0xd7, 0xd0, 0xd4,
    0xd2, 0xd6, 0xd1, 0x05, 0x00, 0x3f, 0x84, 0x04, 0x0c,
};
/* The bytes of a stored tile. */
struct stream {
    const uint8_t *bytes;
    size_t size;
};

static uint8_t
sample(size_t i)
{
    return (uint8_t)(i + 1);
}

/* Each lies against the end of its memory. */
static bool
decode(const struct coding *coding, struct stream stream,
       enum jpeg_order order, uint8_t pixels[HEIGHT][STRIDE])
{
    struct guarded input = guarded_alloc(stream.size + 1);
    size_t row = WIDTH * (order == JPEG_RGB ? 3 : 4);
    size_t size = (HEIGHT - 1) * STRIDE + row;
    struct guarded output = guarded_alloc(size);
    uint8_t *start = input.end - stream.size;
    if (stream.size > 0) {
        memcpy(start, stream.bytes, stream.size);
    }
    const struct jpeg_rows rows = {output.end - size, STRIDE, order};
    bool decoded = codec_decode(coding, &format, start, stream.size, &rows);
    for (size_t i = 0; i < HEIGHT; i++) {
        memcpy(pixels[i], output.end - size + i * STRIDE, row);
    }
    guarded_free(output);
    guarded_free(input);
    return decoded;
}

static bool
is_pixel(const uint8_t *pixel, enum jpeg_order order, const uint8_t *expected)
{
    const uint32_t word = UINT32_C(0xff000000) | (uint32_t)expected[0] << 16 |
                          (uint32_t)expected[1] << 8 | expected[2];
    switch (order) {
    case JPEG_WORDS:
        return memcmp(pixel, &word, sizeof word) == 0;
    case JPEG_RGBA:
        return memcmp(pixel, expected, 3) == 0 && pixel[3] == 255;
    default:
        return memcmp(pixel, expected, 3) == 0;
    }
}

static void
check_tile(const struct coding *coding, struct stream stream)
{
    static const enum jpeg_order orders[] = {JPEG_WORDS, JPEG_RGBA, JPEG_RGB};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        uint8_t pixels[HEIGHT][STRIDE];
        uint8_t expected[3] = {0};
        size_t pixel_size = orders[i] == JPEG_RGB ? 3 : 4;
        CHECK(decode(coding, stream, orders[i], pixels), "refused");
        for (size_t at = 0; at < WIDTH * HEIGHT; at++) {
            bool is_sum = coding->has_differences && at % WIDTH != 0;
            for (size_t k = 0; k < 3; k++) {
                expected[k] =
                    (uint8_t)(sample(at * 3 + k) + (is_sum ? expected[k] : 0));
            }
            CHECK(is_pixel(&pixels[at / WIDTH][at % WIDTH * pixel_size],
                           orders[i], expected),
                  "order %d, pixel %zu", (int)orders[i], at);
        }
    }
}

static bool
is_refused(const struct coding *coding, struct stream stream)
{
    uint8_t pixels[HEIGHT][STRIDE];
    return !decode(coding, stream, JPEG_WORDS, pixels);
}

/* Of any other length, whatever the bytes beyond. */
static void
check_lengths(const struct coding *coding, struct stream stream)
{
    uint8_t *longer = calloc(1, stream.size + 1);
    for (size_t size = 0; size < stream.size; size++) {
        CHECK(is_refused(coding, (struct stream){stream.bytes, size}),
              "%zu bytes", size);
    }
    if (CHECK(longer != NULL, "no memory")) {
        memcpy(longer, stream.bytes, stream.size);
        CHECK(is_refused(coding, (struct stream){longer, stream.size + 1}),
              "a byte more");
    }
    free(longer);
}

static void
test_uncompressed(void)
{
    uint8_t samples[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        samples[i] = sample(i);
    }
    const struct coding plain = {CODEC_NONE, false};
    check_tile(&plain, (struct stream){samples, SIZE});
    check_lengths(&plain, (struct stream){samples, SIZE});
}

static void
check_codec(enum codec codec, struct stream stream, const char *version)
{
    const struct coding plain = {codec, false}, differences = {codec, true};
    CHECK(codec_is_available(codec) == (version != NULL), "availability");
    if (version == NULL) {
        CHECK(is_refused(&plain, stream), "decoded all the same");
        return;
    }
    check_tile(&plain, stream);
    check_tile(&differences, stream);
    check_lengths(&plain, stream);
}

static void
test_deflate(void)
{
    check_codec(CODEC_DEFLATE, (struct stream){deflated, sizeof deflated},
                deflate_version());
}

/* The header of a file of 54 bytes more, and those after it. */
static void
write_bmp(uint8_t file[BMP_SIZE])
{
    static const uint8_t header[BMP_HEADER] = {
        'B', 'M',    BMP_SIZE, 0,          0,     0, 0,
        0,   0,      0,        BMP_HEADER, 0,     0, 0,
        40,  0,      0,        0,          WIDTH, 0, 0,
        0,   HEIGHT, 0,        0,          0,     1, 0,
        24,  0,      0,        0,          0,     0, BMP_SIZE - BMP_HEADER};
    memcpy(file, header, sizeof header);
    memset(file + BMP_HEADER, 99, BMP_SIZE - BMP_HEADER);
    for (size_t i = 0; i < SIZE; i++) {
        size_t row = HEIGHT - 1 - i / (WIDTH * 3), column = i / 3 % WIDTH;
        file[BMP_HEADER + row * BMP_ROW + column * 3 + 2 - i % 3] = sample(i);
    }
}

static void
test_bmp(void)
{
    const struct coding coding = {CODEC_BMP, false};
    uint8_t file[BMP_SIZE];
    write_bmp(file);
    check_tile(&coding, (struct stream){file, BMP_SIZE});
    check_lengths(&coding, (struct stream){file, BMP_SIZE});
    /* All but what is reserved, how large a pixel is, and which colours are
       important. */
    for (size_t i = 0; i < BMP_HEADER; i++) {
        bool matters = i < 6 || (i > 9 && i < 38) || (i > 45 && i < 50);
        write_bmp(file);
        file[i] ^= 1;
        CHECK(is_refused(&coding, (struct stream){file, BMP_SIZE}) == matters,
              "byte %zu", i);
    }
}

static void
test_no_codec(void)
{
    const struct coding other = {CODEC_OTHER, false};
    CHECK(!codec_is_available(CODEC_OTHER) &&
              is_refused(&other, (struct stream){deflated, sizeof deflated}),
          "decoded");
}

int
main(void)
{
    check_run("uncompressed", test_uncompressed);
    check_run("deflate", test_deflate);
    check_run("bmp", test_bmp);
    check_run("no codec", test_no_codec);
    return check_finish();
}
