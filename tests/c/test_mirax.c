#include "formats/mirax.h"

#include "check.h"
#include "guard_page.h"
#include "memory_source.h"

#include <stdlib.h>

static const char SLIDE_ID[] = "0123456789ABCDEF0123456789ABCDEF";

/* Writing indexes into memory */

enum { FILE_BYTES = 1 << 16, IMAGES = 700, POSITIONS = 1100 };

struct written {
    size_t size;
    uint8_t bytes[FILE_BYTES];
};

static struct written file;

static void
put(size_t offset, int64_t number)
{
    for (unsigned i = 0; i < 4; i++) {
        file.bytes[offset + i] = (uint8_t)((uint64_t)number >> 8 * i);
    }
}

static size_t
append(int64_t number)
{
    put(file.size, number);
    file.size += 4;
    return file.size - 4;
}

static size_t
append_record(size_t page)
{
    size_t record = append(0);
    append((int64_t)page);
    return record;
}

/* Images number 0, 3, 6 ... in pages of 300. */
static size_t
append_images(int32_t count)
{
    size_t first = file.size;
    for (int32_t done = 0; done < count || done == 0; done += 300) {
        int32_t now = count - done < 300 ? count - done : 300;
        append(now);
        append(done + now < count);
        for (int32_t i = done; i < done + now; i++) {
            append(3 * i);
            append(1000 + i);
            append(50 + i);
            append(i % 5);
        }
    }
    return append_record(first);
}

/* An index of two levels, the second of which has no images, and a record. */
static void
write_index(void)
{
    file.size = 0;
    memcpy(file.bytes, "01.02", 5);
    memcpy(file.bytes + 5, SLIDE_ID, sizeof SLIDE_ID - 1);
    file.size = 5 + sizeof SLIDE_ID - 1;
    size_t roots = append(0);
    append(0);
    size_t levels[] = {append_images(IMAGES), append_images(0)};
    size_t page = append(1);
    const int32_t fields[] = {0, 0, 0, 4242, 99, 7};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        append(fields[i]);
    }
    size_t record = append_record(page);
    size_t table = append((int64_t)levels[0]);
    append((int64_t)levels[1]);
    size_t other = append((int64_t)record);
    put(roots, (int64_t)table);
    put(roots + 4, (int64_t)other);
}

/* Reading them */

struct seen {
    int32_t count;
    int32_t limit; /* the visit after so many says no */
    bool is_right;
};

static bool
see(int32_t number, const struct mirax_place *place, void *argument)
{
    struct seen *seen = argument;
    int32_t i = seen->count;
    seen->is_right &=
        number == 3 * i && place->offset == 1000u + (uint32_t)i &&
        place->length == 50u + (uint32_t)i && place->file == (uint32_t)i % 5;
    return seen->count++ < seen->limit;
}

static bool
reads_all(const struct source *source)
{
    struct mirax_index index;
    struct mirax_place place;
    struct seen seen = {.limit = IMAGES, .is_right = true};
    struct seen none = {.limit = IMAGES, .is_right = true};
    return mirax_open(&index, source, SLIDE_ID) &&
           mirax_visit_images(&index, 0, see, &seen) && seen.count == IMAGES &&
           seen.is_right && mirax_visit_images(&index, 1, see, &none) &&
           none.count == 0 && mirax_find_record(&index, 0, &place) &&
           place.offset == 4242 && place.length == 99 && place.file == 7;
}

static bool
reads_written(void)
{
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    bool read = reads_all(&memory.source);
    CHECK(!memory.strayed, "strayed");
    return read;
}

static void
test_index(void)
{
    write_index();
    CHECK(reads_written(), "not read");
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    struct mirax_index index;
    struct seen seen = {.limit = 310, .is_right = true};
    CHECK(!mirax_open(&index, &memory.source, "another"), "another slide");
    CHECK(mirax_open(&index, &memory.source, SLIDE_ID) &&
              !mirax_visit_images(&index, 0, see, &seen) && seen.count == 311,
          "a visitor that says no");
    CHECK(!mirax_visit_images(&index, -1, see, &seen), "a negative level");
    file.bytes[3] = '9';
    CHECK(!reads_written(), "another version");
}

static void
test_truncated(void)
{
    write_index();
    struct guarded memory = guarded_alloc(file.size);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *copy = memory.end - size;
        memcpy(copy, file.bytes, size);
        struct memory_source source = memory_source_of(copy, size);
        CHECK(!reads_all(&source.source) && !source.strayed, "%zu bytes",
              size);
    }
    guarded_free(memory);
}

/* Each number in turn is another: whatever comes of it, it comes to an end. */
static void
test_damaged(void)
{
    const int64_t others[] = {-1, 0, 1, INT32_MIN, INT32_MAX, FILE_BYTES};
    write_index();
    for (size_t i = 5 + sizeof SLIDE_ID - 1; i + 4 <= file.size; i += 4) {
        uint8_t before[4];
        memcpy(before, file.bytes + i, 4);
        for (size_t j = 0; j < sizeof others / sizeof *others; j++) {
            put(i, others[j]);
            reads_written();
        }
        memcpy(file.bytes + i, before, 4);
    }
    CHECK(reads_written(), "not restored");
}

static void
test_positions(void)
{
    static struct mirax_position positions[POSITIONS];
    file.size = 11; /* of something else */
    for (int32_t i = 0; i < POSITIONS; i++) {
        file.bytes[file.size++] = (uint8_t)(i & 1);
        append(i * 77 - 500);
        append(-i * 5);
    }
    struct guarded memory = guarded_alloc(file.size - 11);
    uint8_t *bytes = memory.end - (file.size - 11);
    memcpy(bytes, file.bytes + 11, file.size - 11);
    CHECK(mirax_take_positions(bytes, positions, POSITIONS), "not taken");
    for (int32_t i = 0; i < POSITIONS; i++) {
        CHECK(positions[i].x == i * 77 - 500 && positions[i].y == -i * 5, "%d",
              (int)i);
    }
    bytes[MIRAX_POSITION_BYTES * 600] = 2;
    CHECK(!mirax_take_positions(bytes, positions, POSITIONS), "another flag");
    CHECK(mirax_take_positions(bytes, positions, 600), "those before it");
    guarded_free(memory);
}

int
main(void)
{
    check_run("index", test_index);
    check_run("truncated", test_truncated);
    check_run("damaged", test_damaged);
    check_run("positions", test_positions);
    return check_finish();
}
