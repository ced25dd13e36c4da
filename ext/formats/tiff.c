#include "tiff.h"

#include "system/lengths.h"

#include <stdlib.h>

enum { TYPE_BYTE = 1, TYPE_ASCII = 2, TYPE_SHORT = 3, TYPE_LONG = 4 };
enum { TYPE_UNDEFINED = 7, TYPE_LONG8 = 16 };

/* More than these are no slide; libtiff bounds the entries likewise. */
enum { MAX_ENTRIES = 4096, MAX_DIRECTORIES = 1024 };

enum { MAX_SAMPLES = 16 };

/* How much of a table is read at once. */
enum { BLOCK_BYTES = 4096 };

/* What differs between classic TIFF and BigTIFF: sizes in bytes. */
struct tiff_sizes {
    unsigned header;
    unsigned entry_count; /* the number in front of the entries */
    unsigned entry;
    unsigned offset; /* an offset, a count of values, or a value field */
};

static const struct tiff_sizes classic_layout = {8, 2, 12, 4};
static const struct tiff_sizes big_layout = {16, 8, 20, 8};

/* One entry of a directory: so many values of a type. */
struct entry {
    unsigned tag, type;
    uint64_t count;
    uint64_t place; /* of the value field */
    uint64_t field; /* what this holds, if it is an offset */
};

/* A directory being read. */
struct tiff_reading {
    const struct tiff_file *file;
    struct tiff_directory directory;
    struct tiff_table bits_per_sample;
    uint32_t seen; /* a bit for each of the fields below */
    bool is_odd;
};

enum tiff_field_kind {
    KIND_NUMBER,
    KIND_TABLE,
    KIND_DESCRIPTION,
    KIND_BYTES,
    KIND_XML,
    KIND_ONE,  /* which all values are, in what has_usual_samples */
    KIND_NONE, /* which is not there at all then */
    KIND_ANY,
};

enum {
    SUBFILE_TYPE,
    WIDTH,
    HEIGHT,
    BITS_PER_SAMPLE,
    COMPRESSION,
    PHOTOMETRIC,
    DESCRIPTION,
    STRIP_OFFSETS,
    SAMPLES_PER_PIXEL,
    STRIP_BYTE_COUNTS,
    PLANAR_CONFIGURATION,
    TILE_WIDTH,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_BYTE_COUNTS,
    JPEG_TABLES,
    XML_PACKET,
    FILL_ORDER,
    ORIENTATION,
    PREDICTOR,
    EXTRA_SAMPLES,
    SAMPLE_FORMAT,
    IMAGE_DEPTH,
    TILE_DEPTH,
    FIELD_COUNT,
};

#define TO(member) offsetof(struct tiff_reading, member)

