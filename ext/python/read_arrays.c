/* Regions into arrays: the buffers that NumPy has made. */
#include "arguments.h"
#include "slide_batch.h"

#include "system/lengths.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool
refuse_buffer(const char *reason)
{
    PyErr_SetString(PyExc_ValueError, reason);
    return false;
}

/* A writable array of bytes whose last two axes are contiguous: (height,
   width, 3 or 4), with an axis before where there are several regions. */
static bool
get_pixels(PyObject *object, int axes, Py_buffer *pixels)
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

/* A batch that fills `pixels`, (..., height, width, channels). */
static struct batch
batch_into(const Py_buffer *pixels, const struct region *regions,
           int64_t count, uint8_t *states, uint32_t background)
{
    int axes = pixels->ndim;
    return (struct batch){
        .regions = regions,
        .count = count,
        .first = {.start = pixels->buf,
                  .row_stride = pixels->strides[axes - 3],
                  .channels = (int)pixels->shape[axes - 1],
                  .background = background},
        .region_stride = axes > 3 ? pixels->strides[0] : 0,
        .states = states,
    };
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

/* The region that fills one of `pixels`.  False with an exception set where
   its level does not exist. */
static bool
place_region(SlideObject *slide, const int64_t location[2], int64_t level,
             bool in_level_pixels, const Py_buffer *pixels,
             struct region *region)
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
    *region = (struct region){.level = (int32_t)level,
                              .is_exact = in_level_pixels,
                              .column = location[0],
                              .row = location[1],
                              .width = pixels->shape[pixels->ndim - 2],
                              .height = pixels->shape[pixels->ndim - 3]};
    return level0_position(location[0], downsample, &region->x) &&
           level0_position(location[1], downsample, &region->y);
}

/* What Python passes to read_into(). */
struct single_request {
    Py_buffer pixels;
    int64_t location[2];
    int64_t level, background;
    bool in_level_pixels;
};

static bool
parse_single_request(PyObject *const *args, struct single_request *request)
{
    int in_level_pixels = PyObject_IsTrue(args[4]);
    request->in_level_pixels = in_level_pixels != 0;
    return in_level_pixels >= 0 && get_pixels(args[0], 3, &request->pixels) &&
           location_argument(args[1], &request->location[0],
                             &request->location[1]) &&
           integer_argument(args[2], "level", &request->level) &&
           integer_argument(args[3], "background", &request->background);
}

static bool
read_single_request(SlideObject *slide, const struct single_request *request)
{
    struct region region;
    struct thread_plan plan;
    uint8_t state = REGION_WAITING;
    if (!place_region(slide, request->location, request->level,
                      request->in_level_pixels, &request->pixels, &region) ||
        !thread_plan_single(slide, &region, &plan)) {
        return false;
    }
    struct batch batch = batch_into(&request->pixels, &region, 1, &state,
                                    (uint32_t)request->background);
    return slide_read_batch(slide, &batch, &plan);
}

const char slide_read_into_doc[] =
    PyDoc_STR("read_into($self, pixels, location, level, background, "
              "in_level_pixels, /)\n--\n\n"
              "Read a region into a uint8 array (height, width, 3 or 4).\n\n"
              "background is 0xRRGGBB; in_level_pixels: location is in pixels "
              "of the level.");

PyObject *
slide_read_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct single_request request = {.level = -1};
    if (nargs != 5) {
        return raise_argument_count("read_into", 5, nargs);
    }
    bool complete = parse_single_request(args, &request) &&
                    read_single_request((SlideObject *)self, &request);
    if (request.pixels.obj != NULL) {
        PyBuffer_Release(&request.pixels);
    }
    return complete ? Py_NewRef(Py_None) : NULL;
}

/* What Python passes to read_all_into(). */
struct batch_request {
    Py_buffer pixels;    /* uint8 (count, height, width, channels) */
    Py_buffer locations; /* int64 (count, 2) */
    Py_buffer levels;    /* int64 (count,) */
    struct region *regions;
    int64_t count;
};

