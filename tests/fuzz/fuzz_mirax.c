/*
 * Whatever an index holds, it is read or not, twice alike, to an end.
 */
#include "formats/mirax.h"

#include "fuzzing.h"
#include "memory_source.h"

/* Of the slides that tests.slides writes. */
static const char SLIDE_ID[] = "0123456789ABCDEF0123456789ABCDEF";

enum { POSITIONS = 16 };

/* How many images, and what they sum up to. */
struct sum {
    uint64_t count, total;
};

static bool
add(int32_t number, const struct mirax_place *place, void *argument)
{
    struct sum *sum = argument;
    sum->count++;
    sum->total +=
        (uint32_t)number + place->offset + place->length + place->file;
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    struct mirax_index index;
    struct mirax_place place;
    struct mirax_position positions[POSITIONS];
    if (mirax_open(&index, &memory.source, SLIDE_ID)) {
        for (int32_t level = 0; level < 3; level++) {
            struct sum one = {0}, two = {0};
            bool is_read = mirax_visit_images(&index, level, add, &one);
            REQUIRE(mirax_visit_images(&index, level, add, &two) == is_read);
            REQUIRE(one.count == two.count && one.total == two.total);
            REQUIRE(one.count <= size / 8);
            mirax_find_record(&index, level, &place);
        }
    }
    size_t count = size / MIRAX_POSITION_BYTES;
    mirax_take_positions(bytes, positions,
                         count < POSITIONS ? count : POSITIONS);
    REQUIRE(!memory.strayed);
    return 0;
}
