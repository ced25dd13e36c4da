#include "formats/ndpi.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_SHORT = 3, TYPE_LONG = 4, TYPE_SLONG = 9, TYPE_FLOAT = 11 };

/* More than these are no slide, as in formats/tiff.c. */
enum { MAX_ENTRIES = 4096, MAX_DIRECTORIES = 1024 };

/* In bytes: a directory is the number of its entries, the entries, the offset
   of the next directory, and the high halves of the entries' values. */
enum { COUNT_BYTES = 2, ENTRY_BYTES = 12, LINK_BYTES = 8, HIGH_BYTES = 4 };

/* Of a number in a table. */
enum { NUMBER_BYTES = 4 };

/* How many numbers of a table are read at once. */
enum { BLOCK_NUMBERS = 1024 };

/* One entry of a directory: so many values of a type. */
struct ndpi_entry {
    unsigned tag, type;
    uint32_t count;
    uint64_t value; /* or the offset of the values, where they do not fit */
};

enum ndpi_field_kind {
    KIND_NUMBER, /* of 32 bits */
    KIND_OFFSET, /* of 64 bits */
    KIND_SIGNED,
    KIND_FLOAT,
    KIND_TABLE,
    KIND_ALIEN, /* what the images of slides do not have */
};

enum {
    WIDTH,
    HEIGHT,
    STRIP_OFFSETS,
    STRIP_BYTE_COUNTS,
    TILE_OFFSETS,
    LENS,
    FOCAL_PLANE,
    STARTS,
    HIGH_STARTS,
    FIELD_COUNT,
};

/* What a level cannot do without. */
static const uint32_t NEEDED = 1u << WIDTH | 1u << HEIGHT |
                               1u << STRIP_OFFSETS | 1u << STRIP_BYTE_COUNTS |
                               1u << LENS;

#define TO(member) offsetof(struct ndpi_directory, member)

static const struct {
    uint16_t tag;
    enum ndpi_field_kind kind;
    size_t target; /* of the type that belongs to the kind */
} fields[FIELD_COUNT] = {
    [WIDTH] = {256, KIND_NUMBER, TO(width)},
    [HEIGHT] = {257, KIND_NUMBER, TO(height)},
    [STRIP_OFFSETS] = {273, KIND_OFFSET, TO(strip_offset)},
    [STRIP_BYTE_COUNTS] = {279, KIND_OFFSET, TO(strip_size)},
    [TILE_OFFSETS] = {324, KIND_ALIEN, 0},
    [LENS] = {65421, KIND_FLOAT, TO(lens)},
    [FOCAL_PLANE] = {65424, KIND_SIGNED, TO(focal_plane)},
    [STARTS] = {65426, KIND_TABLE, TO(starts)},
    [HIGH_STARTS] = {65432, KIND_TABLE, TO(high_starts)},
};

#undef TO

/* Numbers */

static uint64_t
ndpi_number_at(const uint8_t *bytes, unsigned size)
{
    uint64_t number = 0;
    for (unsigned i = size; i-- > 0;) {
        number = number << 8 | bytes[i];
    }
    return number;
}

bool
ndpi_is_tiff(const struct source *source)
{
    uint8_t mark[4];
    return source_read(source, 0, mark, sizeof mark) &&
           (memcmp(mark, "II*\0", 4) == 0 || memcmp(mark, "MM\0*", 4) == 0);
}

/* Fields */

/* Only LONG and SLONG take the high half, which makes them 64 bits long. */
static bool
take_value(const struct ndpi_entry *entry, unsigned field, void *target)
{
    uint32_t low = (uint32_t)entry->value;
    bool is_short = entry->type == TYPE_SHORT;
    if (entry->count != 1) {
        return false;
    }
    switch (fields[field].kind) {
    case KIND_NUMBER:
        low = is_short ? low & 0xffff : low;
        memcpy(target, &low, sizeof low);
        return (is_short || entry->type == TYPE_LONG) &&
               entry->value <= UINT32_MAX;
    case KIND_OFFSET:
        memcpy(target, &entry->value, sizeof entry->value);
        return entry->type == TYPE_LONG;
    case KIND_SIGNED:
        memcpy(target, &low, sizeof low);
        return entry->type == TYPE_SLONG && entry->value <= UINT32_MAX;
    case KIND_FLOAT:
        memcpy(target, &low, sizeof low);
        return entry->type == TYPE_FLOAT && entry->value <= UINT32_MAX;
    default:
        return false;
    }
}

/* A single number, which is in the entry, places the whole strip, and so says
   nothing. */
static bool
take_ndpi_table(const struct source *source, const struct ndpi_entry *entry,
                struct ndpi_table *table)
{
    if (entry->type != TYPE_LONG) {
        return false;
    }
    if (entry->count < 2) {
        return true;
    }
    *table = (struct ndpi_table){entry->count, entry->value};
    return source_has(source, entry->value,
                      (uint64_t)entry->count * NUMBER_BYTES);
}

