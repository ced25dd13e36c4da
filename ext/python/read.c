/*
 * Reading pixels: Python's arguments and buffers on one side, libopenslide and
 * the conversion on the other.
 */
#include "_openslide_module.h"

#include "_convert.h"
#include "reading/batch.h"
#include "system/slide_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTES_PER_PIXEL = 4,
    MAX_WORKERS = 1024,
};

/* Arguments */

/* A pair is what can be subscripted: a tuple, a list, an array.  Further items
   are ignored, as they are by openslide-python. */
struct pair_names {
    const char *whole;
    const char *items[2];
};

static const struct pair_names location_names = {"location", {"x", "y"}};
static const struct pair_names size_names = {"size", {"width", "height"}};

static PyObject *
pair_item(PyObject *pair, const struct pair_names *names, Py_ssize_t i)
{
    PyObject *item = NULL;
    PyObject *index = PyLong_FromSsize_t(i);
    if (index != NULL) {
        item = PyObject_GetItem(pair, index);
        Py_DECREF(index);
    }
    if (item == NULL && PyErr_ExceptionMatches(PyExc_IndexError)) {
        PyErr_Format(PyExc_IndexError, "%s must be a pair (%s, %s), not %R",
                     names->whole, names->items[0], names->items[1], pair);
    } else if (item == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
        raise_argument_error(
            ARGUMENT_TYPE_ERROR, "%s must be a pair (%s, %s), not %R",
            names->whole, names->items[0], names->items[1], pair);
    }
    return item;
}

static bool
parse_pair(PyObject *pair, const struct pair_names *names,
           int64_t *const results[2])
{
    for (int i = 0; i < 2; i++) {
        PyObject *item = pair_item(pair, names, i);
        if (item == NULL) {
            return false;
        }
        bool fits = integer_argument(item, names->items[i], results[i]);
        Py_DECREF(item);
        if (!fits) {
            return false;
        }
    }
    return true;
}

/* libopenslide takes 32 bits.  What exceeds them is a level that no slide has,
   like every negative number. */
static bool
parse_level(PyObject *value, int32_t *level)
{
    int64_t wide;
    if (!integer_argument(value, "level", &wide)) {
        return false;
    }
    *level = wide < 0 || wide > INT32_MAX ? -1 : (int32_t)wide;
    return true;
}

static bool
parse_region(struct module_state *state, PyObject *const *args,
             struct region *region)
{
    if (!parse_pair(args[2], &size_names,
                    (int64_t *[2]){&region->width, &region->height})) {
        return false;
    }
    if (region->width < 0 || region->height < 0) {
        PyErr_Format(state->error,
                     "negative width (%lld) or negative height (%lld) not "
                     "allowed",
                     (long long)region->width, (long long)region->height);
        return false;
    }
    return parse_pair(args[0], &location_names,
                      (int64_t *[2]){&region->x, &region->y}) &&
           parse_level(args[1], &region->level);
}

/* Buffers */

/* A writable, uninitialised buffer for width x height pixels that nobody else
   has; NULL with an exception set. */
static PyObject *
new_pixels(long long width, long long height)
{
    if (height > 0 && width > PY_SSIZE_T_MAX / BYTES_PER_PIXEL / height) {
        return raise_argument_error(
            ARGUMENT_OVERFLOW_ERROR,
            "a region of %lld x %lld pixels exceeds the address space", width,
            height);
    }
    Py_ssize_t size = (Py_ssize_t)(width * height * BYTES_PER_PIXEL);
    /* In two steps, because Python 3.11 mishandles a failure of the first. */
    PyObject *pixels = PyByteArray_FromStringAndSize(NULL, 0);
    if (pixels != NULL && PyByteArray_Resize(pixels, size) < 0) {
        Py_CLEAR(pixels);
    }
    if (pixels == NULL && PyErr_ExceptionMatches(PyExc_MemoryError)) {
        PyErr_Format(PyExc_MemoryError,
                     "cannot allocate %zd bytes for a region of %lld x %lld "
                     "pixels",
                     size, width, height);
    }
    if (pixels != NULL) {
        platform_use_large_pages(PyByteArray_AsString(pixels), (size_t)size);
    }
    return pixels;
}

/* malloc aligns the words of a bytearray, which is filled from its start. */
static uint32_t *
words_of(PyObject *pixels)
{
    return (uint32_t *)(void *)PyByteArray_AsString(pixels);
}

