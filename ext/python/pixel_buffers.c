#include "pixel_buffers.h"

#include "system/platform.h"

PyObject *
pixel_buffer_new(long long width, long long height)
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

uint32_t *
pixel_buffer_words(PyObject *pixels)
{
    return (uint32_t *)(void *)PyByteArray_AsString(pixels);
}