/* The same field twice is unusual: readers differ in which one they take. */
static bool
take_ndpi_field(const struct source *source, const struct ndpi_entry *entry,
                unsigned field, struct ndpi_directory *directory,
                uint32_t *seen)
{
    void *target = (uint8_t *)directory + fields[field].target;
    uint32_t bit = UINT32_C(1) << field;
    bool is_new = (*seen & bit) == 0;
    *seen |= bit;
    return is_new && (fields[field].kind == KIND_TABLE
                          ? take_ndpi_table(source, entry, target)
                          : take_value(entry, field, target));
}

/* Directories */

/* All of it but the number of its entries, to be freed; NULL where it cannot
   be read. */
static uint8_t *
read_ndpi_entries(const struct source *source, uint64_t offset, size_t *count)
{
    uint8_t number[COUNT_BYTES];
    if (!source_read(source, offset, number, sizeof number)) {
        return NULL;
    }
    *count = (size_t)ndpi_number_at(number, sizeof number);
    if (*count == 0 || *count > MAX_ENTRIES) {
        return NULL;
    }
    size_t size = *count * (ENTRY_BYTES + HIGH_BYTES) + LINK_BYTES;
    uint8_t *entries = malloc(size);
    if (entries != NULL &&
        !source_read(source, offset + COUNT_BYTES, entries, size)) {
        free(entries);
        entries = NULL;
    }
    return entries;
}

static struct ndpi_entry
ndpi_entry_at(const uint8_t *entries, size_t count, size_t index)
{
    const uint8_t *bytes = entries + index * ENTRY_BYTES;
    const uint8_t *high =
        entries + count * ENTRY_BYTES + LINK_BYTES + index * HIGH_BYTES;
    return (struct ndpi_entry){
        .tag = (unsigned)ndpi_number_at(bytes, 2),
        .type = (unsigned)ndpi_number_at(bytes + 2, 2),
        .count = (uint32_t)ndpi_number_at(bytes + 4, 4),
        .value = ndpi_number_at(bytes + 8, 4) |
                 ndpi_number_at(high, HIGH_BYTES) << 32,
    };
}

bool
ndpi_read_directory(const struct source *source, uint64_t offset,
                    struct ndpi_directory *directory)
{
    size_t count;
    uint32_t seen = 0, odd = 0;
    uint8_t *entries = read_ndpi_entries(source, offset, &count);
    *directory = (struct ndpi_directory){0};
    for (size_t i = 0; entries != NULL && i < count; i++) {
        struct ndpi_entry entry = ndpi_entry_at(entries, count, i);
        for (unsigned field = 0; field < FIELD_COUNT; field++) {
            if (fields[field].tag == entry.tag &&
                !take_ndpi_field(source, &entry, field, directory, &seen)) {
                odd |= UINT32_C(1) << field;
            }
        }
    }
    if (entries != NULL) {
        directory->next =
            ndpi_number_at(entries + count * ENTRY_BYTES, LINK_BYTES);
        directory->has_lens = ((seen & ~odd) >> LENS & 1) != 0;
        directory->is_usable =
            odd == 0 && (seen & NEEDED) == NEEDED &&
            source_has(source, directory->strip_offset, directory->strip_size);
    }
    free(entries);
    return entries != NULL;
}

struct ndpi_directory *
ndpi_read_directories(const struct source *source, size_t *count)
{
    struct ndpi_directory *directories = NULL;
    uint8_t header[4 + LINK_BYTES];
    *count = 0;
    if (!source_read(source, 0, header, sizeof header) ||
        memcmp(header, "II*\0", 4) != 0) {
        return NULL;
    }
    uint64_t next = ndpi_number_at(header + 4, LINK_BYTES);
    /* A cycle has no end, so the bound finds it. */
    for (; next != 0; ++*count) {
        struct ndpi_directory *grown =
            *count == MAX_DIRECTORIES
                ? NULL
                : realloc(directories, (*count + 1) * sizeof *directories);
        if (grown == NULL) {
            break;
        }
        directories = grown;
        if (!ndpi_read_directory(source, next, &directories[*count])) {
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

/* Starts */

/* Add numbers of a table, `shift` bits further up. */
static bool
add_numbers(const struct source *source, const struct ndpi_table *table,
            unsigned shift, uint64_t *numbers)
{
    uint8_t block[BLOCK_NUMBERS * NUMBER_BYTES];
    bool complete = true;
    for (uint64_t done = 0; complete && done < table->count;) {
        uint64_t left = table->count - done;
        size_t part = (size_t)(left < BLOCK_NUMBERS ? left : BLOCK_NUMBERS);
        complete = source_read(source, table->offset + done * NUMBER_BYTES,
                               block, part * NUMBER_BYTES);
        for (size_t i = 0; complete && i < part; i++) {
            numbers[done + i] +=
                ndpi_number_at(block + i * NUMBER_BYTES, NUMBER_BYTES)
                << shift;
        }
        done += part;
    }
    return complete;
}

bool
ndpi_read_starts(const struct source *source,
                 const struct ndpi_directory *directory, uint64_t count,
                 uint64_t *starts)
{
    const struct ndpi_table *high = &directory->high_starts;
    if (directory->starts.count != count ||
        (high->count != 0 && high->count != count)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        starts[i] = directory->strip_offset;
    }
    return add_numbers(source, &directory->starts, 0, starts) &&
           add_numbers(source, high, 32, starts);
}
