#include "direct/tile_cache.h"

#include "check.h"
#include "system/platform.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIXELS = 256, THREADS = 8, TILES = 200 };

/* What the cache counts for a tile. */
static const size_t TILE_BYTES = PIXELS * sizeof(uint32_t);

static atomic_int decodes;

/* Words that tell the tile, so that none is taken for another. */
static uint32_t
word_of(const struct tile_key *key)
{
    return (uint32_t)(key->slide * 1000003 + key->image * 10007 + key->tile +
                      key->first * 101 + key->columns * 7);
}

struct decoding {
    struct tile_key key;
    size_t pixels;
    double seconds;
    bool fails;
};

static bool
decode(uint32_t *words, void *argument)
{
    const struct decoding *decoding = argument;
    atomic_fetch_add(&decodes, 1);
    if (decoding->seconds > 0) {
        platform_sleep(decoding->seconds);
    }
    for (size_t i = 0; i < decoding->pixels; i++) {
        words[i] = word_of(&decoding->key);
    }
    return !decoding->fails;
}

static const struct tile *
get_of(struct tile_cache *cache, struct decoding decoding)
{
    return tile_cache_get(cache, &decoding.key, decoding.pixels, decode,
                          &decoding);
}

static const struct tile *
get(struct tile_cache *cache, uint64_t number)
{
    return get_of(cache, (struct decoding){.key = {1, 0, number, 0, 9},
                                           .pixels = PIXELS});
}

static bool
is_right(const struct tile *tile)
{
    uint32_t expected = word_of(&tile->key);
    bool right = true;
    for (size_t i = 0; i < tile->pixels; i++) {
        right = right && tile->words[i] == expected;
    }
    return right;
}

/* Take a tile, look at it, give it back; whether it had to be decoded. */
static bool
use(struct tile_cache *cache, uint64_t number)
{
    int before = atomic_load(&decodes);
    const struct tile *tile = get(cache, number);
    if (CHECK(tile != NULL, "no tile %d", (int)number)) {
        CHECK(is_right(tile), "another tile than %d", (int)number);
        tile_release(tile);
    }
    return atomic_load(&decodes) > before;
}

/* One thread */

static void
test_decodes_once(void)
{
    struct tile_cache *cache = tile_cache_new(100 * TILE_BYTES);
    for (uint64_t i = 0; i < 50; i++) {
        CHECK(use(cache, i), "tile %d was there before", (int)i);
    }
    for (uint64_t i = 0; i < 50; i++) {
        CHECK(!use(cache, i), "tile %d was decoded again", (int)i);
    }
    tile_cache_release(cache);
}

static void
test_finds_what_is_there(void)
{
    struct tile_cache *cache = tile_cache_new(100 * TILE_BYTES);
    const struct tile_key key = {1, 0, 4, 0, 9};
    CHECK(tile_cache_find(cache, &key) == NULL, "a tile out of nothing");
    use(cache, 4);
    const struct tile *tile = tile_cache_find(cache, &key);
    tile_cache_release(cache);
    if (CHECK(tile != NULL, "not found")) {
        CHECK(is_right(tile), "another tile, or one that has gone");
        tile_release(tile);
    }
}

static void
test_tells_tiles_apart(void)
{
    struct tile_cache *cache = tile_cache_new(1 << 20);
    const struct tile_key keys[] = {
        {1, 0, 0, 0, 0},
        {2, 0, 0, 0, 0},
        {1, 1, 0, 0, 0},
        {1, 0, 1, 0, 0},
        {1, 0, 0, 1, 0},
        {1, 0, 0, 0, 1},
        {UINT64_C(1) << 32, 0, 0, 0, 0},
    };
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            const struct tile *tile = get_of(
                cache, (struct decoding){.key = keys[i], .pixels = PIXELS});
            CHECK(tile->words[0] == word_of(&keys[i]), "not tile %d", (int)i);
            tile_release(tile);
        }
    }
    CHECK(tile_cache_slide_number() != tile_cache_slide_number(),
          "two slides have the same number");
    tile_cache_release(cache);
}

