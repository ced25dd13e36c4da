#include "direct/ndpi_strip.h"

#include "check.h"
#include "memory_source.h"
#include "system/platform.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Strips of 3 x 5 tiles of 16 x 8 pixels, in a file that begins with other
   bytes, and has a table of where tiles start at its end. */
enum { ACROSS = 3, DOWN = 5, TILES = ACROSS * DOWN, BEFORE = 100 };
enum { TILE_WIDTH = 16, TILE_HEIGHT = 8, THREADS = 8 };

enum { FILE_BYTES = 4096, HEADER_BYTES = 41, HEIGHT_PLACE = 7 };

/* What a JPEG says of itself; the strip above where all is 0. */
struct look {
    unsigned width, height, units; /* of a restart interval; more: none */
    unsigned factors, components, precision;
};

enum { NO_RESTARTS = 0x10000 };

struct written {
    struct memory_source memory;
    uint8_t bytes[FILE_BYTES];
    size_t size;
    uint64_t starts[TILES + 1]; /* of the intervals, and the end of all */
    uint64_t table;
};

/* Writing */

static void
append(struct written *file, unsigned number, unsigned size)
{
    for (unsigned i = size; i-- > 0;) {
        file->bytes[file->size++] = (uint8_t)(number >> 8 * i);
    }
}

static unsigned
or_usual(unsigned value, unsigned usual)
{
    return value == 0 ? usual : value;
}

/* The same number of bytes whatever it says, but for the components. */
static void
append_header(struct written *file, const struct look *look)
{
    unsigned components = or_usual(look->components, 3);
    unsigned units = or_usual(look->units, TILE_WIDTH / 8);
    append(file, 0xffd8, 2);
    append(file, 0xffc0, 2);
    append(file, 8 + 3 * components, 2);
    append(file, or_usual(look->precision, 8), 1);
    append(file, or_usual(look->height, DOWN * TILE_HEIGHT), 2);
    append(file, or_usual(look->width, ACROSS * TILE_WIDTH), 2);
    append(file, components, 1);
    for (unsigned i = 0; i < components; i++) {
        append(file, i + 1, 1);
        append(file, i == 0 ? or_usual(look->factors, 0x11) : 0x11, 1);
        append(file, 0, 1);
    }
    append(file, units == NO_RESTARTS ? 0xfffe : 0xffdd, 2);
    append(file, 4, 2);
    append(file, units & 0xffff, 2);
    append(file, 0xffda, 2);
    append(file, 6 + 2 * components, 2);
    append(file, components, 1);
    for (unsigned i = 0; i < components; i++) {
        append(file, (i + 1) << 8, 2);
    }
    append(file, 0x003f00, 3);
}

/* Of each interval as many bytes as none of its neighbours has, which say
   which it is; among them what is no restart marker. */
static void
append_intervals(struct written *file)
{
    for (unsigned tile = 0; tile < TILES; tile++) {
        file->starts[tile] = file->size;
        for (unsigned i = 0; i < 20 + tile * 7 % 11; i++) {
            append(file, 16 * tile + i % 16 == 0xff ? 0 : 16 * tile + i % 16,
                   1);
        }
        append(file, 0xff00, 2);
        append(file, tile + 1 < TILES ? 0xffd0 | tile % 8 : 0xffd9, 2);
    }
    file->starts[TILES] = file->size;
}

/* Little-endian, as the file; they count from the strip. */
static void
append_table(struct written *file)
{
    file->table = file->size;
    for (size_t i = 0; i < TILES; i++) {
        for (unsigned shift = 0; shift < 32; shift += 8) {
            append(file, (unsigned)(file->starts[i] - BEFORE) >> shift & 0xff,
                   1);
        }
    }
}

static struct written *
write_strip(const struct look *look, size_t before)
{
    struct written *file = calloc(1, sizeof *file);
    file->size = before;
    append_header(file, look);
    append_intervals(file);
    file->memory = memory_source_of(file->bytes, file->size);
    return file;
}

static const struct look usual;

static struct written *
write_usual(void)
{
    struct written *file = write_strip(&usual, BEFORE);
    append_table(file);
    file->memory = memory_source_of(file->bytes, file->size);
    return file;
}