static const struct {
    uint16_t tag;
    enum tiff_field_kind kind;
    size_t target; /* uint32_t, struct tiff_table or struct tiff_bytes */
} fields[FIELD_COUNT] = {
    [SUBFILE_TYPE] = {254, KIND_NUMBER, TO(directory.subfile_type)},
    [WIDTH] = {256, KIND_NUMBER, TO(directory.width)},
    [HEIGHT] = {257, KIND_NUMBER, TO(directory.height)},
    [BITS_PER_SAMPLE] = {258, KIND_TABLE, TO(bits_per_sample)},
    [COMPRESSION] = {259, KIND_NUMBER, TO(directory.compression)},
    [PHOTOMETRIC] = {262, KIND_NUMBER, TO(directory.photometric)},
    [DESCRIPTION] = {270, KIND_DESCRIPTION, 0},
    [STRIP_OFFSETS] = {273, KIND_ANY, 0},
    [SAMPLES_PER_PIXEL] = {277, KIND_NUMBER, TO(directory.samples_per_pixel)},
    [STRIP_BYTE_COUNTS] = {279, KIND_ANY, 0},
    [PLANAR_CONFIGURATION] = {284, KIND_NUMBER,
                              TO(directory.planar_configuration)},
    [TILE_WIDTH] = {322, KIND_NUMBER, TO(directory.tile_width)},
    [TILE_HEIGHT] = {323, KIND_NUMBER, TO(directory.tile_height)},
    [TILE_OFFSETS] = {324, KIND_TABLE, TO(directory.tile_offsets)},
    [TILE_BYTE_COUNTS] = {325, KIND_TABLE, TO(directory.tile_byte_counts)},
    [JPEG_TABLES] = {347, KIND_BYTES, TO(directory.jpeg_tables)},
    [XML_PACKET] = {700, KIND_XML, 0},
    [FILL_ORDER] = {266, KIND_ONE, 0},
    [ORIENTATION] = {274, KIND_ONE, 0},
    [PREDICTOR] = {317, KIND_NUMBER, TO(directory.predictor)},
    [EXTRA_SAMPLES] = {338, KIND_NONE, 0},
    [SAMPLE_FORMAT] = {339, KIND_ONE, 0},
    [IMAGE_DEPTH] = {32997, KIND_ONE, 0},
    [TILE_DEPTH] = {32998, KIND_ONE, 0},
};

#undef TO

/* Numbers */

static const struct tiff_sizes *
layout_of(const struct tiff_file *file)
{
    return file->big_tiff ? &big_layout : &classic_layout;
}

static uint64_t
number_at(const struct tiff_file *file, const uint8_t *bytes, unsigned size)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++) {
        number = number << 8 | bytes[file->big_endian ? i : size - 1 - i];
    }
    return number;
}

static bool
read_number(const struct tiff_file *file, uint64_t offset, unsigned size,
            uint64_t *number)
{
    uint8_t bytes[8];
    if (!source_read(file->source, offset, bytes, size)) {
        return false;
    }
    *number = number_at(file, bytes, size);
    return true;
}

bool
tiff_open(struct tiff_file *file, const struct source *source)
{
    uint8_t header[16];
    if (!source_read(source, 0, header, classic_layout.header) ||
        header[0] != header[1] || (header[0] != 'I' && header[0] != 'M')) {
        return false;
    }
    *file =
        (struct tiff_file){.source = source, .big_endian = header[0] == 'M'};
    uint64_t version = number_at(file, header + 2, 2);
    file->big_tiff = version == 43;
    if (version == 42) {
        file->first_directory = number_at(file, header + 4, 4);
        return true;
    }
    if (!file->big_tiff ||
        !source_read(source, 0, header, big_layout.header) ||
        number_at(file, header + 4, 2) != big_layout.offset ||
        number_at(file, header + 6, 2) != 0) {
        return false;
    }
    file->first_directory = number_at(file, header + 8, 8);
    return true;
}

/* Fields */

static struct entry
entry_at(const struct tiff_file *file, const uint8_t *bytes, uint64_t offset)
{
    unsigned size = layout_of(file)->offset;
    return (struct entry){
        .tag = (unsigned)number_at(file, bytes, 2),
        .type = (unsigned)number_at(file, bytes + 2, 2),
        .count = number_at(file, bytes + 4, size),
        .place = offset + 4 + size,
        .field = number_at(file, bytes + 4 + size, size),
    };
}

/* Where the values of an entry are: in its value field if they fit. */
static bool
locate_values(const struct tiff_file *file, const struct entry *entry,
              unsigned value_size, uint64_t *offset)
{
    if (entry->count == 0 || entry->count > UINT64_MAX / value_size) {
        return false;
    }
    uint64_t size = entry->count * value_size;
    *offset = size <= layout_of(file)->offset ? entry->place : entry->field;
    return source_has(file->source, *offset, size);
}

static unsigned
number_size(unsigned type)
{
    switch (type) {
    case TYPE_SHORT:
        return 2;
    case TYPE_LONG:
        return 4;
    case TYPE_LONG8:
        return 8;
    default:
        return 0;
    }
}