static void
test_keeps_its_capacity(void)
{
    const size_t capacity = 60 * TILE_BYTES;
    struct tile_cache *cache = tile_cache_new(capacity);
    size_t most = 0;
    for (uint64_t i = 0; i < 10 * TILES; i++) {
        use(cache, i);
        size_t size = tile_cache_size(cache);
        CHECK(size <= capacity, "%zu bytes of %zu", size, capacity);
        most = size > most ? size : most;
    }
    CHECK(most == capacity, "no more than %zu bytes", most);
    tile_cache_release(cache);
}

/* Put a tile behind the others, and whether it was among the last `kept`. */
static bool
note_use(uint64_t *order, size_t count, size_t kept, uint64_t number)
{
    size_t place = 0;
    while (order[place] != number) {
        place++;
    }
    memmove(order + place, order + place + 1,
            (count - place - 1) * sizeof *order);
    order[count - 1] = number;
    return place >= count - kept;
}

/* Also where it has room for a few large tiles, fewer than it has shards. */
static void
test_drops_what_was_not_used_for_longest(void)
{
    enum { COUNT = 40, TIMES = 2000 };
    const size_t capacities[] = {1, 2, 7, 8, 30};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct tile_cache *cache = tile_cache_new(capacities[i] * TILE_BYTES);
        uint64_t order[COUNT];
        for (uint64_t k = 0; k < COUNT; k++) {
            order[k] = k;
            use(cache, k);
        }
        for (int time = 0; time < TIMES; time++) {
            uint64_t number = (uint64_t)rand() % COUNT;
            bool kept = note_use(order, COUNT, capacities[i], number);
            CHECK(use(cache, number) != kept, "room for %zu, use %d",
                  capacities[i], time);
        }
        tile_cache_release(cache);
    }
}

static void
test_keeps_nothing_that_does_not_fit(void)
{
    const size_t capacities[] = {0, 1, TILE_BYTES - 1};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct tile_cache *cache = tile_cache_new(capacities[i]);
        const struct tile *kept = get(cache, 7);
        CHECK(use(cache, 7), "a tile was kept");
        CHECK(use(cache, 7), "a tile was kept");
        CHECK(use(cache, 8), "a tile was there before");
        CHECK(tile_cache_size(cache) == 0, "%zu bytes of 0",
              tile_cache_size(cache));
        CHECK(is_right(kept), "a tile has changed under its user");
        tile_release(kept);
        tile_cache_release(cache);
    }
}

/* Memory of a tile that has gone is used for the next, if it is as large. */
static void
test_holds_tiles_of_any_size(void)
{
    struct tile_cache *cache = tile_cache_new(4 * TILE_BYTES);
    for (uint64_t i = 0; i < TILES; i++) {
        struct decoding decoding = {.key = {1, 0, i, 0, 9},
                                    .pixels = i % 3 == 0 ? PIXELS : i % 7 + 1};
        const struct tile *tile = get_of(cache, decoding);
        CHECK(tile->pixels == decoding.pixels && is_right(tile),
              "%zu pixels of %zu", tile->pixels, decoding.pixels);
        tile_release(tile);
    }
    tile_cache_release(cache);
}

static void
test_forgets_what_cannot_be_decoded(void)
{
    struct tile_cache *cache = tile_cache_new(1 << 20);
    struct decoding bad = {
        .key = {1, 0, 3, 0, 9}, .pixels = PIXELS, .fails = true};
    atomic_store(&decodes, 0);
    CHECK(get_of(cache, bad) == NULL, "a tile that is none");
    CHECK(get_of(cache, bad) == NULL, "a tile that is none");
    CHECK(atomic_load(&decodes) == 2, "%d attempts", atomic_load(&decodes));
    CHECK(tile_cache_size(cache) == 0, "%zu bytes", tile_cache_size(cache));
    CHECK(use(cache, 3), "not decoded though it can be now");
    tile_cache_release(cache);
}

static const struct rectangle all_pixels = {0, 0, PIXELS, 1};

static atomic_int wrong_fills;

/* Fill a tile, part by part, and give it back; whether it was full before. */
static bool
fill(struct tile_cache *cache, uint64_t number)
{
    const struct tile_key key = {1, 9, number, 0, 9};
    const struct tile *tile = tile_cache_get_parts(cache, &key, PIXELS);
    uint32_t words[PIXELS];
    for (size_t i = 0; i < PIXELS; i++) {
        words[i] = word_of(&key);
    }
    struct rectangle missing = tile_parts_missing(tile->parts, &all_pixels);
    for (int64_t x = 0; x < PIXELS; x += PIXELS / 4) {
        const struct rectangle part = {x, 0, x + PIXELS / 4, 1};
        tile_cache_put(tile, PIXELS, &part, words, PIXELS);
    }
    atomic_fetch_add(&wrong_fills, !is_right(tile));
    tile_release(tile);
    return rectangle_is_empty(&missing);
}

