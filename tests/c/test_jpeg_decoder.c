/*
 * The own decoder beside libjpeg-turbo, with every instruction set.
 *
 *   test_jpeg_decoder [ROUNDS [SEED]]
 *
 * compares more tiles than there is time for in each run.
 */
#include "codecs/jpeg/decoder.h"

#include "codecs/jpeg_turbo.h"

#include "check.h"
#include "guard_page.h"
#include "jpeg_tiles.h"

#include <stdlib.h>
#include <string.h>

static unsigned rounds = 1;
static uint64_t state = 1;

static uint32_t
next_random(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static uint32_t
random_below(uint32_t end)
{
    return next_random() % end;
}

/* ---- tiles ---- */

static const struct encoding encodings[] = {
    {.name = "4:2:0", .horizontal = 2, .vertical = 2},
    {.name = "4:2:2", .horizontal = 2, .vertical = 1},
    {.name = "4:4:4", .horizontal = 1, .vertical = 1},
    {.name = "RGB", .rgb = true},
    {.name = "4:2:0 fine", .quality = 98},
    {.name = "4:2:2 fine", .horizontal = 2, .vertical = 1, .quality = 98},
    {.name = "4:4:4 fine", .horizontal = 1, .vertical = 1, .quality = 100},
    {.name = "RGB fine", .rgb = true, .quality = 95},
    {.name = "4:2:0 coarse", .quality = 10},
    {.name = "4:4:4 coarse", .horizontal = 1, .vertical = 1, .quality = 25},
    {.name = "RGB coarse", .rgb = true, .quality = 2},
    {.name = "4:2:0 restarts", .restart_interval = 1},
    {.name = "4:2:2 restarts",
     .horizontal = 2,
     .vertical = 1,
     .restart_interval = 5},
    {.name = "RGB restarts", .rgb = true, .restart_interval = 7},
    {.name = "4:2:0 optimized", .optimized = true},
    {.name = "RGB optimized", .rgb = true, .optimized = true, .quality = 92},
    {.name = "4:2:0 abbreviated", .abbreviated = true},
    {.name = "RGB abbreviated", .rgb = true, .abbreviated = true},
    {.name = "4:2:0 flat", .content = TILE_FLAT},
    {.name = "4:4:4 flat",
     .horizontal = 1,
     .vertical = 1,
     .content = TILE_FLAT,
     .quality = 100},
    {.name = "4:2:0 noise", .content = TILE_NOISE, .quality = 100},
    {.name = "RGB noise", .rgb = true, .content = TILE_NOISE, .quality = 60},
    {.name = "4:2:0 edges", .content = TILE_EDGES},
    {.name = "4:2:2 edges",
     .horizontal = 2,
     .vertical = 1,
     .content = TILE_EDGES,
     .quality = 50},
    {.name = "RGB edges", .rgb = true, .content = TILE_EDGES, .quality = 97},
};

enum { ENCODINGS = sizeof encodings / sizeof encodings[0] };

/* A tile, and what the slide says of it. */
struct tile {
    const struct encoding *encoding;
    struct stream stream, tables;
    struct jpeg_format format;
};

static struct tile
make_tile(const struct encoding *encoding, uint32_t width, uint32_t height)
{
    struct tile tile = {.encoding = encoding};
    tile.stream = encode_tile(encoding, (int)width, (int)height);
    tile.format = (struct jpeg_format){width, height, encoding->rgb, NULL, 0};
    if (encoding->abbreviated) {
        tile.tables = encode_tables(encoding);
        tile.format.tables = tile.tables.bytes;
        tile.format.tables_size = tile.tables.size;
    }
    return tile;
}

static void
free_tile(struct tile *tile)
{
    free(tile->stream.bytes);
    free(tile->tables.bytes);
}

/* ---- pictures, with memory that ends where they do ---- */

static const char *const order_names[] = {"words", "RGBA", "RGB"};

struct output {
    struct guarded memory;
    uint8_t *bytes; /* all that rows touch, and what lies between them */
    size_t size;
    struct jpeg_rows rows;
};

enum { KEPT = 0x5a };

static struct output
make_output(uint32_t width, uint32_t height, enum jpeg_order order,
            size_t between, bool is_upside_down)
{
    size_t row = width * (order == JPEG_RGB ? 3u : 4u), stride = row + between;
    struct output output;
    output.size = (height - 1) * stride + row;
    output.memory = guarded_alloc(output.size);
    output.bytes = output.memory.end - output.size;
    output.rows = (struct jpeg_rows){output.bytes, (ptrdiff_t)stride, order};
    if (is_upside_down) {
        output.rows.first += (height - 1) * stride;
        output.rows.stride = -output.rows.stride;
    }
    memset(output.bytes, KEPT, output.size);
    return output;
}

static void
free_output(struct output *output)
{
    guarded_free(output->memory);
}

static bool
are_equal(const struct output *a, const struct output *b)
{
    return memcmp(a->bytes, b->bytes, a->size) == 0;
}

static struct jpeg_area
whole(const struct jpeg_format *format)
{
    return (struct jpeg_area){0, 0, format->width, format->height};
}

/* ---- sound tiles ---- */

static void
compare_with(const struct tile *tile, const struct output *expected,
             const struct jpeg_area *area, enum instruction_set set)
{
    enum jpeg_order order = expected->rows.order;
    bool is_upside_down = expected->rows.stride < 0;
    struct output output =
        make_output(area->width, area->height, order, 0, is_upside_down);
    bool decoded =
        jpeg_decode_area(&tile->format, tile->stream.bytes, tile->stream.size,
                         area, &output.rows, set);
    int wrong = 0;
    size_t pixel = order == JPEG_RGB ? 3 : 4;
    for (uint32_t y = 0; y < area->height; y++) {
        const uint8_t *row = expected->rows.first +
                             (ptrdiff_t)(area->y + y) * expected->rows.stride +
                             area->x * pixel;
        wrong += memcmp(output.rows.first + (ptrdiff_t)y * output.rows.stride,
                        row, area->width * pixel) != 0;
    }
    CHECK(decoded && wrong == 0,
          "%s, %s, %u x %u, %s: area %u, %u, %u x %u: %s, %d rows",
          instruction_set_name(set), tile->encoding->name, tile->format.width,
          tile->format.height, order_names[order], area->x, area->y,
          area->width, area->height, decoded ? "decoded" : "refused", wrong);
    free_output(&output);
}

static struct jpeg_area
random_area(const struct jpeg_format *format)
{
    struct jpeg_area area;
    area.x = random_below(format->width);
    area.y = random_below(format->height);
    area.width = 1 + random_below(format->width - area.x);
    area.height = 1 + random_below(format->height - area.y);
    return area;
}

static void
compare_tile(const struct tile *tile, enum jpeg_order order)
{
    struct output expected =
        make_output(tile->format.width, tile->format.height, order,
                    random_below(9), next_random() % 2 == 0);
    CHECK(jpeg_turbo_decode(&tile->format, tile->stream.bytes,
                            tile->stream.size, &expected.rows),
          "%s: libjpeg-turbo refuses", tile->encoding->name);
    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        struct jpeg_area all = whole(&tile->format);
        struct jpeg_area part = random_area(&tile->format);
        if (instruction_set_missing(set) == NULL) {
            compare_with(tile, &expected, &all, set);
            compare_with(tile, &expected, &part, set);
        }
    }
    free_output(&expected);
}

