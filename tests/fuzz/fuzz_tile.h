/*
 * A tile of JPEG in an input: whether the samples are RGB, width - 1,
 * height - 1 (a byte each); the size of the tables, 0 for none (two bytes);
 * the tables; the tile.
 */
#ifndef FUZZ_TILE_H
#define FUZZ_TILE_H

#include "codecs/jpeg.h"

#include "fuzzing.h"

#include <string.h>

struct fuzz_tile {
    struct jpeg_format format;
    uint8_t *bytes, *tables;
    size_t size;
};

/* A copy that ends where its memory ends, for the address sanitizer. */
static uint8_t *
fuzz_copy_of(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    REQUIRE(copy != NULL || size == 0);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* False where the input is too short. */
static bool
fuzz_tile_take(struct fuzz_tile *tile, const uint8_t *bytes, size_t size)
{
    enum { HEADER_BYTES = 5 };
    if (size < HEADER_BYTES) {
        return false;
    }
    size_t tables_size = (size_t)bytes[3] << 8 | bytes[4];
    tile->format = (struct jpeg_format){bytes[1] + 1u, bytes[2] + 1u,
                                        bytes[0] & 1, NULL, 0};
    bytes += HEADER_BYTES;
    size -= HEADER_BYTES;
    tables_size = tables_size < size ? tables_size : size;
    tile->tables = fuzz_copy_of(bytes, tables_size);
    tile->size = size - tables_size;
    tile->bytes = fuzz_copy_of(bytes + tables_size, tile->size);
    if (tables_size > 0) {
        tile->format.tables = tile->tables;
        tile->format.tables_size = tables_size;
    }
    return true;
}

static void
fuzz_tile_free(struct fuzz_tile *tile)
{
    free(tile->tables);
    free(tile->bytes);
}

#endif
