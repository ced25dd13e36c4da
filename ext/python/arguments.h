/* Arguments of methods: integers, pairs, filters. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "_openslide_module.h"

#include "kernels/resample.h"

/* These are false with an exception set that says what was given. */

/* An integer of 64 bits; `what` it is, for the message. */
bool integer_argument(PyObject *value, const char *what, int64_t *result);

/* libopenslide takes 32 bits.  What exceeds them is a level that no slide has,
   like every negative number. */
bool level_argument(PyObject *value, int32_t *level);

/* Two integers: of what can be subscripted, a tuple, a list, an array.
   Further items are ignored, as they are by openslide-python. */
bool location_argument(PyObject *pair, int64_t *x, int64_t *y);
bool size_argument(PyObject *pair, int64_t *width, int64_t *height);

/* A number of PIL.Image.Resampling. */
bool filter_argument(PyObject *value, enum resample_filter *filter);

#endif
