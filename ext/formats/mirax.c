#include "mirax.h"

#include "system/byte_order.h"

#include <string.h>

static const char VERSION[] = "01.02";

/* Longer identifiers are no slide's. */
enum { MAX_ID_BYTES = 256 };

/* A page has two numbers, and four for each image. */
enum { NUMBER_BYTES = 4, PAGE_HEADER_BYTES = 8, IMAGE_BYTES = 16 };

/* How many images, or positions, are read at once. */
enum { IMAGES_AT_ONCE = 256 };

static bool
read_mirax_number(const struct mirax_index *index, int64_t offset,
                  int32_t *number)
{
    uint8_t bytes[NUMBER_BYTES];
    if (offset < 0 ||
        !source_read(index->source, (uint64_t)offset, bytes, sizeof bytes)) {
        return false;
    }
    *number = little_endian_i32(bytes);
    return true;
}

bool
mirax_open(struct mirax_index *index, const struct source *source,
           const char *slide_id)
{
    char header[sizeof VERSION - 1 + MAX_ID_BYTES];
    size_t version = sizeof VERSION - 1, length = strlen(slide_id);
    *index = (struct mirax_index){.source = source};
    int64_t roots = (int64_t)(version + length);
    return length <= MAX_ID_BYTES &&
           source_read(source, 0, header, version + length) &&
           memcmp(header, VERSION, version) == 0 &&
           memcmp(header + version, slide_id, length) == 0 &&
           read_mirax_number(index, roots, &index->levels) &&
           read_mirax_number(index, roots + NUMBER_BYTES, &index->records);
}

/* The first page of a record, which begins with a zero. */
static bool
find_page(const struct mirax_index *index, int32_t table, int32_t number,
          int32_t *page)
{
    int32_t record, zero;
    return number >= 0 &&
           read_mirax_number(index, table + (int64_t)number * NUMBER_BYTES,
                             &record) &&
           read_mirax_number(index, record, &zero) && zero == 0 &&
           read_mirax_number(index, (int64_t)record + NUMBER_BYTES, page);
}

static bool
mirax_place_of(const uint8_t *bytes, struct mirax_place *place)
{
    int32_t offset = little_endian_i32(bytes);
    int32_t length = little_endian_i32(bytes + NUMBER_BYTES);
    int32_t file = little_endian_i32(bytes + 2 * NUMBER_BYTES);
    *place = (struct mirax_place){(uint32_t)offset, (uint32_t)length,
                                  (uint32_t)file};
    return offset >= 0 && length >= 0 && file >= 0;
}

static bool
visit_page(const struct mirax_index *index, int64_t offset, int32_t count,
           mirax_visitor *visit, void *argument)
{
    uint8_t bytes[IMAGES_AT_ONCE * IMAGE_BYTES];
    struct mirax_place place;
    for (int32_t done = 0; done < count; done += IMAGES_AT_ONCE) {
        int32_t left = count - done;
        int32_t now = left < IMAGES_AT_ONCE ? left : IMAGES_AT_ONCE;
        if (!source_read(index->source,
                         (uint64_t)(offset + (int64_t)done * IMAGE_BYTES),
                         bytes, (size_t)now * IMAGE_BYTES)) {
            return false;
        }
        for (const uint8_t *image = bytes; image < bytes + now * IMAGE_BYTES;
             image += IMAGE_BYTES) {
            if (!mirax_place_of(image + NUMBER_BYTES, &place) ||
                !visit(little_endian_i32(image), &place, argument)) {
                return false;
            }
        }
    }
    return true;
}

/* Pages follow one another in the file, and the last one says that it is. Each
   has eight bytes at least, so they come to an end. */
bool
mirax_visit_images(const struct mirax_index *index, int32_t level,
                   mirax_visitor *visit, void *argument)
{
    int32_t page, count, next;
    if (!find_page(index, index->levels, level, &page)) {
        return false;
    }
    int64_t offset = page;
    do {
        if (!read_mirax_number(index, offset, &count) || count < 0 ||
            !read_mirax_number(index, offset + NUMBER_BYTES, &next) ||
            !visit_page(index, offset + PAGE_HEADER_BYTES, count, visit,
                        argument)) {
            return false;
        }
        offset += PAGE_HEADER_BYTES + (int64_t)count * IMAGE_BYTES;
    } while (next != 0);
    return true;
}

bool
mirax_find_record(const struct mirax_index *index, int32_t number,
                  struct mirax_place *place)
{
    /* How many there are, the next page, two zeros, and the place. */
    uint8_t bytes[7 * NUMBER_BYTES];
    int32_t page;
    return find_page(index, index->records, number, &page) && page >= 0 &&
           source_read(index->source, (uint64_t)page, bytes, sizeof bytes) &&
           little_endian_i32(bytes) >= 1 &&
           little_endian_i32(bytes + 2 * NUMBER_BYTES) == 0 &&
           little_endian_i32(bytes + 3 * NUMBER_BYTES) == 0 &&
           mirax_place_of(bytes + 4 * NUMBER_BYTES, place);
}

bool
mirax_take_positions(const uint8_t *bytes, struct mirax_position *positions,
                     size_t count)
{
    for (size_t i = 0; i < count; i++, bytes += MIRAX_POSITION_BYTES) {
        if ((bytes[0] & 0xfe) != 0) { /* a flag, of one bit */
            return false;
        }
        positions[i] = (struct mirax_position){little_endian_i32(bytes + 1),
                                               little_endian_i32(bytes + 5)};
    }
    return true;
}
