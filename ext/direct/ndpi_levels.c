#include "ndpi_levels.h"

#include "ndpi_image.h"

#include <stdlib.h>

/* libjpeg decodes at these fractions of the full size, and libopenslide offers
   each as a level. */
static const unsigned DENOMINATORS[] = {1, 2, 4, 8};
enum { DENOMINATOR_COUNT = sizeof DENOMINATORS / sizeof DENOMINATORS[0] };

/* A level that libopenslide offers. */
struct offer {
    uint32_t width;
    struct ndpi_strip *strip;
    unsigned denominator;
};

struct offers {
    struct ndpi_strip **strips; /* those that are stored */
    size_t strip_count;
    struct offer *offers; /* the widest first, no two of a width */
    size_t count;
};

static bool
divides_tiles(const struct ndpi_grid *grid, unsigned denominator)
{
    return grid->tile_width % denominator == 0 &&
           grid->tile_height % denominator == 0;
}

/* Of a width that was offered before, the later level counts. */
static void
make_offer(struct offers *offers, const struct offer *offer)
{
    size_t place = 0;
    while (place < offers->count &&
           offers->offers[place].width > offer->width) {
        place++;
    }
    if (place == offers->count ||
        offers->offers[place].width != offer->width) {
        for (size_t i = offers->count++; i > place; i--) {
            offers->offers[i] = offers->offers[i - 1];
        }
    }
    offers->offers[place] = *offer;
}

static void
offer_strip(struct offers *offers, struct ndpi_strip *strip)
{
    const struct ndpi_grid *grid = ndpi_strip_grid(strip);
    offers->strips[offers->strip_count++] = strip;
    for (size_t i = 0; i < DENOMINATOR_COUNT; i++) {
        if (divides_tiles(grid, DENOMINATORS[i])) {
            const struct offer offer = {grid->width / DENOMINATORS[i], strip,
                                        DENOMINATORS[i]};
            make_offer(offers, &offer);
        }
    }
}

static const char *
make_offers(struct offers *offers, const struct source *source,
            const struct ndpi_directory *directories, size_t count)
{
    const char *refusal = NULL;
    offers->strips = calloc(count, sizeof *offers->strips);
    offers->offers = calloc(count * DENOMINATOR_COUNT, sizeof *offers->offers);
    if (offers->strips == NULL || offers->offers == NULL) {
        return "there was no memory";
    }
    for (size_t i = 0; refusal == NULL && i < count; i++) {
        const struct ndpi_directory *directory = &directories[i];
        struct ndpi_strip *strip = NULL;
        bool is_level = directory->lens > 0 &&
                        (!directory->is_usable || directory->focal_plane == 0);
        if (!directory->has_lens) {
            refusal = "the TIFF directory has unusual entries";
        } else if (is_level) {
            refusal = ndpi_strip_open(&strip, source, directory);
        }
        if (strip != NULL) {
            offer_strip(offers, strip);
        }
    }
    return refusal;
}

static void
release_offers(struct offers *offers)
{
    for (size_t i = 0; i < offers->strip_count; i++) {
        ndpi_strip_release(offers->strips[i]);
    }
    free(offers->strips);
    free(offers->offers);
}

/* Whether libopenslide describes the level as this one. */
static bool
agrees(const struct slide_handle *handle, int32_t number,
       const struct offer *offer)
{
    const struct ndpi_grid *grid = ndpi_strip_grid(offer->strip);
    const struct slide_level *level = &handle->levels[number];
    unsigned denominator = offer->denominator;
    int64_t width, height;
    openslide.get_level_dimensions(handle->osr, number, &width, &height);
    return width == offer->width && height == grid->height / denominator &&
           level->tile_width == grid->tile_width / denominator &&
           level->tile_height == grid->tile_height / denominator;
}

static const char *
open_ndpi_levels(struct ndpi_level *levels, const struct slide_handle *handle,
                 const struct offers *offers)
{
    static const char not_as_expected[] =
        "the level is not a grid of tiles as expected";
    if (offers->count != (size_t)handle->level_count) {
        return not_as_expected;
    }
    for (int32_t i = 0; i < handle->level_count; i++) {
        const struct offer *offer = &offers->offers[i];
        levels[i].refusal =
            agrees(handle, i, offer)
                ? ndpi_image_open(&levels[i].image, offer->strip,
                                  offer->denominator)
                : not_as_expected;
    }
    return NULL;
}

const char *
ndpi_find_levels(struct ndpi_level *levels, const struct slide_handle *handle,
                 const struct source *source)
{
    size_t count;
    struct offers offers = {0};
    if (!ndpi_is_tiff(source)) {
        return "slides of several files, VMS and VMU, are left to "
               "libopenslide";
    }
    struct ndpi_directory *directories = ndpi_read_directories(source, &count);
    if (directories == NULL) {
        return "the TIFF directories cannot be read";
    }
    const char *refusal = make_offers(&offers, source, directories, count);
    if (refusal == NULL) {
        refusal = open_ndpi_levels(levels, handle, &offers);
    }
    release_offers(&offers);
    free(directories);
    return refusal;
}
