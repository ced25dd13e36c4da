#include "ndpi_strip.h"

#include "read_ahead.h"
#include "system/platform.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";

/* Headers have some 600 bytes, and this many at most, comments among them. */
enum { FIRST_BYTES = 1 << 12, MAX_HEADER_BYTES = 1 << 17 };

/* Blocks of a JPEG have 8 rows of 8 samples. */
enum { BLOCK_SIDE = 8 };

/* Larger tiles are no tiles but whole pictures. */
static const uint64_t MAX_TILE_PIXELS = UINT64_C(4096) * 4096;

/* Their starts would take more than 512 MB. */
static const uint64_t MAX_TILES = UINT64_C(1) << 26;

/* The most bytes that are searched for restart markers at once: a row of
   tiles, or a small file. */
static const uint64_t MAX_SEARCHED = UINT64_C(1) << 26;

/* The restart marker before an interval, and the one that ends it. */
enum { MARKER_BYTES = 2 };

static const uint8_t END_OF_IMAGE = 0xd9;

/* What is known of a row of tiles. */
enum row_state { ROW_UNKNOWN, ROW_KNOWN, ROW_ODD };

struct ndpi_strip {
    const struct source *source;
    struct ndpi_directory directory;
    bool is_file; /* which has no table of where tiles start */
    struct ndpi_jpeg jpeg;
    struct ndpi_grid grid;
    /* Of each tile within the file, and the end of the last; NULL: not looked
       for yet. */
    uint64_t *starts;
    /* Of rows whose tiles are looked for when one is wanted; NULL: starts has
       them all. */
    uint64_t *rows;
    _Atomic(unsigned char) *states; /* enum row_state */
    platform_mutex mutex;           /* of who looks for them */
    /* Of the JPEG, but for an image of the size of a tile. */
    uint8_t header[];
};

