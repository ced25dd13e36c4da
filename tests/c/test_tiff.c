#include "formats/tiff.h"

#include "check.h"
#include "guard_page.h"
#include "memory_source.h"

#include <stdlib.h>

enum { BYTE = 1, ASCII = 2, SHORT = 3, LONG = 4, UNDEFINED = 7 };
enum { SLONG = 9, LONG8 = 16, IFD8 = 18 };

enum {
    SUBFILE_TYPE = 254,
    WIDTH = 256,
    HEIGHT = 257,
    BITS_PER_SAMPLE = 258,
    COMPRESSION = 259,
    PHOTOMETRIC = 262,
    DESCRIPTION = 270,
    STRIP_OFFSETS = 273,
    SAMPLES_PER_PIXEL = 277,
    STRIP_BYTE_COUNTS = 279,
    PLANAR_CONFIGURATION = 284,
    TILE_WIDTH = 322,
    TILE_HEIGHT = 323,
    TILE_OFFSETS = 324,
    TILE_BYTE_COUNTS = 325,
    JPEG_TABLES = 347,
    IMAGE_DEPTH = 32997,
    TILE_DEPTH = 32998,
};

/* Writing TIFFs of all four kinds into memory */

enum { MAX_VALUES = 6, MAX_FIELDS = 20, FILE_BYTES = 4096 };

struct field {
    unsigned tag, type;
    uint64_t count;
    uint64_t values[MAX_VALUES];
};

struct written {
    bool big_endian, big_tiff;
    uint8_t bytes[FILE_BYTES];
    size_t size;
    size_t link; /* where the offset of the next directory goes */
};

static void
put(struct written *file, size_t offset, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        unsigned shift = 8 * (file->big_endian ? size - 1 - i : i);
        file->bytes[offset + i] = (uint8_t)(number >> shift);
    }
}

static void
append(struct written *file, uint64_t number, unsigned size)
{
    put(file, file->size, number, size);
    file->size += size;
}

static unsigned
offset_size(const struct written *file)
{
    return file->big_tiff ? 8 : 4;
}

static struct written
write_header(int kind)
{
    struct written file = {.big_endian = kind & 1, .big_tiff = kind & 2};
    unsigned mark = file.big_endian ? 'M' : 'I';
    append(&file, mark << 8 | mark, 2);
    append(&file, file.big_tiff ? 43 : 42, 2);
    if (file.big_tiff) {
        append(&file, 8, 2);
        append(&file, 0, 2);
    }
    file.link = file.size;
    append(&file, 0, offset_size(&file));
    return file;
}

static unsigned
size_of_type(unsigned type)
{
    switch (type) {
    case SHORT:
        return 2;
    case LONG:
    case SLONG:
        return 4;
    case LONG8:
    case IFD8:
        return 8;
    default:
        return 1;
    }
}

static void
append_values(struct written *file, const struct field *field)
{
    for (uint64_t i = 0; i < field->count && i < MAX_VALUES; i++) {
        append(file, field->values[i], size_of_type(field->type));
    }
}

static bool
fits(const struct written *file, const struct field *field)
{
    return field->count * size_of_type(field->type) <= offset_size(file);
}

/* A directory, linked from the one before, with long values in front. */
static size_t
write_directory(struct written *file, const struct field *fields,
                unsigned count)
{
    size_t places[MAX_FIELDS];
    for (unsigned i = 0; i < count; i++) {
        places[i] = file->size;
        if (!fits(file, &fields[i])) {
            append_values(file, &fields[i]);
        }
    }
    size_t start = file->size;
    put(file, file->link, start, offset_size(file));
    append(file, count, file->big_tiff ? 8 : 2);
    for (unsigned i = 0; i < count; i++) {
        append(file, fields[i].tag, 2);
        append(file, fields[i].type, 2);
        append(file, fields[i].count, offset_size(file));
        size_t value = file->size;
        if (fits(file, &fields[i])) {
            append_values(file, &fields[i]);
        } else {
            append(file, places[i], offset_size(file));
        }
        file->size = value + offset_size(file);
    }
    file->link = file->size;
    append(file, 0, offset_size(file));
    return start;
}

static struct memory_source
source_of(const struct written *file)
{
    return memory_source_of(file->bytes, file->size);
}

static const char *const kinds[] = {"II", "MM", "big II", "big MM"};
enum { KINDS = 4 };

