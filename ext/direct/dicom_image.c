#include "dicom_image.h"

#include "system/lengths.h"

#include <stdlib.h>
#include <string.h>

static const char JPEG_BASELINE[] = "1.2.840.10008.1.2.4.50";
static const char UNCOMPRESSED[] = "1.2.840.10008.1.2.1";

/* A map of more tiles than this would take more memory than their pixels are
   worth: 64 MB. */
static const uint64_t MAX_MAPPED_TILES = 1 << 24;

static const uint32_t NO_FRAME = UINT32_MAX;

static const char NO_MEMORY[] = "there was no memory";

/* A file. */
struct dicom_part {
    struct dicom_file file;
    struct dicom_frames frames;
    uint32_t first; /* how many frames the parts before have */
};

struct dicom_store {
    size_t part_count;
    /* Tiles without a frame are transparent, else libopenslide's business. */
    bool allows_holes;
    /* The frame of each tile, counted over all parts, or NO_FRAME.  NULL: they
       are in the order of the tiles. */
    uint32_t *map;
    struct dicom_part parts[];
};

/* Locating */

static const struct dicom_part *
dicom_part_of(const struct dicom_store *store, uint32_t frame)
{
    size_t i = store->part_count - 1;
    while (store->parts[i].first > frame) {
        i--;
    }
    return &store->parts[i];
}

static uint64_t
frame_of(const struct dicom_store *store, uint64_t tile)
{
    if (store->map != NULL) {
        return store->map[tile];
    }
    return tile < store->parts[0].frames.count ? tile : NO_FRAME;
}

static enum tile_content
locate_frame(const struct image *image, uint64_t tile,
             struct tile_place *place)
{
    const struct dicom_store *store = image->store;
    uint64_t frame =
        tile < image_tile_count(image) ? frame_of(store, tile) : NO_FRAME;
    if (frame == NO_FRAME) {
        return store->allows_holes ? TILE_HOLE : TILE_UNKNOWN;
    }
    const struct dicom_part *part = dicom_part_of(store, (uint32_t)frame);
    place->source = part->frames.source;
    return dicom_locate_frame(&part->frames, frame - part->first,
                              &place->offset, &place->size) &&
                   place->size > 0
               ? TILE_STORED
               : TILE_UNKNOWN;
}

static void
close_dicom(struct image *image)
{
    struct dicom_store *store = image->store;
    for (size_t i = 0; i < store->part_count; i++) {
        dicom_close_frames(&store->parts[i].frames);
    }
    free(store->map);
    free(store);
}

/* Making the map, of what is known only when all of a file has been read */

/* Whether a frame takes the tile: the last one of a file, of the first file
   that has any. */
static void
put_on_map(uint32_t *map, uint64_t tile, uint32_t frame, uint32_t first)
{
    if (map[tile] == NO_FRAME || map[tile] >= first) {
        map[tile] = frame;
    }
}

/* Frames follow one another, row after row.  Some may be missing, or too
   many. */
static void
map_in_order(const struct image *image, const struct dicom_part *part,
             uint32_t *map)
{
    uint64_t tiles = image_tile_count(image);
    for (uint32_t i = 0; i < part->file.frame_count; i++) {
        uint64_t tile = (uint64_t)part->file.first_frame + i;
        if (tile >= tiles) {
            break;
        }
        put_on_map(map, tile, part->first + i, part->first);
    }
}

static bool
is_on_grid(int32_t position, uint32_t side, uint32_t count)
{
    return position >= 1 && (uint32_t)(position - 1) % side == 0 &&
           (uint32_t)(position - 1) / side < count;
}

