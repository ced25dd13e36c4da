#include "layout.h"

#include "formats/leica.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for any vendor's description of a level, or of all. */
enum { MAX_DESCRIPTION_BYTES = 1 << 20 };

/* Areas that start beyond this are nobody's, in pixels. */
static const double FARTHEST = (double)((int64_t)1 << 40);

/* What the functions below choose from. */
struct choice {
    const struct tiff_file *file;
    const struct tiff_directory *directories;
    size_t count;
    const struct slide_handle *handle;
    struct layout_image *chosen; /* room for one of each directory */
    size_t chosen_count;
    size_t images_per_level;
};

static struct layout_image *
choose(struct choice *choice, size_t i)
{
    struct layout_image *image = &choice->chosen[choice->chosen_count++];
    *image = (struct layout_image){.directory = &choice->directories[i]};
    return image;
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

/* The widest first, and those of the same width in the order of the file: GLib
   promises libopenslide a stable sort. */
static int
compare_widths(const void *a, const void *b)
{
    const struct tiff_directory *p =
        ((const struct layout_image *)a)->directory;
    const struct tiff_directory *q =
        ((const struct layout_image *)b)->directory;
    return p->width != q->width ? (p->width < q->width) - (p->width > q->width)
                                : (p > q) - (p < q);
}

static void
sort_by_width(struct choice *choice)
{
    qsort(choice->chosen, choice->chosen_count, sizeof *choice->chosen,
          compare_widths);
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

/* To be freed; NULL where there is none. */
static char *
read_description(const struct choice *choice,
                 const struct tiff_bytes *description)
{
    return (char *)tiff_read_bytes(choice->file, description,
                                   MAX_DESCRIPTION_BYTES);
}

static bool
is_described_as_level(const struct choice *choice, size_t i)
{
    char *text = read_description(choice, &choice->directories[i].description);
    bool is_level = text != NULL && strstr(text, "level=");
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

static int64_t
integer_property(openslide_t *osr, const char *name)
{
    const char *text = openslide.get_property_value(osr, name);
    return text == NULL ? 0 : strtoll(text, NULL, 10);
}

/* ARGOS stores a pyramid for each focal plane, one after another. */
static void
choose_middle_plane(struct choice *choice)
{
    int64_t wanted = (integer_property(choice->handle->osr, "argos.MaxZ") -
                      integer_property(choice->handle->osr, "argos.MinZ")) /
                     2;
    int64_t plane = -1;
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

/* The overlap of tiles that makes a level smaller than its directory by all
   that is stored twice; negative where there is none. */
static int64_t
overlap_between(int64_t stored, int64_t shown, int64_t tile_count)
{
    int64_t seams = tile_count - 1, twice = stored - shown;
    if (seams == 0) {
        return twice == 0 ? 0 : -1;
    }
    return twice % seams == 0 ? twice / seams : -1;
}

/* Trestle's tiles overlap, in each level by another number of pixels. */
static void
choose_overlapping(struct choice *choice)
{
    choose_tiled(choice);
    for (size_t i = 0; i < choice->chosen_count; i++) {
        struct layout_image *image = &choice->chosen[i];
        const struct tiff_directory *directory = image->directory;
        int64_t width, height;
        openslide.get_level_dimensions(choice->handle->osr, (int32_t)i, &width,
                                       &height);
        image->overlap_x =
            overlap_between(directory->width, width, directory->tiles_across);
        image->overlap_y =
            overlap_between(directory->height, height, directory->tiles_down);
    }
}

/* Leica stores each area of a level as an image of its own. */

/* How many nanometres a pixel of a level has, where it has fewest. */
static double
pixel_length(const struct leica_collection *collection, size_t level)
{
    double least = INFINITY;
    for (size_t i = 0; i < collection->image_count; i++) {
        const struct leica_image *image = &collection->images[i];
        least = fmin(least, (double)image->width /
                                (double)image->levels[level].width);
    }
    return least;
}

/* Leave the areas alone, which are alike in how many levels they have. */
static bool
keep_areas(struct leica_collection *collection)
{
    size_t kept = 0;
    for (size_t i = 0; i < collection->image_count; i++) {
        const struct leica_image *image = &collection->images[i];
        if (image->is_brightfield && !leica_is_macro(collection, image)) {
            collection->images[kept++] = *image;
        }
    }
    collection->image_count = kept;
    for (size_t i = 1; i < kept; i++) {
        if (collection->images[i].level_count !=
            collection->images[0].level_count) {
            return false;
        }
    }
    return kept > 0 && collection->images[0].level_count <= LEICA_MAX_LEVELS;
}

static bool
has_size(const struct choice *choice, size_t level, double width,
         double height)
{
    int64_t level_width, level_height;
    openslide.get_level_dimensions(choice->handle->osr, (int32_t)level,
                                   &level_width, &level_height);
    return (double)level_width == width && (double)level_height == height;
}

/* Nanometres in pixels, truncated; false where that is too far away. */
static bool
to_pixels(int64_t distance, double length, int64_t *pixels)
{
    double exact = (double)distance / length;
    bool is_near = exact < FARTHEST;
    *pixels = is_near ? (int64_t)exact : 0;
    return is_near;
}

static bool
choose_area(struct choice *choice, const struct leica_image *image,
            size_t level, double length)
{
    int64_t directory = image->levels[level].directory;
    if ((uint64_t)directory >= choice->count ||
        choice->chosen_count == choice->count) {
        return false;
    }
    struct layout_image *area = choose(choice, (size_t)directory);
    return to_pixels(image->x, length, &area->x) &&
           to_pixels(image->y, length, &area->y);
}

static bool
choose_areas_of_level(struct choice *choice,
                      const struct leica_collection *collection, size_t level)
{
    double length = pixel_length(collection, level);
    bool chosen =
        has_size(choice, level, ceil((double)collection->width / length),
                 ceil((double)collection->height / length));
    for (size_t i = 0; chosen && i < collection->image_count; i++) {
        chosen = choose_area(choice, &collection->images[i], level, length);
    }
    return chosen;
}

static bool
choose_all_areas(struct choice *choice, struct leica_collection *collection)
{
    /* libopenslide reads this one without libtiff, and takes the last. */
    char *text =
        read_description(choice, &choice->directories[0].last_description);
    bool chosen = text != NULL && leica_read(collection, text, strlen(text)) &&
                  keep_areas(collection);
    free(text);
    size_t level_count = chosen ? collection->images[0].level_count : 0;
    for (size_t level = 0; chosen && level < level_count; level++) {
        chosen = choose_areas_of_level(choice, collection, level);
    }
    choice->images_per_level = chosen ? collection->image_count : 1;
    return chosen;
}

static void
choose_areas(struct choice *choice)
{
    struct leica_collection *collection = malloc(sizeof *collection);
    if (collection == NULL || !choose_all_areas(choice, collection)) {
        choice->chosen_count = 0;
    }
    free(collection);
}

/* Agreement with libopenslide */

static bool
has_tiles_of(const struct slide_level *level,
             const struct tiff_directory *directory)
{
    return level->tile_width == directory->tile_width &&
           level->tile_height == directory->tile_height;
}

static bool
is_plain(const struct choice *choice, int32_t number)
{
    const struct tiff_directory *directory = choice->chosen[number].directory;
    int64_t width, height;
    openslide.get_level_dimensions(choice->handle->osr, number, &width,
                                   &height);
    return directory->width == width && directory->height == height &&
           has_tiles_of(&choice->handle->levels[number], directory);
}

static bool
is_padded(const struct choice *choice, int32_t number)
{
    const struct tiff_directory *directory = choice->chosen[number].directory;
    int64_t width, height;
    openslide.get_level_dimensions(choice->handle->osr, number, &width,
                                   &height);
    return directory->width >= width && directory->height >= height &&
           has_tiles_of(&choice->handle->levels[number], directory);
}

/* Where tiles overlap, libopenslide does not say how large they are. */
static bool
is_overlapping(const struct choice *choice, int32_t number)
{
    const struct layout_image *image = &choice->chosen[number];
    const struct slide_level *level = &choice->handle->levels[number];
    return image->overlap_x >= 0 && image->overlap_y >= 0 &&
           image->overlap_x < image->directory->tile_width &&
           image->overlap_y < image->directory->tile_height &&
           (level->tile_width == 0 || has_tiles_of(level, image->directory));
}

/* Libopenslide gives tiles no size where it lays them out anew, so that the
   levels are not as large as their directories. */
static bool
is_stitched(const struct slide_handle *handle)
{
    return strcmp(slide_handle_vendor(handle), "ventana") == 0 &&
           handle->levels[0].tile_width == 0;
}

static bool
is_plain_or_stitched(const struct choice *choice, int32_t number)
{
    return is_stitched(choice->handle) || is_plain(choice, number);
}

static int64_t
region_property(const struct choice *choice, size_t number, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "openslide.region[%zu].%s", number, name);
    return integer_property(choice->handle->osr, key);
}

/* libopenslide says where the areas of level 0 are. */
static bool
is_made_of_areas(const struct choice *choice, int32_t number)
{
    bool agrees = true;
    size_t count = choice->images_per_level;
    for (size_t i = 0; number == 0 && agrees && i < count; i++) {
        const struct layout_image *image = &choice->chosen[i];
        const struct tiff_directory *directory = image->directory;
        agrees = region_property(choice, i, "x") == image->x &&
                 region_property(choice, i, "y") == image->y &&
                 region_property(choice, i, "width") == directory->width &&
                 region_property(choice, i, "height") == directory->height;
    }
    return agrees && region_property(choice, count, "width") == 0;
}

struct vendor {
    const char *name; /* as in the property openslide.vendor */
    void (*choose)(struct choice *choice);
    /* Whether libopenslide says the same of a level. */
    bool (*agrees)(const struct choice *choice, int32_t number);
    enum layout_holes holes;
};

static const struct vendor vendors[] = {
    {"aperio", choose_tiled, is_plain, HOLES_ARE_FILLED},
    {"argos", choose_middle_plane, is_plain, HOLES_ARE_TRANSPARENT},
    {"generic-tiff", choose_reduced, is_plain, HOLES_ARE_TRANSPARENT},
    {"huron", choose_tiled, is_plain, HOLES_ARE_ERRORS},
    {"leica", choose_areas, is_made_of_areas, HOLES_ARE_ERRORS},
    {"philips", choose_tiled, is_padded, HOLES_ARE_TRANSPARENT},
    {"trestle", choose_overlapping, is_overlapping, HOLES_ARE_ERRORS},
    {"ventana", choose_described_as_level, is_plain_or_stitched,
     HOLES_ARE_ERRORS},
};

static const struct vendor *
vendor_of(const struct slide_handle *handle)
{
    const char *name = slide_handle_vendor(handle);
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++) {
        if (strcmp(vendors[i].name, name) == 0) {
            return &vendors[i];
        }
    }
    return NULL;
}

/* A damaged Philips slide may have levels without pixels, of any downsample.
 */
static bool
has_pixels(const struct choice *choice, int32_t number)
{
    int64_t width, height;
    openslide.get_level_dimensions(choice->handle->osr, number, &width,
                                   &height);
    return width > 0 && height > 0;
}

/* Whether there are as many images as the levels take.  Of each level it is
   noted whether it is made of them. */
static bool
match_levels(struct choice *choice, const struct vendor *vendor)
{
    int32_t count = choice->handle->level_count;
    bool match =
        choice->chosen_count == (size_t)count * choice->images_per_level;
    for (int32_t i = 0; match && i < count; i++) {
        choice->chosen[(size_t)i * choice->images_per_level].agrees =
            has_pixels(choice, i) && vendor->agrees(choice, i);
    }
    return match;
}

bool
layout_is_known(const struct slide_handle *handle)
{
    return vendor_of(handle) != NULL;
}

const char *
layout_find(struct layout *layout, const struct tiff_file *file,
            const struct tiff_directory *directories, size_t count,
            const struct slide_handle *handle)
{
    const struct vendor *vendor = vendor_of(handle);
    struct choice choice = {
        .file = file,
        .directories = directories,
        .count = count,
        .handle = handle,
        .chosen = calloc(count + 1, sizeof *choice.chosen),
        .images_per_level = 1,
    };
    if (choice.chosen == NULL) {
        return "there was no memory";
    }
    vendor->choose(&choice);
    if (!match_levels(&choice, vendor)) {
        free(choice.chosen);
        return "the level is not a grid of tiles as expected";
    }
    *layout = (struct layout){
        .holes = vendor->holes,
        .is_padded = vendor->agrees == is_padded,
        .is_snapped = vendor->choose == choose_areas,
        .is_stitched = is_stitched(handle),
        .images = choice.chosen,
        .images_per_level = choice.images_per_level,
    };
    return NULL;
}