/* 3 x 2 tiles of 256 x 240. */
static const struct field tiled[] = {
    {SUBFILE_TYPE, LONG, 1, {1}},
    {WIDTH, LONG, 1, {700}},
    {HEIGHT, SHORT, 1, {480}},
    {BITS_PER_SAMPLE, SHORT, 3, {8, 8, 8}},
    {COMPRESSION, SHORT, 1, {7}},
    {PHOTOMETRIC, SHORT, 1, {6}},
    {DESCRIPTION, ASCII, 6, {'s', 'l', 'i', 'd', 'e', 0}},
    {SAMPLES_PER_PIXEL, SHORT, 1, {3}},
    {PLANAR_CONFIGURATION, SHORT, 1, {1}},
    {TILE_WIDTH, SHORT, 1, {256}},
    {TILE_HEIGHT, LONG, 1, {240}},
    {TILE_OFFSETS, LONG, 6, {10, 20, 30, 40, 50, 0xfffffff0}},
    {TILE_BYTE_COUNTS, SHORT, 6, {5, 6, 7, 0, 9, 0xfff0}},
    {JPEG_TABLES, UNDEFINED, 4, {0xff, 0xd8, 0xff, 0xd9}},
    {50000, SLONG, 2, {1, 2}}, /* unknown */
};
enum { TILED_FIELDS = sizeof tiled / sizeof tiled[0] };

static struct written
write_tiled(int kind)
{
    struct written file = write_header(kind);
    write_directory(&file, tiled, TILED_FIELDS);
    return file;
}

static bool
read_first(const struct written *file, struct tiff_directory *directory)
{
    struct memory_source memory = source_of(file);
    struct tiff_file tiff;
    return tiff_open(&tiff, &memory.source) &&
           tiff_read_directory(&tiff, tiff.first_directory, directory);
}

/* Tests */

static void
test_headers(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_tiled(kind);
        struct memory_source memory = source_of(&file);
        struct tiff_file tiff;
        CHECK(tiff_open(&tiff, &memory.source), "%s", kinds[kind]);
        CHECK(tiff.big_endian == file.big_endian &&
                  tiff.big_tiff == file.big_tiff,
              "%s is taken for another", kinds[kind]);
        /* Every byte of the mark, the version and the constants counts. */
        for (int i = 0; i < (file.big_tiff ? 8 : 4); i++) {
            file.bytes[i] ^= 0x40;
            CHECK(!tiff_open(&tiff, &memory.source), "%s, byte %d",
                  kinds[kind], i);
            file.bytes[i] ^= 0x40;
        }
    }
}

static void
check_tiled(const struct tiff_directory *directory, const char *kind)
{
    CHECK(directory->is_usable && directory->is_tiled, "%s", kind);
    CHECK(directory->width == 700 && directory->height == 480, "%s: %u x %u",
          kind, directory->width, directory->height);
    CHECK(directory->tile_width == 256 && directory->tile_height == 240,
          "%s: tiles of %u x %u", kind, directory->tile_width,
          directory->tile_height);
    CHECK(directory->tiles_across == 3 && directory->tiles_down == 2,
          "%s: %u x %u tiles", kind, directory->tiles_across,
          directory->tiles_down);
    CHECK(directory->compression == TIFF_COMPRESSION_JPEG &&
              directory->photometric == TIFF_PHOTOMETRIC_YCBCR &&
              directory->planar_configuration == TIFF_PLANAR_CONTIGUOUS &&
              directory->samples_per_pixel == 3 &&
              directory->bits_per_sample == 8,
          "%s: another format", kind);
    CHECK(directory->has_subfile_type && directory->subfile_type == 1 &&
              directory->next == 0,
          "%s: another kind of image", kind);
}

static void
check_table(const struct tiff_file *tiff, const struct tiff_table *table,
            const struct field *field)
{
    uint64_t number;
    for (uint64_t i = 0; i < field->count; i++) {
        CHECK(tiff_table_number(tiff, table, i, &number) &&
                  number == field->values[i],
              "tag %u, number %d", field->tag, (int)i);
    }
    CHECK(!tiff_table_number(tiff, table, field->count, &number) &&
              !tiff_table_number(tiff, table, UINT64_MAX, &number),
          "tag %u has too many numbers", field->tag);
}

