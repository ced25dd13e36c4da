/*
 * Memory for the pixels of tiles: blocks out of pieces so large that the
 * system gives them large pages.  A tile of 256 x 256 pixels in small ones
 * takes 64 page faults to fill, and as many entries of the processor's table
 * of pages to read.
 */
#ifndef DIRECT_TILE_MEMORY_H
#define DIRECT_TILE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

struct tile_memory;
struct tile_piece;

struct tile_block {
    uint32_t *words; /* NULL: there was no memory */
    struct tile_piece *piece;
};

/* For one reference's holder; NULL where there is no memory.  Safe from many
   threads. */
struct tile_memory *tile_memory_new(void);
void tile_memory_retain(struct tile_memory *memory);
void tile_memory_release(struct tile_memory *memory);

/* A block of words of any content. */
struct tile_block tile_memory_take(struct tile_memory *memory, size_t words);
void tile_memory_give_back(struct tile_memory *memory,
                           struct tile_block block);

#endif
