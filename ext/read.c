/*
 * Reading pixels: Python's arguments and buffers on one side, libopenslide and
 * the conversion on the other.
 */
#include "_openslide_module.h"

#include "_convert.h"

enum { BYTES_PER_PIXEL = 4 };

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
    return pixels;
}

/* malloc aligns the words of a bytearray, which is filled from its start. */
static uint32_t *
words_of(PyObject *pixels)
{
    return (uint32_t *)(void *)PyByteArray_AsString(pixels);
}

/* Methods */

static bool
finish_region(SlideObject *slide, struct slide_handle *handle,
              const struct region *region)
{
    return slide_release(slide, handle,
                         "reading %lld x %lld pixels at (%lld, %lld) of level "
                         "%d of",
                         (long long)region->width, (long long)region->height,
                         (long long)region->x, (long long)region->y,
                         (int)region->level);
}

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

static bool
read_region(SlideObject *slide, const struct region *region, uint8_t *rgba)
{
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return false;
    }
    struct interruptible call = {PyEval_SaveThread()};
    enum region_outcome outcome =
        region_read(handle, region, rgba, poll_signals, &call);
    PyEval_RestoreThread(call.thread);
    if (outcome == REGION_INTERRUPTED) {
        slide_handle_release(handle);
        return false;
    }
    if (!finish_region(slide, handle, region)) {
        return false;
    }
    if (outcome == REGION_OUT_OF_MEMORY) {
        PyErr_NoMemory();
    }
    return outcome == REGION_READ;
}

PyObject *
slide_read_region(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct region region;
    if (nargs != 3) {
        return raise_argument_count("read_region", 3, nargs);
    }
    if (!parse_region(state_of(self), args, &region)) {
        return NULL;
    }
    PyObject *pixels = new_pixels(region.width, region.height);
    if (pixels != NULL &&
        !read_region((SlideObject *)self, &region,
                     (uint8_t *)PyByteArray_AsString(pixels))) {
        Py_CLEAR(pixels);
    }
    return pixels;
}

PyObject *
slide_read_region_raw(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    SlideObject *slide = (SlideObject *)self;
    struct region region;
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
    Py_BEGIN_ALLOW_THREADS openslide.read_region(
        handle->osr, destination, region.x, region.y, region.level,
        region.width, region.height);
    Py_END_ALLOW_THREADS return finish_region(slide, handle, &region)
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
        Py_BEGIN_ALLOW_THREADS openslide.read_associated_image(osr, name,
                                                               words);
        Py_END_ALLOW_THREADS
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
    Py_BEGIN_ALLOW_THREADS convert_argb_to_rgba(words, (uint8_t *)words,
                                                (size_t)(width * height));
    Py_END_ALLOW_THREADS return Py_BuildValue(
        "(N(LL))", pixels, (long long)width, (long long)height);
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
        Py_BEGIN_ALLOW_THREADS convert_argb_to_rgba(view.buf, view.buf,
                                                    (size_t)view.len / 4);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, refusal);
    }
    PyBuffer_Release(&view);
    return refusal == NULL ? Py_NewRef(Py_None) : NULL;
}