/* Of whole units and parts of them, of one, and of more than a batch. */
static void
test_sound_tiles(void)
{
    static const uint32_t sizes[][2] = {{64, 64},  {90, 52}, {10, 10},
                                        {7, 5},    {33, 17}, {240, 24},
                                        {15, 240}, {512, 8}, {1100, 18}};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < ENCODINGS; i++) {
            for (int k = 0; k < SIZES; k++) {
                uint32_t width = sizes[k][0], height = sizes[k][1];
                if (round > 0) {
                    width = 5 + random_below(300);
                    height = 1 + random_below(300);
                }
                struct tile tile = make_tile(&encodings[i], width, height);
                compare_tile(&tile, (enum jpeg_order)((i + k) % 3));
                free_tile(&tile);
            }
        }
    }
}

/* What is between rows stays as it is. */
static void
test_strides(void)
{
    for (int i = 0; i < ENCODINGS; i++) {
        struct tile tile = make_tile(&encodings[i], 45, 21);
        for (int order = 0; order < 3; order++) {
            struct output a =
                make_output(45, 21, (enum jpeg_order)order, 11, i % 2 == 0);
            struct output b =
                make_output(45, 21, (enum jpeg_order)order, 11, i % 2 == 0);
            struct jpeg_area all = whole(&tile.format);
            jpeg_turbo_decode(&tile.format, tile.stream.bytes,
                              tile.stream.size, &a.rows);
            CHECK(jpeg_decode_area(&tile.format, tile.stream.bytes,
                                   tile.stream.size, &all, &b.rows,
                                   instruction_set_in_use()) &&
                      are_equal(&a, &b),
                  "%s, %s", tile.encoding->name, order_names[order]);
            free_output(&a);
            free_output(&b);
        }
        free_tile(&tile);
    }
}

