#include "missing_tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many tiles of the finer level make one, for libopenslide: the nearest
   integer, which it divides numbers of columns or rows by. */
static uint64_t
tiles_in_one(uint32_t finer, uint32_t coarser)
{
    return (uint64_t)round((double)finer / coarser);
}

/* The tile that one of the finer level makes libopenslide doubt.  Mostly it is
   the one that contains it; but where the ratio was rounded down, a column may
   be one too many, and then the tile is the first of the next row. */
static uint64_t
doubted_tile(uint64_t tile, const struct tiff_directory *directory,
             const struct tiff_directory *finer)
{
    uint64_t across =
        tiles_in_one(finer->tiles_across, directory->tiles_across);
    uint64_t down = tiles_in_one(finer->tiles_down, directory->tiles_down);
    uint64_t column = tile % finer->tiles_across / across;
    uint64_t row = tile / finer->tiles_across / down;
    return row * directory->tiles_across + column;
}

static int
compare_numbers(const void *a, const void *b)
{
    const uint64_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* Each once, in order. */
static void
put_in_order(struct missing_tiles *missing)
{
    if (missing->count == 0) {
        return;
    }
    qsort(missing->numbers, (size_t)missing->count, sizeof *missing->numbers,
          compare_numbers);
    uint64_t kept = 1;
    for (uint64_t i = 1; i < missing->count; i++) {
        if (missing->numbers[i] != missing->numbers[kept - 1]) {
            missing->numbers[kept++] = missing->numbers[i];
        }
    }
    missing->count = kept;
}

static bool
add_doubted(struct missing_tiles *missing,
            const struct tiff_directory *directory,
            const struct tiff_directory *finer,
            const struct missing_tiles *missing_in_finer)
{
    uint64_t count = missing->count + missing_in_finer->count;
    if (missing_in_finer->count == 0) {
        return true;
    }
    if (tiles_in_one(finer->tiles_across, directory->tiles_across) == 0 ||
        tiles_in_one(finer->tiles_down, directory->tiles_down) == 0 ||
        count > SIZE_MAX / sizeof *missing->numbers) {
        return false;
    }
    uint64_t *grown =
        realloc(missing->numbers, (size_t)count * sizeof *missing->numbers);
    if (grown == NULL) {
        return false;
    }
    missing->numbers = grown;
    for (uint64_t i = 0; i < missing_in_finer->count; i++) {
        grown[missing->count++] =
            doubted_tile(missing_in_finer->numbers[i], directory, finer);
    }
    return true;
}

bool
missing_tiles_find(struct missing_tiles *missing, const struct tiff_file *tiff,
                   const struct tiff_directory *directory,
                   const struct tiff_directory *finer,
                   const struct missing_tiles *missing_in_finer)
{
    struct tiff_zeros zeros;
    uint64_t tiles = (uint64_t)directory->tiles_across * directory->tiles_down;
    *missing = (struct missing_tiles){0};
    if (!directory->is_usable ||
        !tiff_table_find_zeros(tiff, &directory->tile_byte_counts, tiles,
                               UINT64_MAX, &zeros)) {
        return false;
    }
    *missing = (struct missing_tiles){zeros.count, zeros.indices};
    if (finer != NULL &&
        !add_doubted(missing, directory, finer, missing_in_finer)) {
        missing_tiles_free(missing);
        return false;
    }
    put_in_order(missing);
    return true;
}

void
missing_tiles_free(struct missing_tiles *missing)
{
    free(missing->numbers);
    *missing = (struct missing_tiles){0};
}

bool
missing_tiles_has(const struct missing_tiles *missing, uint64_t tile)
{
    return missing->count > 0 &&
           bsearch(&tile, missing->numbers, (size_t)missing->count,
                   sizeof tile, compare_numbers) != NULL;
}
