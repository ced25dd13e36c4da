/* Pictures of another size: Python's buffers on one side, kernels on the
   other. */
#include "_openslide_module.h"

#include "arguments.h"
#include "kernels/resample.h"

#include <stdlib.h>

/* Bytes (height, width, 3 or 4), of which only rows may lie apart. */
static bool
get_picture(PyObject *object, const char *what, int flags, Py_buffer *picture)
{
    if (PyObject_GetBuffer(object, picture, PyBUF_STRIDES | flags) < 0) {
        return false;
    }
    if (picture->itemsize != 1 || picture->ndim != 3 ||
        (picture->shape[2] != 3 && picture->shape[2] != 4) ||
        picture->strides[2] != 1 || picture->strides[1] != picture->shape[2]) {
        PyErr_Format(PyExc_ValueError,
                     "%s must be bytes (height, width, 3 or 4) with the "
                     "pixels of a row side by side",
                     what);
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (picture->shape[i] < 1 || picture->shape[i] > RESAMPLE_LONGEST) {
            PyErr_Format(PyExc_ValueError,
                         "%s must have sides of 1 to %ld pixels, not "
                         "%zd x %zd",
                         what, (long)RESAMPLE_LONGEST, picture->shape[1],
                         picture->shape[0]);
            return false;
        }
    }
    return true;
}

/* One that get_picture() may have filled. */
static void
release(Py_buffer *picture)
{
    if (picture->obj != NULL) {
        PyBuffer_Release(picture);
    }
}

struct resample_request {
    Py_buffer source, target;
    double box[4]; /* left, upper, right, lower */
    enum resample_filter filter;
    enum resample_order order;
};

static bool
parse_box(PyObject *value, const Py_buffer *source, double box[4])
{
    if (!PyTuple_Check(value) || PyTuple_Size(value) != 4) {
        PyErr_Format(PyExc_TypeError,
                     "a box must be a tuple (left, upper, right, lower), not "
                     "%R",
                     value);
        return false;
    }
    for (int i = 0; i < 4; i++) {
        box[i] = PyFloat_AsDouble(PyTuple_GetItem(value, i));
        if (box[i] == -1 && PyErr_Occurred()) {
            return false;
        }
    }
    if (!resample_box_lies_within(box[0], box[2], (int32_t)source->shape[1]) ||
        !resample_box_lies_within(box[1], box[3], (int32_t)source->shape[0])) {
        PyErr_Format(PyExc_ValueError,
                     "a box must lie within the source, %zd x %zd pixels, and "
                     "not end before it begins: %R",
                     source->shape[1], source->shape[0], value);
        return false;
    }
    return true;
}

static bool
find_format(const struct resample_request *request,
            enum resample_format *format)
{
    Py_ssize_t source = request->source.shape[2];
    Py_ssize_t target = request->target.shape[2];
    if (target > source) {
        PyErr_SetString(PyExc_ValueError,
                        "a source without alpha makes no target with it");
        return false;
    }
    *format = target == 4   ? RESAMPLE_RGBA
              : source == 4 ? RESAMPLE_RGBX
                            : RESAMPLE_RGB;
    return true;
}

/* False where there is no memory. */
static bool
run_resample(const struct resample_request *request,
             struct resample_plan *plan)
{
    const Py_buffer *source = &request->source;
    const Py_buffer *target = &request->target;
    const double *box = request->box;
    struct resample_axis *across =
        resample_axis_make((int32_t)source->shape[1], box[0], box[2],
                           (int32_t)target->shape[1], request->filter);
    struct resample_axis *down =
        resample_axis_make((int32_t)source->shape[0], box[1], box[3],
                           (int32_t)target->shape[0], request->filter);
    void *scratch = NULL;
    plan->across = across;
    plan->down = down;
    if (across != NULL && down != NULL) {
        scratch = malloc(resample_scratch_size(plan));
    }
    if (scratch != NULL) {
        struct resample_source pixels = {.pixels = source->buf,
                                         .row_stride = source->strides[0]};
        resample(plan, &pixels, 0, (int32_t)target->shape[0], target->buf,
                 target->strides[0], scratch);
    }
    free(scratch);
    resample_axis_free(across);
    resample_axis_free(down);
    return scratch != NULL;
}

