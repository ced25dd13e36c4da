/*
 * Whatever a file holds, its directories are read or not, twice alike, and
 * everything that they are said to have lies within the file.
 */
#include "formats/tiff.h"

#include "fuzzing.h"
#include "memory_source.h"

/* Longer tables are looked at from both ends. */
enum { LOOKED_AT = 64 };

enum { BYTES_LIMIT = 1 << 16 };

static bool
is_zero(const struct tiff_file *file, const struct tiff_table *table,
        uint64_t index)
{
    uint64_t number;
    REQUIRE(tiff_table_number(file, table, index, &number));
    REQUIRE(table->number_size == 8 || number >> 8 * table->number_size == 0);
    return number == 0;
}

static void
check_table(const struct tiff_file *file, const struct tiff_table *table)
{
    bool any_zero = false;
    struct tiff_zeros zeros;
    uint64_t number;
    uint64_t count = table->count < LOOKED_AT ? table->count : LOOKED_AT;
    for (uint64_t i = 0; i < count; i++) {
        any_zero |= is_zero(file, table, i);
        is_zero(file, table, table->count - 1 - i);
    }
    REQUIRE(tiff_table_find_zeros(file, table, count, UINT64_MAX, &zeros));
    REQUIRE((zeros.count > 0) == any_zero);
    for (uint64_t i = 0; i < zeros.count; i++) {
        REQUIRE(is_zero(file, table, zeros.indices[i]));
        REQUIRE(i == 0 || zeros.indices[i] > zeros.indices[i - 1]);
    }
    free(zeros.indices);
    REQUIRE(tiff_table_find_zeros(file, table, table->count, 1, &zeros));
    REQUIRE(zeros.count <= 1 && (zeros.count == 1 || !any_zero));
    free(zeros.indices);
    REQUIRE(!tiff_table_number(file, table, table->count, &number));
}

static void
check_bytes(const struct tiff_file *file, const struct tiff_bytes *bytes)
{
    uint8_t *copy = tiff_read_bytes(file, bytes, BYTES_LIMIT);
    REQUIRE((copy != NULL) ==
            (bytes->count != 0 && bytes->count <= BYTES_LIMIT));
    REQUIRE(copy == NULL || copy[bytes->count] == 0);
    free(copy);
}

static void
check_directory(const struct tiff_file *file,
                const struct tiff_directory *directory)
{
    if (!directory->is_usable) {
        return;
    }
    check_bytes(file, &directory->description);
    check_bytes(file, &directory->last_description);
    check_bytes(file, &directory->jpeg_tables);
    REQUIRE(directory->width > 0 && directory->height > 0);
    if (!directory->is_tiled) {
        REQUIRE(directory->tile_width == 0 && directory->tiles_across == 0 &&
                directory->tile_offsets.count == 0 &&
                directory->tile_byte_counts.count == 0);
        return;
    }
    uint64_t tiles = (uint64_t)directory->tiles_across * directory->tiles_down;
    REQUIRE((uint64_t)directory->tiles_across * directory->tile_width >=
            directory->width);
    REQUIRE((uint64_t)directory->tiles_down * directory->tile_height >=
            directory->height);
    REQUIRE(tiles > 0 && directory->tile_offsets.count >= tiles &&
            directory->tile_byte_counts.count >= tiles);
    check_table(file, &directory->tile_offsets);
    check_table(file, &directory->tile_byte_counts);
}

static void
check_alike(const struct tiff_directory *one, const struct tiff_directory *two)
{
    REQUIRE(one->next == two->next && one->is_usable == two->is_usable &&
            one->is_tiled == two->is_tiled && one->width == two->width &&
            one->height == two->height &&
            one->tile_offsets.count == two->tile_offsets.count &&
            one->tile_offsets.offset == two->tile_offsets.offset);
}

static void
check_directories(const struct tiff_file *file)
{
    size_t count;
    uint64_t offset = file->first_directory;
    struct tiff_directory *directories = tiff_read_directories(file, &count);
    struct tiff_directory directory;
    for (size_t i = 0; directories != NULL && i < count; i++) {
        REQUIRE(tiff_read_directory(file, offset, &directory));
        check_alike(&directory, &directories[i]);
        check_directory(file, &directory);
        offset = directory.next;
    }
    if (directories == NULL && tiff_read_directory(file, offset, &directory)) {
        check_directory(file, &directory);
    }
    REQUIRE(directories == NULL || offset == 0);
    free(directories);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    struct tiff_file file;
    if (tiff_open(&file, &memory.source)) {
        check_directories(&file);
    }
    REQUIRE(!memory.strayed);
    return 0;
}