static void
check_bytes(const struct tiff_file *tiff, const struct tiff_bytes *bytes,
            const char *expected, size_t size)
{
    uint8_t *copy = tiff_read_bytes(tiff, bytes, size);
    CHECK(copy != NULL && memcmp(copy, expected, size + 1) == 0,
          "other bytes than %s", expected);
    free(copy);
    CHECK(tiff_read_bytes(tiff, bytes, size - 1) == NULL, "no limit");
}

static void
test_tiled_images(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_tiled(kind);
        struct memory_source memory = source_of(&file);
        struct tiff_file tiff;
        struct tiff_directory directory;
        tiff_open(&tiff, &memory.source);
        if (CHECK(tiff_read_directory(&tiff, tiff.first_directory, &directory),
                  "%s", kinds[kind])) {
            check_tiled(&directory, kinds[kind]);
            check_table(&tiff, &directory.tile_offsets, &tiled[11]);
            check_table(&tiff, &directory.tile_byte_counts, &tiled[12]);
            check_bytes(&tiff, &directory.description, "slide\0", 6);
            check_bytes(&tiff, &directory.jpeg_tables, "\xff\xd8\xff\xd9", 4);
        }
    }
}

/* Values in the directory itself, of as many bytes as there is room for. */
static void
test_inline_tables(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        const unsigned types[] = {SHORT, LONG, LONG8};
        for (int i = 0; i < 3; i++) {
            unsigned room = kind & 2 ? 8 : 4;
            uint64_t count = room / size_of_type(types[i]);
            count = count == 0 ? 1 : count; /* LONG8 in classic TIFF */
            struct field fields[] = {
                {WIDTH, types[i], 1, {16 * count}},
                {HEIGHT, types[i], 1, {16}},
                {TILE_WIDTH, types[i], 1, {16}},
                {TILE_HEIGHT, types[i], 1, {16}},
                {TILE_OFFSETS, types[i], count, {11, 22, 33, 44}},
                {TILE_BYTE_COUNTS, types[i], count, {55, 66, 77, 88}},
            };
            struct written file = write_header(kind);
            struct tiff_directory directory;
            write_directory(&file, fields, 6);
            CHECK(read_first(&file, &directory) && directory.is_usable,
                  "%s, type %u", kinds[kind], types[i]);
            struct memory_source memory = source_of(&file);
            struct tiff_file tiff;
            tiff_open(&tiff, &memory.source);
            check_table(&tiff, &directory.tile_offsets, &fields[4]);
            check_table(&tiff, &directory.tile_byte_counts, &fields[5]);
        }
    }
}

/* A thumbnail, with nothing said that has a default. */
static void
test_strips(void)
{
    const struct field fields[] = {
        {WIDTH, SHORT, 1, {100}},
        {HEIGHT, SHORT, 1, {50}},
        {STRIP_OFFSETS, LONG, 1, {8}},
        {STRIP_BYTE_COUNTS, BYTE, 1, {8}}, /* odd, but it does not matter */
    };
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_header(kind);
        struct tiff_directory directory;
        write_directory(&file, fields, 4);
        if (!CHECK(read_first(&file, &directory), "%s", kinds[kind])) {
            continue;
        }
        CHECK(directory.is_usable && !directory.is_tiled &&
                  directory.width == 100 && directory.height == 50,
              "%s: unusable", kinds[kind]);
        CHECK(directory.compression == 1 && directory.photometric == 0 &&
                  directory.planar_configuration == 1 &&
                  directory.samples_per_pixel == 1 &&
                  directory.bits_per_sample == 1 &&
                  !directory.has_subfile_type && directory.subfile_type == 0,
              "%s: other defaults", kinds[kind]);
        CHECK(directory.description.count == 0 &&
                  directory.jpeg_tables.count == 0 &&
                  directory.tile_offsets.count == 0 &&
                  directory.tiles_across == 0,
              "%s: things that it has not", kinds[kind]);
    }
}

#define OVER_32_BITS (UINT64_C(1) << 32)