static bool
check_integers(const Py_buffer *integers, Py_ssize_t count, const char *reason)
{
    return (integers->itemsize == 8 && integers->len == 8 * count) ||
           refuse_buffer(reason);
}

static void
release_request(struct batch_request *request)
{
    Py_buffer *const buffers[] = {&request->pixels, &request->locations,
                                  &request->levels};
    for (int i = 0; i < 3; i++) {
        if (buffers[i]->obj != NULL) {
            PyBuffer_Release(buffers[i]);
        }
    }
    free(request->regions);
}

/* False with an exception set where a level does not exist. */
static bool
place_regions(SlideObject *slide, struct batch_request *request,
              bool in_level_pixels)
{
    const int64_t *locations = request->locations.buf;
    const int64_t *levels = request->levels.buf;
    for (int64_t i = 0; i < request->count; i++) {
        if (!place_region(slide, &locations[2 * i], levels[i], in_level_pixels,
                          &request->pixels, &request->regions[i])) {
            return false;
        }
    }
    return true;
}

static bool
parse_request(SlideObject *slide, PyObject *const *args, bool in_level_pixels,
              struct batch_request *request)
{
    if (!get_pixels(args[0], 4, &request->pixels) ||
        PyObject_GetBuffer(args[1], &request->locations, PyBUF_C_CONTIGUOUS) <
            0 ||
        PyObject_GetBuffer(args[2], &request->levels, PyBUF_C_CONTIGUOUS) <
            0) {
        return false;
    }
    request->count = request->pixels.shape[0];
    if (!check_integers(&request->locations, 2 * request->count,
                        "locations must be int64 (count, 2)") ||
        !check_integers(&request->levels, request->count,
                        "levels must be int64 (count,)")) {
        return false;
    }
    request->regions =
        calloc((size_t)request->count + 1, sizeof *request->regions);
    if (request->regions == NULL) {
        PyErr_NoMemory();
        return false;
    }
    return place_regions(slide, request, in_level_pixels);
}

static PyObject *
read_request(SlideObject *slide, const struct batch_request *request,
             uint32_t background, bool is_masked, int workers)
{
    struct thread_plan plan;
    PyObject *states =
        PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)request->count);
    if (states == NULL ||
        !thread_plan_ask(state_of((PyObject *)slide), &plan)) {
        Py_XDECREF(states);
        return NULL;
    }
    memset(PyByteArray_AsString(states), REGION_WAITING,
           (size_t)request->count);
    struct batch batch =
        batch_into(&request->pixels, request->regions, request->count,
                   (uint8_t *)PyByteArray_AsString(states), background);
    batch.is_masked = is_masked;
    batch.workers = workers;
    if (!slide_read_batch(slide, &batch, &plan)) {
        Py_CLEAR(states);
    }
    return states;
}

const char slide_read_all_into_doc[] =
    PyDoc_STR("read_all_into($self, pixels, locations, levels, background, "
              "in_level_pixels, is_masked, workers, /)\n--\n\n"
              "Read regions of one size into a uint8 array (count, height, "
              "width, 3 or 4).\n\n"
              "locations and levels are int64 (count, 2) and (count,); "
              "background is 0xRRGGBB.\n"
              "is_masked: fill what cannot be read with background instead of "
              "raising.\n"
              "Returns a byte for each region: 1 where it was read.");

PyObject *
slide_read_all_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t background, workers;
    if (nargs != 7) {
        return raise_argument_count("read_all_into", 7, nargs);
    }
    int in_level_pixels = PyObject_IsTrue(args[4]);
    int is_masked = PyObject_IsTrue(args[5]);
    if (in_level_pixels < 0 || is_masked < 0 ||
        !integer_argument(args[3], "background", &background) ||
        !integer_argument(args[6], "workers", &workers)) {
        return NULL;
    }
    PyObject *states = NULL;
    struct batch_request request = {.count = 0};
    if (parse_request((SlideObject *)self, args, in_level_pixels != 0,
                      &request)) {
        workers = smaller(workers, INT_MAX);
        states =
            read_request((SlideObject *)self, &request, (uint32_t)background,
                         is_masked != 0, (int)workers);
    }
    release_request(&request);
    return states;
}
