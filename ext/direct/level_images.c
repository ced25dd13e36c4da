#include "level_images.h"

#include "bif_image.h"
#include "dicom_image.h"
#include "dicom_series.h"
#include "layout.h"
#include "mirax_levels.h"
#include "ndpi_levels.h"
#include "tiff_image.h"
#include "vms_levels.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";

/* A slide has some ten thousand joints of a few hundred bytes each. */
enum { MAX_STITCHING_BYTES = 1 << 26 };

/* Room for the images of a level; false where there is no memory. */
static bool
make_room(struct level_images *level, size_t count)
{
    level->placements = calloc(count, sizeof *level->placements);
    level->count = level->placements == NULL ? 0 : count;
    return level->placements != NULL;
}

bool
level_images_take_grid(struct level_images *level, struct image *image,
                       int32_t number)
{
    if (!make_room(level, 1)) {
        image_close(image);
        return false;
    }
    level->placements[0] = (struct placement){
        .image = *image,
        .number = (uint32_t)number,
        .advance_x = image->tile_width,
        .advance_y = image->tile_height,
    };
    return true;
}

/* The only file of a level; false where there is no memory. */
static bool
take_file(struct level_images *level, struct slide_file *file)
{
    level->files = malloc(sizeof *level->files);
    if (level->files != NULL) {
        level->files[0] = file;
        level->file_count = 1;
    }
    return level->files != NULL;
}

/* TIFF */

/* The levels of an Aperio slide and what is missing of each. */
struct gaps {
    struct missing_tiles *levels; /* NULL where tiles are not made of others */
    int32_t known; /* from the first level on; then nobody can tell */
};

/* How much is known then is as far as that goes. */
static void
find_gaps(struct gaps *gaps, const struct tiff_file *tiff,
          const struct layout *layout, int32_t level_count)
{
    const struct tiff_directory *finer = NULL;
    gaps->levels = layout->holes == HOLES_ARE_FILLED
                       ? calloc((size_t)level_count, sizeof *gaps->levels)
                       : NULL;
    gaps->known = 0;
    for (int32_t i = 0; gaps->levels != NULL && i < level_count; i++) {
        const struct tiff_directory *directory = layout->images[i].directory;
        if (!missing_tiles_find(&gaps->levels[i], tiff, directory, finer,
                                i == 0 ? NULL : &gaps->levels[i - 1])) {
            break;
        }
        gaps->known++;
        finer = directory;
    }
}

static void
forget_gaps(struct gaps *gaps, int32_t level_count)
{
    for (int32_t i = 0; gaps->levels != NULL && i < level_count; i++) {
        missing_tiles_free(&gaps->levels[i]);
    }
    free(gaps->levels);
}

/* Why an image cannot be read because of tiles without bytes; NULL if it
   can. */
static const char *
deal_with_holes(struct image *image, enum layout_holes holes,
                struct gaps *gaps, int32_t number)
{
    bool is_filled = holes == HOLES_ARE_FILLED;
    if (is_filled && number >= gaps->known) {
        return "tiles of a finer level may be missing";
    }
    if (is_filled && number > 0) {
        tiff_image_leave_out(image, &gaps->levels[number]);
    } else if (holes != HOLES_ARE_ERRORS) {
        return tiff_image_allow_holes(image);
    }
    return NULL;
}

static void
place(struct placement *placement, const struct layout_image *image,
      size_t number)
{
    placement->number = (uint32_t)number;
    placement->x = image->x;
    placement->y = image->y;
    placement->advance_x = image->directory->tile_width - image->overlap_x;
    placement->advance_y = image->directory->tile_height - image->overlap_y;
}

/* The first directory of a level in the file says it for all levels. */
static const char *
read_stitching(struct ventana_stitching *stitching,
               const struct tiff_file *tiff, const struct layout *layout,
               int32_t level_count)
{
    const struct tiff_directory *first = layout->images[0].directory;
    for (int32_t i = 1; i < level_count; i++) {
        const struct tiff_directory *other = layout->images[i].directory;
        first = other < first ? other : first;
    }
    char *document =
        (char *)tiff_read_bytes(tiff, &first->xml_packet, MAX_STITCHING_BYTES);
    bool is_read = document != NULL &&
                   ventana_read(stitching, document, strlen(document),
                                first->tile_width, first->tile_height);
    free(document);
    return is_read ? NULL : "what the slide says of itself is unusual";
}