static bool
run_request(const struct resample_request *request)
{
    struct resample_plan plan = {.order = request->order};
    bool complete;
    if (!find_format(request, &plan.format)) {
        return false;
    }
    Py_BEGIN_ALLOW_THREADS
    complete = run_resample(request, &plan);
    Py_END_ALLOW_THREADS
    if (!complete) {
        PyErr_NoMemory();
    }
    return complete;
}

PyDoc_STRVAR(
    module_resample_doc,
    "resample($module, source, target, box, filter, longer_first, /)\n--\n\n"
    "Fill a picture with part of another one, as Pillow's Image.resize() "
    "does.\n\n"
    "source, target: buffers of bytes (height, width, 3 or 4), RGB or "
    "RGBA with\nstraight alpha; rows may lie apart, the pixels of a row may "
    "not.  Of RGBA for RGB\nalpha is ignored.  They must not overlap.\n"
    "box: (left, upper, right, lower) in pixels of the source, floats.\n"
    "filter: a number of PIL.Image.Resampling: LANCZOS, BILINEAR, BICUBIC, "
    "BOX or\nHAMMING.\n"
    "longer_first: whether columns come before rows where they lose more "
    "than twice\nas many pixels, as from Pillow 13 on.");

static PyObject *
module_resample(PyObject *Py_UNUSED(module), PyObject *const *args,
                Py_ssize_t nargs)
{
    struct resample_request request = {.order = RESAMPLE_ROWS_FIRST};
    if (nargs != 5) {
        return raise_argument_count("resample", 5, nargs);
    }
    int longer_first = PyObject_IsTrue(args[4]);
    if (longer_first > 0) {
        request.order = RESAMPLE_LONGER_FIRST;
    }
    bool complete =
        longer_first >= 0 &&
        get_picture(args[0], "a source", 0, &request.source) &&
        get_picture(args[1], "a target", PyBUF_WRITABLE, &request.target) &&
        parse_box(args[2], &request.source, request.box) &&
        filter_argument(args[3], &request.filter) && run_request(&request);
    release(&request.source);
    release(&request.target);
    return complete ? Py_NewRef(Py_None) : NULL;
}

static bool
check_halves(const Py_buffer *source, const Py_buffer *target)
{
    Py_ssize_t width = (source->shape[1] + 1) / 2;
    Py_ssize_t height = (source->shape[0] + 1) / 2;
    if (target->shape[0] == height && target->shape[1] == width &&
        target->shape[2] == source->shape[2]) {
        return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "a target must be %zd x %zd pixels of %zd bytes, not "
                 "%zd x %zd of %zd",
                 width, height, source->shape[2], target->shape[1],
                 target->shape[0], target->shape[2]);
    return false;
}

PyDoc_STRVAR(module_halve_doc,
             "halve($module, source, target, has_alpha, /)\n--\n\n"
             "Fill a picture with the means of 2 x 2 pixels of another one, "
             "as Pillow's\nImage.reduce(2) does.\n\n"
             "source, target: buffers as for resample(), of as many channels; "
             "sides of the\ntarget are half as long, rounded up.\n"
             "has_alpha: whether the fourth of them is alpha.");

static PyObject *
module_halve(PyObject *Py_UNUSED(module), PyObject *const *args,
             Py_ssize_t nargs)
{
    Py_buffer source = {0}, target = {0};
    if (nargs != 3) {
        return raise_argument_count("halve", 3, nargs);
    }
    int has_alpha = PyObject_IsTrue(args[2]);
    bool valid = has_alpha >= 0 &&
                 get_picture(args[0], "a source", 0, &source) &&
                 get_picture(args[1], "a target", PyBUF_WRITABLE, &target) &&
                 check_halves(&source, &target);
    if (valid) {
        struct halving halving = {
            .channels = (size_t)source.shape[2],
            .has_alpha = has_alpha > 0 && source.shape[2] == 4,
            .width = (int32_t)source.shape[1],
            .height = (int32_t)source.shape[0],
            .source = source.buf,
            .source_stride = source.strides[0],
            .target = target.buf,
            .target_stride = target.strides[0],
        };
        Py_BEGIN_ALLOW_THREADS
        resample_halve(&halving);
        Py_END_ALLOW_THREADS
    }
    release(&source);
    release(&target);
    return valid ? Py_NewRef(Py_None) : NULL;
}

PyMethodDef resampling_functions[] = {
    METHOD("resample", module_resample, METH_FASTCALL),
    METHOD("halve", module_halve, METH_FASTCALL),
    {NULL, NULL, 0, NULL},
};