/* What replaces a field of the tiled image, or comes on top of them. */
static const struct variant {
    const char *name;
    struct field field;
    bool on_top;
    bool is_usable;
} variants[] = {
    {"LONG8", {WIDTH, LONG8, 1, {700}}, false, true},
    {"one number of bits", {BITS_PER_SAMPLE, SHORT, 1, {8}}, false, true},
    {"longer tables",
     {TILE_WIDTH, SHORT, 1, {400}}, /* of 2 x 2 tiles */
     false,
     true},
    {"an unknown field", {60000, 99, 7, {0}}, true, true},
    {"depth", {IMAGE_DEPTH, SLONG, 1, {1}}, true, true},
    {"depth of tiles", {TILE_DEPTH, LONG, 1, {1}}, true, true},

    {"a byte", {WIDTH, BYTE, 1, {70}}, false, false},
    {"a signed number", {TILE_WIDTH, SLONG, 1, {256}}, false, false},
    {"an offset", {TILE_OFFSETS, IFD8, 6, {1}}, false, false},
    {"no such type", {COMPRESSION, 99, 1, {7}}, false, false},
    {"two numbers", {WIDTH, SHORT, 2, {700, 700}}, false, false},
    {"no number", {WIDTH, SHORT, 0, {0}}, false, false},
    {"over 32 bits", {WIDTH, LONG8, 1, {OVER_32_BITS + 700}}, false, false},
    {"bits over 32 bits",
     {BITS_PER_SAMPLE, LONG8, 1, {OVER_32_BITS + 8}},
     false,
     false},
    {"no width", {WIDTH, SHORT, 1, {0}}, false, false},
    {"no height", {HEIGHT, SHORT, 1, {0}}, false, false},
    {"no tile width", {TILE_WIDTH, SHORT, 1, {0}}, false, false},
    {"no tile height", {TILE_HEIGHT, SHORT, 1, {0}}, false, false},
    {"smaller tiles", {TILE_HEIGHT, SHORT, 1, {200}}, false, false},
    {"fewer offsets", {TILE_OFFSETS, LONG, 5, {1}}, false, false},
    {"fewer counts", {TILE_BYTE_COUNTS, LONG, 5, {1}}, false, false},
    {"too few bits", {BITS_PER_SAMPLE, SHORT, 2, {8, 8}}, false, false},
    {"signed text", {DESCRIPTION, BYTE, 6, {'a'}}, false, true},
    {"tables of text", {JPEG_TABLES, ASCII, 4, {0xff}}, false, false},
    {"a second width", {WIDTH, LONG, 1, {701}}, true, true},
    {"a second table", {TILE_OFFSETS, LONG, 5, {1}}, true, true},
    {"an odd second width", {WIDTH, ASCII, 0, {0}}, true, true},
    {"strips too", {STRIP_OFFSETS, LONG, 1, {8}}, true, false},
    {"counts of strips", {STRIP_BYTE_COUNTS, LONG, 1, {8}}, true, false},
    {"a table past the end",
     {TILE_OFFSETS, LONG, UINT32_MAX, {0}},
     false,
     false},
    {"text past the end", {DESCRIPTION, ASCII, 1 << 20, {0}}, false, true},
};

static unsigned
apply(const struct variant *variant, struct field *fields)
{
    memcpy(fields, tiled, sizeof tiled);
    if (variant->on_top) {
        fields[TILED_FIELDS] = variant->field;
        return TILED_FIELDS + 1;
    }
    for (unsigned i = 0; i < TILED_FIELDS; i++) {
        if (fields[i].tag == variant->field.tag) {
            fields[i] = variant->field;
        }
    }
    return TILED_FIELDS;
}

static void
test_variants(void)
{
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            struct field fields[MAX_FIELDS];
            unsigned count = apply(&variants[i], fields);
            struct written file = write_header(kind);
            struct tiff_directory directory;
            write_directory(&file, fields, count);
            CHECK(read_first(&file, &directory) && directory.is_tiled &&
                      directory.is_usable == variants[i].is_usable,
                  "%s: %s", kinds[kind], variants[i].name);
            CHECK(!variants[i].on_top || !directory.is_usable ||
                      (directory.width == 700 &&
                       directory.tile_offsets.count == 6),
                  "%s: the first does not count", variants[i].name);
        }
    }
}

static bool
is_description(const struct tiff_file *tiff, const struct tiff_bytes *bytes,
               const char *expected)
{
    char *text = (char *)tiff_read_bytes(tiff, bytes, 99);
    bool is_equal = expected == NULL
                        ? text == NULL
                        : text != NULL && strcmp(text, expected) == 0;
    free(text);
    return is_equal;
}

