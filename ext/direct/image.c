#include "image.h"

#include <stdlib.h>

/* Larger ones are no tiles but whole pictures. */
enum { MAX_TILE_SIDE = 4096 };

/* No tile is larger than its pixels, but for some headers. */
static const uint64_t MAX_HEADER_BYTES = 1 << 16;

static const char *
missing_codec(enum codec codec)
{
    switch (codec) {
    case CODEC_JPEG:
        return "the JPEG decoder that was asked for is not built in";
    case CODEC_DEFLATE:
    case CODEC_PNG:
        return "libdeflate is not built in";
    default:
        return "the tiles are compressed in another way";
    }
}

const char *
image_refusal(enum codec codec, bool has_plain_pixels, uint32_t width,
              uint32_t height)
{
    if (!codec_is_available(codec)) {
        return missing_codec(codec);
    }
    if (!has_plain_pixels) {
        return "the pixels are not RGB or YCbCr of 8 bits";
    }
    return width > MAX_TILE_SIDE || height > MAX_TILE_SIDE
               ? "the tiles are larger than 4096 pixels"
               : NULL;
}

const char *
image_index(struct image *image)
{
    return image->container->index == NULL ? NULL
                                           : image->container->index(image);
}

void
image_close(struct image *image)
{
    if (image->container != NULL) {
        image->container->close(image);
    }
    *image = (struct image){0};
}

enum tile_content
image_content(const struct image *image, uint64_t tile)
{
    struct tile_place place;
    return image->container->locate(image, tile, &place);
}

uint64_t
image_tile_count(const struct image *image)
{
    return (uint64_t)image->tiles_across * image->tiles_down;
}

size_t
image_tile_pixels(const struct image *image)
{
    return (size_t)image->tile_width * image->tile_height;
}

enum tile_content
image_locate_tile(const struct image *image, uint64_t tile,
                  struct tile_place *place)
{
    uint64_t limit =
        image_tile_pixels(image) * sizeof(uint32_t) + MAX_HEADER_BYTES;
    enum tile_content content = image->container->locate(image, tile, place);
    bool is_sound = content != TILE_STORED ||
                    (place->offset != 0 && place->size <= limit &&
                     source_has(place->source, place->offset, place->size));
    return is_sound ? content : TILE_UNKNOWN;
}

uint8_t *
image_read_tile(const struct image *image, uint64_t tile, size_t *size)
{
    struct tile_place place;
    if (image_locate_tile(image, tile, &place) != TILE_STORED) {
        return NULL;
    }
    *size = (size_t)place.size;
    uint8_t *bytes = malloc(*size);
    if (bytes != NULL &&
        !source_read(place.source, place.offset, bytes, *size)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static bool
decode_bytes(const struct image *image, uint64_t tile,
             const struct jpeg_rows *rows)
{
    size_t size;
    uint8_t *bytes = image_read_tile(image, tile, &size);
    bool decoded =
        bytes != NULL &&
        codec_decode(&image->coding, &image->format, bytes, size, rows);
    free(bytes);
    return decoded;
}

bool
image_decode_tile(const struct image *image,
                  const struct image_request *request,
                  const struct jpeg_rows *rows)
{
    return image->container->decode == NULL
               ? decode_bytes(image, request->tile, rows)
               : image->container->decode(image, request, rows);
}
