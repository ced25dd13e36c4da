/* What is known of a slide without reading pixels. */
#include "slide_object.h"

#include "direct/direct_slide.h"

#include <string.h>

/* Collecting what libopenslide knows */

static PyObject *
decode_utf8(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* A tuple of `count` items made by `make`; `count` < 0 counts as 0, which is
   what libopenslide answers once it has failed. */
static PyObject *
collect(openslide_t *osr, Py_ssize_t count,
        PyObject *(*make)(openslide_t *, Py_ssize_t))
{
    PyObject *tuple = PyTuple_New(count < 0 ? 0 : count);
    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *item = make(osr, i);
        if (item == NULL || PyTuple_SetItem(tuple, i, item) < 0) {
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

static PyObject *
make_level_dimensions(openslide_t *osr, Py_ssize_t level)
{
    int64_t width, height;
    openslide.get_level_dimensions(osr, (int32_t)level, &width, &height);
    return Py_BuildValue("(LL)", (long long)width, (long long)height);
}

static PyObject *
make_level_downsample(openslide_t *osr, Py_ssize_t level)
{
    return PyFloat_FromDouble(
        openslide.get_level_downsample(osr, (int32_t)level));
}

static PyObject *
make_associated_image_name(openslide_t *osr, Py_ssize_t i)
{
    return decode_utf8(openslide.get_associated_image_names(osr)[i]);
}

static Py_ssize_t
count_names(const char *const *names)
{
    Py_ssize_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    return count;
}

static PyObject *
collect_properties(openslide_t *osr)
{
    PyObject *properties = PyDict_New();
    const char *const *names = openslide.get_property_names(osr);
    for (; properties != NULL && *names != NULL; names++) {
        const char *value = openslide.get_property_value(osr, *names);
        if (value == NULL) {
            continue; /* the slide has failed meanwhile */
        }
        PyObject *key_object = decode_utf8(*names);
        PyObject *value_object = decode_utf8(value);
        if (key_object == NULL || value_object == NULL ||
            PyDict_SetItem(properties, key_object, value_object) < 0) {
            Py_CLEAR(properties);
        }
        Py_XDECREF(key_object);
        Py_XDECREF(value_object);
    }
    return properties;
}

static PyObject *
make_divisible_levels(const struct slide_handle *handle)
{
    PyObject *tuple = PyTuple_New(handle->level_count);
    for (int32_t i = 0; tuple != NULL && i < handle->level_count; i++) {
        PyTuple_SetItem(tuple, i,
                        PyBool_FromLong(handle->levels[i].divisible));
    }
    return tuple;
}

bool
slide_describe(SlideObject *self, const struct slide_handle *handle)
{
    openslide_t *osr = handle->osr;
    self->divisible_levels = make_divisible_levels(handle);
    self->level_dimensions =
        collect(osr, openslide.get_level_count(osr), make_level_dimensions);
    self->level_downsamples =
        collect(osr, openslide.get_level_count(osr), make_level_downsample);
    self->associated_image_names =
        collect(osr, count_names(openslide.get_associated_image_names(osr)),
                make_associated_image_name);
    return self->level_dimensions != NULL && self->level_downsamples != NULL &&
           self->divisible_levels != NULL &&
           self->associated_image_names != NULL;
}

/* Methods */

const char slide_best_level_for_downsample_doc[] =
    PyDoc_STR("best_level_for_downsample($self, downsample, /)\n--\n\n"
              "The level to read at a downsample factor.");

PyObject *
slide_best_level_for_downsample(PyObject *self, PyObject *downsample)
{
    double factor = PyFloat_AsDouble(downsample);
    if (factor == -1.0 && PyErr_Occurred()) {
        bool overflow = PyErr_ExceptionMatches(PyExc_OverflowError);
        return raise_argument_error(
            overflow ? ARGUMENT_OVERFLOW_ERROR : ARGUMENT_TYPE_ERROR,
            "downsample must be a number%s, not %R",
            overflow ? " of floating point" : "", downsample);
    }
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    int32_t level =
        openslide.get_best_level_for_downsample(handle->osr, factor);
    if (!slide_release(slide_cast(self), handle, "using")) {
        return NULL;
    }
    return PyLong_FromLong(level);
}

const char slide_direct_refusals_doc[] =
    PyDoc_STR("direct_refusals($self, /)\n--\n\n"
              "For each level why it is left to libopenslide, or None where "
              "it is read\ndirectly.");

static PyObject *
make_direct_refusals(const struct slide_handle *handle)
{
    PyObject *refusals = PyTuple_New(handle->level_count);
    for (int32_t i = 0; refusals != NULL && i < handle->level_count; i++) {
        const char *refusal = direct_slide_refusal(handle, i);
        PyObject *item = refusal == NULL ? Py_NewRef(Py_None)
                                         : PyUnicode_FromString(refusal);
        if (item == NULL) {
            Py_CLEAR(refusals);
        } else {
            PyTuple_SetItem(refusals, i, item);
        }
    }
    return refusals;
}

PyObject *
slide_direct_refusals(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    PyObject *refusals = NULL;
    if (openslide.get_error(handle->osr) == NULL) {
        refusals = make_direct_refusals(handle);
    }
    if (!slide_release(slide_cast(self), handle, "using")) {
        Py_CLEAR(refusals);
    }
    return refusals;
}

const char slide_kept_levels_doc[] =
    PyDoc_STR("kept_levels($self, /)\n--\n\n"
              "For each level whether the pixels that libopenslide gives of "
              "it are kept.");

PyObject *
slide_kept_levels(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    PyObject *kept = PyTuple_New(handle->level_count);
    for (int32_t i = 0; kept != NULL && i < handle->level_count; i++) {
        PyTuple_SetItem(kept, i,
                        PyBool_FromLong(direct_slide_keeps(handle, i)));
    }
    if (!slide_release(slide_cast(self), handle, "using")) {
        Py_CLEAR(kept);
    }
    return kept;
}

const char slide_trust_direct_reads_doc[] =
    PyDoc_STR("trust_direct_reads($self, /)\n--\n\n"
              "For tests: compare no direct read with libopenslide until the "
              "slide is\nopened again.");

PyObject *
slide_trust_direct_reads(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    direct_slide_trust(handle);
    slide_handle_release(handle);
    return Py_NewRef(Py_None);
}

const char slide_error_doc[] =
    PyDoc_STR("error($self, /)\n--\n\n"
              "The error that libopenslide has latched, or None.");

PyObject *
slide_error(PyObject *self, PyObject *Py_UNUSED(unused))
{
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    const char *error = openslide.get_error(handle->osr);
    PyObject *text = error == NULL ? Py_NewRef(Py_None) : decode_utf8(error);
    slide_handle_release(handle);
    return text;
}

/* Attributes */

static PyObject *
checked(PyObject *self, PyObject *value)
{
    return slide_check(slide_cast(self)) ? Py_NewRef(value) : NULL;
}

static PyObject *
get_level_dimensions(PyObject *self, void *Py_UNUSED(closure))
{
    return checked(self, slide_cast(self)->level_dimensions);
}

static PyObject *
get_level_downsamples(PyObject *self, void *Py_UNUSED(closure))
{
    return checked(self, slide_cast(self)->level_downsamples);
}

static PyObject *
get_divisible_levels(PyObject *self, void *Py_UNUSED(closure))
{
    return checked(self, slide_cast(self)->divisible_levels);
}

static PyObject *
get_associated_image_names(PyObject *self, void *Py_UNUSED(closure))
{
    return checked(self, slide_cast(self)->associated_image_names);
}

/* Many programs never look at the properties, so they are collected when first
   asked for.  Of two threads that ask at once the second one's work is lost.
 */
static PyObject *
get_properties(PyObject *self, void *Py_UNUSED(closure))
{
    SlideObject *slide = slide_cast(self);
    PyObject *present = atomic_load(&slide->properties);
    if (present != NULL) {
        return checked(self, present);
    }
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return NULL;
    }
    PyObject *properties = collect_properties(handle->osr);
    if (!slide_release(slide, handle, "using")) {
        Py_XDECREF(properties);
        return NULL;
    }
    if (properties != NULL && !atomic_compare_exchange_strong(
                                  &slide->properties, &present, properties)) {
        Py_DECREF(properties);
        properties = present;
    }
    return Py_XNewRef(properties);
}

static PyObject *
get_path(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(slide_cast(self)->path);
}

static PyObject *
get_closed(PyObject *self, void *Py_UNUSED(closure))
{
    bool closed;
    Py_BEGIN_CRITICAL_SECTION(self);
    closed = slide_cast(self)->closed;
    Py_END_CRITICAL_SECTION();
    return PyBool_FromLong(closed);
}

PyGetSetDef slide_getset[] = {
    {"level_dimensions", get_level_dimensions, NULL,
     "((width, height), ...) of the levels, in their own pixels.", NULL},
    {"level_downsamples", get_level_downsamples, NULL,
     "Downsample factors of the levels.", NULL},
    {"divisible_levels", get_divisible_levels, NULL,
     "For each level whether reads of its parts, each from a whole pixel of "
     "the level\non, have the pixels of one read of it all.",
     NULL},
    {"associated_image_names", get_associated_image_names, NULL,
     "Names of the associated images.", NULL},
    {"properties", get_properties, NULL,
     "{name: value} of all properties, the same dict each time.", NULL},
    {"path", get_path, NULL, "The path that was opened, as bytes.", NULL},
    {"closed", get_closed, NULL, "Whether close() was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