static bool
map_by_position(const struct image *image, const struct dicom_part *part,
                const struct dicom_positions *positions, uint32_t *map)
{
    for (uint32_t i = 0; i < positions->count; i++) {
        const struct dicom_position *at = &positions->frames[i];
        if (!is_on_grid(at->column, image->tile_width, image->tiles_across) ||
            !is_on_grid(at->row, image->tile_height, image->tiles_down)) {
            return false;
        }
        uint64_t row = (uint64_t)(at->row - 1) / image->tile_height;
        uint64_t column = (uint64_t)(at->column - 1) / image->tile_width;
        put_on_map(map, row * image->tiles_across + column, part->first + i,
                   part->first);
    }
    return true;
}

static bool
is_said_to_be_full(const struct dicom_file *file)
{
    return strcmp(file->organization, "TILED_FULL") == 0;
}

static bool
is_full(const struct dicom_file *file)
{
    return is_said_to_be_full(file) || file->organization[0] == 0;
}

/* NULL, or why a part cannot be put on the map. */
static const char *
map_part(struct image *image, const struct dicom_part *part,
         const struct dicom_positions *positions)
{
    struct dicom_store *store = image->store;
    if (positions->count == 0 && !is_full(&part->file)) {
        return "the frames have no positions";
    }
    if (positions->count == 0 && store->map == NULL) {
        return NULL; /* in order */
    }
    if (positions->count == 0) {
        map_in_order(image, part, store->map);
        return NULL;
    }
    return map_by_position(image, part, positions, store->map)
               ? NULL
               : "the frames are not on the grid of tiles";
}

/* All frames are NO_FRAME; false where there are too many tiles. */
static bool
make_map(struct image *image)
{
    struct dicom_store *store = image->store;
    uint64_t tiles = image_tile_count(image);
    store->map = tiles > MAX_MAPPED_TILES
                     ? NULL
                     : malloc((size_t)tiles * sizeof *store->map);
    if (store->map != NULL) {
        memset(store->map, 0xff, (size_t)tiles * sizeof *store->map);
    }
    return store->map != NULL;
}

static const char *
index_part(struct image *image, struct dicom_part *part)
{
    struct dicom_store *store = image->store;
    struct dicom_positions positions;
    const char *refusal = NULL;
    if (!dicom_read_on(&part->file, &positions)) {
        return "what the frames have of their own is unusual";
    }
    bool is_native = image->coding.codec == CODEC_NONE;
    if (!dicom_open_frames(&part->frames, &part->file) ||
        is_native != (part->frames.frame_size != 0)) {
        refusal = "the table of its frames is unusual";
    } else if (!dicom_index_frames(&part->frames)) {
        refusal = "the frames are not one fragment each";
    } else if (store->map == NULL &&
               (positions.count > 0 || part->file.first_frame > 0 ||
                store->part_count > 1) &&
               !make_map(image)) {
        refusal = NO_MEMORY;
    } else {
        refusal = map_part(image, part, &positions);
    }
    free(positions.frames);
    return refusal;
}

/* Whether there is a frame for each tile; a map that says no more than that is
   given up. */
static void
look_for_holes(struct image *image)
{
    struct dicom_store *store = image->store;
    uint64_t tiles = image_tile_count(image);
    bool is_in_order = store->map != NULL;
    bool has_gaps = false;
    for (uint64_t i = 0; store->map != NULL && i < tiles; i++) {
        has_gaps |= store->map[i] == NO_FRAME;
        is_in_order &= store->map[i] == i;
    }
    if (store->map == NULL) {
        has_gaps = store->parts[0].frames.count < tiles;
    } else if (is_in_order && store->part_count == 1) {
        free(store->map);
        store->map = NULL;
    }
    image->has_holes = has_gaps && store->allows_holes;
}

static const char *
index_store(struct image *image)
{
    struct dicom_store *store = image->store;
    const char *refusal = NULL;
    for (size_t i = 0; refusal == NULL && i < store->part_count; i++) {
        refusal = index_part(image, &store->parts[i]);
    }
    if (refusal == NULL) {
        look_for_holes(image);
    }
    return refusal;
}

static const struct image_container dicom_container = {
    .index = index_store,
    .locate = locate_frame,
    .close = close_dicom,
};

/* Opening */