/* Libraries differ in which of several they take. */
static void
test_descriptions(void)
{
    static const struct {
        struct field second;
        const char *last;
    } cases[] = {
        {{DESCRIPTION, ASCII, 2, {'z', 0}}, "z"},
        {{DESCRIPTION, BYTE, 2, {'z', 0}}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct field fields[MAX_FIELDS] = {
            {WIDTH, SHORT, 1, {70}},
            {HEIGHT, SHORT, 1, {50}},
            {DESCRIPTION, ASCII, 2, {'a', 0}},
            cases[i].second,
        };
        struct written file = write_header(0);
        struct memory_source memory;
        struct tiff_file tiff;
        struct tiff_directory directory;
        write_directory(&file, fields, 4);
        memory = source_of(&file);
        CHECK(
            tiff_open(&tiff, &memory.source) &&
                tiff_read_directory(&tiff, tiff.first_directory, &directory) &&
                directory.is_usable &&
                is_description(&tiff, &directory.description, "a") &&
                is_description(&tiff, &directory.last_description,
                               cases[i].last),
            "case %zu", i);
    }
}

static void
test_missing_fields(void)
{
    const unsigned needed[] = {WIDTH,       HEIGHT,       TILE_WIDTH,
                               TILE_HEIGHT, TILE_OFFSETS, TILE_BYTE_COUNTS};
    for (int i = 0; i < 6; i++) {
        struct field fields[TILED_FIELDS];
        unsigned count = 0;
        for (unsigned k = 0; k < TILED_FIELDS; k++) {
            if (tiled[k].tag != needed[i]) {
                fields[count++] = tiled[k];
            }
        }
        struct written file = write_header(0);
        struct tiff_directory directory;
        write_directory(&file, fields, count);
        CHECK(read_first(&file, &directory) && directory.is_tiled &&
                  !directory.is_usable,
              "usable without %u", needed[i]);
    }
}

/* Each alone is enough to say that samples are other than they look. */
static void
test_unusual_samples(void)
{
    static const struct {
        struct field field;
        bool is_usual;
    } cases[] = {
        {{266, SHORT, 1, {1}}, true},
        {{266, SHORT, 1, {2}}, false},
        {{274, SHORT, 1, {1}}, true},
        {{274, SHORT, 1, {8}}, false},
        {{338, SHORT, 1, {0}}, false},
        {{339, SHORT, 3, {1, 1, 1}}, true},
        {{339, SHORT, 3, {1, 1, 2}}, false},
        {{339, ASCII, 1, {1}}, false},
        {{339, SHORT, 99999, {1}}, false},
        {{32997, LONG, 1, {1}}, true},
        {{32997, LONG, 1, {2}}, false},
        {{32998, LONG, 1, {1}}, true},
        {{32998, LONG, 1, {3}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            const struct variant variant = {"", cases[i].field, true, true};
            struct field fields[MAX_FIELDS];
            struct written file = write_header(kind);
            struct tiff_directory directory;
            write_directory(&file, fields, apply(&variant, fields));
            CHECK(read_first(&file, &directory) && directory.is_usable &&
                      directory.predictor == TIFF_PREDICTOR_NONE &&
                      directory.has_usual_samples == cases[i].is_usual,
                  "%s: case %zu", kinds[kind], i);
        }
    }
}

static void
test_samples_of_different_bits(void)
{
    const struct variant differing = {
        "", {BITS_PER_SAMPLE, SHORT, 3, {8, 8, 16}}, false, true};
    struct field fields[MAX_FIELDS];
    struct written file = write_header(0);
    struct tiff_directory directory;
    write_directory(&file, fields, apply(&differing, fields));
    CHECK(read_first(&file, &directory) && directory.is_usable &&
              directory.bits_per_sample == 0,
          "one number of bits");
}

static void
test_directories_in_order(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_header(kind);
        for (uint64_t i = 1; i <= 3; i++) {
            struct field fields[] = {{WIDTH, SHORT, 1, {i}},
                                     {HEIGHT, SHORT, 1, {1}}};
            write_directory(&file, fields, 2);
        }
        struct memory_source memory = source_of(&file);
        struct tiff_file tiff;
        size_t count = 0;
        tiff_open(&tiff, &memory.source);
        struct tiff_directory *all = tiff_read_directories(&tiff, &count);
        CHECK(all != NULL && count == 3, "%s: %d", kinds[kind], (int)count);
        for (size_t i = 0; i < count; i++) {
            CHECK(all[i].width == i + 1, "%s: number %d", kinds[kind], (int)i);
        }
        free(all);
    }
}

static void
check_no_directories(const struct written *file, const char *why)
{
    struct memory_source memory = source_of(file);
    struct tiff_file tiff;
    size_t count;
    CHECK(tiff_open(&tiff, &memory.source), "no TIFF");
    CHECK(tiff_read_directories(&tiff, &count) == NULL, "%s", why);
    CHECK(!memory.strayed, "%s: read beyond the end", why);
}

static void
test_directories_without_end(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_header(kind);
        check_no_directories(&file, "no directory");
        size_t first = write_directory(&file, tiled, TILED_FIELDS);
        size_t second = write_directory(&file, tiled, TILED_FIELDS);
        const uint64_t next[] = {
            first,     second,         second + 1,    file.link,
            file.size, file.size + 99, UINT32_MAX,    UINT64_MAX,
            INT64_MAX, UINT64_MAX - 8, file.size - 1, 1,
        };
        for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
            put(&file, file.link, next[i], offset_size(&file));
            check_no_directories(&file, kinds[kind]);
        }
    }
}

