#include "region_reader.h"

#include "direct/direct_slide.h"

/* Whether libopenslide can write where the pixels shall be. */
static bool
fits_in_place(const struct pixels *pixels, const struct region *source)
{
    return pixels->channels == 4 && pixels->row_stride == 4 * source->width &&
           (uintptr_t)pixels->start % sizeof(uint32_t) == 0;
}

/* By libopenslide; false where memory is lacking. */
static bool
read_painted(const struct slide_handle *handle, const struct block *block,
             const struct pixels *pixels, struct scratch *scratch)
{
    const struct region *source = &block->source;
    uint32_t *words = (uint32_t *)(void *)pixels->start;
    if (!fits_in_place(pixels, source)) {
        words =
            scratch_reserve(scratch, (size_t)(source->width * source->height));
        if (words == NULL) {
            return false;
        }
    }
    openslide.read_region(handle->osr, words, source->x, source->y,
                          source->level, source->width, source->height);
    if (openslide.get_error(handle->osr) == NULL) {
        direct_slide_keep(handle, block, words);
    }
    pixels_convert(pixels, 0, 0, source->width, source->height, words,
                   (ptrdiff_t)source->width);
    return true;
}

enum region_reading
region_read_block(const struct slide_handle *handle, const struct block *block,
                  const struct pixels *pixels, struct scratch *scratch)
{
    openslide_t *osr = handle->osr;
    struct pixels part = *pixels;
    part.start = pixels_at(pixels, block->column, block->row);
    if (openslide.get_error(osr) != NULL) {
        return REGION_FAILED;
    }
    if (direct_slide_read(handle, block, &part, scratch)) {
        return REGION_COMPLETE;
    }
    if (!read_painted(handle, block, &part, scratch)) {
        return REGION_OUT_OF_MEMORY;
    }
    return openslide.get_error(osr) == NULL ? REGION_COMPLETE : REGION_FAILED;
}

enum region_reading
region_read(const struct slide_handle *handle, const struct region *region,
            const struct pixels *pixels, struct scratch *scratch,
            const struct parallel_worker *worker)
{
    struct division division = division_of(region, handle);
    int64_t blocks = division.columns * division.rows;
    enum region_reading reading = REGION_COMPLETE;
    for (int64_t i = 0; i < blocks && reading == REGION_COMPLETE; i++) {
        struct block block = division_block(&division, i % division.columns,
                                            i / division.columns);
        reading = i == 0 || parallel_goes_on(worker)
                      ? region_read_block(handle, &block, pixels, scratch)
                      : REGION_STOPPED;
    }
    return reading;
}