static struct ndpi_directory
directory_of(const struct written *file)
{
    return (struct ndpi_directory){
        .width = ACROSS * TILE_WIDTH,
        .height = DOWN * TILE_HEIGHT,
        .strip_offset = BEFORE,
        .strip_size = file->starts[TILES] - BEFORE,
        .starts = {TILES, file->table},
        .is_usable = true,
    };
}

/* Without looking for its tiles. */
static struct ndpi_strip *
open_strip(const struct written *file, const struct ndpi_directory *directory)
{
    struct ndpi_strip *strip;
    const char *refusal =
        ndpi_strip_open(&strip, &file->memory.source, directory);
    CHECK(refusal == NULL, "%s", refusal);
    return strip;
}

static struct ndpi_strip *
open_usual(const struct written *file)
{
    struct ndpi_directory directory = directory_of(file);
    struct ndpi_strip *strip = open_strip(file, &directory);
    CHECK(ndpi_strip_index(strip) == NULL, "not indexed");
    return strip;
}

static struct ndpi_strip *
open_file(const struct written *file)
{
    struct ndpi_strip *strip;
    CHECK(ndpi_strip_open_file(&strip, &file->memory.source) == NULL,
          "the file was refused");
    return strip;
}

static void
drop(struct written *file, struct ndpi_strip *strip)
{
    CHECK(!file->memory.strayed, "it strayed");
    ndpi_strip_close(strip);
    free(file);
}

/* Whether a tile is the JPEG that it should be: the header for its size, the
   interval, and its end instead of a marker. */
static bool
is_tile(const struct written *file, size_t before, uint64_t tile,
        const uint8_t *bytes, size_t size)
{
    const uint8_t *interval = file->bytes + file->starts[tile];
    size_t length = (size_t)(file->starts[tile + 1] - file->starts[tile]);
    uint8_t header[HEADER_BYTES];
    memcpy(header, file->bytes + before, HEADER_BYTES);
    header[HEIGHT_PLACE] = header[HEIGHT_PLACE + 2] = 0;
    header[HEIGHT_PLACE + 1] = TILE_HEIGHT;
    header[HEIGHT_PLACE + 3] = TILE_WIDTH;
    return size == HEADER_BYTES + length &&
           memcmp(bytes, header, HEADER_BYTES) == 0 &&
           memcmp(bytes + HEADER_BYTES, interval, length - 1) == 0 &&
           bytes[size - 1] == 0xd9;
}

/* Whether the tile is read, as it should be. */
static bool
reads(struct ndpi_strip *strip, const struct written *file, size_t before,
      uint64_t tile)
{
    size_t size;
    uint8_t *bytes = ndpi_strip_read(strip, tile, NULL, &size);
    bool is_right = bytes != NULL && is_tile(file, before, tile, bytes, size);
    CHECK(bytes == NULL || is_right, "tile %d is another", (int)tile);
    free(bytes);
    return is_right;
}

/* How many of all tiles are read. */
static int
count_read(struct ndpi_strip *strip, const struct written *file, size_t before)
{
    int count = 0;
    for (uint64_t tile = 0; tile < TILES; tile++) {
        count += reads(strip, file, before, tile);
    }
    return count;
}

/* What there is */