/* Methods */

/* What was being done, for messages. */
#define READING "reading %lld x %lld pixels at (%lld, %lld) of level %d of"
#define REGION_VALUES(region)                                                 \
    (long long)(region)->width, (long long)(region)->height,                  \
        (long long)(region)->x, (long long)(region)->y, (int)(region)->level

/* What a read without the GIL needs to take it now and then. */
struct interruptible {
    PyThreadState *thread;
};

/* False with an exception set by a signal's handler: Ctrl-C, most often. */
static bool
poll_signals(void *argument)
{
    struct interruptible *call = argument;
    PyEval_RestoreThread(call->thread);
    bool undisturbed = PyErr_CheckSignals() == 0;
    call->thread = PyEval_SaveThread();
    return undisturbed;
}

/* What Python knows of threads, see _threads.plan(). */
struct thread_plan {
    int number; /* that all calls of the process may use together */
    int polls;  /* whether signals are handled in this thread */
};

/* False with an exception set. */
static bool
ask_for_plan(struct module_state *state, struct thread_plan *plan)
{
    PyObject *answer = PyObject_CallNoArgs(state->thread_plan);
    bool valid = answer != NULL &&
                 PyArg_ParseTuple(answer, "ip", &plan->number, &plan->polls);
    Py_XDECREF(answer);
    return valid;
}

static bool
ignore_signals(void *Py_UNUSED(argument))
{
    return true;
}

/* Set an exception for a batch that failed. */
static void
raise_bad_region(SlideObject *slide, const struct batch *batch)
{
    const struct region *region = &batch->regions[batch->bad];
    const char *error = batch->error == NULL ? "" : batch->error;
    PyObject *doing =
        batch->count == 1
            ? PyUnicode_FromFormat(READING, REGION_VALUES(region))
            : PyUnicode_FromFormat("region %lld: " READING,
                                   (long long)batch->bad,
                                   REGION_VALUES(region));
    if (doing != NULL) {
        raise_library_error(state_of((PyObject *)slide), error, doing,
                            slide->path);
        Py_DECREF(doing);
    }
}

/*
 * Read a batch that lacks nothing but where to find and how to interrupt the
 * slide.  False with an exception set.
 */
static bool
read_batch(SlideObject *slide, struct batch *batch,
           const struct thread_plan *plan)
{
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return false;
    }
    if (!slide->reopens && openslide.get_error(handle->osr) != NULL) {
        slide_release(slide, handle, READING, REGION_VALUES(batch->regions));
        return false;
    }
    batch->path = PyBytes_AsString(slide->path);
    batch->doubts = slide->reopens || batch->masks;
    struct interruptible call = {PyEval_SaveThread()};
    batch->poll = plan->polls ? poll_signals : ignore_signals;
    batch->poll_argument = &call;
    batch->workers = batch->workers > 0 ? batch->workers : plan->number;
    batch->thread_limit = plan->number - 1;
    openslide_api_enter();
    enum batch_outcome outcome = batch_read(batch, handle);
    openslide_api_leave();
    PyEval_RestoreThread(call.thread);

    if (outcome == BATCH_FAILED) {
        raise_bad_region(slide, batch);
    } else if (outcome == BATCH_OUT_OF_MEMORY) {
        PyErr_NoMemory();
    }
    slide_give_back(slide, handle, batch->masks);
    free(batch->error);
    return outcome == BATCH_READ;
}

/* One that is not divided is read by this thread alone. */
static bool
plan_single(SlideObject *slide, const struct region *region,
            struct thread_plan *plan)
{
    *plan = (struct thread_plan){.number = 1};
    return !region_is_large(region) ||
           ask_for_plan(state_of((PyObject *)slide), plan);
}

/* Where a region of 4 bytes a pixel goes that has memory of its own. */
static struct pixels
private_pixels(const struct region *region, PyObject *bytes)
{
    return (struct pixels){
        .start = (uint8_t *)PyByteArray_AsString(bytes),
        /* Of a region without rows it may be any number. */
        .row_stride = (ptrdiff_t)(BYTES_PER_PIXEL * (uint64_t)region->width),
        .channels = BYTES_PER_PIXEL,
    };
}

