#include "level_images.h"

#include "dicom_series.h"
#include "layout.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";

/* TIFF */

static const char FINER_LEVEL_IN_DOUBT[] =
    "tiles of a finer level may be missing";

/*
 * Why an image cannot be read because of tiles without bytes; NULL if it can.
 * `fault` is why tiles of this or a finer level may be filled from others,
 * NULL until there is a reason.
 */
static const char *
deal_with_holes(struct image *image, enum layout_holes holes,
                const char **fault)
{
    bool has_holes = false;
    if (holes != HOLES_ARE_ERRORS && !image_find_holes(image, &has_holes)) {
        *fault = FINER_LEVEL_IN_DOUBT;
        return "the table of its tiles cannot be read";
    }
    if (has_holes) {
        *fault = "some tiles are missing, and made from another level";
    }
    image->has_holes = has_holes && holes == HOLES_ARE_TRANSPARENT;
    return holes == HOLES_ARE_FILLED ? *fault : NULL;
}

/* NULL, or why the image cannot be read. */
static const char *
open_image(struct placement *placement, const struct tiff_file *tiff,
           const struct layout *layout, size_t number, const char **fault)
{
    const struct layout_image *image = &layout->images[number];
    const struct tiff_directory *directory = image->directory;
    const char *refusal = image_open_tiff(&placement->image, tiff, directory);
    placement->number = (uint32_t)number;
    placement->x = image->x;
    placement->y = image->y;
    placement->advance_x = directory->tile_width - image->overlap_x;
    placement->advance_y = directory->tile_height - image->overlap_y;
    if (refusal != NULL) {
        *fault = FINER_LEVEL_IN_DOUBT;
        return refusal;
    }
    return deal_with_holes(&placement->image, layout->holes, fault);
}

/* Room for the images of a level; false where there is no memory. */
static bool
make_room(struct level_images *level, size_t count)
{
    level->placements = calloc(count, sizeof *level->placements);
    level->count = level->placements == NULL ? 0 : count;
    return level->placements != NULL;
}

static const char *
open_tiff_level(struct level_images *level, const struct tiff_file *tiff,
                const struct layout *layout, size_t first, const char **fault)
{
    const char *refusal = NULL;
    if (!make_room(level, layout->images_per_level)) {
        *fault = FINER_LEVEL_IN_DOUBT;
        return NO_MEMORY;
    }
    level->is_snapped = layout->is_snapped;
    for (size_t i = 0; refusal == NULL && i < level->count; i++) {
        refusal =
            open_image(&level->placements[i], tiff, layout, first + i, fault);
    }
    return refusal;
}

static void
open_tiff_levels(struct level_images *levels,
                 const struct slide_handle *handle, struct slide_file *file,
                 const struct tiff_file *tiff, const struct layout *layout)
{
    const char *fault = NULL;
    for (int32_t i = 0; i < handle->level_count; i++) {
        struct level_images *level = &levels[i];
        level->file = file;
        level->refusal = open_tiff_level(
            level, tiff, layout, (size_t)i * layout->images_per_level, &fault);
        if (layout->is_padded && level->refusal == NULL) {
            struct image *image = &level->placements[0].image;
            openslide.get_level_dimensions(handle->osr, i, &image->width,
                                           &image->height);
        }
    }
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
    if (refusal == NULL) {
        open_tiff_levels(levels, handle, file, &tiff, &layout);
        free(layout.images);
    }
    free(directories);
    return refusal;
}

/* DICOM */

static const char *
open_dicom_level(struct level_images *level, const struct dicom_level *found,
                 int32_t number)
{
    level->file = found->file;
    if (found->file == NULL) {
        return "the file of the level was not found";
    }
    if (found->is_ambiguous) {
        return "several files have the size of the level";
    }
    if (!make_room(level, 1)) {
        return NO_MEMORY;
    }
    struct placement *placement = level->placements;
    const char *refusal = image_open_dicom(&placement->image, &found->dicom);
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
    }
    free(found);
    return complete ? NULL : "the files of the series cannot be read";
}

/* Both */

static bool
is_dicom(const struct slide_handle *handle)
{
    const char *vendor =
        openslide.get_property_value(handle->osr, "openslide.vendor");
    return vendor != NULL && strcmp(vendor, "dicom") == 0;
}

void
level_images_find(struct level_images *levels,
                  const struct slide_handle *handle, struct slide_file *file)
{
    const char *refusal;
    if (FLT_EVAL_METHOD != 0) { /* as for the x87: see paint.h */
        refusal = "this machine rounds floats in another way";
    } else if (is_dicom(handle)) {
        refusal = find_in_dicom(levels, handle, file);
    } else {
        refusal = find_in_tiff(levels, handle, file);
    }
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
    if (level->file != NULL && level->file != file) {
        slide_file_free(level->file);
    }
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