static bool
take_table(const struct tiff_file *file, const struct entry *entry,
           struct tiff_table *table)
{
    unsigned size = number_size(entry->type);
    uint64_t offset;
    if (size == 0 || !locate_values(file, entry, size, &offset)) {
        return false;
    }
    *table = (struct tiff_table){entry->count, offset, size};
    return true;
}

static bool
take_number(const struct tiff_file *file, const struct entry *entry,
            uint32_t *target)
{
    struct tiff_table table;
    uint64_t number;
    if (!take_table(file, entry, &table) || table.count != 1 ||
        !tiff_table_number(file, &table, 0, &number) || number > UINT32_MAX) {
        return false;
    }
    *target = (uint32_t)number;
    return true;
}

static bool
take_bytes(const struct tiff_file *file, const struct entry *entry,
           struct tiff_bytes *bytes)
{
    uint64_t offset;
    if (!locate_values(file, entry, 1, &offset)) {
        return false;
    }
    *bytes = (struct tiff_bytes){entry->count, offset};
    return true;
}

/* Some readers take the first description, others the last; it matters to few
   what it says, so an odd one is none. */
static void
take_description(struct tiff_reading *reading, const struct entry *entry)
{
    struct tiff_directory *directory = &reading->directory;
    directory->last_description = (struct tiff_bytes){0};
    if (entry->type == TYPE_ASCII) {
        take_bytes(reading->file, entry, &directory->last_description);
    }
    if (!(reading->seen >> DESCRIPTION & 1)) {
        directory->description = directory->last_description;
    }
}

/* The same for the documents of some vendors, of which the last counts. */
static void
take_xml_packet(struct tiff_reading *reading, const struct entry *entry)
{
    reading->directory.xml_packet = (struct tiff_bytes){0};
    if (entry->type == TYPE_BYTE || entry->type == TYPE_UNDEFINED) {
        take_bytes(reading->file, entry, &reading->directory.xml_packet);
    }
}

static bool
are_ones(const struct tiff_file *file, const struct entry *entry)
{
    struct tiff_table table;
    uint64_t number;
    if (!take_table(file, entry, &table) || table.count > MAX_SAMPLES) {
        return false;
    }
    for (uint64_t i = 0; i < table.count; i++) {
        if (!tiff_table_number(file, &table, i, &number) || number != 1) {
            return false;
        }
    }
    return true;
}

/* False where the entry is unusual. */
static bool
take_field(struct tiff_reading *reading, const struct entry *entry,
           unsigned field)
{
    void *target = (uint8_t *)reading + fields[field].target;
    switch (fields[field].kind) {
    case KIND_NUMBER:
        return take_number(reading->file, entry, target);
    case KIND_TABLE:
        return take_table(reading->file, entry, target);
    case KIND_DESCRIPTION:
        take_description(reading, entry);
        return true;
    case KIND_XML:
        take_xml_packet(reading, entry);
        return true;
    case KIND_BYTES:
        return (entry->type == TYPE_UNDEFINED || entry->type == TYPE_BYTE) &&
               take_bytes(reading->file, entry, target);
    case KIND_ONE:
        reading->directory.has_usual_samples &= are_ones(reading->file, entry);
        return true;
    case KIND_NONE:
        reading->directory.has_usual_samples = false;
        return true;
    default:
        return true;
    }
}

static bool
has_seen(const struct tiff_reading *reading, unsigned field)
{
    return reading->seen >> field & 1;
}

static void
take_if_known(struct tiff_reading *reading, const struct entry *entry)
{
    for (unsigned field = 0; field < FIELD_COUNT; field++) {
        if (fields[field].tag == entry->tag) {
            if (!has_seen(reading, field) || field == DESCRIPTION ||
                field == XML_PACKET) {
                reading->is_odd |= !take_field(reading, entry, field);
            }
            reading->seen |= UINT32_C(1) << field;
            return;
        }
    }
}