static void
test_tiles_of_parts_count_whole(void)
{
    const size_t capacity = 60 * TILE_BYTES;
    struct tile_cache *cache = tile_cache_new(capacity);
    CHECK(!fill(cache, 3), "full at first");
    CHECK(fill(cache, 3), "a tile was forgotten");
    size_t one = tile_cache_size(cache);
    CHECK(one == tile_cache_bytes(PIXELS) && one == TILE_BYTES, "%zu bytes",
          one);
    for (uint64_t i = 0; i < TILES; i++) {
        fill(cache, i);
        CHECK(use(cache, i), "taken for another");
        CHECK(atomic_load(&wrong_fills) == 0, "other words than were put");
        size_t size = tile_cache_size(cache);
        CHECK(size <= capacity, "%zu bytes of %zu", size, capacity);
    }
    tile_cache_release(cache);
}

static void
test_tiles_outlive_the_cache(void)
{
    struct tile_cache *cache = tile_cache_new(1 << 20);
    const struct tile *tile = get(cache, 5);
    tile_cache_retain(cache);
    tile_cache_release(cache);
    CHECK(!use(cache, 5), "the cache has gone with one of two references");
    tile_cache_release(cache);
    CHECK(is_right(tile), "the tile has gone with the cache");
    tile_release(tile);
}

static void
test_is_abandoned_by_a_forked_child(void)
{
    struct tile_cache *cache = tile_cache_new(1 << 20);
    use(cache, 1);
    pid_t child = fork();
    if (child == 0) {
        tile_cache_release(cache);
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0, "the child ended with %d", status);
    CHECK(!use(cache, 1), "the tile has gone");
    tile_cache_release(cache);
}

/* Several threads */

struct party {
    struct tile_cache *cache;
    struct decoding decoding;
    atomic_int waiting, wrong, none;
    unsigned seed;
};

static void
run_party(struct party *party, void (*body)(void *))
{
    platform_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        CHECK(platform_thread_start(&threads[i], body, party), "no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        platform_thread_join(threads[i]);
    }
}

static void
fill_at_once(void *argument)
{
    struct party *party = argument;
    for (uint64_t i = 0; i < TILES; i++) {
        fill(party->cache, i % 7);
    }
}

static void
test_threads_fill_tiles(void)
{
    struct party party = {.cache = tile_cache_new(5 * 2 * TILE_BYTES)};
    run_party(&party, fill_at_once);
    CHECK(atomic_load(&wrong_fills) == 0, "other words than were put");
    tile_cache_release(party.cache);
}

static void
get_at_once(void *argument)
{
    struct party *party = argument;
    atomic_fetch_add(&party->waiting, 1);
    while (atomic_load(&party->waiting) < THREADS) {
        platform_sleep(0.0001);
    }
    const struct tile *tile = get_of(party->cache, party->decoding);
    if (tile == NULL) {
        atomic_fetch_add(&party->none, 1);
    } else {
        atomic_fetch_add(&party->wrong, !is_right(tile));
        tile_release(tile);
    }
}

static void
test_one_decodes_for_all(void)
{
    for (uint64_t round = 0; round < 10; round++) {
        struct party party = {
            .cache = tile_cache_new(1 << 20),
            .decoding = {{1, 0, round, 0, 9}, PIXELS, .seconds = 0.01},
        };
        atomic_store(&decodes, 0);
        run_party(&party, get_at_once);
        CHECK(atomic_load(&decodes) == 1, "decoded %d times",
              atomic_load(&decodes));
        CHECK(atomic_load(&party.wrong) == 0, "another tile");
        CHECK(atomic_load(&party.none) == 0, "no tile");
        tile_cache_release(party.cache);
    }
}

