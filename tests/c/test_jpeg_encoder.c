#include "codecs/jpeg_encoder.h"

#include "check.h"
#include "guard_page.h"

#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

enum { CHANNELS = 3 };

static const struct jpeg_file no_file = {NULL, 0};

/* Smooth, with as much noise as is asked for, at most 255. */
static void
paint(uint8_t *pixels, const struct jpeg_picture *picture, int noise)
{
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width; x++) {
            for (uint32_t c = 0; c < CHANNELS; c++) {
                uint32_t smooth = x * (c + 2) + y * 3 + (x * y >> 3);
                *pixels++ =
                    (uint8_t)(smooth + (uint32_t)(rand() % (noise + 1)));
            }
        }
    }
}

/* Encoding, as anybody would do it: line by line, to where libjpeg wants. */
static struct jpeg_file
reference(const struct jpeg_picture *picture, int quality)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = picture->width;
    info.image_height = picture->height;
    info.input_components = CHANNELS;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (uint32_t y = 0; y < picture->height; y++) {
        JSAMPROW line =
            (JSAMPROW)picture->pixels + CHANNELS * y * picture->width;
        jpeg_write_scanlines(&info, &line, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return (struct jpeg_file){bytes, size};
}

/* With the picture against unmapped memory. */
static size_t
check_picture(uint32_t width, uint32_t height, int quality, int noise)
{
    size_t size = CHANNELS * (size_t)width * height;
    struct guarded memory = guarded_alloc(size);
    const struct jpeg_picture picture = {memory.end - size, width, height};
    struct jpeg_file file = no_file;
    paint(memory.end - size, &picture, noise);
    struct jpeg_file expected = reference(&picture, quality);
    bool encoded = jpeg_encode(&picture, quality, &file);
    CHECK(encoded && file.size == expected.size &&
              memcmp(file.bytes, expected.bytes, file.size) == 0,
          "%u x %u, quality %d: %zu bytes, not %zu", width, height, quality,
          file.size, expected.size);
    free(file.bytes);
    free(expected.bytes);
    guarded_free(memory);
    return expected.size;
}

/* Around whole blocks, and around the lines that are written at once. */
static void
test_sizes(void)
{
    static const uint32_t sides[] = {1, 2, 7, 8, 9, 15, 16, 17, 33, 50};
    enum { COUNT = sizeof sides / sizeof sides[0] };
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            check_picture(sides[i], sides[j], 80, 20);
        }
    }
}

static void
test_qualities(void)
{
    for (int quality = 1; quality <= 100; quality++) {
        check_picture(60, 40, quality, 20);
    }
}

/* The file's memory grows, some times in the midst of a marker or a block. */
static void
test_file_sizes(void)
{
    size_t largest = 0;
    for (uint32_t width = 8; width < 400; width += 8) {
        size_t size = check_picture(width, 300, 95, 255);
        largest = size > largest ? size : largest;
    }
    CHECK(largest > 1 << 16, "%zu bytes at most", largest);
}

static void
test_sides_that_libjpeg_refuses(void)
{
    static const uint32_t sides[] = {0, JPEG_LONGEST_SIDE + 1};
    static const uint8_t pixels[CHANNELS * (JPEG_LONGEST_SIDE + 1)];
    struct jpeg_file file = no_file;
    for (int i = 0; i < 2; i++) {
        const struct jpeg_picture wide = {pixels, sides[i], 1};
        const struct jpeg_picture high = {pixels, 1, sides[i]};
        CHECK(!jpeg_encode(&wide, 80, &file), "width %u", sides[i]);
        CHECK(!jpeg_encode(&high, 80, &file), "height %u", sides[i]);
    }
    const struct jpeg_picture widest = {pixels, JPEG_LONGEST_SIDE, 1};
    CHECK(file.bytes == NULL && jpeg_encode(&widest, 80, &file), "the widest");
    free(file.bytes);
}

int
main(void)
{
    check_run("sizes", test_sizes);
    check_run("qualities", test_qualities);
    check_run("sizes of files", test_file_sizes);
    check_run("sides that libjpeg refuses", test_sides_that_libjpeg_refuses);
    return check_finish();
}
