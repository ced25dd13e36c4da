#include "tile_cache.h"

#include "system/platform.h"
#include "tile_memory.h"

#include <stdlib.h>
#include <string.h>

/* Threads that use different shards never wait for one another. */
enum { SHARDS = 16, MIN_BUCKETS = 16, MAX_BUCKETS = 1 << 14 };

/* What a bucket is meant for: a tile of 256 x 256 pixels. */
static const size_t USUAL_BYTES = 256 * 256 * sizeof(uint32_t);

enum entry_state {
    BEING_DECODED,
    DECODED,
    NOT_DECODABLE,
};

/* The cache has a reference to each entry that can be found in it. */
struct cache_entry {
    struct tile tile;
    atomic_int references;
    enum entry_state state; /* guarded by the shard, ... */
    uint64_t last_use;      /* ... as this: how many there had been of all */
    size_t bytes;           /* that it counts */
    struct cache_entry *next_in_bucket;
    struct cache_entry *newer, *older;
    struct tile_memory *memory; /* that the block is from; a reference */
    struct tile_block block;
};

struct shard {
    platform_mutex mutex;
    platform_condition decoded;
    struct cache_entry **buckets;
    struct cache_entry *newest, *oldest;
};

struct tile_cache {
    atomic_size_t references;
    unsigned process;
    size_t capacity;
    atomic_size_t size;     /* bytes of the entries in all shards */
    _Atomic(uint64_t) uses; /* of all tiles, ever */
    struct tile_memory *memory;
    size_t buckets; /* of each shard; a power of two */
    struct shard shards[SHARDS];
};

/* Entries */

/* As in libopenslide's cache; only where tiles are so small that they are the
   lesser part of what is kept, that counts instead. */
size_t
tile_cache_bytes(size_t pixels)
{
    size_t bytes = pixels * sizeof(uint32_t);
    return bytes > sizeof(struct cache_entry) ? bytes
                                              : sizeof(struct cache_entry);
}

static struct cache_entry *
entry_of(const struct tile *tile)
{
    return (struct cache_entry *)(uintptr_t)tile; /* its first member */
}

/* For the cache and for the caller. */
static struct cache_entry *
new_entry(struct tile_cache *cache, const struct tile_key *key, size_t pixels)
{
    struct cache_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->block = tile_memory_take(cache->memory, pixels);
    if (entry->block.words == NULL) {
        free(entry);
        return NULL;
    }
    tile_memory_retain(cache->memory);
    entry->memory = cache->memory;
    entry->bytes = tile_cache_bytes(pixels);
    entry->tile = (struct tile){*key, pixels, entry->block.words, NULL};
    atomic_init(&entry->references, 2);
    return entry;
}

static void
free_entry(struct cache_entry *entry)
{
    tile_memory_give_back(entry->memory, entry->block);
    tile_memory_release(entry->memory);
    tile_parts_free(entry->tile.parts);
    free(entry);
}

/* The same, to be filled part by part. */
static struct cache_entry *
new_entry_of_parts(struct tile_cache *cache, const struct tile_key *key,
                   size_t pixels)
{
    struct cache_entry *entry = new_entry(cache, key, pixels);
    if (entry == NULL) {
        return NULL;
    }
    entry->state = DECODED;
    entry->tile.parts = tile_parts_new();
    if (entry->tile.parts == NULL) {
        free_entry(entry);
        return NULL;
    }
    return entry;
}

typedef struct cache_entry *entry_maker(struct tile_cache *cache,
                                        const struct tile_key *key,
                                        size_t pixels);

static void
release_entry(struct cache_entry *entry)
{
    if (atomic_fetch_sub(&entry->references, 1) == 1) {
        free_entry(entry);
    }
}

/* Shards, under their locks */

static uint64_t
hash_key(const struct tile_key *key)
{
    uint64_t hash = key->slide * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ key->image) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ key->tile) * UINT64_C(0x94d049bb133111eb);
    hash ^= ((uint64_t)key->first << 32 | key->columns) *
            UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 31;
}

static bool
is_same_key(const struct tile_key *a, const struct tile_key *b)
{
    return a->slide == b->slide && a->image == b->image &&
           a->tile == b->tile && a->first == b->first &&
           a->columns == b->columns;
}

static struct cache_entry **
bucket_of(const struct tile_cache *cache, struct shard *shard,
          const struct tile_key *key)
{
    return &shard->buckets[hash_key(key) / SHARDS & (cache->buckets - 1)];
}

static struct cache_entry *
find_cached(const struct tile_cache *cache, struct shard *shard,
            const struct tile_key *key)
{
    struct cache_entry *entry = *bucket_of(cache, shard, key);
    while (entry != NULL && !is_same_key(&entry->tile.key, key)) {
        entry = entry->next_in_bucket;
    }
    return entry;
}

