/*
 * A tiled image of a slide, one level of it: where its tiles are in the file,
 * or in several, and their pixels.
 */
#ifndef DIRECT_IMAGE_H
#define DIRECT_IMAGE_H

#include "codecs/codec.h"
#include "kernels/paint.h"
#include "system/source.h"

/* Bytes of a source that hold a tile. */
struct tile_place {
    const struct source *source;
    uint64_t offset, size;
};

/* What is in a place of the grid. */
enum tile_content {
    /* Nobody knows but libopenslide. */
    TILE_UNKNOWN,
    /* Nothing, which is transparent. */
    TILE_HOLE,
    TILE_STORED,
};

struct image;
struct read_ahead;

/* What to decode. */
struct image_request {
    uint64_t tile;
    /* All of its rows; all columns, unless the image is_divisible. */
    struct jpeg_area area;
    struct read_ahead *ahead; /* that may have its bytes; NULL: none */
};

/* What differs between formats of files. */
struct image_container {
    /* NULL where there is nothing to look for, see image_index(). */
    const char *(*index)(struct image *image);
    /* The place is there for TILE_STORED. */
    enum tile_content (*locate)(const struct image *image, uint64_t tile,
                                struct tile_place *place);
    /* As image_decode_tile(); NULL where the bytes of a tile are in one place,
       and all that it takes. */
    bool (*decode)(const struct image *image,
                   const struct image_request *request,
                   const struct jpeg_rows *rows);
    /* Free the store. */
    void (*close)(struct image *image);
};

/* All bits 0: none, which can be closed. */
struct image {
    const struct image_container *container;
    void *store; /* what the container needs to locate tiles */
    struct coding coding;
    struct jpeg_format format;
    uint32_t tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
    /* Pixels beyond are transparent, though the tiles have some there. */
    int64_t width, height;
    /* What libopenslide has of a tile: PAINT_CLIPPED, whole at the edges of
       the image too, or PAINT_RGB24, as large as what belongs to the image. */
    enum paint_format surface;
    /* Some places may be TILE_HOLE. */
    bool has_holes;
    /* To decode some columns of a tile takes less than to decode all. */
    bool is_divisible;
    /* Tiles are small, so it pays to read the bytes of several at once. */
    bool is_read_ahead;
};

void image_close(struct image *image);

/*
 * Look for what locating tiles takes, which may be as long as the file: once,
 * before the first tile is decoded.  Why it is not there, in words; NULL where
 * it is.
 */
const char *image_index(struct image *image);

enum tile_content image_content(const struct image *image, uint64_t tile);

uint64_t image_tile_count(const struct image *image);
size_t image_tile_pixels(const struct image *image);

/* Decode a tile; false where libopenslide may make other pixels of it. */
bool image_decode_tile(const struct image *image,
                       const struct image_request *request,
                       const struct jpeg_rows *rows);

/* The same, but TILE_STORED only where as many bytes as a tile may have lie
   within the file; they are what image_decode_tile() takes where the container
   has no decode() of its own. */
enum tile_content image_locate_tile(const struct image *image, uint64_t tile,
                                    struct tile_place *place);

/* For containers: the stored bytes of a tile, to be freed; NULL where there is
   anything odd. */
uint8_t *image_read_tile(const struct image *image, uint64_t tile,
                         size_t *size);

/* For containers: why tiles of such pixels cannot be decoded here, in words;
   NULL where they can. */
const char *image_refusal(enum codec codec, bool has_plain_pixels,
                          uint32_t width, uint32_t height);

#endif