static const char *
open_stitched_level(struct level_images *level, const struct tiff_file *tiff,
                    const struct tiff_directory *directory,
                    const struct ventana_stitching *stitching,
                    const struct slide_handle *handle, int32_t number)
{
    struct bif_level shown = {.downsample = handle->levels[number].downsample};
    if (!make_room(level, 1)) {
        return NO_MEMORY;
    }
    struct placement *placement = level->placements;
    openslide.get_level_dimensions(handle->osr, number, &shown.width,
                                   &shown.height);
    const char *refusal =
        bif_image_open(&placement->image, tiff, directory, stitching, &shown);
    if (refusal == NULL) {
        placement->number = (uint32_t)number;
        placement->map = bif_image_map(&placement->image);
        placement->advance_x = (int64_t)placement->map->advance_x;
        placement->advance_y = (int64_t)placement->map->advance_y;
    }
    return refusal;
}

static const char *
open_stitched_levels(struct level_images *levels,
                     const struct slide_handle *handle,
                     struct slide_file *file, const struct tiff_file *tiff,
                     const struct layout *layout)
{
    struct ventana_stitching stitching;
    const char *refusal =
        read_stitching(&stitching, tiff, layout, handle->level_count);
    for (int32_t i = 0; refusal == NULL && i < handle->level_count; i++) {
        struct level_images *level = &levels[i];
        level->refusal = open_stitched_level(
            level, tiff, layout->images[i].directory, &stitching, handle, i);
        if (level->refusal == NULL && !take_file(level, file)) {
            level->refusal = NO_MEMORY;
        }
    }
    return refusal;
}

static const char *
open_tiff_level(struct level_images *level, const struct tiff_file *tiff,
                const struct layout *layout, struct gaps *gaps, int32_t number)
{
    size_t first = (size_t)number * layout->images_per_level;
    if (!layout->images[first].agrees) {
        return "the level is not a grid of tiles as expected";
    }
    if (!make_room(level, layout->images_per_level)) {
        return NO_MEMORY;
    }
    const char *refusal = NULL;
    level->is_snapped = layout->is_snapped;
    for (size_t i = 0; refusal == NULL && i < level->count; i++) {
        const struct layout_image *image = &layout->images[first + i];
        struct placement *placement = &level->placements[i];
        refusal = tiff_image_open(&placement->image, tiff, image->directory);
        if (refusal == NULL) {
            place(placement, image, first + i);
            refusal = deal_with_holes(&placement->image, layout->holes, gaps,
                                      number);
        }
    }
    return refusal;
}

/* Levels may be smaller than the images that store them. */
static void
clip_to_level(struct level_images *level, const struct slide_handle *handle,
              int32_t number)
{
    struct image *image = &level->placements[0].image;
    openslide.get_level_dimensions(handle->osr, number, &image->width,
                                   &image->height);
}

static void
open_tiff_levels(struct level_images *levels,
                 const struct slide_handle *handle, struct slide_file *file,
                 const struct tiff_file *tiff, const struct layout *layout)
{
    struct gaps gaps;
    find_gaps(&gaps, tiff, layout, handle->level_count);
    for (int32_t i = 0; i < handle->level_count; i++) {
        struct level_images *level = &levels[i];
        level->refusal = open_tiff_level(level, tiff, layout, &gaps, i);
        if (level->refusal == NULL && !take_file(level, file)) {
            level->refusal = NO_MEMORY;
        }
        if (level->refusal == NULL && layout->is_padded) {
            clip_to_level(level, handle, i);
        }
    }
    forget_gaps(&gaps, handle->level_count);
}

/* NULL, or why none of the levels can be read directly. */
static const char *
find_in_tiff(struct level_images *levels, const struct slide_handle *handle,
             struct slide_file *file)
{
    size_t count;
    struct tiff_file tiff;
    struct layout layout;
    if (!layout_is_known(handle)) {
        return "slides of this vendor are not grids of JPEG tiles";
    }
    if (!tiff_open(&tiff, &file->source)) {
        return "the file is no TIFF";
    }
    struct tiff_directory *directories = tiff_read_directories(&tiff, &count);
    if (directories == NULL) {
        return "the TIFF directories cannot be read";
    }
    const char *refusal =
        layout_find(&layout, &tiff, directories, count, handle);
    if (refusal == NULL && layout.is_stitched) {
        refusal = open_stitched_levels(levels, handle, file, &tiff, &layout);
        free(layout.images);
    } else if (refusal == NULL) {
        open_tiff_levels(levels, handle, file, &tiff, &layout);
        free(layout.images);
    }
    free(directories);
    return refusal;
}

/* DICOM */

