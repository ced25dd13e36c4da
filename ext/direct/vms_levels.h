/*
 * The levels of VMS and VMU slides, whose files are named by a text; what that
 * says libopenslide tells as properties.
 */
#ifndef DIRECT_VMS_LEVELS_H
#define DIRECT_VMS_LEVELS_H

#include "level_images.h"

/* As level_images_find(); NULL, or why there are none, in words. */
const char *vms_find_levels(struct level_images *levels,
                            const struct slide_handle *handle,
                            struct slide_file *file);

#endif
