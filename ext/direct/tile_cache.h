/*
 * Decoded tiles of any number of slides, within a number of bytes.  Those that
 * were not used for longest go first.  Safe from many threads; several that
 * want the same tile decode it once.
 *
 * Like a slide's handle, a cache belongs to the process that made it: a forked
 * child may only release its references.
 */
#ifndef DIRECT_TILE_CACHE_H
#define DIRECT_TILE_CACHE_H

#include "tile_parts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tile_cache;

/* What a slide has without a choice, as libopenslide gives it. */
#define TILE_CACHE_USUAL_BYTES ((size_t)32 << 20)

/* A cache for one reference's holder; NULL where there is no memory. */
struct tile_cache *tile_cache_new(size_t capacity);
void tile_cache_retain(struct tile_cache *cache);
void tile_cache_release(struct tile_cache *cache);

struct tile_key {
    uint64_t slide; /* see tile_cache_slide_number() */
    uint32_t image; /* which one of the slide */
    uint64_t tile;
    uint32_t first, columns; /* of the tile, that are kept */
};

/* A number that no other slide of this process has, or will have. */
uint64_t tile_cache_slide_number(void);

/* A tile in use, which nobody changes. */
struct tile {
    struct tile_key key;
    size_t pixels;
    const uint32_t *words; /* premultiplied ARGB, libopenslide's order */
    /* Which of them there are, of a tile that is filled part by part; NULL of
       one that was decoded. */
    struct tile_parts *parts;
};

/* Decode a tile into its words; false where that cannot be done. */
typedef bool tile_decoder(uint32_t *words, void *argument);

/*
 * The tile of `pixels` words that has this key, decoded now if need be; to be
 * released.  NULL where it cannot be decoded, or where there is no memory.
 */
const struct tile *tile_cache_get(struct tile_cache *cache,
                                  const struct tile_key *key, size_t pixels,
                                  tile_decoder *decode, void *argument);

/* The same, but NULL where it is not there, decoded. */
const struct tile *tile_cache_find(struct tile_cache *cache,
                                   const struct tile_key *key);

/*
 * The same, but where there is none, one without any parts, to be filled by
 * tile_cache_put().  It counts as a whole one: a slide that libopenslide has
 * the tiles of in its cache shall find them here too.
 */
const struct tile *tile_cache_get_parts(struct tile_cache *cache,
                                        const struct tile_key *key,
                                        size_t pixels);

/* Put pixels into such a tile, see tile_parts_put(). */
void tile_cache_put(const struct tile *tile, ptrdiff_t tile_stride,
                    const struct rectangle *rectangle, const uint32_t *words,
                    ptrdiff_t stride);

/* How many bytes a tile counts. */
size_t tile_cache_bytes(size_t pixels);

void tile_release(const struct tile *tile);

/* How many bytes of tiles it keeps. */
size_t tile_cache_capacity(const struct tile_cache *cache);

/* How many bytes the cached tiles take. */
size_t tile_cache_size(struct tile_cache *cache);

#endif