static void
test_areas_outside_are_refused(void)
{
    struct tile tile = make_tile(&encodings[0], 40, 30);
    static const struct jpeg_area areas[] = {
        {0, 0, 41, 30}, {0, 0, 40, 31}, {40, 0, 1, 1},
        {0, 30, 1, 1},  {0, 0, 0, 1},   {0, 0, 1, 0},
        {39, 0, 2, 1},  {0, 29, 1, 2},  {1, 1, UINT32_MAX, 1},
    };
    struct output output = make_output(64, 64, JPEG_RGB, 0, false);
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++) {
        CHECK(!jpeg_decode_area(&tile.format, tile.stream.bytes,
                                tile.stream.size, &areas[i], &output.rows,
                                SCALAR),
              "area %d", (int)i);
    }
    free_output(&output);
    free_tile(&tile);
}

/* ---- damaged tiles ---- */

/* Bytes against the end of readable memory, for one tile after another. */
struct input {
    struct guarded memory;
    uint8_t *bytes;
    size_t size;
};

static void
put_input(struct input *input, const unsigned char *bytes, size_t size)
{
    input->size = size;
    input->bytes = input->memory.end - size;
    if (size > 0) {
        memcpy(input->bytes, bytes, size);
    }
}

static void
cut_input(struct input *input, size_t size)
{
    memmove(input->memory.end - size, input->bytes, size);
    input->bytes = input->memory.end - size;
    input->size = size;
}

static void
flip_bit(struct input *input, size_t first, size_t count)
{
    if (first < input->size) {
        count = count < input->size - first ? count : input->size - first;
        input->bytes[first + random_below((uint32_t)count)] ^=
            (uint8_t)(1 << random_below(8));
    }
}

/* Some bytes are lost. */
static void
drop_bytes(struct input *input)
{
    size_t at = random_below((uint32_t)input->size);
    size_t count = random_below(64);
    if (at + count < input->size) {
        memmove(input->bytes + at, input->bytes + at + count,
                input->size - at - count);
        cut_input(input, input->size - count);
    }
}