static void
unlink_from_list(struct shard *shard, struct cache_entry *entry)
{
    *(entry->newer == NULL ? &shard->newest : &entry->newer->older) =
        entry->older;
    *(entry->older == NULL ? &shard->oldest : &entry->older->newer) =
        entry->newer;
}

static void
make_newest(struct tile_cache *cache, struct shard *shard,
            struct cache_entry *entry)
{
    entry->last_use = atomic_fetch_add(&cache->uses, 1);
    entry->newer = NULL;
    entry->older = shard->newest;
    *(shard->newest == NULL ? &shard->oldest : &shard->newest->newer) = entry;
    shard->newest = entry;
}

static void
add(struct tile_cache *cache, struct shard *shard, struct cache_entry *entry)
{
    struct cache_entry **bucket = bucket_of(cache, shard, &entry->tile.key);
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    make_newest(cache, shard, entry);
}

/* Afterwards the cache's reference is the caller's to drop. */
static void
take_out(struct tile_cache *cache, struct shard *shard,
         struct cache_entry *entry)
{
    struct cache_entry **place = bucket_of(cache, shard, &entry->tile.key);
    while (*place != entry) {
        place = &(*place)->next_in_bucket;
    }
    *place = entry->next_in_bucket;
    unlink_from_list(shard, entry);
    atomic_fetch_sub(&cache->size, entry->bytes);
}

/* The oldest tile that is not being decoded; NULL where there is none. */
static struct cache_entry *
oldest_decoded(const struct shard *shard)
{
    struct cache_entry *entry = shard->oldest;
    while (entry != NULL && entry->state == BEING_DECODED) {
        entry = entry->newer;
    }
    return entry;
}

/* The cache */

/* The shard whose oldest tile is the oldest of all; NULL where there is no
   tile but those being decoded. */
static struct shard *
find_oldest(struct tile_cache *cache)
{
    struct shard *found = NULL;
    uint64_t last_use = UINT64_MAX;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        platform_mutex_lock(&shard->mutex);
        const struct cache_entry *entry = oldest_decoded(shard);
        if (entry != NULL && entry->last_use < last_use) {
            found = shard;
            last_use = entry->last_use;
        }
        platform_mutex_unlock(&shard->mutex);
    }
    return found;
}

static bool
exceeds_capacity(struct tile_cache *cache)
{
    return atomic_load(&cache->size) > cache->capacity;
}

/* Drop the oldest tiles until the others fit. */
static void
shrink(struct tile_cache *cache)
{
    struct shard *shard;
    while (exceeds_capacity(cache) && (shard = find_oldest(cache)) != NULL) {
        platform_mutex_lock(&shard->mutex);
        struct cache_entry *entry =
            exceeds_capacity(cache) ? oldest_decoded(shard) : NULL;
        if (entry != NULL) {
            take_out(cache, shard, entry);
        }
        platform_mutex_unlock(&shard->mutex);
        if (entry != NULL) {
            release_entry(entry);
        }
    }
}

/* Give out another reference to an entry. */
static void
use(struct tile_cache *cache, struct shard *shard, struct cache_entry *entry)
{
    atomic_fetch_add(&entry->references, 1);
    unlink_from_list(shard, entry);
    make_newest(cache, shard, entry);
}

/*
 * The entry that has the key, new where there was none: then `is_new`, and the
 * caller decodes it.  NULL where there is no memory.
 */
static struct cache_entry *
find_or_add(struct tile_cache *cache, struct shard *shard,
            const struct tile_key *key, size_t pixels, entry_maker *make,
            bool *is_new)
{
    struct cache_entry *entry = find_cached(cache, shard, key);
    *is_new = entry == NULL;
    if (entry == NULL) {
        entry = make(cache, key, pixels);
        if (entry != NULL) {
            atomic_fetch_add(&cache->size, entry->bytes);
            add(cache, shard, entry);
        }
    } else {
        use(cache, shard, entry);
    }
    return entry;
}

static void
wait_until_decoded(struct shard *shard, const struct cache_entry *entry)
{
    while (entry->state == BEING_DECODED) {
        platform_condition_wait(&shard->decoded, &shard->mutex, 1);
    }
}

static void
decode_entry(struct tile_cache *cache, struct shard *shard,
             struct cache_entry *entry, tile_decoder *decode, void *argument)
{
    bool decoded = decode(entry->block.words, argument);
    platform_mutex_lock(&shard->mutex);
    entry->state = decoded ? DECODED : NOT_DECODABLE;
    if (!decoded) {
        take_out(cache, shard, entry);
    }
    platform_condition_broadcast(&shard->decoded);
    platform_mutex_unlock(&shard->mutex);
    if (!decoded) {
        release_entry(entry);
    }
}

