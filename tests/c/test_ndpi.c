#include "formats/ndpi.h"
#include "formats/ndpi_jpeg.h"

#include "check.h"
#include "guard_page.h"
#include "memory_source.h"

#include <stdlib.h>

enum { ASCII = 2, SHORT = 3, LONG = 4, SLONG = 9, FLOAT = 11, DOUBLE = 12 };

enum {
    WIDTH = 256,
    HEIGHT = 257,
    STRIP_OFFSETS = 273,
    STRIP_BYTE_COUNTS = 279,
    TILE_OFFSETS = 324,
    LENS = 65421,
    FOCAL_PLANE = 65424,
    STARTS = 65426,
    HIGH_STARTS = 65432,
};

/* Writing NDPI files into memory */

enum { MAX_FIELDS = 12, FILE_BYTES = 1024 };

struct field {
    unsigned tag, type;
    uint32_t count;
    uint64_t value; /* or the offset of the values */
};

struct written {
    uint8_t bytes[FILE_BYTES];
    size_t size;
    size_t link; /* where the offset of the next directory goes */
};

static void
put(struct written *file, size_t offset, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        file->bytes[offset + i] = (uint8_t)(number >> 8 * i);
    }
}

static void
append(struct written *file, uint64_t number, unsigned size)
{
    put(file, file->size, number, size);
    file->size += size;
}

static struct written
write_header(void)
{
    struct written file = {.bytes = "II*", .size = 4, .link = 4};
    append(&file, 0, 8);
    return file;
}

static void
write_directory(struct written *file, const struct field *fields,
                unsigned count)
{
    put(file, file->link, file->size, 8);
    append(file, count, 2);
    for (unsigned i = 0; i < count; i++) {
        append(file, fields[i].tag, 2);
        append(file, fields[i].type, 2);
        append(file, fields[i].count, 4);
        append(file, fields[i].value & UINT32_MAX, 4);
    }
    file->link = file->size;
    append(file, 0, 8);
    for (unsigned i = 0; i < count; i++) {
        append(file, fields[i].value >> 32, 4);
    }
}

static const struct field level[] = {
    {WIDTH, LONG, 1, 4096},       {HEIGHT, SHORT, 1, 24},
    {STRIP_OFFSETS, LONG, 1, 4},  {STRIP_BYTE_COUNTS, LONG, 1, 80},
    {LENS, FLOAT, 1, 0x41a00000}, /* 20 */
    {FOCAL_PLANE, SLONG, 1, 0},
};
enum { LEVEL_FIELDS = sizeof level / sizeof level[0] };

/* With what replaces a field of the same tag, or comes on top. */
static bool
read_level(const struct field *changed, struct ndpi_directory *directory)
{
    struct field fields[MAX_FIELDS];
    unsigned count = LEVEL_FIELDS;
    bool is_new = changed != NULL;
    memcpy(fields, level, sizeof level);
    for (unsigned i = 0; changed != NULL && i < count; i++) {
        if (fields[i].tag == changed->tag) {
            fields[i] = *changed;
            is_new = false;
        }
    }
    if (is_new) {
        fields[count++] = *changed;
    }
    struct written file = write_header();
    write_directory(&file, fields, count);
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    bool read = ndpi_read_directory(&memory.source, 12, directory);
    CHECK(!memory.strayed, "read beyond the end");
    return read;
}

/* Directories */

static void
test_levels(void)
{
    struct ndpi_directory directory;
    CHECK(read_level(NULL, &directory) && directory.is_usable &&
              directory.has_lens && directory.next == 0,
          "not read");
    CHECK(directory.width == 4096 && directory.height == 24 &&
              directory.lens == 20 && directory.focal_plane == 0 &&
              directory.strip_offset == 4 && directory.strip_size == 80 &&
              directory.starts.count == 0 && directory.high_starts.count == 0,
          "another directory");
}

