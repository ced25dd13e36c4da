/* Regions into arrays of another size. */
#include "array_arguments.h"
#include "arguments.h"

#include "system/lengths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What Python passes to read_resampled_into(). */
struct resampled_request {
    Py_buffer pixels;  /* uint8 (count, height, width, channels) */
    Py_buffer starts;  /* int64 (count, 2) */
    Py_buffer corners; /* float64 (count, 2) */
    int64_t level;
    struct region source; /* without a place */
    struct resampling resampling;
    int64_t background, workers;
    bool is_masked;
    struct region *regions;
    int64_t count;
};

enum { ARGUMENTS = 11 };

static void
release_request(struct resampled_request *request)
{
    Py_buffer *const buffers[] = {&request->pixels, &request->starts,
                                  &request->corners};
    for (int i = 0; i < 3; i++) {
        if (buffers[i]->obj != NULL) {
            PyBuffer_Release(buffers[i]);
        }
    }
    free(request->regions);
}

static bool
flag_argument(PyObject *value, bool *flag)
{
    int truth = PyObject_IsTrue(value);
    *flag = truth > 0;
    return truth >= 0;
}

/* What all regions have in common. */
static bool
parse_resampling(PyObject *const *args, struct resampled_request *request)
{
    struct resampling *resampling = &request->resampling;
    bool longer_first;
    if (!integer_argument(args[3], "level", &request->level) ||
        !size_argument(args[4], &request->source.width,
                       &request->source.height) ||
        !PyArg_ParseTuple(args[5], "dd;a box must be (width, height)",
                          &resampling->box_width, &resampling->box_height) ||
        !filter_argument(args[6], &resampling->filter) ||
        !flag_argument(args[7], &longer_first) ||
        !integer_argument(args[8], "background", &request->background) ||
        !flag_argument(args[9], &request->is_masked) ||
        !integer_argument(args[10], "workers", &request->workers)) {
        return false;
    }
    resampling->order =
        longer_first ? RESAMPLE_LONGER_FIRST : RESAMPLE_ROWS_FIRST;
    return true;
}

static bool
parse_buffers(PyObject *const *args, struct resampled_request *request)
{
    if (!pixels_argument(args[0], 4, &request->pixels)) {
        return false;
    }
    request->count = request->pixels.shape[0];
    return numbers_argument(args[1], 2 * request->count,
                            "starts must be int64 (count, 2)",
                            &request->starts) &&
           numbers_argument(args[2], 2 * request->count,
                            "corners must be float64 (count, 2)",
                            &request->corners);
}

static bool
check_side(int64_t length, const char *what)
{
    if (length >= 1 && length <= RESAMPLE_LONGEST) {
        return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "%s must have sides of 1 to %ld pixels, not %lld", what,
                 (long)RESAMPLE_LONGEST, (long long)length);
    return false;
}

static bool
check_sides(struct resampled_request *request)
{
    struct region result = region_into(&request->pixels);
    if (!check_side(result.width, "a resampled region") ||
        !check_side(result.height, "a resampled region") ||
        !check_side(request->source.width, "what is resampled") ||
        !check_side(request->source.height, "what is resampled")) {
        return false;
    }
    request->resampling.width = (int32_t)result.width;
    request->resampling.height = (int32_t)result.height;
    return true;
}

static bool
check_box(double start, double length, int64_t source_length)
{
    if (resample_box_lies_within(start, start + length,
                                 (int32_t)source_length)) {
        return true;
    }
    PyErr_SetString(PyExc_ValueError,
                    "a box must lie within what is resampled");
    return false;
}

/* Where each region is, and the box in it. */
static bool
place_regions(SlideObject *slide, struct resampled_request *request)
{
    const int64_t *starts = request->starts.buf;
    const double *corners = request->corners.buf;
    const struct resampling *resampling = &request->resampling;
    request->regions =
        calloc((size_t)request->count + 1, sizeof *request->regions);
    if (request->regions == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (int64_t i = 0; i < request->count; i++) {
        request->regions[i] = request->source;
        if (!check_box(corners[2 * i], resampling->box_width,
                       request->source.width) ||
            !check_box(corners[2 * i + 1], resampling->box_height,
                       request->source.height) ||
            !place_region(slide, &starts[2 * i], request->level, true,
                          &request->regions[i])) {
            return false;
        }
    }
    request->resampling.corners = corners;
    return true;
}

/* The states of the regions, a bytearray. */
static PyObject *
read_request(SlideObject *slide, const struct resampled_request *request)
{
    struct thread_plan plan;
    Py_ssize_t count = (Py_ssize_t)request->count;
    PyObject *states = PyByteArray_FromStringAndSize(NULL, count);
    bool planned =
        states != NULL &&
        (count == 1 ? thread_plan_single(slide, request->regions, &plan)
                    : thread_plan_ask(state_of((PyObject *)slide), &plan));
    if (!planned) {
        Py_XDECREF(states);
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)PyByteArray_AsString(states);
    memset(bytes, REGION_WAITING, (size_t)count);
    struct batch batch =
        batch_into(&request->pixels, request->regions, request->count, bytes,
                   (uint32_t)request->background);
    batch.resampling = &request->resampling;
    batch.is_masked = request->is_masked;
    batch.workers = (int)smaller(request->workers, INT_MAX);
    if (!slide_read_batch(slide, &batch, &plan)) {
        Py_CLEAR(states);
    }
    return states;
}

const char slide_read_resampled_into_doc[] = PyDoc_STR(
    "read_resampled_into($self, pixels, starts, corners, level, source_size, "
    "box_size, filter, longer_first, background, is_masked, workers, /)"
    "\n--\n\n"
    "Resample regions of one size into a uint8 array (count, height, width, "
    "3 or 4).\n\n"
    "Each is what resample() makes of a box in source_size pixels of a "
    "level.\n"
    "starts: where these begin, int64 (count, 2), in pixels of the level.\n"
    "corners: where the boxes begin in them, float64 (count, 2).\n"
    "source_size, box_size: (width, height) of these, in pixels of the "
    "level.\n"
    "filter, longer_first: as for resample(); the rest as for "
    "read_all_into().");

PyObject *
slide_read_resampled_into(PyObject *self, PyObject *const *args,
                          Py_ssize_t nargs)
{
    SlideObject *slide = slide_cast(self);
    struct resampled_request request = {.count = 0};
    if (nargs != ARGUMENTS) {
        return raise_argument_count("read_resampled_into", ARGUMENTS, nargs);
    }
    PyObject *states = NULL;
    if (parse_resampling(args, &request) && parse_buffers(args, &request) &&
        check_sides(&request) && place_regions(slide, &request)) {
        states = read_request(slide, &request);
    }
    release_request(&request);
    return states;
}