/* The files become the level's. */
static const char *
open_dicom_level(struct level_images *level, struct dicom_level *found,
                 int32_t number)
{
    level->files = found->files;
    level->file_count = found->count;
    if (found->count == 0) {
        return "the file of the level was not found";
    }
    if (found->is_ambiguous) {
        return "several files have the size of the level";
    }
    if (!make_room(level, 1)) {
        return NO_MEMORY;
    }
    struct placement *placement = level->placements;
    const char *refusal =
        dicom_image_open(&placement->image, found->dicoms, found->count);
    placement->number = (uint32_t)number;
    placement->advance_x = placement->image.tile_width;
    placement->advance_y = placement->image.tile_height;
    return refusal;
}

/* The same. */
static const char *
find_in_dicom(struct level_images *levels, const struct slide_handle *handle,
              struct slide_file *file)
{
    struct dicom_level *found =
        calloc((size_t)handle->level_count, sizeof *found);
    if (found == NULL) {
        return NO_MEMORY;
    }
    bool complete = dicom_find_levels(found, handle, file);
    for (int32_t i = 0; i < handle->level_count; i++) {
        levels[i].refusal = open_dicom_level(&levels[i], &found[i], i);
        free(found[i].dicoms);
    }
    free(found);
    return complete ? NULL : "the files of the series cannot be read";
}

/* Hamamatsu */

static const char *
open_ndpi_level(struct level_images *level, struct ndpi_level *found,
                struct slide_file *file, int32_t number)
{
    return level_images_take_grid(level, &found->image, number) &&
                   take_file(level, file)
               ? found->refusal
               : NO_MEMORY;
}

/* The same; what is no TIFF is VMS or VMU. */
static const char *
find_in_hamamatsu(struct level_images *levels,
                  const struct slide_handle *handle, struct slide_file *file)
{
    if (!ndpi_is_tiff(&file->source)) {
        return vms_find_levels(levels, handle, file);
    }
    struct ndpi_level *found =
        calloc((size_t)handle->level_count, sizeof *found);
    if (found == NULL) {
        return NO_MEMORY;
    }
    const char *refusal = ndpi_find_levels(found, handle, &file->source);
    for (int32_t i = 0; refusal == NULL && i < handle->level_count; i++) {
        levels[i].refusal = open_ndpi_level(&levels[i], &found[i], file, i);
    }
    free(found);
    return refusal;
}

/* All formats */

typedef const char *level_finder(struct level_images *levels,
                                 const struct slide_handle *handle,
                                 struct slide_file *file);

/* Those of vendors that are not here are looked for in TIFF. */
static const struct {
    const char *vendor;
    level_finder *find;
} finders[] = {
    {"dicom", find_in_dicom},
    {"mirax", mirax_find_levels},
    {"hamamatsu", find_in_hamamatsu},
};

static level_finder *
finder_of(const struct slide_handle *handle)
{
    const char *vendor = slide_handle_vendor(handle);
    for (size_t i = 0; i < sizeof finders / sizeof *finders; i++) {
        if (strcmp(finders[i].vendor, vendor) == 0) {
            return finders[i].find;
        }
    }
    return find_in_tiff;
}

void
level_images_find(struct level_images *levels,
                  const struct slide_handle *handle, struct slide_file *file)
{
    /* Else it may be as for the x87: see paint.h. */
    const char *refusal = FLT_EVAL_METHOD == 0
                              ? finder_of(handle)(levels, handle, file)
                              : "this machine rounds floats in another way";
    for (int32_t i = 0; refusal != NULL && i < handle->level_count; i++) {
        levels[i].refusal = refusal;
    }
}

void
level_images_close(struct level_images *level, const struct slide_file *file)
{
    for (size_t i = 0; i < level->count; i++) {
        image_close(&level->placements[i].image);
    }
    free(level->placements);
    for (size_t i = 0; i < level->file_count; i++) {
        if (level->files[i] != file && !level->shares_files) {
            slide_file_free(level->files[i]);
        }
    }
    free(level->files);
}

const struct slide_file *
level_images_file(const struct level_images *level, const struct image *image,
                  uint64_t tile)
{
    struct tile_place place;
    if (level->file_count == 1) {
        return level->files[0];
    }
    if (image->container->locate(image, tile, &place) != TILE_STORED) {
        return NULL;
    }
    /* A file is the source of its bytes. */
    return (const struct slide_file *)place.source;
}

const char *
level_images_index(struct level_images *level)
{
    const char *refusal = level->refusal;
    for (size_t i = 0; refusal == NULL && i < level->count; i++) {
        refusal = image_index(&level->placements[i].image);
    }
    return refusal;
}
