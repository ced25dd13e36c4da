#include "tiny_slide.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    SAMPLES = 3,
    TILE_BYTES = TINY_SLIDE_SIDE * TINY_SLIDE_SIDE * SAMPLES,
    HEADER_BYTES = 8,
    BITS_BYTES = SAMPLES * 2,
    TILE_OFFSET = HEADER_BYTES + BITS_BYTES,
    SHORT = 3,
    LONG = 4,
    BEYOND_THE_END = 0x7f000000,
};

/* A directory entry of classic TIFF, in the machine's own byte order. */
struct entry {
    uint16_t tag, type;
    uint32_t count, value;
};

static uint16_t
machine_byte_order(void)
{
    const uint16_t probe = 1;
    unsigned char first;
    memcpy(&first, &probe, 1);
    return first == 1 ? 0x4949 : 0x4d4d; /* "II", "MM" */
}

/* A SHORT lies in the first bytes of the value field, whatever the order. */
static uint32_t
short_value(uint16_t number)
{
    uint32_t field = 0;
    memcpy(&field, &number, sizeof number);
    return field;
}

/* What the arrays of offsets and lengths take; one that fits into its entry is
   there. */
static uint32_t
array_value(int count, uint32_t single, uint32_t offset)
{
    return count == 1 ? single : offset;
}

static bool
write_array(FILE *file, const uint32_t *values, int count)
{
    return count == 1 || fwrite(values, sizeof *values, (size_t)count, file) ==
                             (size_t)count;
}

static bool
write_file(FILE *file, unsigned char grey, int tiles, int interval)
{
    static uint32_t offsets[TINY_SLIDE_MOST_TILES];
    static uint32_t lengths[TINY_SLIDE_MOST_TILES];
    for (int i = 0; i < tiles; i++) {
        bool is_missing = interval > 0 && i % interval == 0;
        offsets[i] = is_missing ? BEYOND_THE_END : TILE_OFFSET;
        lengths[i] = TILE_BYTES;
    }
    const uint32_t after = TILE_OFFSET + TILE_BYTES;
    const uint32_t array_bytes = tiles == 1 ? 0 : 4 * (uint32_t)tiles;
    const uint32_t directory = after + 2 * array_bytes;
    const struct entry entries[] = {
        {256, LONG, 1, (uint32_t)tiles * TINY_SLIDE_SIDE}, /* ImageWidth */
        {257, LONG, 1, TINY_SLIDE_SIDE},                   /* ImageLength */
        {258, SHORT, SAMPLES, HEADER_BYTES},   /* BitsPerSample: elsewhere */
        {259, SHORT, 1, short_value(1)},       /* Compression: none */
        {262, SHORT, 1, short_value(2)},       /* Photometric: RGB */
        {277, SHORT, 1, short_value(SAMPLES)}, /* SamplesPerPixel */
        {284, SHORT, 1, short_value(1)},       /* PlanarConfiguration */
        {322, LONG, 1, TINY_SLIDE_SIDE},       /* TileWidth */
        {323, LONG, 1, TINY_SLIDE_SIDE},       /* TileLength */
        {324, LONG, (uint32_t)tiles,           /* TileOffsets */
         array_value(tiles, offsets[0], after)},
        {325, LONG, (uint32_t)tiles, /* TileByteCounts */
         array_value(tiles, lengths[0], after + array_bytes)},
    };
    const uint16_t order = machine_byte_order();
    const uint16_t version = 42;
    const uint16_t bits[SAMPLES] = {8, 8, 8};
    const uint16_t count = sizeof entries / sizeof entries[0];
    const uint32_t next = 0;
    static unsigned char tile[TILE_BYTES];
    memset(tile, grey, sizeof tile);
    return fwrite(&order, sizeof order, 1, file) == 1 &&
           fwrite(&version, sizeof version, 1, file) == 1 &&
           fwrite(&directory, sizeof directory, 1, file) == 1 &&
           fwrite(bits, sizeof bits, 1, file) == 1 &&
           fwrite(tile, sizeof tile, 1, file) == 1 &&
           write_array(file, offsets, tiles) &&
           write_array(file, lengths, tiles) &&
           fwrite(&count, sizeof count, 1, file) == 1 &&
           fwrite(entries, sizeof entries, 1, file) == 1 &&
           fwrite(&next, sizeof next, 1, file) == 1;
}

bool
tiny_slide_write_row(const char *path, unsigned char grey, int tiles,
                     int interval)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool written = write_file(file, grey, tiles, interval);
    return fclose(file) == 0 && written;
}

bool
tiny_slide_write(const char *path, unsigned char grey)
{
    return tiny_slide_write_row(path, grey, 1, 0);
}