static bool
is_rgb(const struct dicom_file *file)
{
    return strcmp(file->photometric, "RGB") == 0;
}

static enum codec
codec_of_syntax(const struct dicom_file *file)
{
    if (strcmp(file->transfer_syntax, JPEG_BASELINE) == 0) {
        return CODEC_JPEG;
    }
    return strcmp(file->transfer_syntax, UNCOMPRESSED) == 0 ? CODEC_NONE
                                                            : CODEC_OTHER;
}

static bool
has_plain_samples(const struct dicom_file *file)
{
    return file->samples_per_pixel == 3 && file->planar_configuration == 0 &&
           file->bits_allocated == 8 && file->bits_stored == 8 &&
           file->high_bit == 7 && file->pixel_representation == 0 &&
           (is_rgb(file) || (codec_of_syntax(file) == CODEC_JPEG &&
                             strcmp(file->photometric, "YBR_FULL_422") == 0));
}

static bool
is_organized(const struct dicom_file *file)
{
    return is_full(file) || strcmp(file->organization, "TILED_SPARSE") == 0 ||
           strcmp(file->organization, "3D") == 0;
}

static const char *
refusal_of_file(const struct dicom_file *file)
{
    const char *refusal =
        image_refusal(codec_of_syntax(file), has_plain_samples(file),
                      file->columns, file->rows);
    if (refusal == NULL && !is_organized(file)) {
        refusal = "the frames are organized in an unknown way";
    }
    if (refusal == NULL &&
        (file->columns == 0 || file->rows == 0 || file->frame_count == 0)) {
        refusal = "there are no frames";
    }
    return refusal;
}

/* Why the files are not parts of the same image. */
static const char *
refusal_of_files(const struct dicom_file *files, size_t count)
{
    const char *refusal = NULL;
    uint64_t frames = 0;
    for (size_t i = 0; refusal == NULL && i < count; i++) {
        refusal = refusal_of_file(&files[i]);
        frames += files[i].frame_count;
        if (refusal == NULL &&
            (is_rgb(&files[i]) != is_rgb(&files[0]) ||
             codec_of_syntax(&files[i]) != codec_of_syntax(&files[0]))) {
            refusal = "the files of the level differ in their colours";
        }
    }
    if (refusal == NULL && frames >= NO_FRAME) {
        refusal = "there are too many frames";
    }
    return refusal;
}

static struct dicom_store *
store_of(const struct dicom_file *files, size_t count)
{
    struct dicom_store *store =
        calloc(1, sizeof *store + count * sizeof store->parts[0]);
    uint32_t first = 0;
    if (store != NULL) {
        /* libopenslide looks which frames there are, but for files that say
           they have them all. */
        store->allows_holes = count > 1 || !is_said_to_be_full(files);
    }
    for (size_t i = 0; store != NULL && i < count; i++) {
        store->parts[i].file = files[i];
        store->parts[i].first = first;
        first += files[i].frame_count;
        store->part_count++;
    }
    return store;
}

const char *
dicom_image_open(struct image *image, const struct dicom_file *files,
                 size_t count)
{
    *image = (struct image){0};
    const char *refusal = refusal_of_files(files, count);
    struct dicom_store *store =
        refusal == NULL ? store_of(files, count) : NULL;
    if (store == NULL) {
        return refusal == NULL ? NO_MEMORY : refusal;
    }
    *image = (struct image){
        .container = &dicom_container,
        .store = store,
        .coding = {.codec = codec_of_syntax(files)},
        .format = {.width = files->columns,
                   .height = files->rows,
                   .is_rgb = is_rgb(files)},
        .tile_width = files->columns,
        .tile_height = files->rows,
        .tiles_across =
            (uint32_t)quotient_up(files->total_columns, files->columns),
        .tiles_down = (uint32_t)quotient_up(files->total_rows, files->rows),
        .width = files->total_columns,
        .height = files->total_rows,
    };
    return NULL;
}
