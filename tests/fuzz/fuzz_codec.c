/*
 * Whatever a tile holds, it is refused, or it becomes all pixels of the tile,
 * and the same in every order.
 */
#include "codecs/codec.h"

#include "fuzzing.h"

#include <string.h>

static uint8_t *
decode(const struct coding *coding, const struct jpeg_format *format,
       const uint8_t *bytes, size_t size, enum jpeg_order order, int filling)
{
    size_t stride = format->width * (order == JPEG_RGB ? 3u : 4u);
    uint8_t *pixels = malloc(stride * format->height);
    REQUIRE(pixels != NULL);
    memset(pixels, filling, stride * format->height);
    const struct jpeg_rows rows = {pixels, (ptrdiff_t)stride, order};
    if (!codec_decode(coding, format, bytes, size, &rows)) {
        free(pixels);
        return NULL;
    }
    return pixels;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 3) {
        return 0;
    }
    const struct coding coding = {CODEC_NONE + bytes[0] % 4u, bytes[0] & 0x80};
    const struct jpeg_format format = {bytes[1] % 32 + 1u, bytes[2] % 32 + 1u,
                                       false, NULL, 0};
    size_t count = (size_t)format.width * format.height;
    uint8_t *rgba =
        decode(&coding, &format, bytes + 3, size - 3, JPEG_RGBA, 0x55);
    uint8_t *rgb =
        decode(&coding, &format, bytes + 3, size - 3, JPEG_RGB, 0xaa);
    REQUIRE((rgba == NULL) == (rgb == NULL));
    for (size_t i = 0; rgb != NULL && i < count; i++) {
        REQUIRE(memcmp(rgba + i * 4, rgb + i * 3, 3) == 0);
        REQUIRE(rgba[i * 4 + 3] == 255);
    }
    free(rgba);
    free(rgb);
    return 0;
}