/* A directory is at most 4096 entries long, and not empty. */
static void
test_numbers_of_entries(void)
{
    static const uint64_t counts[] = {0,          4097,       65535,
                                      UINT32_MAX, UINT64_MAX, UINT64_MAX / 20};
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            struct written file = write_header(kind);
            size_t start = write_directory(&file, tiled, TILED_FIELDS);
            struct tiff_directory directory;
            put(&file, start, counts[i], file.big_tiff ? 8 : 2);
            CHECK(!read_first(&file, &directory), "%s: %d", kinds[kind],
                  (int)i);
            check_no_directories(&file, kinds[kind]);
        }
    }
}

/* Sums and products that only seem to lie within the file, in both tables. */
static void
test_overflows(void)
{
    const uint64_t top = UINT64_C(1) << 63;
    const uint64_t counts[] = {UINT64_MAX, INT64_MAX,   top,
                               top / 2,    top / 4 + 6, UINT64_MAX / 8 + 7};
    const uint64_t offsets[] = {0, 16, 64, top, UINT64_MAX, UINT64_MAX - 15};
    const unsigned types[] = {SHORT, LONG, LONG8};
    for (int i = 0; i < 6 * 6 * 3; i++) {
        struct written file = write_tiled(2);
        struct tiff_directory directory;
        for (unsigned table = 3; table <= 4; table++) { /* from the end */
            size_t entry = file.size - 8 - 20 * table;
            put(&file, entry + 2, types[i / 36], 2);
            put(&file, entry + 4, counts[i / 6 % 6], 8);
            put(&file, entry + 12, offsets[i % 6], 8);
        }
        CHECK(read_first(&file, &directory) && !directory.is_usable, "case %d",
              i);
    }
}

/* Of a file that ends too early, nothing is read beyond the end, and what
   lies beyond is not said to be there. */
static void
test_truncated_files(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct written file = write_header(kind);
        write_directory(&file, tiled, TILED_FIELDS);
        write_directory(&file, tiled, TILED_FIELDS);
        struct guarded guarded = guarded_alloc(file.size);
        for (size_t size = 0; size < file.size; size++) {
            uint8_t *bytes = guarded.end - size;
            memcpy(bytes, file.bytes, size);
            struct memory_source memory = memory_source_of(bytes, size);
            struct tiff_file tiff;
            size_t count;
            CHECK(!tiff_open(&tiff, &memory.source) ||
                      tiff_read_directories(&tiff, &count) == NULL,
                  "%s: all of it in %d bytes", kinds[kind], (int)size);
            CHECK(!memory.strayed, "%s: strayed", kinds[kind]);
        }
        guarded_free(guarded);
    }
}

