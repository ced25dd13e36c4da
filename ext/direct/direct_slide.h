/*
 * Reading regions without libopenslide, where a slide stores a level as a
 * plain grid of JPEG tiles: the same bytes, several times as fast.
 *
 * Nothing here fails.  Whatever is not as expected is left to libopenslide,
 * which then reads it, or says what is wrong with it.
 */
#ifndef DIRECT_SLIDE_H
#define DIRECT_SLIDE_H

#include "slide/pixels.h"
#include "slide/region.h"
#include "system/scratch.h"

/* For who opens a slide; its cache is a struct tile_cache.  Nothing is read
   before the first region is. */
extern const struct slide_lane direct_lane;

/* Why a level is left to libopenslide, in words; NULL where it is not. */
const char *direct_slide_refusal(const struct slide_handle *handle,
                                 int32_t level);

/* Whether the pixels that libopenslide gives of a level are kept for later
   reads. */
bool direct_slide_keeps(const struct slide_handle *handle, int32_t level);

struct level_images;

/* What a level is made of, or NULL where it is left to libopenslide. */
const struct level_images *
direct_slide_images(const struct slide_handle *handle, int32_t level);

/* Whether any tile of a level was compared with libopenslide. */
bool direct_slide_is_compared(const struct slide_handle *handle,
                              int32_t level);

/*
 * Compare a region, as direct_slide_read() does, but with what libopenslide
 * reads by another handle of the slide: should it fail, only that one is of no
 * use any more, and nothing is known.
 */
void direct_slide_compare(const struct slide_handle *handle,
                          const struct region *region,
                          const struct slide_handle *other);

/* For tests: compare nothing with libopenslide any more, so that what would be
   wrong shows. */
void direct_slide_trust(const struct slide_handle *handle);

/*
 * Read a part of a region, or leave it to libopenslide: then the answer is
 * false, and the pixels are undefined.
 *
 * What a level has not been seen to do right is compared with libopenslide
 * first, on the user's own pixels.  After a difference the level is left to it
 * for good.
 */
bool direct_slide_read(const struct slide_handle *handle,
                       const struct block *block, const struct pixels *pixels,
                       struct scratch *scratch);

/* Keep what libopenslide has read of a block, if its level is kept: words row
   by row. */
void direct_slide_keep(const struct slide_handle *handle,
                       const struct block *block, const uint32_t *words);

#endif
