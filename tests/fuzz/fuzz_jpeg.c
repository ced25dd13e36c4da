/*
 * Whatever a tile holds, it is refused, or decoded to what an ordinary decoder
 * makes of it without a warning; and always alike, with libjpeg-turbo and with
 * the own decoder and all of its instruction sets.
 */
#include "codecs/jpeg.h"

#include "codecs/jpeg/decoder.h"

#include "fuzz_tile.h"

#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <jpeglib.h>

/* An ordinary decoder */

struct ordinary {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    jmp_buf failure;
};

static void
fail(j_common_ptr info)
{
    struct ordinary *ordinary = info->client_data;
    longjmp(ordinary->failure, 1);
}

static void
be_silent(j_common_ptr info)
{
    (void)info;
}

static void
decode_lines(struct ordinary *ordinary, uint32_t *words)
{
    struct jpeg_decompress_struct *info = &ordinary->info;
    uint8_t line[256 * 3];
    JSAMPROW lines[] = {line};
    while (info->output_scanline < info->output_height) {
        jpeg_read_scanlines(info, lines, 1);
        for (JDIMENSION x = 0; x < info->output_width; x++) {
            *words++ = 0xff000000 | (uint32_t)line[3 * x] << 16 |
                       (uint32_t)line[3 * x + 1] << 8 | line[3 * x + 2];
        }
    }
}

static bool
decode(struct ordinary *ordinary, const struct jpeg_format *format,
       const uint8_t *bytes, size_t size, uint32_t *words)
{
    struct jpeg_decompress_struct *info = &ordinary->info;
    if (setjmp(ordinary->failure) != 0) {
        return false;
    }
    jpeg_create_decompress(info);
    if (format->tables != NULL) {
        jpeg_mem_src(info, format->tables, format->tables_size);
        jpeg_read_header(info, FALSE);
    }
    jpeg_mem_src(info, bytes, size);
    jpeg_read_header(info, TRUE);
    if (info->image_width != format->width ||
        info->image_height != format->height) {
        return false;
    }
    info->jpeg_color_space = format->is_rgb ? JCS_RGB : JCS_YCbCr;
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    decode_lines(ordinary, words);
    return ordinary->errors.num_warnings == 0;
}

static bool
decode_ordinarily(const struct jpeg_format *format, const uint8_t *bytes,
                  size_t size, uint32_t *words)
{
    struct ordinary ordinary = {.info.client_data = &ordinary};
    ordinary.info.err = jpeg_std_error(&ordinary.errors);
    ordinary.errors.error_exit = fail;
    ordinary.errors.output_message = be_silent;
    bool decoded = decode(&ordinary, format, bytes, size, words);
    jpeg_destroy_decompress(&ordinary.info);
    return decoded;
}

/* What must hold */

/* Decode into memory that was filled with a byte. */
static bool
decode_over(const struct jpeg_format *format, const uint8_t *bytes,
            size_t size, uint8_t *pixels, int pixel_size,
            enum jpeg_order order, int filling)
{
    ptrdiff_t stride = (ptrdiff_t)format->width * pixel_size;
    const struct jpeg_rows rows = {pixels, stride, order};
    memset(pixels, filling, (size_t)stride * format->height);
    return jpeg_decode(format, bytes, size, &rows);
}

static void
require_bytes(const uint32_t *words, size_t count, const uint8_t *bytes,
              int pixel_size)
{
    for (size_t i = 0; i < count; i++, bytes += pixel_size) {
        REQUIRE(bytes[0] == (words[i] >> 16 & 0xff));
        REQUIRE(bytes[1] == (words[i] >> 8 & 0xff));
        REQUIRE(bytes[2] == (words[i] & 0xff));
        REQUIRE(pixel_size == 3 || bytes[3] == words[i] >> 24);
    }
}

/* An ordinary picture, NULL where there was a warning or an error. */
static bool
decode_part(const struct jpeg_format *format, const uint8_t *bytes,
            size_t size, const struct jpeg_area *part, const uint32_t *words,
            enum instruction_set set)
{
    size_t count = (size_t)part->width * part->height;
    uint32_t *own = malloc(count * sizeof *own);
    REQUIRE(own != NULL);
    const struct jpeg_rows rows = {(uint8_t *)own, (ptrdiff_t)part->width * 4,
                                   JPEG_WORDS};
    bool decoded = jpeg_decode_area(format, bytes, size, part, &rows, set);
    REQUIRE(!decoded || words != NULL);
    for (uint32_t y = 0; decoded && y < part->height; y++) {
        const uint32_t *row =
            words + (size_t)(part->y + y) * format->width + part->x;
        REQUIRE(memcmp(own + (size_t)y * part->width, row,
                       part->width * sizeof *own) == 0);
    }
    free(own);
    return decoded;
}

/* What one instruction set takes they all take, and all of a tile only where
   they take its parts. */
static void
check_own(const struct jpeg_format *format, const uint8_t *bytes, size_t size,
          const uint32_t *words)
{
    const struct jpeg_area all = {0, 0, format->width, format->height};
    const struct jpeg_area part = {format->width / 3, format->height / 3,
                                   format->width - format->width / 2,
                                   format->height - format->height / 2};
    bool has_all = decode_part(format, bytes, size, &all, words, SCALAR);
    bool has_part = decode_part(format, bytes, size, &part, words, SCALAR);
    REQUIRE(!has_all || has_part);
    for (enum instruction_set set = 0; set < SCALAR; set++) {
        if (instruction_set_missing(set) == NULL) {
            REQUIRE(decode_part(format, bytes, size, &all, words, set) ==
                    has_all);
            REQUIRE(decode_part(format, bytes, size, &part, words, set) ==
                    has_part);
        }
    }
}

static void
check(const struct jpeg_format *format, const uint8_t *bytes, size_t size)
{
    size_t area = (size_t)format->width * format->height;
    uint32_t *words = calloc(area, sizeof *words);
    uint32_t *others = malloc(area * sizeof *others);
    uint8_t *pixels = malloc(area * 4);
    REQUIRE(words != NULL && others != NULL && pixels != NULL);
    bool is_sound = decode_ordinarily(format, bytes, size, words);
    bool decoded = decode_over(format, bytes, size, (uint8_t *)others, 4,
                               JPEG_WORDS, 0x55);
    REQUIRE(decode_over(format, bytes, size, pixels, 4, JPEG_RGBA, 0xaa) ==
            decoded);
    check_own(format, bytes, size, is_sound ? words : NULL);
    if (decoded) {
        REQUIRE(is_sound);
        REQUIRE(memcmp(words, others, area * sizeof *words) == 0);
        require_bytes(words, area, pixels, 4);
        REQUIRE(decode_over(format, bytes, size, pixels, 3, JPEG_RGB, 0xaa));
        require_bytes(words, area, pixels, 3);
    }
    free(words);
    free(others);
    free(pixels);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_tile tile;
    if (fuzz_tile_take(&tile, bytes, size)) {
        check(&tile.format, tile.bytes, tile.size);
        fuzz_tile_free(&tile);
    }
    return 0;
}