const struct tile *
tile_cache_get(struct tile_cache *cache, const struct tile_key *key,
               size_t pixels, tile_decoder *decode, void *argument)
{
    bool is_new;
    struct shard *shard = &cache->shards[hash_key(key) % SHARDS];
    platform_mutex_lock(&shard->mutex);
    struct cache_entry *entry =
        find_or_add(cache, shard, key, pixels, new_entry, &is_new);
    if (entry != NULL && !is_new) {
        wait_until_decoded(shard, entry);
    }
    platform_mutex_unlock(&shard->mutex);
    if (entry != NULL && is_new) {
        shrink(cache);
        decode_entry(cache, shard, entry, decode, argument);
        shrink(cache);
    }
    if (entry != NULL && entry->state != DECODED) {
        release_entry(entry);
        entry = NULL;
    }
    return entry == NULL ? NULL : &entry->tile;
}

const struct tile *
tile_cache_find(struct tile_cache *cache, const struct tile_key *key)
{
    struct shard *shard = &cache->shards[hash_key(key) % SHARDS];
    platform_mutex_lock(&shard->mutex);
    struct cache_entry *entry = find_cached(cache, shard, key);
    if (entry != NULL && entry->state == DECODED) {
        use(cache, shard, entry);
    } else {
        entry = NULL;
    }
    platform_mutex_unlock(&shard->mutex);
    return entry == NULL ? NULL : &entry->tile;
}

const struct tile *
tile_cache_get_parts(struct tile_cache *cache, const struct tile_key *key,
                     size_t pixels)
{
    bool is_new;
    struct shard *shard = &cache->shards[hash_key(key) % SHARDS];
    platform_mutex_lock(&shard->mutex);
    struct cache_entry *entry =
        find_or_add(cache, shard, key, pixels, new_entry_of_parts, &is_new);
    platform_mutex_unlock(&shard->mutex);
    if (entry != NULL && is_new) {
        shrink(cache);
    }
    return entry == NULL ? NULL : &entry->tile;
}

void
tile_cache_put(const struct tile *tile, ptrdiff_t tile_stride,
               const struct rectangle *rectangle, const uint32_t *words,
               ptrdiff_t stride)
{
    tile_parts_put(tile->parts, entry_of(tile)->block.words, tile_stride,
                   rectangle, words, stride);
}

void
tile_release(const struct tile *tile)
{
    release_entry(entry_of(tile));
}

size_t
tile_cache_capacity(const struct tile_cache *cache)
{
    return cache->capacity;
}

size_t
tile_cache_size(struct tile_cache *cache)
{
    return atomic_load(&cache->size);
}

uint64_t
tile_cache_slide_number(void)
{
    static _Atomic(uint64_t) last;
    return atomic_fetch_add(&last, 1) + 1;
}

static size_t
bucket_count(size_t capacity)
{
    size_t count = MIN_BUCKETS;
    while (count < MAX_BUCKETS && count * SHARDS < capacity / USUAL_BYTES) {
        count *= 2;
    }
    return count;
}

static void
free_cache(struct tile_cache *cache)
{
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        while (shard->oldest != NULL) {
            struct cache_entry *entry = shard->oldest;
            unlink_from_list(shard, entry);
            release_entry(entry);
        }
        free(shard->buckets);
    }
    if (cache->memory != NULL) {
        tile_memory_release(cache->memory);
    }
    free(cache);
}

struct tile_cache *
tile_cache_new(size_t capacity)
{
    struct tile_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        return NULL;
    }
    atomic_init(&cache->references, 1);
    cache->process = platform_process();
    cache->capacity = capacity;
    cache->buckets = bucket_count(capacity);
    cache->memory = tile_memory_new();
    bool complete = cache->memory != NULL;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        shard->mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER;
        shard->decoded = (platform_condition)PLATFORM_CONDITION_INITIALIZER;
        shard->buckets = calloc(cache->buckets, sizeof(struct cache_entry *));
        complete = complete && shard->buckets != NULL;
    }
    if (!complete) {
        free_cache(cache);
        return NULL;
    }
    return cache;
}

void
tile_cache_retain(struct tile_cache *cache)
{
    atomic_fetch_add(&cache->references, 1);
}

void
tile_cache_release(struct tile_cache *cache)
{
    /* What a child inherited may have been in the middle of a change. */
    if (atomic_fetch_sub(&cache->references, 1) == 1 &&
        cache->process == platform_process()) {
        free_cache(cache);
    }
}
