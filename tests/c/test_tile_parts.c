#include "direct/tile_parts.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

enum { WIDTH = 40, HEIGHT = 30, ROUNDS = 300, PUTS = 25 };

/* More may be forgotten. */
enum { MOST_PARTS = 8 };

static const struct rectangle whole = {0, 0, WIDTH, HEIGHT};

static uint32_t tile[HEIGHT][WIDTH];

static struct tile_parts *
begin(void)
{
    memset(tile, 0, sizeof tile);
    return tile_parts_new();
}

/* A word that tells where it belongs. */
static uint32_t
word_at(int64_t x, int64_t y)
{
    return (uint32_t)(1 + y * WIDTH + x);
}

/* Put words with this alpha. */
static void
put(struct tile_parts *parts, struct rectangle at, uint32_t alpha)
{
    uint32_t words[HEIGHT][WIDTH];
    for (int64_t y = at.top; y < at.bottom; y++) {
        for (int64_t x = at.left; x < at.right; x++) {
            words[y - at.top][x - at.left] = alpha << 24 | word_at(x, y);
        }
    }
    tile_parts_put(parts, tile[0], WIDTH, &at, words[0], WIDTH);
}

static struct rectangle
any_rectangle(void)
{
    int64_t left = rand() % WIDTH, top = rand() % HEIGHT;
    return (struct rectangle){left, top, left + 1 + rand() % (WIDTH - left),
                              top + 1 + rand() % (HEIGHT - top)};
}

/* Whether all that is said to be there has its words. */
static bool
is_true_of(struct tile_parts *parts, const struct rectangle *wanted)
{
    struct rectangle missing = tile_parts_missing(parts, wanted);
    bool is_true = true;
    for (int64_t y = wanted->top; y < wanted->bottom; y++) {
        for (int64_t x = wanted->left; x < wanted->right; x++) {
            bool is_said = x < missing.left || x >= missing.right ||
                           y < missing.top || y >= missing.bottom;
            is_true &= !is_said || tile[y][x] == (255u << 24 | word_at(x, y));
        }
    }
    return is_true;
}

static bool
has(struct tile_parts *parts, struct rectangle wanted)
{
    struct rectangle missing = tile_parts_missing(parts, &wanted);
    return rectangle_is_empty(&missing);
}

static void
test_what_is_there_is_right(void)
{
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        struct tile_parts *parts = begin();
        for (uint32_t i = 1; i <= PUTS; i++) {
            struct rectangle at = any_rectangle();
            struct rectangle wanted = any_rectangle();
            put(parts, at, 255);
            CHECK(has(parts, at) || i > MOST_PARTS, "not there once put");
            CHECK(is_true_of(parts, &wanted), "something else is there");
            CHECK(is_true_of(parts, &whole), "something else is there");
        }
        tile_parts_free(parts);
    }
}

static void
test_parts_grow_together(void)
{
    const struct rectangle quarters[] = {
        {0, 0, 11, 7},
        {11, 0, WIDTH, 7},
        {0, 7, 11, HEIGHT},
        {11, 7, WIDTH, HEIGHT},
    };
    for (unsigned order = 0; order < 4; order++) {
        struct tile_parts *parts = begin();
        for (unsigned i = 0; i < 4; i++) {
            CHECK(!has(parts, whole), "whole without quarter %u", i);
            put(parts, quarters[i ^ order], 255);
        }
        CHECK(has(parts, whole), "not whole");
        tile_parts_free(parts);
    }
}

/* Any number of columns, as of a slow scan. */
static void
test_many_parts(void)
{
    struct tile_parts *parts = begin();
    for (int64_t x = 0; x < WIDTH; x++) {
        put(parts, (struct rectangle){x, 0, x + 1, HEIGHT}, 255);
    }
    CHECK(has(parts, whole), "not whole");
    tile_parts_free(parts);
}

static void
test_only_the_rest_is_missing(void)
{
    struct tile_parts *parts = begin();
    put(parts, (struct rectangle){0, 0, 20, HEIGHT}, 255);
    put(parts, (struct rectangle){20, 0, WIDTH, 9}, 255);
    struct rectangle missing = tile_parts_missing(parts, &whole);
    CHECK(missing.left == 20 && missing.top == 9 && missing.right == WIDTH &&
              missing.bottom == HEIGHT,
          "more or less is missing");
    tile_parts_free(parts);
}

static void
test_words_are_put_once(void)
{
    const struct rectangle part = {3, 4, 30, 20};
    struct tile_parts *parts = begin();
    put(parts, part, 255);
    put(parts, whole, 254);
    CHECK(tile[4][3] >> 24 == 255 && tile[19][29] >> 24 == 255,
          "words have changed under a reader");
    CHECK(tile[0][0] >> 24 == 254, "the others were not put");
    tile_parts_free(parts);
}

static void
test_transparency_is_noticed(void)
{
    struct tile_parts *parts = begin();
    CHECK(tile_parts_are_opaque(parts), "transparent from the beginning");
    put(parts, (struct rectangle){0, 0, 5, 5}, 255);
    CHECK(tile_parts_are_opaque(parts), "transparent");
    put(parts, (struct rectangle){2, 2, 5, 5}, 254);
    CHECK(tile_parts_are_opaque(parts), "what was left alone is counted");
    put(parts, (struct rectangle){4, 4, 6, 6}, 254);
    CHECK(!tile_parts_are_opaque(parts), "opaque");
    tile_parts_free(parts);
}

int
main(void)
{
    check_run("what is there is right", test_what_is_there_is_right);
    check_run("parts grow together", test_parts_grow_together);
    check_run("many parts", test_many_parts);
    check_run("only the rest is missing", test_only_the_rest_is_missing);
    check_run("words are put once", test_words_are_put_once);
    check_run("transparency is noticed", test_transparency_is_noticed);
    return check_finish();
}
