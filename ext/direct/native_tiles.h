/*
 * The tiles of a level as the slide stores them, where it is a plain grid of
 * JPEG: streams that can be copied, and never need to be decoded.
 */
#ifndef NATIVE_TILES_H
#define NATIVE_TILES_H

#include "codecs/jpeg_interchange.h"
#include "image.h"
#include "slide/slide_handle.h"

struct native_grid {
    const struct image *image; /* lasts as long as the handle */
    int64_t x, y;           /* its top left corner, in pixels of the level */
    uint32_t columns, rows; /* of the tiles that show */
    bool is_snapped;        /* see struct tile_supply */
};

/* Why the tiles of a level cannot be had as they are stored, in words; NULL
   where they can. */
const char *native_grid_find(struct native_grid *grid,
                             const struct slide_handle *handle, int32_t level);

struct native_tile {
    /* Which one is wanted; the rest is found out. */
    uint32_t column, row;
    size_t index; /* for the caller */
    bool is_hole;
    /* Why it cannot be had, in words, or NULL: then it can, or is a hole. */
    const char *refusal;
    struct tile_place place;
    struct jpeg_interchange plan;
    const uint8_t *bytes; /* as stored, until the reader reads on */
};

/* Find out where tiles lie, or that they are holes, or why they cannot be had;
   none of them is read. */
void native_tiles_find(const struct native_grid *grid,
                       struct native_tile *tiles, size_t count);

/* Reads tiles in the order that they have in the file, in runs. */
struct native_reader {
    const struct native_grid *grid;
    bool verifies; /* decode them, and refuse where that fails */
    struct native_tile *tiles;
    size_t count;
    size_t next; /* that has not been read yet */
    uint8_t *memory;
    size_t room;
};

/* For these tiles, which are put in order.  It is to be closed. */
struct native_reader native_reader_of(const struct native_grid *grid,
                                      struct native_tile *tiles, size_t count,
                                      bool verifies);

/* Read the next run; returns where it begins, and `next` is where it ends:
   both are the count where there is none. */
size_t native_reader_next(struct native_reader *reader);

void native_reader_close(struct native_reader *reader);

#endif