/* Directories */

/* One number says it for all samples, as libtiff has it too. */
static bool
take_bits_per_sample(struct tiff_reading *reading)
{
    const struct tiff_table *bits = &reading->bits_per_sample;
    uint64_t first, other;
    if (!has_seen(reading, BITS_PER_SAMPLE)) {
        return true;
    }
    if ((bits->count != 1 &&
         bits->count != reading->directory.samples_per_pixel) ||
        bits->count > MAX_SAMPLES ||
        !tiff_table_number(reading->file, bits, 0, &first) ||
        first > UINT32_MAX) {
        return false;
    }
    reading->directory.bits_per_sample = (uint32_t)first;
    for (uint64_t i = 1; i < bits->count; i++) {
        if (!tiff_table_number(reading->file, bits, i, &other)) {
            return false;
        }
        if (other != first) {
            reading->directory.bits_per_sample = 0;
        }
    }
    return true;
}

/* Whether the tables have a place for each tile, and nothing speaks of strips,
   for which libtiff would take the same tables. */
static bool
take_grid(struct tiff_reading *reading)
{
    struct tiff_directory *directory = &reading->directory;
    if (directory->tile_width == 0 || directory->tile_height == 0 ||
        has_seen(reading, STRIP_OFFSETS) ||
        has_seen(reading, STRIP_BYTE_COUNTS)) {
        return false;
    }
    directory->tiles_across =
        (uint32_t)quotient_up(directory->width, directory->tile_width);
    directory->tiles_down =
        (uint32_t)quotient_up(directory->height, directory->tile_height);
    uint64_t tiles = (uint64_t)directory->tiles_across * directory->tiles_down;
    return directory->tile_offsets.count ==
               directory->tile_byte_counts.count &&
           directory->tile_offsets.count >= tiles;
}

static void
finish(struct tiff_reading *reading)
{
    struct tiff_directory *directory = &reading->directory;
    directory->has_subfile_type = has_seen(reading, SUBFILE_TYPE);
    directory->is_tiled =
        has_seen(reading, TILE_WIDTH) || has_seen(reading, TILE_HEIGHT) ||
        has_seen(reading, TILE_OFFSETS) || has_seen(reading, TILE_BYTE_COUNTS);
    directory->is_usable = !reading->is_odd && take_bits_per_sample(reading) &&
                           directory->width > 0 && directory->height > 0 &&
                           (!directory->is_tiled || take_grid(reading));
}

/* All entries of a directory, with the offset of the next one after them, to
   be freed; NULL where there are none. */
static uint8_t *
read_entries(const struct tiff_file *file, uint64_t offset, uint64_t *count)
{
    const struct tiff_sizes *layout = layout_of(file);
    if (!read_number(file, offset, layout->entry_count, count) ||
        *count == 0 || *count > MAX_ENTRIES) {
        return NULL;
    }
    size_t size = (size_t)*count * layout->entry + layout->offset;
    uint8_t *entries = malloc(size);
    if (entries != NULL &&
        !source_read(file->source, offset + layout->entry_count, entries,
                     size)) {
        free(entries);
        entries = NULL;
    }
    return entries;
}

bool
tiff_read_directory(const struct tiff_file *file, uint64_t offset,
                    struct tiff_directory *directory)
{
    const struct tiff_sizes *layout = layout_of(file);
    uint64_t count;
    uint8_t *entries = read_entries(file, offset, &count);
    if (entries == NULL) {
        return false;
    }
    struct tiff_reading reading = {
        .file = file,
        .directory = {.compression = TIFF_COMPRESSION_NONE,
                      .planar_configuration = TIFF_PLANAR_CONTIGUOUS,
                      .samples_per_pixel = 1,
                      .bits_per_sample = 1,
                      .predictor = TIFF_PREDICTOR_NONE,
                      .has_usual_samples = true},
    };
    size_t position = 0;
    for (uint64_t i = 0; i < count; i++, position += layout->entry) {
        struct entry entry = entry_at(file, entries + position,
                                      offset + layout->entry_count + position);
        take_if_known(&reading, &entry);
    }
    finish(&reading);
    reading.directory.next =
        number_at(file, entries + position, layout->offset);
    free(entries);
    *directory = reading.directory;
    return true;
}