static void
test_fields(void)
{
    static const struct {
        const char *name;
        struct field field;
        bool is_usable;
    } cases[] = {
        {"a short width", {WIDTH, SHORT, 1, 640}, true},
        {"another plane", {FOCAL_PLANE, SLONG, 1, UINT32_MAX}, true},
        {"an unknown field", {40000, DOUBLE, 9, 1}, true},
        {"one start", {STARTS, LONG, 1, 1 << 30}, true},
        {"starts", {STARTS, LONG, 5, 8}, true},

        {"text for a width", {WIDTH, ASCII, 1, 7}, false},
        {"two widths", {WIDTH, LONG, 2, 7}, false},
        {"a width of over 32 bits",
         {WIDTH, LONG, 1, UINT64_C(1) << 32},
         false},
        {"an unsigned plane", {FOCAL_PLANE, LONG, 1, 0}, false},
        {"a double lens", {LENS, DOUBLE, 1, 8}, false},
        {"a lens with a high half",
         {LENS, FLOAT, 1, UINT64_C(1) << 40},
         false},
        {"two strips", {STRIP_OFFSETS, LONG, 2, 8}, false},
        {"a strip past the end", {STRIP_BYTE_COUNTS, LONG, 1, 999}, false},
        {"a strip far away", {STRIP_OFFSETS, LONG, 1, UINT64_MAX}, false},
        {"tiles", {TILE_OFFSETS, LONG, 1, 8}, false},
        {"short starts", {STARTS, SHORT, 5, 8}, false},
        {"starts past the end", {STARTS, LONG, 500, 8}, false},
        {"starts far away", {STARTS, LONG, 5, UINT64_MAX - 3}, false},
        {"too many starts", {STARTS, LONG, UINT32_MAX, 8}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ndpi_directory directory;
        CHECK(read_level(&cases[i].field, &directory) &&
                  directory.is_usable == cases[i].is_usable &&
                  directory.has_lens == (cases[i].field.tag != LENS),
              "%s", cases[i].name);
    }
}

static void
test_missing_fields(void)
{
    for (unsigned missing = 0; missing < LEVEL_FIELDS; missing++) {
        struct ndpi_directory directory;
        struct field fields[MAX_FIELDS];
        unsigned count = 0;
        for (unsigned i = 0; i < LEVEL_FIELDS; i++) {
            if (i != missing) {
                fields[count++] = level[i];
            }
        }
        struct written file = write_header();
        write_directory(&file, fields, count);
        struct memory_source memory = memory_source_of(file.bytes, file.size);
        CHECK(ndpi_read_directory(&memory.source, 12, &directory) &&
                  directory.is_usable == (level[missing].tag == FOCAL_PLANE),
              "without %u", level[missing].tag);
    }
}

static void
test_fields_that_stand_twice(void)
{
    for (unsigned i = 0; i < LEVEL_FIELDS; i++) {
        struct ndpi_directory directory;
        struct field fields[MAX_FIELDS];
        memcpy(fields, level, sizeof level);
        fields[LEVEL_FIELDS] = level[i];
        struct written file = write_header();
        write_directory(&file, fields, LEVEL_FIELDS + 1);
        struct memory_source memory = memory_source_of(file.bytes, file.size);
        CHECK(ndpi_read_directory(&memory.source, 12, &directory) &&
                  !directory.is_usable,
              "%u twice", level[i].tag);
    }
}

static struct written
write_levels(unsigned count)
{
    struct written file = write_header();
    for (unsigned i = 0; i < count; i++) {
        struct field fields[LEVEL_FIELDS];
        memcpy(fields, level, sizeof level);
        fields[0].value = i + 1;
        write_directory(&file, fields, LEVEL_FIELDS);
    }
    return file;
}

static void
test_directories_in_order(void)
{
    size_t count = 0;
    struct written file = write_levels(3);
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    struct ndpi_directory *all = ndpi_read_directories(&memory.source, &count);
    CHECK(all != NULL && count == 3, "%d", (int)count);
    for (size_t i = 0; i < count; i++) {
        CHECK(all[i].width == i + 1, "number %d", (int)i);
    }
    free(all);
}

static void
check_none(const struct written *file, size_t size, const char *why)
{
    size_t count;
    struct memory_source memory = memory_source_of(file->bytes, size);
    CHECK(ndpi_read_directories(&memory.source, &count) == NULL, "%s", why);
    CHECK(!memory.strayed, "%s: read beyond the end", why);
}

static void
test_no_directories(void)
{
    struct written file = write_levels(2);
    for (size_t size = 0; size < file.size; size++) {
        check_none(&file, size, "cut off");
    }
    put(&file, file.link, 12, 8);
    check_none(&file, file.size, "a cycle");
    put(&file, file.link, UINT64_MAX, 8);
    check_none(&file, file.size, "the next one is far away");
    file = write_header();
    check_none(&file, file.size, "none");
    file = write_levels(1);
    file.bytes[2] = '+';
    check_none(&file, file.size, "BigTIFF");
    memcpy(file.bytes, "MM\0*", 4);
    check_none(&file, file.size, "big-endian");
}

static void
test_kinds_of_files(void)
{
    struct written file = write_levels(1);
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    CHECK(ndpi_is_tiff(&memory.source), "a TIFF");
    memcpy(file.bytes, "MM\0*", 4);
    CHECK(ndpi_is_tiff(&memory.source), "a big-endian TIFF");
    memcpy(file.bytes, "[Vir", 4);
    CHECK(!ndpi_is_tiff(&memory.source), "a text");
}

/* Starts */

static void
test_starts(void)
{
    enum { COUNT = 1500, LOW = 16, HIGH = LOW + 4 * COUNT };
    static uint8_t bytes[HIGH + 4 * COUNT];
    static uint64_t starts[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        bytes[LOW + 4 * i] = (uint8_t)i;
        bytes[LOW + 4 * i + 3] = (uint8_t)(i >> 8);
        bytes[HIGH + 4 * i] = (uint8_t)(i % 3);
    }
    struct memory_source memory = memory_source_of(bytes, sizeof bytes);
    struct ndpi_directory directory = {
        .strip_offset = 7,
        .starts = {COUNT, LOW},
        .high_starts = {COUNT, HIGH},
    };
    CHECK(ndpi_read_starts(&memory.source, &directory, COUNT, starts),
          "not read");
    for (uint64_t i = 0; i < COUNT; i++) {
        CHECK(starts[i] == 7 + (i & 0xff) + (i >> 8 << 24) + (i % 3 << 32),
              "number %d", (int)i);
    }
    CHECK(!ndpi_read_starts(&memory.source, &directory, COUNT - 1, starts),
          "another number of them");
    directory.high_starts.count = 0;
    CHECK(ndpi_read_starts(&memory.source, &directory, COUNT, starts) &&
              starts[COUNT - 1] ==
                  7 + (COUNT - 1) % 256 + ((COUNT - 1) / 256 << 24),
          "without high halves");
    directory.high_starts.count = COUNT - 1;
    CHECK(!ndpi_read_starts(&memory.source, &directory, COUNT, starts),
          "fewer high halves");
    memory.limit = memory.reads;
    directory.high_starts.count = COUNT;
    CHECK(!ndpi_read_starts(&memory.source, &directory, COUNT, starts),
          "the file cannot be read");
}

/* The header of the JPEG */

static const uint8_t soi[] = {0xff, 0xd8};
static const uint8_t jfif[] = {0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0,
                               1,    1,    0, 0,  1,   0,   1,   0,   0};
static const uint8_t adobe[] = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b',
                                'e',  0,    0, 0,  0,   0,   0,   0};