static bool
read_region(SlideObject *slide, const struct region *region,
            const struct pixels *pixels)
{
    struct thread_plan plan;
    uint8_t state = REGION_WAITING;
    struct batch batch = {
        .regions = region,
        .count = 1,
        .first = *pixels,
        .states = &state,
    };
    if (region->width == 0 || region->height == 0) {
        return slide_check(slide); /* nothing to read, however long */
    }
    return plan_single(slide, region, &plan) &&
           read_batch(slide, &batch, &plan);
}

PyObject *
slide_read_region(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct region region = {.is_exact = false};
    if (nargs != 3) {
        return raise_argument_count("read_region", 3, nargs);
    }
    if (!parse_region(state_of(self), args, &region)) {
        return NULL;
    }
    PyObject *bytes = new_pixels(region.width, region.height);
    if (bytes != NULL) {
        struct pixels pixels = private_pixels(&region, bytes);
        if (!read_region((SlideObject *)self, &region, &pixels)) {
            Py_CLEAR(bytes);
        }
    }
    return bytes;
}

PyObject *
slide_read_opaque_region(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs)
{
    int64_t background;
    struct region region = {.is_exact = false};
    if (nargs != 4) {
        return raise_argument_count("read_opaque_region", 4, nargs);
    }
    if (!parse_region(state_of(self), args, &region) ||
        !integer_argument(args[3], "background", &background)) {
        return NULL;
    }
    PyObject *bytes = new_pixels(region.width, region.height);
    if (bytes != NULL) {
        struct pixels pixels = private_pixels(&region, bytes);
        pixels.is_opaque = true;
        pixels.background = (uint32_t)background;
        if (!read_region((SlideObject *)self, &region, &pixels)) {
            Py_CLEAR(bytes);
        }
    }
    return bytes;
}

PyObject *
slide_read_region_raw(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    SlideObject *slide = (SlideObject *)self;
    struct region region = {.is_exact = false};
    if (nargs != 6) {
        return raise_argument_count("read_region_raw", 6, nargs);
    }
    uint32_t *destination = PyLong_AsVoidPtr(args[0]);
    if ((destination == NULL && PyErr_Occurred()) ||
        !integer_argument(args[1], "x", &region.x) ||
        !integer_argument(args[2], "y", &region.y) ||
        !parse_level(args[3], &region.level) ||
        !integer_argument(args[4], "width", &region.width) ||
        !integer_argument(args[5], "height", &region.height)) {
        return NULL;
    }
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return NULL;
    }
    BEGIN_LIBRARY_CALL
    slide_file_leave_room();
    openslide.read_region(handle->osr, destination, region.x, region.y,
                          region.level, region.width, region.height);
    END_LIBRARY_CALL
    return slide_release(slide, handle, READING, REGION_VALUES(&region))
               ? Py_NewRef(Py_None)
               : NULL;
}

/* The image's dimensions under a reference; false where it has none. */
static bool
associated_image_size(openslide_t *osr, const char *name, int64_t *width,
                      int64_t *height)
{
    openslide.get_associated_image_dimensions(osr, name, width, height);
    return *width >= 0 && *height >= 0;
}

/* Premultiplied ARGB words, or NULL with an exception set. */
static PyObject *
read_words(openslide_t *osr, const char *name, int64_t width, int64_t height)
{
    PyObject *pixels = new_pixels(width, height);
    if (pixels != NULL) {
        uint32_t *words = words_of(pixels);
        BEGIN_LIBRARY_CALL
        slide_file_leave_room();
        openslide.read_associated_image(osr, name, words);
        END_LIBRARY_CALL
    }
    return pixels;
}

static PyObject *
read_associated_image(SlideObject *slide, PyObject *name, int64_t *width,
                      int64_t *height)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    if (text == NULL) {
        return NULL;
    }
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return NULL;
    }
    PyObject *pixels = NULL;
    bool exists = associated_image_size(handle->osr, text, width, height);
    if (exists) {
        pixels = read_words(handle->osr, text, *width, *height);
    }
    if (!slide_release(slide, handle, "reading associated image %R of",
                       name)) {
        Py_XDECREF(pixels);
        return NULL;
    }
    if (!exists) {
        raise_argument_error(ARGUMENT_VALUE_ERROR,
                             "there is no associated image %R; there are %R",
                             name, slide->associated_image_names);
    }
    return pixels;
}