struct tiff_directory *
tiff_read_directories(const struct tiff_file *file, size_t *count)
{
    struct tiff_directory *directories = NULL;
    uint64_t next = file->first_directory;
    /* A cycle has no end, so the bound finds it. */
    for (*count = 0; next != 0; ++*count) {
        struct tiff_directory *grown =
            *count == MAX_DIRECTORIES
                ? NULL
                : realloc(directories, (*count + 1) * sizeof *directories);
        if (grown == NULL) {
            break;
        }
        directories = grown;
        if (!tiff_read_directory(file, next, &directories[*count])) {
            break;
        }
        next = directories[*count].next;
    }
    if (next != 0) {
        free(directories);
        return NULL;
    }
    return directories;
}

/* Values */

bool
tiff_table_number(const struct tiff_file *file, const struct tiff_table *table,
                  uint64_t index, uint64_t *number)
{
    return index < table->count &&
           read_number(file, table->offset + index * table->number_size,
                       table->number_size, number);
}

/* One more; false where there is no memory. */
static bool
append_zero(struct tiff_zeros *zeros, uint64_t index)
{
    uint64_t count = zeros->count;
    if ((count & (count - 1)) == 0) { /* full: room is a power of two */
        uint64_t room = count == 0 ? 1 : 2 * count;
        uint64_t *grown =
            room > SIZE_MAX / sizeof *grown
                ? NULL
                : realloc(zeros->indices, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        zeros->indices = grown;
    }
    zeros->indices[zeros->count++] = index;
    return true;
}

/* Those of one block, which has `count` numbers from `first` on. */
static bool
append_zeros_of_block(const struct tiff_file *file,
                      const struct tiff_table *table, uint64_t first,
                      size_t count, uint64_t limit, struct tiff_zeros *zeros)
{
    const unsigned size = table->number_size;
    uint8_t block[BLOCK_BYTES];
    bool complete = source_read(file->source, table->offset + first * size,
                                block, count * size);
    for (size_t i = 0; complete && i < count && zeros->count < limit; i++) {
        if (number_at(file, block + i * size, size) == 0) {
            complete = append_zero(zeros, first + i);
        }
    }
    return complete;
}

bool
tiff_table_find_zeros(const struct tiff_file *file,
                      const struct tiff_table *table, uint64_t count,
                      uint64_t limit, struct tiff_zeros *zeros)
{
    bool complete = count <= table->count;
    *zeros = (struct tiff_zeros){0};
    for (uint64_t done = 0;
         complete && done < count && zeros->count < limit;) {
        uint64_t left = count - done, most = BLOCK_BYTES / table->number_size;
        size_t numbers = (size_t)(left < most ? left : most);
        complete =
            append_zeros_of_block(file, table, done, numbers, limit, zeros);
        done += numbers;
    }
    if (!complete) {
        free(zeros->indices);
        *zeros = (struct tiff_zeros){0};
    }
    return complete;
}

uint8_t *
tiff_read_bytes(const struct tiff_file *file, const struct tiff_bytes *bytes,
                size_t limit)
{
    if (bytes->count == 0 || bytes->count > limit ||
        !source_has(file->source, bytes->offset, bytes->count)) {
        return NULL;
    }
    size_t size = (size_t)bytes->count;
    uint8_t *copy = calloc(1, size + 1);
    if (copy != NULL &&
        !source_read(file->source, bytes->offset, copy, size)) {
        free(copy);
        return NULL;
    }
    return copy;
}
