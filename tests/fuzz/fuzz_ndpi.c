/*
 * Whatever a file holds, its directories are read or not, twice alike, and
 * strips and tables lie within the file.  Of each strip the header is parsed
 * or not; what is cut off goes on, and a header that was resized is another
 * one in nothing but its size.
 */
#include "formats/ndpi.h"
#include "formats/ndpi_jpeg.h"

#include "fuzzing.h"
#include "memory_source.h"

static void
check_starts(const struct source *source,
             const struct ndpi_directory *directory)
{
    uint64_t count = directory->starts.count;
    if (count == 0) {
        return;
    }
    uint64_t *starts = malloc((size_t)count * sizeof *starts);
    bool fits = directory->high_starts.count == 0 ||
                directory->high_starts.count == count;
    REQUIRE(starts != NULL);
    REQUIRE(ndpi_read_starts(source, directory, count, starts) == fits);
    REQUIRE(!ndpi_read_starts(source, directory, count - 1, starts));
    free(starts);
}

static void
check_resized(const struct ndpi_jpeg *jpeg, const uint8_t *bytes)
{
    struct ndpi_jpeg again;
    uint8_t *copy = malloc(jpeg->size);
    REQUIRE(copy != NULL);
    memcpy(copy, bytes, jpeg->size);
    ndpi_resize_jpeg(jpeg, copy, 2048, 8);
    REQUIRE(ndpi_parse_jpeg(copy, jpeg->size, &again) == NDPI_PARSED);
    REQUIRE(again.width == 2048 && again.height == 8);
    again.width = jpeg->width;
    again.height = jpeg->height;
    REQUIRE(again.size == jpeg->size && again.is_rgb == jpeg->is_rgb &&
            again.restart_interval == jpeg->restart_interval &&
            again.across == jpeg->across && again.down == jpeg->down);
    free(copy);
}

static void
check_header(const uint8_t *bytes, size_t size)
{
    struct ndpi_jpeg jpeg;
    if (ndpi_parse_jpeg(bytes, size, &jpeg) != NDPI_PARSED) {
        return;
    }
    REQUIRE(jpeg.size <= size && jpeg.dimensions + 4 <= jpeg.size);
    REQUIRE(jpeg.across > 0 && jpeg.across < 16 && jpeg.down > 0 &&
            jpeg.down < 16);
    check_resized(&jpeg, bytes);
    REQUIRE(ndpi_parse_jpeg(bytes, jpeg.size - 1, &jpeg) == NDPI_CUT_OFF);
}

static void
check_directory(const struct source *source, const uint8_t *bytes,
                const struct ndpi_directory *directory)
{
    if (directory->is_usable) {
        REQUIRE(directory->has_lens);
        REQUIRE(source_has(source, directory->strip_offset,
                           directory->strip_size));
        check_header(bytes + directory->strip_offset,
                     (size_t)directory->strip_size);
        check_starts(source, directory);
    }
}

/* Each start lies behind a restart marker, and fewer are the first of more. */
static void
check_restarts(const uint8_t *bytes, size_t size)
{
    enum { MOST = 64, FEW = 3, OFFSET = 1000 };
    uint64_t starts[MOST], few[FEW];
    size_t count = ndpi_find_restarts(bytes, size, OFFSET, starts, MOST);
    size_t few_count = ndpi_find_restarts(bytes, size, OFFSET, few, FEW);
    REQUIRE(count <= MOST && few_count == (count < FEW ? count : FEW));
    REQUIRE(memcmp(starts, few, few_count * sizeof *few) == 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = starts[i] - OFFSET;
        REQUIRE(at >= 2 && at <= size && ndpi_is_restart(bytes + at - 2));
        REQUIRE(i == 0 || starts[i] >= starts[i - 1] + 2);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    size_t count = 0;
    struct ndpi_directory again;
    struct ndpi_directory *all = ndpi_read_directories(&memory.source, &count);
    for (size_t i = 0; all != NULL && i < count; i++) {
        check_directory(&memory.source, bytes, &all[i]);
        REQUIRE(i == 0 ||
                ndpi_read_directory(&memory.source, all[i - 1].next, &again));
        REQUIRE(i == 0 || (again.next == all[i].next &&
                           again.is_usable == all[i].is_usable));
    }
    REQUIRE(all == NULL || ndpi_is_tiff(&memory.source));
    free(all);
    check_header(bytes, size);
    check_restarts(bytes, size);
    REQUIRE(!memory.strayed);
    return 0;
}
