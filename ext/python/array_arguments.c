#include "array_arguments.h"

#include <math.h>

static bool
refuse_buffer(const char *reason)
{
    PyErr_SetString(PyExc_ValueError, reason);
    return false;
}

bool
pixels_argument(PyObject *object, int axes, Py_buffer *pixels)
{
    if (PyObject_GetBuffer(object, pixels, PyBUF_STRIDES | PyBUF_WRITABLE) <
        0) {
        return false;
    }
    Py_ssize_t channels = pixels->ndim == axes ? pixels->shape[axes - 1] : 0;
    if (pixels->itemsize != 1 || (channels != 3 && channels != 4)) {
        return refuse_buffer("pixels must be bytes (height, width, 3 or 4)");
    }
    /* An axis of length 1 has no stride. */
    bool contiguous =
        pixels->strides[axes - 1] == 1 &&
        (pixels->shape[axes - 2] < 2 || pixels->strides[axes - 2] == channels);
    return contiguous ||
           refuse_buffer("the pixels of a row must be contiguous");
}

bool
numbers_argument(PyObject *object, Py_ssize_t count, const char *reason,
                 Py_buffer *numbers)
{
    if (PyObject_GetBuffer(object, numbers, PyBUF_C_CONTIGUOUS) < 0) {
        return false;
    }
    return (numbers->itemsize == 8 && numbers->len == 8 * count) ||
           refuse_buffer(reason);
}

struct region
region_into(const Py_buffer *pixels)
{
    return (struct region){.width = pixels->shape[pixels->ndim - 2],
                           .height = pixels->shape[pixels->ndim - 3]};
}

/* The level-0 position of a position in pixels of a level: the nearest.  False
   with an exception set where it exceeds 64 bits. */
static bool
level0_position(int64_t position, double downsample, int64_t *result)
{
    double nearest = floor((double)position * downsample + 0.5);
    if (downsample == 1) {
        *result = position;
        return true;
    }
    if (!(nearest >= -0x1p63 && nearest < 0x1p63)) {
        raise_argument_error(ARGUMENT_OVERFLOW_ERROR,
                             "position %lld of the level lies beyond 64 bits "
                             "in level 0",
                             (long long)position);
        return false;
    }
    *result = (int64_t)nearest;
    return true;
}

bool
place_region(SlideObject *slide, const int64_t location[2], int64_t level,
             bool in_level_pixels, struct region *region)
{
    Py_ssize_t level_count = PyTuple_Size(slide->level_downsamples);
    if (level < 0 || level >= level_count) {
        raise_argument_error(ARGUMENT_VALUE_ERROR,
                             "there is no level %lld; there are 0 to %zd",
                             (long long)level, level_count - 1);
        return false;
    }
    double downsample = in_level_pixels
                            ? PyFloat_AsDouble(PyTuple_GetItem(
                                  slide->level_downsamples, (Py_ssize_t)level))
                            : 1;
    region->level = (int32_t)level;
    region->is_exact = in_level_pixels;
    region->column = location[0];
    region->row = location[1];
    return level0_position(location[0], downsample, &region->x) &&
           level0_position(location[1], downsample, &region->y);
}

struct pixels
form_of(const Py_buffer *pixels, int64_t background)
{
    int axes = pixels->ndim;
    return (struct pixels){.start = pixels->buf,
                           .row_stride = pixels->strides[axes - 3],
                           .channels = (int)pixels->shape[axes - 1],
                           .background = (uint32_t)background};
}

bool
flag_argument(PyObject *value, bool *flag)
{
    int truth = PyObject_IsTrue(value);
    *flag = truth > 0;
    return truth >= 0;
}
