#include "layout.h"

#include <stdlib.h>
#include <string.h>

/* Enough for any vendor's description of a level. */
enum { MAX_DESCRIPTION_BYTES = 1 << 16 };

/* What the functions below choose from. */
struct choice {
    const struct tiff_file *file;
    const struct tiff_directory *directories;
    size_t count;
    openslide_t *osr;
    const struct tiff_directory **chosen; /* room for all */
    size_t chosen_count;
};

static void
choose(struct choice *choice, size_t i)
{
    choice->chosen[choice->chosen_count++] = &choice->directories[i];
}

static void
choose_tiled(struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->directories[i].is_tiled) {
            choose(choice, i);
        }
    }
}

static int
compare_widths(const void *a, const void *b)
{
    const struct tiff_directory *const *p = a, *const *q = b;
    return ((*p)->width < (*q)->width) - ((*p)->width > (*q)->width);
}

/* The widest first.  Of two of the same width libopenslide may take either, so
   then there are none. */
static void
sort_by_width(struct choice *choice)
{
    qsort(choice->chosen, choice->chosen_count, sizeof *choice->chosen,
          compare_widths);
    for (size_t i = 1; i < choice->chosen_count; i++) {
        if (choice->chosen[i]->width == choice->chosen[i - 1]->width) {
            choice->chosen_count = 0;
        }
    }
}

static void
choose_reduced(struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct tiff_directory *directory = &choice->directories[i];
        if (directory->is_tiled &&
            (i == 0 ||
             (directory->has_subfile_type &&
              (directory->subfile_type & TIFF_SUBFILE_REDUCED_RESOLUTION)))) {
            choose(choice, i);
        }
    }
    sort_by_width(choice);
}

static bool
is_described_as_level(const struct choice *choice, size_t i)
{
    uint8_t *text =
        tiff_read_bytes(choice->file, &choice->directories[i].description,
                        MAX_DESCRIPTION_BYTES);
    bool is_level = text != NULL && strstr((const char *)text, "level=");
    free(text);
    return is_level;
}

static void
choose_described_as_level(struct choice *choice)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (is_described_as_level(choice, i)) {
            choose(choice, i);
        }
    }
    sort_by_width(choice);
}

static long
integer_property(openslide_t *osr, const char *name)
{
    const char *text = openslide.get_property_value(osr, name);
    return text == NULL ? 0 : strtol(text, NULL, 10);
}

/* ARGOS stores a pyramid for each focal plane, one after another. */
static void
choose_middle_plane(struct choice *choice)
{
    long wanted = (integer_property(choice->osr, "argos.MaxZ") -
                   integer_property(choice->osr, "argos.MinZ")) /
                  2;
    long plane = -1;
    uint32_t last_width = 0;
    for (size_t i = 0; i < choice->count; i++) {
        const struct tiff_directory *directory = &choice->directories[i];
        if (!directory->is_tiled) {
            continue;
        }
        plane += plane < 0 || directory->width >= last_width;
        last_width = directory->width;
        if (plane == wanted) {
            choose(choice, i);
        }
    }
}

struct vendor {
    const char *name; /* as in the property openslide.vendor */
    void (*choose)(struct choice *choice);
    enum layout_holes holes;
    bool is_padded;
};

static const struct vendor vendors[] = {
    {"aperio", choose_tiled, HOLES_ARE_FILLED, false},
    {"argos", choose_middle_plane, HOLES_ARE_TRANSPARENT, false},
    {"generic-tiff", choose_reduced, HOLES_ARE_TRANSPARENT, false},
    {"huron", choose_tiled, HOLES_ARE_ERRORS, false},
    {"philips", choose_tiled, HOLES_ARE_TRANSPARENT, true},
    {"ventana", choose_described_as_level, HOLES_ARE_ERRORS, false},
};

static const struct vendor *
vendor_of(openslide_t *osr)
{
    const char *name = openslide.get_property_value(osr, "openslide.vendor");
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++) {
        if (name != NULL && strcmp(vendors[i].name, name) == 0) {
            return &vendors[i];
        }
    }
    return NULL;
}

/* Whether libopenslide says the same of a level as its directory.  A damaged
   Philips slide may have levels without pixels, of any downsample. */
static bool
agrees(const struct tiff_directory *directory,
       const struct slide_handle *handle, int32_t number, bool is_padded)
{
    int64_t width, height;
    const struct slide_level *level = &handle->levels[number];
    openslide.get_level_dimensions(handle->osr, number, &width, &height);
    bool same_size =
        is_padded ? directory->width >= width && directory->height >= height
                  : directory->width == width && directory->height == height;
    return same_size && width > 0 && height > 0 &&
           level->tile_width == directory->tile_width &&
           level->tile_height == directory->tile_height;
}

static bool
all_agree(const struct choice *choice, const struct slide_handle *handle,
          bool is_padded)
{
    bool agree = choice->chosen_count == (size_t)handle->level_count;
    for (int32_t i = 0; agree && i < handle->level_count; i++) {
        agree = agrees(choice->chosen[i], handle, i, is_padded);
    }
    return agree;
}

const char *
layout_find(struct layout *layout, const struct tiff_file *file,
            const struct tiff_directory *directories, size_t count,
            const struct slide_handle *handle)
{
    const struct vendor *vendor = vendor_of(handle->osr);
    if (vendor == NULL) {
        return "slides of this vendor are not plain grids of JPEG tiles";
    }
    struct choice choice = {
        .file = file,
        .directories = directories,
        .count = count,
        .osr = handle->osr,
        .chosen = calloc(count + 1, sizeof *choice.chosen),
    };
    if (choice.chosen == NULL) {
        return "there was no memory";
    }
    vendor->choose(&choice);
    if (!all_agree(&choice, handle, vendor->is_padded)) {
        free(choice.chosen);
        return "the levels are not plain grids of tiles";
    }
    *layout = (struct layout){vendor->holes, vendor->is_padded, choice.chosen};
    return NULL;
}
