/* Codecs: what decodes tiles, and Python's buffers with pixels to encode. */
#include "_openslide_module.h"

#include "arguments.h"
#include "codecs/deflate.h"
#include "codecs/jpeg.h"
#include "codecs/jpeg_encoder.h"
#include "codecs/jpeg_interchange.h"
#include "codecs/jpeg_turbo.h"

#include <stdlib.h>

static bool
is_side(int64_t side)
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
    if (jpeg_turbo_version() == NULL) {
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

static PyObject *
make_interchange(const struct jpeg_format *format, const uint8_t *bytes,
                 size_t size)
{
    struct jpeg_interchange plan;
    const char *refusal = jpeg_interchange_plan(&plan, format, bytes, size);
    if (refusal != NULL) {
        PyErr_SetString(PyExc_ValueError, refusal);
        return NULL;
    }
    PyObject *stream = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)plan.size);
    if (stream != NULL) {
        jpeg_interchange_write(&plan, format, bytes,
                               (uint8_t *)PyBytes_AsString(stream));
    }
    return stream;
}

/* NULL tables where they are None; false with an exception set. */
static bool
tables_argument(PyObject *tables, struct jpeg_format *format)
{
    if (tables == Py_None) {
        return true;
    }
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(tables, &bytes, &size) < 0) {
        return false;
    }
    format->tables = (const uint8_t *)bytes;
    format->tables_size = (size_t)size;
    return true;
}

PyDoc_STRVAR(module_interchange_jpeg_doc,
             "interchange_jpeg($module, stored, tables, size, is_rgb, /)"
             "\n--\n\n"
             "The JPEG stream that a stored tile becomes with what its slide "
             "says of it.\n\n"
             "Raises ValueError where the tile is none of this size.");

static PyObject *
module_interchange_jpeg(PyObject *Py_UNUSED(module), PyObject *const *args,
                        Py_ssize_t nargs)
{
    int64_t width, height;
    Py_buffer stored;
    struct jpeg_format format = {.tables = NULL};
    if (nargs != 4) {
        return raise_argument_count("interchange_jpeg", 4, nargs);
    }
    int is_rgb = PyObject_IsTrue(args[3]);
    if (is_rgb < 0 || !tables_argument(args[1], &format) ||
        !size_argument(args[2], &width, &height)) {
        return NULL;
    }
    if (!is_side(width) || !is_side(height)) {
        return PyErr_Format(PyExc_ValueError,
                            "JPEG has sides of 1 to %d pixels, not %lld x "
                            "%lld",
                            JPEG_LONGEST_SIDE, (long long)width,
                            (long long)height);
    }
    format.width = (uint32_t)width;
    format.height = (uint32_t)height;
    format.is_rgb = is_rgb != 0;
    if (PyObject_GetBuffer(args[0], &stored, PyBUF_C_CONTIGUOUS) < 0) {
        return NULL;
    }
    PyObject *stream =
        make_interchange(&format, stored.buf, (size_t)stored.len);
    PyBuffer_Release(&stored);
    return stream;
}

PyDoc_STRVAR(module_jpeg_version_doc,
             "jpeg_version($module, /)\n--\n\n"
             "The library that tiles are encoded with, or None where this "
             "build has none.");

static PyObject *
module_jpeg_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    const char *version = jpeg_turbo_version();
    return version != NULL ? PyUnicode_FromString(version)
                           : Py_NewRef(Py_None);
}

PyDoc_STRVAR(module_jpeg_decoders_doc,
             "jpeg_decoders($module, /)\n--\n\n"
             "What direct reads decode JPEG with, in the order of trial: a "
             "tuple of names,\nwhich is empty where there is nothing.");

static PyObject *
module_jpeg_decoders(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    const char *own = jpeg_own_decoder(), *library = jpeg_library();
    if (own != NULL && library != NULL) {
        return Py_BuildValue("(Ns)", PyUnicode_FromFormat("own (%s)", own),
                             library);
    }
    if (own != NULL) {
        return Py_BuildValue("(N)", PyUnicode_FromFormat("own (%s)", own));
    }
    return library != NULL ? Py_BuildValue("(s)", library) : PyTuple_New(0);
}

PyDoc_STRVAR(
    module_tile_libraries_doc,
    "tile_libraries($module, /)\n--\n\n"
    "What direct reads expand compressed tiles with that are not "
    "JPEG: a tuple of\nnames, which is empty where there is nothing.");

static PyObject *
module_tile_libraries(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    const char *version = deflate_version();
    return version != NULL ? Py_BuildValue("(s)", version) : PyTuple_New(0);
}

bool
choose_jpeg_decoder(void)
{
    const char *name = getenv("OPENSLIDE_DECODER");
    if (name == NULL || jpeg_choose(name)) {
        return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "OPENSLIDE_DECODER must be own, libjpeg, or not set, "
                 "not '%s'",
                 name);
    return false;
}

PyMethodDef codec_functions[] = {
    METHOD("encode_jpeg", module_encode_jpeg, METH_FASTCALL),
    METHOD("interchange_jpeg", module_interchange_jpeg, METH_FASTCALL),
    METHOD("jpeg_version", module_jpeg_version, METH_NOARGS),
    METHOD("jpeg_decoders", module_jpeg_decoders, METH_NOARGS),
    METHOD("tile_libraries", module_tile_libraries, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};
