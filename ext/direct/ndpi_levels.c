#include "ndpi_levels.h"

#include <stdlib.h>

/* libjpeg decodes at these fractions of the full size, and libopenslide offers
   each as a level. */
static const unsigned DENOMINATORS[] = {1, 2, 4, 8};
enum { DENOMINATOR_COUNT = sizeof DENOMINATORS / sizeof DENOMINATORS[0] };

/* A level that libopenslide offers. */
struct offer {
    uint32_t width;
    size_t mosaic; /* which of them */
    unsigned denominator;
};

struct offers {
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

static bool
make_offers(struct offers *offers, struct ndpi_mosaic *const *mosaics,
            size_t count)
{
    offers->count = 0;
    offers->offers = calloc(count * DENOMINATOR_COUNT, sizeof *offers->offers);
    for (size_t i = 0; offers->offers != NULL && i < count; i++) {
        const struct ndpi_grid *grid = ndpi_mosaic_grid(mosaics[i]);
        for (size_t k = 0; k < DENOMINATOR_COUNT; k++) {
            if (divides_tiles(grid, DENOMINATORS[k])) {
                const struct offer offer = {grid->width / DENOMINATORS[k], i,
                                            DENOMINATORS[k]};
                make_offer(offers, &offer);
            }
        }
    }
    return offers->offers != NULL;
}

/* Whether libopenslide describes the level as this one. */
static bool
agrees(const struct slide_handle *handle, int32_t number,
       const struct ndpi_grid *grid, const struct offer *offer)
{
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
                 const struct offers *offers,
                 struct ndpi_mosaic *const *mosaics)
{
    static const char not_as_expected[] =
        "the level is not a grid of tiles as expected";
    if (offers->count != (size_t)handle->level_count) {
        return not_as_expected;
    }
    for (int32_t i = 0; i < handle->level_count; i++) {
        const struct offer *offer = &offers->offers[i];
        struct ndpi_mosaic *mosaic = mosaics[offer->mosaic];
        levels[i].mosaic = offer->mosaic;
        levels[i].refusal =
            agrees(handle, i, ndpi_mosaic_grid(mosaic), offer)
                ? ndpi_image_open(&levels[i].image, mosaic, offer->denominator)
                : not_as_expected;
    }
    return NULL;
}

const char *
ndpi_offer_levels(struct ndpi_level *levels, const struct slide_handle *handle,
                  struct ndpi_mosaic *const *mosaics, size_t count)
{
    struct offers offers;
    const char *refusal =
        make_offers(&offers, mosaics, count)
            ? open_ndpi_levels(levels, handle, &offers, mosaics)
            : "there was no memory";
    free(offers.offers);
    return refusal;
}

/* NDPI */

static const char *
open_directory(struct ndpi_mosaic **mosaic, const struct source *source,
               const struct ndpi_directory *directory)
{
    struct ndpi_strip *strip;
    const char *refusal = ndpi_strip_open(&strip, source, directory);
    return refusal == NULL ? ndpi_mosaic_open(mosaic, &strip, 1, 1) : refusal;
}

/* The stored levels; those that are there are to be released in any case. */
static const char *
open_mosaics(struct ndpi_mosaic **mosaics, size_t *mosaic_count,
             const struct source *source,
             const struct ndpi_directory *directories, size_t count)
{
    const char *refusal = NULL;
    for (size_t i = 0; refusal == NULL && i < count; i++) {
        const struct ndpi_directory *directory = &directories[i];
        struct ndpi_mosaic *mosaic = NULL;
        bool is_level = directory->lens > 0 &&
                        (!directory->is_usable || directory->focal_plane == 0);
        if (!directory->has_lens) {
            refusal = "the TIFF directory has unusual entries";
        } else if (is_level) {
            refusal = open_directory(&mosaic, source, directory);
        }
        if (mosaic != NULL) {
            mosaics[(*mosaic_count)++] = mosaic;
        }
    }
    return refusal;
}

const char *
ndpi_find_levels(struct ndpi_level *levels, const struct slide_handle *handle,
                 const struct source *source)
{
    size_t count, mosaic_count = 0;
    struct ndpi_directory *directories = ndpi_read_directories(source, &count);
    if (directories == NULL) {
        return "the TIFF directories cannot be read";
    }
    struct ndpi_mosaic **mosaics = calloc(count, sizeof(struct ndpi_mosaic *));
    const char *refusal =
        mosaics == NULL
            ? "there was no memory"
            : open_mosaics(mosaics, &mosaic_count, source, directories, count);
    if (refusal == NULL) {
        refusal = ndpi_offer_levels(levels, handle, mosaics, mosaic_count);
    }
    for (size_t i = 0; i < mosaic_count; i++) {
        ndpi_mosaic_release(mosaics[i]);
    }
    free(mosaics);
    free(directories);
    return refusal;
}
