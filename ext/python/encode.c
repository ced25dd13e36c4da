/* Writing pixels: Python's buffers on one side, the encoder on the other. */
#include "_openslide_module.h"

#include "arguments.h"
#include "codecs/jpeg.h"
#include "codecs/jpeg_encoder.h"

#include <stdlib.h>

static bool
is_side(Py_ssize_t side)
{
    return side >= 1 && side <= JPEG_LONGEST_SIDE;
}

static bool
describe_picture(const Py_buffer *pixels, struct jpeg_picture *picture)
{
    if (pixels->itemsize != 1 || pixels->ndim != 3 || pixels->shape[2] != 3) {
        PyErr_SetString(PyExc_ValueError,
                        "pixels must be bytes (height, width, 3)");
        return false;
    }
    if (!is_side(pixels->shape[0]) || !is_side(pixels->shape[1])) {
        PyErr_Format(PyExc_ValueError,
                     "JPEG has sides of 1 to %d pixels, not %zd x %zd",
                     JPEG_LONGEST_SIDE, pixels->shape[1], pixels->shape[0]);
        return false;
    }
    *picture = (struct jpeg_picture){
        .pixels = pixels->buf,
        .width = (uint32_t)pixels->shape[1],
        .height = (uint32_t)pixels->shape[0],
    };
    return true;
}

static PyObject *
encode_picture(const Py_buffer *pixels, int quality)
{
    struct jpeg_picture picture;
    struct jpeg_file file;
    bool encoded;
    if (!describe_picture(pixels, &picture)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    encoded = jpeg_encode(&picture, quality, &file);
    Py_END_ALLOW_THREADS
    if (!encoded) {
        return PyErr_NoMemory();
    }
    PyObject *bytes =
        PyBytes_FromStringAndSize((char *)file.bytes, (Py_ssize_t)file.size);
    free(file.bytes);
    return bytes;
}

PyDoc_STRVAR(
    module_encode_jpeg_doc,
    "encode_jpeg($module, pixels, quality, /)\n--\n\n"
    "The bytes of a JPEG file, those that Pillow makes at the same "
    "quality.\n\n"
    "pixels: a C-contiguous buffer of bytes (height, width, 3), RGB.\n"
    "quality: 1 to 100.\n\n"
    "Raises NotImplementedError where jpeg_version() is None.");

static PyObject *
module_encode_jpeg(PyObject *Py_UNUSED(module), PyObject *const *args,
                   Py_ssize_t nargs)
{
    int64_t quality;
    Py_buffer pixels;
    if (nargs != 2) {
        return raise_argument_count("encode_jpeg", 2, nargs);
    }
    if (!integer_argument(args[1], "quality", &quality)) {
        return NULL;
    }
    if (quality < 1 || quality > 100) {
        PyErr_Format(PyExc_ValueError, "quality must be 1 to 100, not %lld",
                     (long long)quality);
        return NULL;
    }
    if (!jpeg_is_available()) {
        PyErr_SetString(PyExc_NotImplementedError,
                        "this build has no libjpeg-turbo");
        return NULL;
    }
    if (PyObject_GetBuffer(args[0], &pixels, PyBUF_C_CONTIGUOUS) < 0) {
        return NULL;
    }
    PyObject *file = encode_picture(&pixels, (int)quality);
    PyBuffer_Release(&pixels);
    return file;
}

PyDoc_STRVAR(module_jpeg_version_doc,
             "jpeg_version($module, /)\n--\n\n"
             "The library that direct reads decode with, or None where this "
             "build has none.");

static PyObject *
module_jpeg_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return jpeg_is_available() ? PyUnicode_FromString(jpeg_version())
                               : Py_NewRef(Py_None);
}

PyMethodDef encoding_functions[] = {
    METHOD("encode_jpeg", module_encode_jpeg, METH_FASTCALL),
    METHOD("jpeg_version", module_jpeg_version, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};