static const uint8_t sof[] = {0xff, 0xc0, 0, 17, 8,    0, 24, 0x10, 0, 3,
                              1,    0x11, 0, 2,  0x11, 1, 3,  0x11, 1};
static const uint8_t dri[] = {0xff, 0xdd, 0, 4, 1, 0};
static const uint8_t sos[] = {0xff, 0xda, 0, 12,   3, 1,  0,
                              2,    0x11, 3, 0x11, 0, 63, 0};

struct header {
    uint8_t bytes[256];
    size_t size;
};

static void
add(struct header *header, const uint8_t *bytes, size_t size)
{
    memcpy(header->bytes + header->size, bytes, size);
    header->size += size;
}

static struct header
usual_header(void)
{
    struct header header = {.size = 0};
    add(&header, soi, sizeof soi);
    add(&header, sof, sizeof sof);
    add(&header, dri, sizeof dri);
    add(&header, sos, sizeof sos);
    return header;
}

/* Parse a header that ends where memory does. */
static enum ndpi_parsing
parse(const uint8_t *bytes, size_t size, struct ndpi_jpeg *jpeg)
{
    struct guarded memory = guarded_alloc(size + 1);
    memcpy(memory.end - size, bytes, size);
    enum ndpi_parsing parsing = ndpi_parse_jpeg(memory.end - size, size, jpeg);
    guarded_free(memory);
    return parsing;
}

