/* Associated images and ICC profiles of a slide. */
#include "slide_object.h"

#include "_convert.h"
#include "pixel_buffers.h"

const char slide_associated_image_dimensions_doc[] =
    PyDoc_STR("associated_image_dimensions($self, name, /)\n--\n\n"
              "(width, height) of an associated image in its own pixels; "
              "(-1, -1)\nwhere there is none of that name.");

PyObject *
slide_associated_image_dimensions(PyObject *self, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    if (text == NULL) {
        return NULL;
    }
    struct slide_handle *handle = slide_acquire(slide_cast(self));
    if (handle == NULL) {
        return NULL;
    }
    int64_t width, height;
    openslide.get_associated_image_dimensions(handle->osr, text, &width,
                                              &height);
    if (!slide_release(slide_cast(self), handle, "using")) {
        return NULL;
    }
    return Py_BuildValue("(LL)", (long long)width, (long long)height);
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
    PyObject *pixels = pixel_buffer_new(width, height);
    if (pixels != NULL) {
        uint32_t *words = pixel_buffer_words(pixels);
        BEGIN_LIBRARY_CALL
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

const char slide_read_associated_image_raw_doc[] = PyDoc_STR(
    "read_associated_image_raw($self, name, /)\n--\n\n"
    "An associated image as a bytearray of premultiplied ARGB words.");

PyObject *
slide_read_associated_image_raw(PyObject *self, PyObject *name)
{
    int64_t width, height;
    return read_associated_image((SlideObject *)self, name, &width, &height);
}

const char slide_read_associated_image_doc[] =
    PyDoc_STR("read_associated_image($self, name, /)\n--\n\n"
              "An associated image as (bytearray of RGBA bytes, (width, "
              "height)).");

PyObject *
slide_read_associated_image(PyObject *self, PyObject *name)
{
    int64_t width, height;
    PyObject *pixels =
        read_associated_image((SlideObject *)self, name, &width, &height);
    if (pixels == NULL) {
        return NULL;
    }
    uint32_t *words = pixel_buffer_words(pixels);
    Py_BEGIN_ALLOW_THREADS
    convert_argb_to_rgba(words, (uint8_t *)words, (size_t)(width * height));
    Py_END_ALLOW_THREADS
    return Py_BuildValue("(N(LL))", pixels, (long long)width,
                         (long long)height);
}

/* ICC profiles: of the slide itself where `name` is NULL. */

static int64_t
profile_size(openslide_t *osr, const char *name)
{
    return name == NULL
               ? openslide.get_icc_profile_size(osr)
               : openslide.get_associated_image_icc_profile_size(osr, name);
}

static void
read_profile(openslide_t *osr, const char *name, char *bytes)
{
    if (name == NULL) {
        openslide.read_icc_profile(osr, bytes);
    } else {
        openslide.read_associated_image_icc_profile(osr, name, bytes);
    }
}

static PyObject *
profile_of(SlideObject *self, const char *name)
{
    if (!require_function(state_of((PyObject *)self), "read_icc_profile")) {
        return NULL;
    }
    struct slide_handle *handle = slide_acquire(self);
    if (handle == NULL) {
        return NULL;
    }
    /* 0 where there is none, -1 where there is no such image */
    int64_t size = profile_size(handle->osr, name);
    PyObject *profile = size > 0
                            ? PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size)
                            : Py_NewRef(Py_None);
    if (profile != NULL && profile != Py_None) {
        char *bytes = PyBytes_AsString(profile);
        BEGIN_LIBRARY_CALL
        read_profile(handle->osr, name, bytes);
        END_LIBRARY_CALL
    }
    bool good = slide_release(self, handle, "reading the ICC profile of %s of",
                              name == NULL ? "level 0" : name);
    if (!good) {
        Py_CLEAR(profile);
    }
    return profile;
}

const char slide_icc_profile_doc[] =
    PyDoc_STR("icc_profile($self, /)\n--\n\n"
              "The slide's ICC profile as bytes, or None.");

PyObject *
slide_icc_profile(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return profile_of(slide_cast(self), NULL);
}

const char slide_associated_image_icc_profile_doc[] =
    PyDoc_STR("associated_image_icc_profile($self, name, /)\n--\n\n"
              "The ICC profile of an associated image as bytes, or None.");

PyObject *
slide_associated_image_icc_profile(PyObject *self, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    return text == NULL ? NULL : profile_of(slide_cast(self), text);
}
