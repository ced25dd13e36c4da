/*
 * What a BIF slide of Ventana's says of the tiles that its camera took: in
 * which areas they lie, and how far neighbours overlap on the whole.
 */
#ifndef DIRECT_VENTANA_H
#define DIRECT_VENTANA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slides with more are left to libopenslide. */
enum { VENTANA_MAX_AREAS = 64 };

/* A part of the slide that was scanned. */
struct ventana_area {
    /* Its tiles, in the grid of all that are stored. */
    int64_t column, row, across, down;
    int64_t x, y; /* its top left corner, pixels of level 0 */
};

struct ventana_stitching {
    double advance_x, advance_y; /* from tile to tile, pixels of level 0 */
    struct ventana_area areas[VENTANA_MAX_AREAS];
    size_t area_count;
};

/*
 * Read the document that says so, which libopenslide has found to be right.
 * False where it says more, or less, or says it in another way than expected.
 */
bool ventana_read(struct ventana_stitching *stitching, const char *document,
                  size_t length, uint32_t tile_width, uint32_t tile_height);

#endif