PyObject *
slide_read_associated_image_raw(PyObject *self, PyObject *name)
{
    int64_t width, height;
    return read_associated_image((SlideObject *)self, name, &width, &height);
}

PyObject *
slide_read_associated_image(PyObject *self, PyObject *name)
{
    int64_t width, height;
    PyObject *pixels =
        read_associated_image((SlideObject *)self, name, &width, &height);
    if (pixels == NULL) {
        return NULL;
    }
    uint32_t *words = words_of(pixels);
    Py_BEGIN_ALLOW_THREADS
    convert_argb_to_rgba(words, (uint8_t *)words, (size_t)(width * height));
    Py_END_ALLOW_THREADS
    return Py_BuildValue("(N(LL))", pixels, (long long)width,
                         (long long)height);
}

/* Regions into arrays */

static bool
refuse(const char *reason)
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
        return refuse("pixels must be bytes (height, width, 3 or 4)");
    }
    /* An axis of length 1 has no stride. */
    bool contiguous =
        pixels->strides[axes - 1] == 1 &&
        (pixels->shape[axes - 2] < 2 || pixels->strides[axes - 2] == channels);
    return contiguous || refuse("the pixels of a row must be contiguous");
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
           parse_pair(
               args[1], &location_names,
               (int64_t *[2]){&request->location[0], &request->location[1]}) &&
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
        !plan_single(slide, &region, &plan)) {
        return false;
    }
    struct batch batch = batch_into(&request->pixels, &region, 1, &state,
                                    (uint32_t)request->background);
    return read_batch(slide, &batch, &plan);
}

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
struct request {
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
           refuse(reason);
}

static void
release_request(struct request *request)
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
place_regions(SlideObject *slide, struct request *request,
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
              struct request *request)
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
read_request(SlideObject *slide, const struct request *request,
             uint32_t background, bool masks, int workers)
{
    struct thread_plan plan;
    PyObject *states =
        PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)request->count);
    if (states == NULL || !ask_for_plan(state_of((PyObject *)slide), &plan)) {
        Py_XDECREF(states);
        return NULL;
    }
    memset(PyByteArray_AsString(states), REGION_WAITING,
           (size_t)request->count);
    struct batch batch =
        batch_into(&request->pixels, request->regions, request->count,
                   (uint8_t *)PyByteArray_AsString(states), background);
    batch.masks = masks;
    batch.workers = workers;
    if (!read_batch(slide, &batch, &plan)) {
        Py_CLEAR(states);
    }
    return states;
}

PyObject *
slide_read_all_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t background, workers;
    if (nargs != 7) {
        return raise_argument_count("read_all_into", 7, nargs);
    }
    int in_level_pixels = PyObject_IsTrue(args[4]);
    int masks = PyObject_IsTrue(args[5]);
    if (in_level_pixels < 0 || masks < 0 ||
        !integer_argument(args[3], "background", &background) ||
        !integer_argument(args[6], "workers", &workers)) {
        return NULL;
    }
    PyObject *states = NULL;
    struct request request = {.count = 0};
    if (parse_request((SlideObject *)self, args, in_level_pixels != 0,
                      &request)) {
        workers = workers > MAX_WORKERS ? MAX_WORKERS : workers;
        states = read_request((SlideObject *)self, &request,
                              (uint32_t)background, masks != 0, (int)workers);
    }
    release_request(&request);
    return states;
}

/* Conversion alone, for programs that read by the low-level functions. */

PyObject *
module_argb2rgba(PyObject *Py_UNUSED(module), PyObject *buffer)
{
    Py_buffer view;
    if (PyObject_GetBuffer(buffer, &view, PyBUF_C_CONTIGUOUS) < 0) {
        return NULL;
    }
    const char *refusal = view.readonly ? "Argument is not writable"
                          : view.itemsize != 4
                              ? "Argument has invalid item size: not 4 bytes"
                          : (uintptr_t)view.buf % sizeof(uint32_t) != 0
                              ? "Argument is not aligned to 4 bytes"
                              : NULL;
    if (refusal == NULL) {
        Py_BEGIN_ALLOW_THREADS
        convert_argb_to_rgba(view.buf, view.buf, (size_t)view.len / 4);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, refusal);
    }
    PyBuffer_Release(&view);
    return refusal == NULL ? Py_NewRef(Py_None) : NULL;
}
