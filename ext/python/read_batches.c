/* Many regions, of one slide or of several, into rows of arrays. */
#include "arguments.h"
#include "resampling_arguments.h"

#include "system/lengths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Rows */

/* What regions are read into: the rows of several arrays, as if these were
   one. */
struct rows {
    Py_buffer *arrays; /* uint8 (n, height, width, channels) each */
    Py_ssize_t array_count;
    uint8_t **starts; /* of each row */
    int64_t count;
};

static void
rows_release(struct rows *rows)
{
    for (Py_ssize_t i = 0; i < rows->array_count; i++) {
        PyBuffer_Release(&rows->arrays[i]);
    }
    free(rows->arrays);
    free(rows->starts);
}

static bool
is_alike(const Py_buffer *one, const Py_buffer *other)
{
    return one->strides[1] == other->strides[1] &&
           memcmp(one->shape + 1, other->shape + 1, 3 * sizeof *one->shape) ==
               0;
}

/* Take another array; false with an exception set. */
static bool
add_array(struct rows *rows, PyObject *object)
{
    Py_buffer *array = &rows->arrays[rows->array_count];
    bool valid = pixels_argument(object, 4, array);
    if (array->obj != NULL) {
        rows->array_count++;
    }
    if (valid && !is_alike(array, rows->arrays)) {
        PyErr_SetString(PyExc_ValueError, "the arrays must be alike");
        valid = false;
    }
    return valid;
}

static bool
find_starts(struct rows *rows)
{
    int64_t found = 0;
    for (Py_ssize_t i = 0; i < rows->array_count; i++) {
        rows->count += rows->arrays[i].shape[0];
    }
    rows->starts = calloc((size_t)rows->count + 1, sizeof *rows->starts);
    if (rows->starts == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < rows->array_count; i++) {
        const Py_buffer *array = &rows->arrays[i];
        for (Py_ssize_t row = 0; row < array->shape[0]; row++) {
            rows->starts[found++] =
                (uint8_t *)array->buf + row * array->strides[0];
        }
    }
    return true;
}

/* To be released also where it is false, with an exception set. */
static bool
rows_argument(PyObject *arrays, struct rows *rows)
{
    Py_ssize_t count = PyTuple_Check(arrays) ? PyTuple_Size(arrays) : 0;
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "arrays must be in a tuple");
        return false;
    }
    rows->arrays = calloc((size_t)count, sizeof *rows->arrays);
    if (rows->arrays == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!add_array(rows, PyTuple_GetItem(arrays, i))) {
            return false;
        }
    }
    return find_starts(rows);
}

/* Requests */

/* What Python wants of one slide. */
struct request {
    SlideObject *slide;
    Py_buffer locations; /* int64 (count, 2) */
    Py_buffer levels;    /* int64 (count,) */
    int64_t background;
    bool in_level_pixels, is_resampled;
    struct resampling_request resampling;
    int64_t count;
    int64_t *rows; /* where each region goes */
    uint8_t **starts;
    struct region *regions;
    uint8_t *states;
};

static void
release_request(struct request *request)
{
    Py_buffer *const buffers[] = {&request->locations, &request->levels,
                                  &request->resampling.corners};
    for (int i = 0; i < 3; i++) {
        if (buffers[i]->obj != NULL) {
            PyBuffer_Release(buffers[i]);
        }
    }
    free(request->rows);
    free(request->starts);
    free(request->regions);
    free(request->states);
}

/* Memory for `count` regions; false with an exception set. */
static bool
allocate_regions(struct request *request)
{
    size_t count = (size_t)request->count + 1;
    request->rows = calloc(count, sizeof *request->rows);
    request->starts = calloc(count, sizeof *request->starts);
    request->regions = calloc(count, sizeof *request->regions);
    request->states = calloc(count, sizeof *request->states);
    if (request->rows != NULL && request->starts != NULL &&
        request->regions != NULL && request->states != NULL) {
        return true;
    }
    PyErr_NoMemory();
    return false;
}