static void
damage(struct input *input)
{
    enum { HEADER = 700, END = 40 };
    size_t size = input->size, end = size < END ? size : END;
    switch (random_below(7)) {
    case 0:
        flip_bit(input, 0, size);
        break;
    case 1:
        flip_bit(input, 0, HEADER);
        break;
    case 2:
        flip_bit(input, size / 2, size);
        break;
    case 3:
        cut_input(input, 1 + random_below((uint32_t)size));
        break;
    case 4:
        for (int i = 0; i < 8; i++) {
            input->bytes[random_below((uint32_t)size)] =
                (uint8_t)next_random();
        }
        break;
    case 5:
        drop_bytes(input);
        break;
    default:
        input->bytes[size - 1 - random_below((uint32_t)end)] = 0xff;
    }
}

struct counts {
    long accepted, refused, left;
};

/* What is accepted is what libjpeg-turbo accepts without a warning, and all
   instruction sets accept the same. */
static void
compare_damaged(const struct tile *tile, const struct input *bytes,
                const struct jpeg_format *format, struct output *expected,
                struct output *output, struct counts *counts)
{
    bool is_sound =
        jpeg_turbo_decode(format, bytes->bytes, bytes->size, &expected->rows);
    int accepted = 0, sets = 0;
    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        if (instruction_set_missing(set) != NULL) {
            continue;
        }
        struct jpeg_area all = whole(format);
        memset(output->bytes, KEPT, output->size);
        bool decoded = jpeg_decode_area(format, bytes->bytes, bytes->size,
                                        &all, &output->rows, set);
        CHECK(!decoded || (is_sound && are_equal(output, expected)),
              "%s, %s: %s", instruction_set_name(set), tile->encoding->name,
              is_sound ? "other pixels" : "libjpeg-turbo refuses it");
        accepted += decoded;
        sets++;
    }
    CHECK(accepted == 0 || accepted == sets, "%s: %d of %d instruction sets",
          tile->encoding->name, accepted, sets);
    counts->accepted += accepted != 0;
    counts->left += accepted == 0 && is_sound;
    counts->refused += !is_sound;
}

static void
compare_damages(const struct tile *tile, int count, struct counts *counts)
{
    const struct jpeg_format *sound = &tile->format;
    struct input input = {.memory = guarded_alloc(tile->stream.size)};
    struct input tables = {.memory = guarded_alloc(tile->tables.size + 1)};
    struct output expected =
        make_output(sound->width, sound->height, JPEG_WORDS, 0, false);
    struct output output =
        make_output(sound->width, sound->height, JPEG_WORDS, 0, false);
    for (int i = 0; i < count; i++) {
        put_input(&input, tile->stream.bytes, tile->stream.size);
        put_input(&tables, tile->tables.bytes, tile->tables.size);
        damage(tables.size > 0 && next_random() % 4 == 0 ? &tables : &input);
        struct jpeg_format format = *sound;
        format.tables = tables.size > 0 ? tables.bytes : NULL;
        format.tables_size = tables.size;
        compare_damaged(tile, &input, &format, &expected, &output, counts);
    }
    guarded_free(input.memory);
    guarded_free(tables.memory);
    free_output(&expected);
    free_output(&output);
}

static void
test_damaged_tiles(void)
{
    enum { COUNT = 120 };
    struct counts counts = {0, 0, 0};
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < ENCODINGS; i++) {
            struct tile tile = make_tile(&encodings[i], 5 + random_below(60),
                                         1 + random_below(60));
            compare_damages(&tile, COUNT, &counts);
            free_tile(&tile);
        }
    }
    printf("# damaged: %ld accepted, %ld refused, %ld left to libjpeg-turbo\n",
           counts.accepted, counts.refused, counts.left);
    CHECK(counts.accepted > 0 && counts.refused > 0, "nothing was compared");
}

int
main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = (unsigned)strtoul(argv[1], NULL, 10);
    }
    if (argc > 2) {
        state = strtoull(argv[2], NULL, 10);
        srand((unsigned)state);
    }
    check_run("sound tiles", test_sound_tiles);
    check_run("strides", test_strides);
    check_run("areas outside are refused", test_areas_outside_are_refused);
    check_run("damaged tiles", test_damaged_tiles);
    return check_finish();
}