static void
test_usual_jpeg(void)
{
    struct ndpi_jpeg jpeg;
    struct header header = usual_header();
    CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_PARSED, "refused");
    CHECK(jpeg.size == header.size && jpeg.width == 4096 &&
              jpeg.height == 24 && jpeg.restart_interval == 256 &&
              jpeg.components == 3 && jpeg.precision == 8 &&
              jpeg.across == 1 && jpeg.down == 1 && !jpeg.is_rgb,
          "another header");
    ndpi_resize_jpeg(&jpeg, header.bytes, 2048, 8);
    CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_PARSED &&
              jpeg.width == 2048 && jpeg.height == 8,
          "another size");
}

static void
test_every_part_of_a_header(void)
{
    struct ndpi_jpeg jpeg;
    struct header header = usual_header();
    for (size_t size = 0; size < header.size; size++) {
        CHECK(parse(header.bytes, size, &jpeg) == NDPI_CUT_OFF, "%d bytes",
              (int)size);
    }
}

static void
test_sampling(void)
{
    struct ndpi_jpeg jpeg;
    struct header header = usual_header();
    header.bytes[sizeof soi + 11] = 0x21;
    CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_PARSED &&
              jpeg.across == 2 && jpeg.down == 1,
          "4:2:2");
    header.bytes[sizeof soi + 14] = 0x14;
    CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_PARSED &&
              jpeg.across == 2 && jpeg.down == 4,
          "odd factors");
}

static void
test_colours(void)
{
    static const struct {
        bool has_jfif, has_adobe;
        uint8_t transform;
        char name;
        bool is_rgb;
    } cases[] = {
        {false, false, 0, 1, false},  {false, false, 0, 'R', true},
        {true, false, 0, 'R', false}, {false, true, 0, 1, true},
        {false, true, 1, 'R', false}, {true, true, 0, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ndpi_jpeg jpeg;
        struct header header = {.size = 0};
        uint8_t frame[sizeof sof], marker[sizeof adobe];
        memcpy(frame, sof, sizeof sof);
        memcpy(marker, adobe, sizeof adobe);
        marker[15] = cases[i].transform;
        if (cases[i].name == 'R') {
            frame[10] = 'R';
            frame[13] = 'G';
            frame[16] = 'B';
        }
        add(&header, soi, sizeof soi);
        add(&header, jfif, cases[i].has_jfif ? sizeof jfif : 0);
        add(&header, marker, cases[i].has_adobe ? sizeof marker : 0);
        add(&header, frame, sizeof frame);
        add(&header, sos, sizeof sos);
        CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_PARSED &&
                  jpeg.is_rgb == cases[i].is_rgb,
              "case %zu", i);
    }
}