/* The region that goes to a row; false with an exception set. */
static bool
choose_row(const struct rows *rows, int64_t row, struct request *request,
           int64_t i)
{
    if (row < 0 || row >= rows->count) {
        PyErr_Format(PyExc_ValueError, "there is no row %lld", (long long)row);
        return false;
    }
    request->rows[i] = row;
    request->starts[i] = rows->starts[row];
    return true;
}

static bool
choose_rows(PyObject *object, const struct rows *rows, struct request *request)
{
    Py_buffer numbers = {0};
    bool valid = object == Py_None ||
                 numbers_argument(object, request->count,
                                  "rows must be int64 (count,)", &numbers);
    const int64_t *chosen = numbers.buf;
    for (int64_t i = 0; valid && i < request->count; i++) {
        valid = choose_row(rows, chosen == NULL ? i : chosen[i], request, i);
    }
    if (numbers.obj != NULL) {
        PyBuffer_Release(&numbers);
    }
    return valid;
}

/* How many regions there are, and the row of each. */
static bool
rows_of_request(PyObject *object, const struct rows *rows,
                struct request *request)
{
    request->count =
        object == Py_None ? rows->count : (int64_t)PyObject_Size(object);
    return request->count >= 0 && allocate_regions(request) &&
           choose_rows(object, rows, request);
}

static bool
parse_request(PyObject *object, PyTypeObject *slide_type,
              const struct rows *rows, struct request *request)
{
    PyObject *slide, *numbers, *locations, *levels, *background, *in_level,
        *resampling;
    if (!PyTuple_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a request must be a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(object, "O!OOOOOO;a request has seven values",
                          slide_type, &slide, &numbers, &locations, &levels,
                          &background, &in_level, &resampling)) {
        return false;
    }
    struct region result = region_into(rows->arrays);
    request->slide = slide_cast(slide);
    request->is_resampled = resampling != Py_None;
    return rows_of_request(numbers, rows, request) &&
           numbers_argument(locations, 2 * request->count,
                            "locations must be int64 (count, 2)",
                            &request->locations) &&
           numbers_argument(levels, request->count,
                            "levels must be int64 (count,)",
                            &request->levels) &&
           integer_argument(background, "background", &request->background) &&
           flag_argument(in_level, &request->in_level_pixels) &&
           (!request->is_resampled ||
            resampling_argument(resampling, request->count, &result,
                                &request->resampling));
}

/* Where each region is.  False with an exception set. */
static bool
place_regions(const struct rows *rows, struct request *request)
{
    const int64_t *locations = request->locations.buf;
    const int64_t *levels = request->levels.buf;
    struct region shape = region_into(rows->arrays);
    if (request->is_resampled) {
        shape.width = request->resampling.width;
        shape.height = request->resampling.height;
    }
    for (int64_t i = 0; i < request->count; i++) {
        request->regions[i] = shape;
        request->states[i] = REGION_WAITING;
        if (!place_region(request->slide, &locations[2 * i], levels[i],
                          request->in_level_pixels, &request->regions[i])) {
            return false;
        }
    }
    return true;
}

static struct batch
batch_of(const struct request *request, const struct rows *rows)
{
    return (struct batch){
        .regions = request->regions,
        .count = request->count,
        .resampling =
            request->is_resampled ? &request->resampling.resampling : NULL,
        .form = form_of(rows->arrays, request->background),
        .starts = request->starts,
        .states = request->states,
    };
}

/* Reading */

/* All that is read by one call. */
struct reading {
    struct rows rows;
    struct request *requests;
    int64_t count;
};

static bool
requests_argument(PyObject *object, struct module_state *state,
                  struct reading *reading)
{
    Py_ssize_t count = PyTuple_Check(object) ? PyTuple_Size(object) : -1;
    if (count < 0) {
        PyErr_SetString(PyExc_TypeError, "requests must be in a tuple");
        return false;
    }
    reading->requests = calloc((size_t)count + 1, sizeof *reading->requests);
    if (reading->requests == NULL) {
        PyErr_NoMemory();
        return false;
    }
    while (reading->count < count) {
        struct request *request = &reading->requests[reading->count];
        if (!parse_request(PyTuple_GetItem(object, reading->count++),
                           state->slide_type, &reading->rows, request) ||
            !place_regions(&reading->rows, request)) {
            return false;
        }
    }
    return true;
}

