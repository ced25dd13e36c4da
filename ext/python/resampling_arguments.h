/* Arguments that say how the regions of a batch are resampled. */
#ifndef RESAMPLING_ARGUMENTS_H
#define RESAMPLING_ARGUMENTS_H

#include "array_arguments.h"

/* What Python passes. */
struct resampling_request {
    Py_buffer corners;            /* float64 (count, 2); to be released */
    int64_t width, height;        /* of each region, pixels of the level */
    struct resampling resampling; /* whose corners are these */
};

/*
 * (corners, source_size, box_size, filter, longer_first) for `count` regions
 * that become as large as `result`.  False with an exception set, also where a
 * box does not lie within its region.
 */
bool resampling_argument(PyObject *object, int64_t count,
                         const struct region *result,
                         struct resampling_request *request);

#endif