static void
test_headers_that_are_refused(void)
{
    static const struct {
        const char *name;
        size_t place;
        uint8_t byte;
    } cases[] = {
        {"no start of image", 1, 0xd9}, {"no marker", 2, 0xfe},
        {"a fill byte", 3, 0xff},       {"a progressive frame", 3, 0xc2},
        {"an end of image", 3, 0xd9},   {"a length of 1", 5, 1},
        {"a longer frame", 5, 20},      {"four components", 11, 4},
        {"a longer interval", 24, 5},
    };
    struct ndpi_jpeg jpeg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct header header = usual_header();
        header.bytes[cases[i].place] = cases[i].byte;
        CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_REFUSED, "%s",
              cases[i].name);
    }
    struct header header = {.size = 0};
    add(&header, soi, sizeof soi);
    add(&header, sos, sizeof sos);
    CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_REFUSED, "no frame");
    for (int twice = 0; twice < 2; twice++) {
        header = usual_header();
        header.size -= sizeof sos;
        add(&header, twice == 0 ? sof : dri,
            twice == 0 ? sizeof sof : sizeof dri);
        add(&header, sos, sizeof sos);
        CHECK(parse(header.bytes, header.size, &jpeg) == NDPI_REFUSED,
              "a segment that stands twice");
    }
}

static void
test_restart_markers(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t marker[] = {0xff, (uint8_t)byte};
        const uint8_t none[] = {0xfe, (uint8_t)byte};
        CHECK(ndpi_is_restart(marker) == (byte >= 0xd0 && byte <= 0xd7) &&
                  !ndpi_is_restart(none),
              "%02x", byte);
    }
}

static void
test_finding_restarts(void)
{
    static const uint8_t bytes[] = {
        1,    0xff, 0xd0,             /* one */
        0xff, 0x00,                   /* stuffed */
        0xff, 0xff, 0xd1,             /* none, for two bytes go at once */
        0xff, 0xd7, 0xff, 0xd3,       /* two more */
        0xff, 0xd8, 0xff, 0xcf, 0xff, /* none; and the last is cut off */
    };
    static const uint64_t expected[] = {103, 110, 112};
    enum { COUNT = sizeof expected / sizeof *expected };
    uint64_t starts[COUNT + 1];
    struct guarded memory = guarded_alloc(sizeof bytes);
    uint8_t *exact = memory.end - sizeof bytes;
    memcpy(exact, bytes, sizeof bytes);
    size_t count =
        ndpi_find_restarts(exact, sizeof bytes, 100, starts, COUNT + 1);
    CHECK(count == COUNT, "%d starts", (int)count);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(starts[i] == expected[i], "start %d is %d", (int)i,
              (int)starts[i]);
    }
    count = ndpi_find_restarts(exact, sizeof bytes, 100, starts, 2);
    CHECK(count == 2, "%d starts of two", (int)count);
    CHECK(ndpi_find_restarts(exact, 0, 0, starts, 1) == 0, "of nothing");
    CHECK(ndpi_find_restarts(exact, 2, 0, starts, 1) == 0, "of a half");
    guarded_free(memory);
}

int
main(void)
{
    check_run("levels", test_levels);
    check_run("fields", test_fields);
    check_run("missing fields", test_missing_fields);
    check_run("fields that stand twice", test_fields_that_stand_twice);
    check_run("directories in order", test_directories_in_order);
    check_run("no directories", test_no_directories);
    check_run("kinds of files", test_kinds_of_files);
    check_run("starts", test_starts);
    check_run("a usual JPEG", test_usual_jpeg);
    check_run("every part of a header", test_every_part_of_a_header);
    check_run("sampling", test_sampling);
    check_run("colours", test_colours);
    check_run("headers that are refused", test_headers_that_are_refused);
    check_run("restart markers", test_restart_markers);
    check_run("finding restart markers", test_finding_restarts);
    return check_finish();
}