/* The header of the JPEG, to be freed; NULL where it is unusual. */
static uint8_t *
read_header(const struct source *source,
            const struct ndpi_directory *directory, struct ndpi_jpeg *jpeg)
{
    enum ndpi_parsing parsing = NDPI_CUT_OFF;
    uint8_t *bytes = malloc(MAX_HEADER_BYTES);
    size_t size = FIRST_BYTES;
    while (bytes != NULL && parsing == NDPI_CUT_OFF) {
        bool is_all = directory->strip_size <= size;
        size_t count = is_all ? (size_t)directory->strip_size : size;
        parsing = source_read(source, directory->strip_offset, bytes, count)
                      ? ndpi_parse_jpeg(bytes, count, jpeg)
                      : NDPI_REFUSED;
        if (parsing == NDPI_CUT_OFF && (is_all || size == MAX_HEADER_BYTES)) {
            parsing = NDPI_REFUSED;
        }
        size = MAX_HEADER_BYTES;
    }
    if (parsing != NDPI_PARSED) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Scanners leave the sides of larger images than a JPEG can have to TIFF.
   libopenslide has libjpeg read the header with the largest side instead. */
static uint32_t
side_for_libjpeg(uint32_t side)
{
    return side == 0 || side > NDPI_MAX_JPEG_SIDE ? NDPI_MAX_JPEG_SIDE : side;
}

static bool
has_jpeg_size(const struct ndpi_directory *directory)
{
    return directory->width <= NDPI_MAX_JPEG_SIDE &&
           directory->height <= NDPI_MAX_JPEG_SIDE;
}

static struct ndpi_grid
grid_of(const struct ndpi_directory *directory, const struct ndpi_jpeg *jpeg)
{
    struct ndpi_grid grid = {.width = directory->width,
                             .height = directory->height};
    if (has_jpeg_size(directory)) {
        grid.width = side_for_libjpeg(jpeg->width);
        grid.height = side_for_libjpeg(jpeg->height);
    }
    grid.tile_width = grid.width;
    grid.tile_height = grid.height;
    if (jpeg->restart_interval != 0) {
        grid.tile_width = BLOCK_SIDE * jpeg->across * jpeg->restart_interval;
        grid.tile_height = BLOCK_SIDE * jpeg->down;
    }
    grid.tiles_across = grid.width / grid.tile_width;
    grid.tiles_down = grid.height / grid.tile_height;
    return grid;
}

static const char *
open_strip(struct ndpi_strip **strip, const struct source *source,
           const struct ndpi_directory *directory, bool is_file)
{
    struct ndpi_jpeg jpeg;
    *strip = NULL;
    uint8_t *header = read_header(source, directory, &jpeg);
    if (header == NULL) {
        return "the header of the JPEG is unusual";
    }
    *strip = malloc(sizeof **strip + jpeg.size);
    if (*strip != NULL) {
        **strip = (struct ndpi_strip){
            .source = source,
            .directory = *directory,
            .is_file = is_file,
            .jpeg = jpeg,
            .grid = grid_of(directory, &jpeg),
            .mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER,
        };
        memcpy((*strip)->header, header, jpeg.size);
        ndpi_resize_jpeg(&jpeg, (*strip)->header, (*strip)->grid.tile_width,
                         (*strip)->grid.tile_height);
    }
    free(header);
    return *strip == NULL ? NO_MEMORY : NULL;
}

const char *
ndpi_strip_open(struct ndpi_strip **strip, const struct source *source,
                const struct ndpi_directory *directory)
{
    *strip = NULL;
    return directory->is_usable && directory->width != 0 &&
                   directory->height != 0
               ? open_strip(strip, source, directory, false)
               : "the TIFF directory has unusual entries";
}

const char *
ndpi_strip_open_file(struct ndpi_strip **strip, const struct source *source)
{
    /* Of this size, so that the JPEG's own counts. */
    const struct ndpi_directory whole = {
        .width = 1, .height = 1, .strip_size = (uint64_t)source->size};
    return open_strip(strip, source, &whole, true);
}

void
ndpi_strip_take_rows(struct ndpi_strip *strip, uint64_t *rows)
{
    strip->rows = rows;
}

void
ndpi_strip_close(struct ndpi_strip *strip)
{
    free(strip->starts);
    free(strip->rows);
    free((void *)strip->states);
    free(strip);
}

const struct ndpi_grid *
ndpi_strip_grid(const struct ndpi_strip *strip)
{
    return &strip->grid;
}

const struct ndpi_jpeg *
ndpi_strip_jpeg(const struct ndpi_strip *strip)
{
    return &strip->jpeg;
}

/* Refusing */

/*
 * Tiles are decoded for themselves, though libopenslide has libjpeg read the
 * header of the whole image.  That shows in colours that rows or columns of
 * pixels share: across rows libjpeg would look for the tile below; and where
 * the last unit of the image is not full, it leaves out as much of each tile.
 */
static bool
stand_alone(const struct ndpi_strip *strip)
{
    const struct ndpi_jpeg *jpeg = &strip->jpeg;
    return jpeg->restart_interval == 0 ||
           (jpeg->down == 1 &&
            (jpeg->across == 1 ||
             side_for_libjpeg(jpeg->width) % (BLOCK_SIDE * jpeg->across) ==
                 0));
}

static const char *
refusal_of_size(const struct ndpi_strip *strip)
{
    const struct ndpi_grid *grid = &strip->grid;
    if ((uint64_t)grid->tile_width * grid->tile_height > MAX_TILE_PIXELS ||
        grid->tile_width > NDPI_MAX_JPEG_SIDE ||
        grid->tile_height > NDPI_MAX_JPEG_SIDE) {
        return strip->jpeg.restart_interval == 0
                   ? "the level is one JPEG without restart markers"
                   : "the tiles are larger than 4096 pixels";
    }
    return grid->tiles_across == 0 || grid->tiles_down == 0
               ? "the level is not a grid of tiles as expected"
               : NULL;
}

const char *
ndpi_strip_refusal(const struct ndpi_strip *strip)
{
    const struct ndpi_jpeg *jpeg = &strip->jpeg;
    bool is_plain = jpeg->components == 3 && jpeg->precision == 8;
    const char *refusal = image_refusal(CODEC_JPEG, is_plain, 1, 1);
    if (refusal == NULL) {
        refusal = refusal_of_size(strip);
    }
    if (refusal == NULL && !stand_alone(strip)) {
        refusal = "the colours of its tiles do not stand alone";
    }
    return refusal;
}

/* Where tiles start */

static uint64_t
tile_count(const struct ndpi_grid *grid)
{
    return (uint64_t)grid->tiles_across * grid->tiles_down;
}

/*
 * Search a part of the file for the starts of tiles, from the one behind its
 * first on.  False where there are fewer.
 */
static bool
search(const struct ndpi_strip *strip, uint64_t offset, uint64_t end,
       uint64_t *starts, uint64_t count)
{
    bool is_usual = offset <= end && end - offset <= MAX_SEARCHED;
    size_t size = is_usual ? (size_t)(end - offset) : 0;
    uint8_t *bytes = is_usual ? malloc(size + 1) : NULL;
    bool complete =
        bytes != NULL && source_read(strip->source, offset, bytes, size) &&
        ndpi_find_restarts(bytes, size, offset, starts, (size_t)count) ==
            count;
    free(bytes);
    return complete;
}

/* All bytes are searched where nobody says where rows start. */
static const char *
search_file(struct ndpi_strip *strip, uint64_t *starts, uint64_t count)
{
    if (strip->rows != NULL) {
        strip->states = calloc(strip->grid.tiles_down, sizeof *strip->states);
        return strip->states == NULL ? NO_MEMORY : NULL;
    }
    if (starts[count] - starts[0] > MAX_SEARCHED) {
        return "no optimisation file says where its restart intervals are";
    }
    return search(strip, starts[0], starts[count], starts + 1, count - 1)
               ? NULL
               : "it has fewer restart intervals than tiles";
}

static const char *
find_starts(struct ndpi_strip *strip, uint64_t *starts, uint64_t count)
{
    const struct ndpi_directory *directory = &strip->directory;
    starts[0] = directory->strip_offset + strip->jpeg.size;
    starts[count] = directory->strip_offset + directory->strip_size;
    if (strip->is_file) {
        return count > 1 ? search_file(strip, starts, count) : NULL;
    }
    if (count > 1 &&
        !ndpi_read_starts(strip->source, directory, count, starts)) {
        return "the places of its restart intervals are unusual";
    }
    starts[0] = directory->strip_offset + strip->jpeg.size;
    return NULL;
}

const char *
ndpi_strip_index(struct ndpi_strip *strip)
{
    uint64_t count = tile_count(&strip->grid);
    if (strip->starts != NULL) {
        return NULL;
    }
    uint64_t *starts = count > MAX_TILES || count >= SIZE_MAX / sizeof *starts
                           ? NULL
                           : malloc((size_t)(count + 1) * sizeof *starts);
    if (starts == NULL) {
        return NO_MEMORY;
    }
    const char *refusal = find_starts(strip, starts, count);
    if (refusal != NULL) {
        free(starts);
        return refusal;
    }
    strip->starts = starts;
    return NULL;
}

/*
 * Search a row that starts where it is said to.  Where the next one is said to
 * start, its start must be found there; that of the last is often not said,
 * and then it follows the row before.
 */
static bool
search_row(struct ndpi_strip *strip, uint64_t row, uint64_t *found)
{
    uint64_t across = strip->grid.tiles_across;
    bool is_last = row + 1 == strip->grid.tiles_down;
    uint64_t start = row == 0 ? strip->starts[0] : strip->rows[row];
    uint64_t next = is_last ? 0 : strip->rows[row + 1];
    uint64_t end = next != 0 ? next : strip->starts[tile_count(&strip->grid)];
    if (start < strip->starts[0] ||
        !search(strip, start, end, found, across - is_last) ||
        (next != 0 && found[across - 1] != next)) {
        return false;
    }
    strip->starts[row * across] = start;
    memcpy(&strip->starts[row * across + 1], found,
           (size_t)(across - 1) * sizeof *found);
    if (!is_last) {
        strip->rows[row + 1] = found[across - 1];
    }
    return true;
}

/* With the lock held. */
static void
note_row(struct ndpi_strip *strip, uint64_t row)
{
    uint64_t *found = malloc(strip->grid.tiles_across * sizeof *found);
    if (atomic_load(&strip->states[row]) == ROW_UNKNOWN) {
        bool is_known = found != NULL && search_row(strip, row, found);
        atomic_store_explicit(&strip->states[row],
                              is_known ? ROW_KNOWN : ROW_ODD,
                              memory_order_release);
    }
    free(found);
}

static bool
has_row(struct ndpi_strip *strip, uint64_t row)
{
    _Atomic(unsigned char) *state = &strip->states[row];
    if (atomic_load_explicit(state, memory_order_acquire) == ROW_UNKNOWN) {
        platform_mutex_lock(&strip->mutex);
        if (row > 0 && strip->rows[row] == 0) {
            note_row(strip, row - 1);
        }
        note_row(strip, row);
        platform_mutex_unlock(&strip->mutex);
    }
    return atomic_load_explicit(state, memory_order_acquire) == ROW_KNOWN;
}

/* That of a tile is the start of the next one, behind the marker. */
static uint64_t
end_of(const struct ndpi_strip *strip, uint64_t tile)
{
    uint64_t next = tile + 1;
    bool ends_row = strip->rows != NULL && next < tile_count(&strip->grid) &&
                    next % strip->grid.tiles_across == 0;
    return ends_row ? strip->rows[next / strip->grid.tiles_across]
                    : strip->starts[next];
}

/* Tiles */

bool
ndpi_strip_locate(struct ndpi_strip *strip, uint64_t tile,
                  struct tile_place *place)
{
    if (tile >= tile_count(&strip->grid) ||
        (strip->states != NULL &&
         !has_row(strip, tile / strip->grid.tiles_across)) ||
        end_of(strip, tile) < strip->starts[tile]) {
        return false;
    }
    place->source = strip->source;
    place->offset = strip->starts[tile];
    place->size = end_of(strip, tile) - place->offset;
    return true;
}

/* Whether libopenslide finds the interval where it is said to be.  `bytes` are
   those of the interval, with the markers around it. */
static bool
has_its_markers(const struct ndpi_strip *strip, uint64_t tile,
                const uint8_t *bytes, size_t size)
{
    const uint8_t *last = bytes + size - MARKER_BYTES;
    bool is_last = tile + 1 == tile_count(&strip->grid);
    return (tile == 0 || ndpi_is_restart(bytes)) &&
           (is_last ? last[0] == 0xff : ndpi_is_restart(last));
}

uint8_t *
ndpi_strip_read(struct ndpi_strip *strip, uint64_t tile,
                const struct read_ahead *ahead, size_t *size)
{
    size_t before = tile == 0 ? 0 : MARKER_BYTES, head = strip->jpeg.size;
    struct tile_place place;
    uint64_t limit = (uint64_t)strip->grid.tile_width *
                         strip->grid.tile_height * sizeof(uint32_t) +
                     MAX_HEADER_BYTES;
    if (!ndpi_strip_locate(strip, tile, &place) ||
        place.offset < strip->starts[0] + before ||
        place.size <= MARKER_BYTES || place.size > limit) {
        return NULL;
    }
    *size = head + (size_t)place.size;
    uint8_t *bytes = malloc(*size);
    if (bytes == NULL ||
        !read_ahead_get(ahead, place.source, place.offset - before,
                        bytes + head - before, (size_t)place.size + before) ||
        !has_its_markers(strip, tile, bytes + head - before,
                         (size_t)place.size + before)) {
        free(bytes);
        return NULL;
    }
    memcpy(bytes, strip->header, head);
    bytes[*size - 1] = END_OF_IMAGE;
    return bytes;
}
