#include "codecs/jpeg.h"

#include "codecs/jpeg/decoder.h"
#include "codecs/jpeg_encoder.h"
#include "codecs/jpeg_turbo.h"

#include "check.h"
#include "small_jpeg.h"

enum { SIZE = SMALL_JPEG_WIDTH * SMALL_JPEG_HEIGHT * 3 };

static const struct jpeg_format format = {SMALL_JPEG_WIDTH, SMALL_JPEG_HEIGHT,
                                          false, NULL, 0};

static uint32_t
hash_of(const uint8_t *bytes, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

static void
test_every_instruction_set(void)
{
    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        static const struct jpeg_area all = {0, 0, SMALL_JPEG_WIDTH,
                                             SMALL_JPEG_HEIGHT};
        uint8_t pixels[SIZE] = {0};
        const struct jpeg_rows rows = {pixels, SMALL_JPEG_WIDTH * 3, JPEG_RGB};
        if (instruction_set_missing(set) != NULL) {
            continue;
        }
        CHECK(jpeg_decode_area(&format, small_jpeg, sizeof small_jpeg, &all,
                               &rows, set) &&
                  hash_of(pixels, SIZE) == small_jpeg_hash,
              "%s", instruction_set_name(set));
    }
}

static void
test_own_decoder_is_used(void)
{
    uint8_t pixels[SIZE] = {0};
    const struct jpeg_rows rows = {pixels, SMALL_JPEG_WIDTH * 3, JPEG_RGB};
    CHECK(jpeg_is_available() && jpeg_own_decoder() != NULL, "not there");
    CHECK(jpeg_decode(&format, small_jpeg, sizeof small_jpeg, &rows) &&
              hash_of(pixels, SIZE) == small_jpeg_hash,
          "not decoded");
    CHECK(jpeg_choose("libjpeg") && !jpeg_is_available(), "still there");
    CHECK(!jpeg_decode(&format, small_jpeg, sizeof small_jpeg, &rows),
          "decoded all the same");
    jpeg_choose("");
}

static void
test_libjpeg_turbo_is_not_there(void)
{
    uint8_t pixels[SIZE];
    const struct jpeg_rows rows = {pixels, SMALL_JPEG_WIDTH * 3, JPEG_RGB};
    const struct jpeg_picture picture = {pixels, 8, 8};
    struct jpeg_file file;
    CHECK(jpeg_turbo_version() == NULL && jpeg_library() == NULL, "a version");
    CHECK(!jpeg_turbo_decode(&format, small_jpeg, sizeof small_jpeg, &rows),
          "decoded");
    CHECK(!jpeg_encode(&picture, 80, &file), "encoded");
}

int
main(void)
{
    check_run("every instruction set", test_every_instruction_set);
    check_run("the own decoder is used", test_own_decoder_is_used);
    check_run("libjpeg-turbo is not there", test_libjpeg_turbo_is_not_there);
    return check_finish();
}
