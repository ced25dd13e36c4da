/*
 * Tiles to decode, encoded by libjpeg-turbo.
 */
#ifndef JPEG_TILES_H
#define JPEG_TILES_H

#include <stdbool.h>
#include <stdint.h>

/* What is on a tile. */
enum tile_content {
    TILE_SHADES, /* slopes with some noise */
    TILE_FLAT,   /* one colour, and another in a corner */
    TILE_NOISE,  /* samples that have nothing to do with each other */
    TILE_EDGES,  /* black beside white: transforms exceed the range */
};

struct encoding {
    const char *name;
    int horizontal, vertical; /* sampling factors of Y; 0: 2 */
    bool rgb, progressive, arithmetic, several_scans, abbreviated, optimized;
    int restart_interval, quality, components; /* 0: none, 80, 3 */
    enum tile_content content;
};

struct stream {
    unsigned char *bytes; /* to be freed */
    unsigned long size;
};

/* Noise depends on rand(). */
struct stream encode_tile(const struct encoding *encoding, int width,
                          int height);

/* The tables that an abbreviated tile leaves out. */
struct stream encode_tables(const struct encoding *encoding);

#endif