static void
release_reading(struct reading *reading)
{
    for (int64_t i = 0; i < reading->count; i++) {
        release_request(&reading->requests[i]);
    }
    free(reading->requests);
    rows_release(&reading->rows);
}

static bool
ask_plan(struct module_state *state, const struct reading *reading,
         struct thread_plan *plan)
{
    const struct request *first = reading->requests;
    return reading->count == 1 && first->count == 1
               ? thread_plan_single(first->slide, first->regions, plan)
               : thread_plan_ask(state, plan);
}

/* False with an exception set. */
static bool
read_all(struct module_state *state, const struct reading *reading,
         bool is_masked, int workers)
{
    size_t count = (size_t)reading->count + 1;
    struct thread_plan plan;
    struct slide_batches all = {
        .slides = calloc(count, sizeof *all.slides),
        .caches = calloc(count, sizeof *all.caches),
        .batches = {.each = calloc(count, sizeof *all.batches.each),
                    .count = reading->count,
                    .is_masked = is_masked,
                    .workers = workers},
    };
    bool complete = false;
    if (all.slides == NULL || all.caches == NULL || all.batches.each == NULL) {
        PyErr_NoMemory();
    } else if (ask_plan(state, reading, &plan)) {
        for (int64_t i = 0; i < reading->count; i++) {
            all.slides[i] = reading->requests[i].slide;
            all.batches.each[i] =
                batch_of(&reading->requests[i], &reading->rows);
        }
        complete = slides_read_batches(&all, &plan);
    }
    free(all.slides);
    free(all.caches);
    free(all.batches.each);
    return complete;
}

/* A byte for each row: 1 where it was read. */
static PyObject *
good_rows(const struct reading *reading)
{
    Py_ssize_t count = (Py_ssize_t)reading->rows.count;
    PyObject *good = PyByteArray_FromStringAndSize(NULL, count);
    if (good == NULL) {
        return NULL;
    }
    char *bytes = PyByteArray_AsString(good);
    memset(bytes, 0, (size_t)count);
    for (int64_t i = 0; i < reading->count; i++) {
        const struct request *request = &reading->requests[i];
        for (int64_t k = 0; k < request->count; k++) {
            bytes[request->rows[k]] = request->states[k] == REGION_READ;
        }
    }
    return good;
}

static const char module_read_batches_doc[] = PyDoc_STR(
    "read_batches($module, arrays, requests, is_masked, workers, /)\n--\n\n"
    "Read regions of slides into uint8 arrays (n, height, width, 3 or 4), "
    "all alike.\n\n"
    "Each request is (slide, rows, locations, levels, background, "
    "in_level_pixels,\nresampling), of buffers:\n"
    "rows: where each region goes, int64 (count,), counted through all "
    "arrays; None\n    where the regions are as many, in this order.\n"
    "locations, levels: int64 (count, 2) and (count,).\n"
    "background: 0xRRGGBB.\n"
    "in_level_pixels: locations are in pixels of the level.\n"
    "resampling: None, or (corners, source_size, box_size, filter, "
    "longer_first): a\n    region is what resample() makes of a box in "
    "source_size pixels of the level;\n    corners, float64 (count, 2), are "
    "where the boxes begin in them.\n\n"
    "is_masked: fill what cannot be read with background instead of "
    "raising.\n"
    "Returns a byte for each row: 1 where a region was read.");

static PyObject *
module_read_batches(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    struct module_state *state = module_state_in(module);
    struct reading reading = {.count = 0};
    bool is_masked;
    int64_t workers;
    if (nargs != 4) {
        return raise_argument_count("read_batches", 4, nargs);
    }
    bool complete =
        flag_argument(args[2], &is_masked) &&
        integer_argument(args[3], "workers", &workers) &&
        rows_argument(args[0], &reading.rows) &&
        requests_argument(args[1], state, &reading) &&
        read_all(state, &reading, is_masked, (int)smaller(workers, INT_MAX));
    PyObject *good = complete ? good_rows(&reading) : NULL;
    release_reading(&reading);
    return good;
}

PyMethodDef batch_functions[] = {
    METHOD("read_batches", module_read_batches, METH_FASTCALL),
    {NULL, NULL, 0, NULL},
};
