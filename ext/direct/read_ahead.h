/*
 * The bytes of the tiles that a read shows, read many at once: where tiles are
 * small and lie near one another, a call of the system for each of them costs
 * more than the bytes between, most of all where the file lies far away.
 */
#ifndef DIRECT_READ_AHEAD_H
#define DIRECT_READ_AHEAD_H

#include "image.h"
#include "system/scratch.h"

/* The tiles that are about to be read, of one image. */
struct tile_window {
    const struct image *image;
    int64_t first_column, end_column;
    int64_t first_row, end_row;
    bool is_upward; /* from the last tile to the first */
};

/* For one read, all bits 0 at first. */
struct read_ahead {
    struct tile_window window;
    struct scratch scratch;
    /* What is there of a source; none where the size is 0. */
    const struct source *source;
    uint64_t offset, size;
};

/* Get ready for a tile of the window, and those that come after it. */
void read_ahead_from(struct read_ahead *ahead, const struct image *image,
                     uint64_t tile);

/* As source_read(), out of what was read already where that is there; NULL:
   nothing was. */
bool read_ahead_get(const struct read_ahead *ahead,
                    const struct source *source, uint64_t offset, void *bytes,
                    size_t size);

void read_ahead_give_up(struct read_ahead *ahead);

#endif