static void
look_for_it(void *argument)
{
    struct party *party = argument;
    if (atomic_fetch_add(&party->waiting, 1) == 0) {
        tile_release(get_of(party->cache, party->decoding));
        return;
    }
    for (int i = 0; i < 200; i++) {
        const struct tile *tile =
            tile_cache_find(party->cache, &party->decoding.key);
        if (tile != NULL) {
            atomic_fetch_add(&party->wrong, !is_right(tile));
            tile_release(tile);
        }
    }
}

static void
test_finds_nothing_half_decoded(void)
{
    for (uint64_t round = 0; round < 10; round++) {
        struct party party = {
            .cache = tile_cache_new(1 << 20),
            .decoding = {{1, 0, round, 0, 9}, PIXELS, .seconds = 0.0005},
        };
        run_party(&party, look_for_it);
        CHECK(atomic_load(&party.wrong) == 0, "another tile");
        tile_cache_release(party.cache);
    }
}

static void
test_all_learn_of_a_failure(void)
{
    for (uint64_t round = 0; round < 10; round++) {
        struct party party = {
            .cache = tile_cache_new(round % 2 == 0 ? 0 : 1 << 20),
            .decoding = {{1, 0, round, 0, 9},
                         PIXELS,
                         .seconds = 0.01,
                         .fails = true},
        };
        run_party(&party, get_at_once);
        CHECK(atomic_load(&party.none) == THREADS, "%d of %d have none",
              atomic_load(&party.none), THREADS);
        CHECK(tile_cache_size(party.cache) == 0, "%zu bytes are left",
              tile_cache_size(party.cache));
        tile_cache_release(party.cache);
    }
}

/* Each thread with other numbers in its head; some tiles cannot be decoded. */
static void
get_at_random(void *argument)
{
    struct party *party = argument;
    unsigned chance = (unsigned)atomic_fetch_add(&party->waiting, 1) + 1;
    for (int i = 0; i < 3000; i++) {
        chance = chance * 1103515245 + 12345;
        uint64_t number = chance >> 16 & 63;
        struct decoding decoding = {.key = {1, 0, number, 0, 9},
                                    .pixels = PIXELS,
                                    .fails = number == 13};
        const struct tile *tile = get_of(party->cache, decoding);
        atomic_fetch_add(&party->none, (tile == NULL) != decoding.fails);
        if (tile != NULL) {
            atomic_fetch_add(&party->wrong,
                             !is_right(tile) || tile->key.tile != number);
            tile_release(tile);
        }
    }
}

static void
test_many_threads(void)
{
    const size_t capacities[] = {0, 10 * TILE_BYTES, 50 * TILE_BYTES,
                                 1000 * TILE_BYTES};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct party party = {.cache = tile_cache_new(capacities[i])};
        run_party(&party, get_at_random);
        CHECK(atomic_load(&party.wrong) == 0, "%d other tiles",
              atomic_load(&party.wrong));
        CHECK(atomic_load(&party.none) == 0, "%d wrong refusals",
              atomic_load(&party.none));
        CHECK(tile_cache_size(party.cache) <= capacities[i],
              "%zu bytes of %zu", tile_cache_size(party.cache), capacities[i]);
        tile_cache_release(party.cache);
    }
}

int
main(void)
{
    platform_watch_forks();
    check_run("decodes once", test_decodes_once);
    check_run("finds what is there", test_finds_what_is_there);
    check_run("tells tiles apart", test_tells_tiles_apart);
    check_run("keeps its capacity", test_keeps_its_capacity);
    check_run("drops what was not used for longest",
              test_drops_what_was_not_used_for_longest);
    check_run("keeps nothing that does not fit",
              test_keeps_nothing_that_does_not_fit);
    check_run("holds tiles of any size", test_holds_tiles_of_any_size);
    check_run("forgets what cannot be decoded",
              test_forgets_what_cannot_be_decoded);
    check_run("tiles of parts count whole", test_tiles_of_parts_count_whole);
    check_run("threads fill tiles", test_threads_fill_tiles);
    check_run("tiles outlive the cache", test_tiles_outlive_the_cache);
    check_run("is abandoned by a forked child",
              test_is_abandoned_by_a_forked_child);
    check_run("one decodes for all", test_one_decodes_for_all);
    check_run("finds nothing half decoded", test_finds_nothing_half_decoded);
    check_run("all learn of a failure", test_all_learn_of_a_failure);
    check_run("many threads", test_many_threads);
    return check_finish();
}