static void
test_failing_reads(void)
{
    struct written file = write_tiled(0);
    struct memory_source memory = source_of(&file);
    struct tiff_file tiff;
    struct tiff_directory directory;
    int64_t limit = 0;
    do {
        memory.reads = 0;
        memory.limit = limit++;
    } while (!tiff_open(&tiff, &memory.source) ||
             !tiff_read_directory(&tiff, tiff.first_directory, &directory) ||
             !directory.is_usable);
    CHECK(limit > 10, "usable after %d reads", (int)limit);
    check_tiled(&directory, "after failures");
    uint64_t number;
    struct tiff_zeros zeros;
    CHECK(!tiff_table_number(&tiff, &directory.tile_offsets, 0, &number) &&
              !tiff_table_find_zeros(&tiff, &directory.tile_offsets, 6,
                                     UINT64_MAX, &zeros) &&
              tiff_read_bytes(&tiff, &directory.description, 99) == NULL,
          "read without reading");
}

/* Whether zeros are found exactly there, as far as the limit goes. */
static bool
finds_zeros(const struct tiff_file *tiff, const struct tiff_table *table,
            uint64_t count, uint64_t limit, const uint64_t *expected,
            uint64_t expected_count)
{
    struct tiff_zeros zeros;
    bool found =
        tiff_table_find_zeros(tiff, table, count, limit, &zeros) &&
        zeros.count == expected_count &&
        (expected_count == 0
             ? zeros.indices == NULL
             : memcmp(zeros.indices, expected,
                      (size_t)expected_count * sizeof *expected) == 0);
    free(zeros.indices);
    return found;
}

/* Tables of several blocks, with zeros anywhere. */
static void
test_zeros(void)
{
    enum { COUNT = 3000, FEW = 5 };
    static uint8_t bytes[8 * COUNT + 1];
    struct memory_source memory = memory_source_of(bytes, sizeof bytes);
    const struct tiff_file tiff = {.source = &memory.source};
    const uint64_t some[FEW] = {0, 1, 700, 2047, COUNT - 1};
    for (unsigned size = 2; size <= 8; size *= 2) {
        struct tiff_table table = {COUNT, 1, size};
        memset(bytes, 0, sizeof bytes);
        for (unsigned i = 0; i < COUNT; i++) {
            bytes[1 + i * size + i % size] = 1;
        }
        CHECK(finds_zeros(&tiff, &table, COUNT, UINT64_MAX, NULL, 0),
              "a zero of %u bytes", size);
        for (uint64_t i = 0; i < COUNT; i++) {
            bytes[1 + i * size + i % size] = 0;
            CHECK(finds_zeros(&tiff, &table, COUNT, UINT64_MAX, &i, 1),
                  "%u is not found", (unsigned)i);
            CHECK(finds_zeros(&tiff, &table, i, UINT64_MAX, NULL, 0),
                  "%u is found too early", (unsigned)i);
            bytes[1 + i * size + i % size] = 1;
        }
        for (unsigned i = 0; i < FEW; i++) {
            bytes[1 + some[i] * size + some[i] % size] = 0;
        }
        for (unsigned limit = 0; limit <= FEW; limit++) {
            CHECK(finds_zeros(&tiff, &table, COUNT, limit, some, limit),
                  "not the first %u", limit);
        }
        struct tiff_zeros zeros;
        CHECK(!tiff_table_find_zeros(&tiff, &table, COUNT + 1, UINT64_MAX,
                                     &zeros) &&
                  zeros.indices == NULL,
              "more than there are");
    }
    struct tiff_table beyond = {1, sizeof bytes - 7, 8};
    struct tiff_zeros zeros;
    CHECK(!tiff_table_find_zeros(&tiff, &beyond, 1, UINT64_MAX, &zeros),
          "past the end");
    CHECK(!memory.strayed, "strayed");
}

int
main(void)
{
    check_run("unusual samples", test_unusual_samples);
    check_run("headers", test_headers);
    check_run("tiled images", test_tiled_images);
    check_run("inline tables", test_inline_tables);
    check_run("strips", test_strips);
    check_run("variants", test_variants);
    check_run("descriptions", test_descriptions);
    check_run("missing fields", test_missing_fields);
    check_run("samples of different bits", test_samples_of_different_bits);
    check_run("directories in order", test_directories_in_order);
    check_run("directories without end", test_directories_without_end);
    check_run("numbers of entries", test_numbers_of_entries);
    check_run("overflows", test_overflows);
    check_run("truncated files", test_truncated_files);
    check_run("failing reads", test_failing_reads);
    check_run("zeros", test_zeros);
    return check_finish();
}