static void
test_grids(void)
{
    static const struct {
        const char *name;
        struct look look;
        uint32_t width, height; /* of the directory */
        struct ndpi_grid grid;
    } cases[] = {
        {"usual", {0}, 48, 40, {48, 40, 16, 8, 3, 5}},
        {"that of the JPEG counts", {0}, 50, 60000, {48, 40, 16, 8, 3, 5}},
        {"that of a large image does not",
         {0},
         70000,
         16,
         {70000, 16, 16, 8, 4375, 2}},
        {"parts of tiles",
         {.width = 47, .height = 39},
         1,
         1,
         {47, 39, 16, 8, 2, 4}},
        {"too large for libjpeg",
         {.width = 65501},
         1,
         1,
         {65500, 40, 16, 8, 4093, 5}},
        {"no restarts", {.units = NO_RESTARTS}, 1, 1, {48, 40, 48, 40, 1, 1}},
        {"units of four blocks",
         {.factors = 0x22},
         1,
         1,
         {48, 40, 32, 16, 1, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct written *file = write_strip(&cases[i].look, BEFORE);
        struct ndpi_directory directory = directory_of(file);
        directory.width = cases[i].width;
        directory.height = cases[i].height;
        struct ndpi_strip *strip = open_strip(file, &directory);
        const struct ndpi_grid *grid = ndpi_strip_grid(strip);
        CHECK(memcmp(grid, &cases[i].grid, sizeof *grid) == 0,
              "%s: %d x %d in tiles of %d x %d, %d x %d", cases[i].name,
              (int)grid->width, (int)grid->height, (int)grid->tile_width,
              (int)grid->tile_height, (int)grid->tiles_across,
              (int)grid->tiles_down);
        drop(file, strip);
    }
}

static void
test_refusals(void)
{
    static const struct {
        const char *name;
        struct look look;
        bool is_refused;
    } cases[] = {
        {"usual", {0}, false},
        {"no restarts", {.units = NO_RESTARTS}, false},
        {"no restarts in a large one",
         {.units = NO_RESTARTS, .width = 8192, .height = 4096},
         true},
        {"colours of two columns", {.factors = 0x21}, false},
        {"and a part of a unit", {.factors = 0x21, .width = 56}, true},
        {"colours of two rows", {.factors = 0x12}, true},
        {"colours of two rows, but one tile",
         {.factors = 0x12, .units = NO_RESTARTS},
         false},
        {"one component", {.components = 1}, true},
        {"samples of 12 bits", {.precision = 12}, true},
        {"tiles wider than the image", {.units = 7}, true},
        {"tiles higher than the image", {.factors = 0x14, .height = 31}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct written *file = write_strip(&cases[i].look, BEFORE);
        struct ndpi_directory directory = directory_of(file);
        struct ndpi_strip *strip = open_strip(file, &directory);
        const char *refusal = ndpi_strip_refusal(strip);
        CHECK((refusal != NULL) == cases[i].is_refused, "%s: %s",
              cases[i].name, refusal == NULL ? "taken" : refusal);
        drop(file, strip);
    }
}

static void
test_unusual_directories(void)
{
    struct written *file = write_usual();
    struct ndpi_directory directories[] = {
        directory_of(file), directory_of(file), directory_of(file),
        directory_of(file), directory_of(file)};
    directories[0].is_usable = false;
    directories[1].width = 0;
    directories[2].height = 0;
    directories[3].strip_size = HEADER_BYTES - 1;
    directories[4].strip_offset++;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        struct ndpi_strip *strip;
        CHECK(ndpi_strip_open(&strip, &file->memory.source, &directories[i]) !=
                      NULL &&
                  strip == NULL,
              "directory %d", (int)i);
    }
    free(file);
}

/* Tiles of a table */

static void
test_tiles(void)
{
    struct written *file = write_usual();
    struct ndpi_strip *strip = open_usual(file);
    struct tile_place place;
    size_t size;
    CHECK(count_read(strip, file, BEFORE) == TILES, "not all tiles");
    for (uint64_t tile = 0; tile < TILES; tile++) {
        CHECK(ndpi_strip_locate(strip, tile, &place) &&
                  place.source == &file->memory.source &&
                  place.offset == file->starts[tile] &&
                  place.size == file->starts[tile + 1] - file->starts[tile],
              "tile %d is elsewhere", (int)tile);
    }
    CHECK(!ndpi_strip_locate(strip, TILES, &place) &&
              ndpi_strip_read(strip, TILES, NULL, &size) == NULL,
          "there is one more");
    file->memory.limit = file->memory.reads;
    CHECK(count_read(strip, file, BEFORE) == 0, "of a file that ends");
    drop(file, strip);
}

static void
test_tables_that_do_not_fit(void)
{
    struct written *file = write_usual();
    struct ndpi_directory directory = directory_of(file);
    directory.starts.count = TILES - 1;
    struct ndpi_strip *strip = open_strip(file, &directory);
    CHECK(ndpi_strip_index(strip) != NULL, "of fewer tiles");
    ndpi_strip_close(strip);
    directory.starts = (struct ndpi_table){TILES, file->size - 4 * TILES + 1};
    strip = open_strip(file, &directory);
    CHECK(ndpi_strip_index(strip) != NULL, "beyond the end");
    drop(file, strip);
}

/* The byte that is changed, from the start of a tile on, and which tiles are
   refused then. */
static void
test_damaged_markers(void)
{
    static const struct {
        int tile, place;
        uint8_t byte;
        int lost[2];
    } cases[] = {
        {4, -2, 0xfe, {3, 4}}, /* no marker */
        {4, -1, 0xd8, {3, 4}}, /* another one */
        {4, -1, 0xcf, {3, 4}},   {TILES, -2, 0, {TILES - 1, TILES - 1}},
        {4, -1, 0xd7, {-1, -1}}, {TILES, -1, 0, {-1, -1}},
        {0, -1, 1, {-1, -1}}, /* of the header */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct written *file = write_usual();
        file->bytes[(int64_t)file->starts[cases[i].tile] + cases[i].place] =
            cases[i].byte;
        struct ndpi_strip *strip = open_usual(file);
        for (int tile = 0; tile < TILES; tile++) {
            bool is_lost =
                tile == cases[i].lost[0] || tile == cases[i].lost[1];
            CHECK(reads(strip, file, BEFORE, (uint64_t)tile) == !is_lost,
                  "tile %d of case %d", tile, (int)i);
        }
        drop(file, strip);
    }
}

static void
test_damaged_starts(void)
{
    static const uint32_t starts[] = {0, 1, HEADER_BYTES + 1, 0x7fffffff,
                                      UINT32_MAX};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        struct written *file = write_usual();
        for (unsigned byte = 0; byte < 4; byte++) {
            file->bytes[file->table + 4 * 6 + byte] =
                (uint8_t)(starts[i] >> 8 * byte);
        }
        struct ndpi_strip *strip = open_usual(file);
        for (uint64_t tile = 0; tile < TILES; tile++) {
            bool is_lost = tile == 5 || tile == 6;
            CHECK(reads(strip, file, BEFORE, tile) == !is_lost,
                  "tile %d where the start is %u", (int)tile,
                  (unsigned)starts[i]);
        }
        drop(file, strip);
    }
}

/* Files, which have no table */

static void
test_files(void)
{
    struct written *file = write_strip(&usual, 0);
    struct ndpi_strip *strip = open_file(file);
    struct tile_place place;
    CHECK(ndpi_strip_refusal(strip) == NULL && ndpi_strip_index(strip) == NULL,
          "refused");
    int64_t before = file->memory.reads;
    CHECK(count_read(strip, file, 0) == TILES, "not all tiles");
    CHECK(file->memory.reads - before == TILES &&
              ndpi_strip_index(strip) == NULL &&
              ndpi_strip_locate(strip, 1, &place) &&
              file->memory.reads - before == TILES,
          "it was searched again");
    drop(file, strip);
    file = write_strip(&usual, 0);
    file->bytes[file->starts[7] - 1] = 0;
    strip = open_file(file);
    CHECK(ndpi_strip_index(strip) != NULL, "fewer intervals");
    drop(file, strip);
}

/* Of a file whose optimisation file says where rows start, or 0. */
static struct ndpi_strip *
open_rows(const struct written *file, const uint64_t rows[DOWN])
{
    struct ndpi_strip *strip = open_file(file);
    uint64_t *copy = malloc(DOWN * sizeof *copy);
    memcpy(copy, rows, DOWN * sizeof *copy);
    ndpi_strip_take_rows(strip, copy);
    CHECK(ndpi_strip_index(strip) == NULL, "refused");
    return strip;
}

static void
find_rows(const struct written *file, uint64_t rows[DOWN])
{
    for (size_t row = 0; row < DOWN; row++) {
        rows[row] = file->starts[row * ACROSS];
    }
}

static void
test_rows(void)
{
    struct written *file = write_strip(&usual, 0);
    uint64_t rows[DOWN];
    find_rows(file, rows);
    struct ndpi_strip *strip = open_rows(file, rows);
    int64_t before = file->memory.reads;
    CHECK(reads(strip, file, 0, 2 * ACROSS) &&
              file->memory.reads - before == 2,
          "more than a row was searched");
    CHECK(count_read(strip, file, 0) == TILES, "not all tiles");
    drop(file, strip);
}

/* Where a row is said to start, and how many tiles are lost. */
static void
test_rows_that_are_not_true(void)
{
    static const struct {
        const char *name;
        size_t row;
        int64_t off; /* from its start; INT64_MIN: not known */
        int lost;
    } cases[] = {
        {"the last is not known", DOWN - 1, INT64_MIN, 0},
        {"one is not known", 2, INT64_MIN, 0},
        {"the first is in the header", 0, INT64_MIN, 0},
        {"within an interval", 2, 3, ACROSS + 1},
        {"before the samples", 2, -1000, 2 * ACROSS},
        {"beyond the end", 2, 100000, 2 * ACROSS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct written *file = write_strip(&usual, 0);
        uint64_t rows[DOWN];
        find_rows(file, rows);
        rows[cases[i].row] = cases[i].off == INT64_MIN
                                 ? 0
                                 : rows[cases[i].row] + (uint64_t)cases[i].off;
        struct ndpi_strip *strip = open_rows(file, rows);
        int count = count_read(strip, file, 0);
        CHECK(count == TILES - cases[i].lost, "%s: %d tiles", cases[i].name,
              count);
        drop(file, strip);
    }
}

/* Several threads */

struct party {
    const struct written *file;
    struct ndpi_strip *strip;
    atomic_int begun, wrong;
};

/* Each in another order. */
static void
read_all(void *argument)
{
    struct party *party = argument;
    uint64_t first = (uint64_t)atomic_fetch_add(&party->begun, 1);
    for (uint64_t i = 0; i < TILES; i++) {
        uint64_t tile = (first * 5 + i * (first % 2 == 0 ? 1 : 4)) % TILES;
        size_t size;
        uint8_t *bytes = ndpi_strip_read(party->strip, tile, NULL, &size);
        atomic_fetch_add(&party->wrong,
                         bytes == NULL ||
                             !is_tile(party->file, 0, tile, bytes, size));
        free(bytes);
    }
}

/* A source that counts nothing, so that threads may share it; and is slow, so
   that they wait for one another. */
static bool
read_bytes(const struct source *source, int64_t offset, void *bytes,
           size_t size)
{
    const struct memory_source *memory =
        (const struct memory_source *)(const void *)source;
    platform_sleep(0.0001);
    memcpy(bytes, memory->bytes + offset, size);
    return true;
}

static void
test_threads_look_for_rows(void)
{
    for (int round = 0; round < 5; round++) {
        struct written *file = write_strip(&usual, 0);
        uint64_t rows[DOWN];
        platform_thread threads[THREADS];
        find_rows(file, rows);
        rows[DOWN - 1] = 0;
        file->memory.source.read = read_bytes;
        struct party party = {file, open_rows(file, rows), 0, 0};
        for (int i = 0; i < THREADS; i++) {
            CHECK(platform_thread_start(&threads[i], read_all, &party),
                  "no thread");
        }
        for (int i = 0; i < THREADS; i++) {
            platform_thread_join(threads[i]);
        }
        CHECK(atomic_load(&party.wrong) == 0, "%d other tiles",
              atomic_load(&party.wrong));
        drop(file, party.strip);
    }
}

int
main(void)
{
    check_run("grids", test_grids);
    check_run("refusals", test_refusals);
    check_run("unusual directories", test_unusual_directories);
    check_run("tiles", test_tiles);
    check_run("tables that do not fit", test_tables_that_do_not_fit);
    check_run("damaged markers", test_damaged_markers);
    check_run("damaged starts", test_damaged_starts);
    check_run("files", test_files);
    check_run("rows", test_rows);
    check_run("rows that are not true", test_rows_that_are_not_true);
    check_run("threads look for rows", test_threads_look_for_rows);
    return check_finish();
}
