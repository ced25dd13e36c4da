/*
 * The levels of a MIRAX slide, of its index and of what libopenslide says of
 * its description.
 */
#ifndef DIRECT_MIRAX_LEVELS_H
#define DIRECT_MIRAX_LEVELS_H

#include "level_images.h"

/* As level_images_find(); NULL, or why there are none, in words. */
const char *mirax_find_levels(struct level_images *levels,
                              const struct slide_handle *handle,
                              struct slide_file *file);

#endif
