/* Regions into arrays: the buffers that NumPy has made. */
#include "array_arguments.h"
#include "arguments.h"

#include "system/lengths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

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
    return in_level_pixels >= 0 &&
           pixels_argument(args[0], 3, &request->pixels) &&
           location_argument(args[1], &request->location[0],
                             &request->location[1]) &&
           integer_argument(args[2], "level", &request->level) &&
           integer_argument(args[3], "background", &request->background);
}

static bool
read_single_request(SlideObject *slide, const struct single_request *request)
{
    struct region region = region_into(&request->pixels);
    struct thread_plan plan;
    uint8_t state = REGION_WAITING;
    if (!place_region(slide, request->location, request->level,
                      request->in_level_pixels, &region) ||
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
        request->regions[i] = region_into(&request->pixels);
        if (!place_region(slide, &locations[2 * i], levels[i], in_level_pixels,
                          &request->regions[i])) {
            return false;
        }
    }
    return true;
}

static bool
parse_request(SlideObject *slide, PyObject *const *args, bool in_level_pixels,
              struct batch_request *request)
{
    if (!pixels_argument(args[0], 4, &request->pixels)) {
        return false;
    }
    request->count = request->pixels.shape[0];
    if (!numbers_argument(args[1], 2 * request->count,
                          "locations must be int64 (count, 2)",
                          &request->locations) ||
        !numbers_argument(args[2], request->count,
                          "levels must be int64 (count,)", &request->levels)) {
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
