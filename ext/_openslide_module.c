/* Module openslide._openslide: definition, state, functions. */
#include "python/_openslide_module.h"

#include "_convert.h"
#include "codecs/jpeg.h"

#include <string.h>

static const double LONGEST_WAIT = 10; /* seconds */

struct module_state *
state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

/* Functions */

PyDoc_STRVAR(
    load_doc,
    "load($module, path, /)\n--\n\n"
    "Load libopenslide from a path (bytes) or a bare name.\n\n"
    "Raises OSError with the loader's reason.  Does nothing where the "
    "process\nhas loaded libopenslide before.");

static PyObject *
module_load(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *bytes = PyBytes_AsString(path);
    if (bytes == NULL) {
        return NULL;
    }
    char error[1024];
    bool loaded;
    BEGIN_LIBRARY_CALL
    loaded = openslide_api_load(bytes, error, sizeof error);
    END_LIBRARY_CALL
    if (!loaded) {
        PyErr_SetString(PyExc_OSError, error);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(library_path_doc,
             "library_path($module, /)\n--\n\n"
             "The file that libopenslide was loaded from, as bytes.");

static PyObject *
module_library_path(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyBytes_FromString(openslide_api_path());
}

PyDoc_STRVAR(library_version_doc, "library_version($module, /)\n--\n\n"
                                  "The version of libopenslide.");

static PyObject *
module_library_version(PyObject *Py_UNUSED(module),
                       PyObject *Py_UNUSED(unused))
{
    if (!require_library()) {
        return NULL;
    }
    return PyUnicode_FromString(openslide.get_version());
}

PyDoc_STRVAR(has_function_doc,
             "has_function($module, name, /)\n--\n\n"
             "Whether the loaded libopenslide has openslide_<name>.");

static PyObject *
module_has_function(PyObject *Py_UNUSED(module), PyObject *name)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    return text == NULL ? NULL : PyBool_FromLong(openslide_api_has(text));
}

PyDoc_STRVAR(detect_vendor_doc,
             "detect_vendor($module, path, /)\n--\n\n"
             "The vendor of the slide at a path (bytes), or None where it is "
             "not one.");

static PyObject *
module_detect_vendor(PyObject *Py_UNUSED(module), PyObject *path)
{
    const char *bytes = PyBytes_AsString(path);
    if (bytes == NULL || !require_library()) {
        return NULL;
    }
    const char *vendor;
    BEGIN_LIBRARY_CALL
    vendor = openslide.detect_vendor(bytes);
    END_LIBRARY_CALL
    if (vendor == NULL) {
        return Py_NewRef(Py_None);
    }
    return PyUnicode_FromString(vendor);
}

PyDoc_STRVAR(argb2rgba_doc,
             "argb2rgba($module, buffer, /)\n--\n\n"
             "Convert premultiplied ARGB words to straight RGBA bytes in "
             "place.\n\n"
             "buffer: writable, C-contiguous, items of 4 bytes, of any rank. "
             "A word with\nalpha 0 stays as it is.");

PyDoc_STRVAR(conversion_kernel_doc,
             "conversion_kernel($module, /)\n--\n\n"
             "The name of the instruction set that converts pixels here.");

static PyObject *
module_conversion_kernel(PyObject *Py_UNUSED(module),
                         PyObject *Py_UNUSED(unused))
{
    return PyUnicode_FromString(
        instruction_set_name(instruction_set_in_use()));
}

PyDoc_STRVAR(jpeg_version_doc,
             "jpeg_version($module, /)\n--\n\n"
             "The library that direct reads decode with, or None where this "
             "build has none.");

static PyObject *
module_jpeg_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return jpeg_is_available() ? PyUnicode_FromString(jpeg_version())
                               : Py_NewRef(Py_None);
}

PyDoc_STRVAR(
    encode_jpeg_doc,
    "encode_jpeg($module, pixels, quality, /)\n--\n\n"
    "The bytes of a JPEG file, those that Pillow makes at the same "
    "quality.\n\n"
    "pixels: a C-contiguous buffer of bytes (height, width, 3), RGB.\n"
    "quality: 1 to 100.\n\n"
    "Raises NotImplementedError where jpeg_version() is None.");

PyDoc_STRVAR(
    resample_doc,
    "resample($module, source, target, box, filter, longer_first, /)\n--\n\n"
    "Fill a picture with part of another one, as Pillow's Image.resize() "
    "does.\n\n"
    "source, target: buffers of bytes (height, width, 3 or 4), RGB or "
    "RGBA with\nstraight alpha; rows may lie apart, the pixels of a row may "
    "not.  Of RGBA for RGB\nalpha is ignored.  They must not overlap.\n"
    "box: (left, upper, right, lower) in pixels of the source, floats.\n"
    "filter: a number of PIL.Image.Resampling: LANCZOS, BILINEAR, BICUBIC "
    "or BOX.\n"
    "longer_first: whether columns come before rows where they lose more "
    "than twice\nas many pixels, as from Pillow 13 on.");

PyDoc_STRVAR(halve_doc,
             "halve($module, source, target, /)\n--\n\n"
             "Fill a picture with the means of 2 x 2 pixels of another one, "
             "as Pillow's\nImage.reduce(2) does.\n\n"
             "source, target: buffers as for resample(), of as many channels; "
             "sides of the\ntarget are half as long, rounded up.");

static PyMethodDef module_functions[] = {
    {"load", module_load, METH_O, load_doc},
    {"library_path", module_library_path, METH_NOARGS, library_path_doc},
    {"library_version", module_library_version, METH_NOARGS,
     library_version_doc},
    {"has_function", module_has_function, METH_O, has_function_doc},
    {"detect_vendor", module_detect_vendor, METH_O, detect_vendor_doc},
    {"argb2rgba", module_argb2rgba, METH_O, argb2rgba_doc},
    {"conversion_kernel", module_conversion_kernel, METH_NOARGS,
     conversion_kernel_doc},
    {"jpeg_version", module_jpeg_version, METH_NOARGS, jpeg_version_doc},
    {"encode_jpeg", (PyCFunction)(void (*)(void))module_encode_jpeg,
     METH_FASTCALL, encode_jpeg_doc},
    {"resample", (PyCFunction)(void (*)(void))module_resample, METH_FASTCALL,
     resample_doc},
    {"halve", (PyCFunction)(void (*)(void))module_halve, METH_FASTCALL,
     halve_doc},
    {NULL, NULL, 0, NULL},
};

/* State */

static struct module_state *
get_state(PyObject *module)
{
    return PyModule_GetState(module);
}

/* An attribute of another module of the package. */
static PyObject *
import_from(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = NULL;
    if (module != NULL) {
        value = PyObject_GetAttrString(module, name);
        Py_DECREF(module);
    }
    return value;
}

static bool
import_all(struct module_state *state)
{
    static const char errors[] = "openslide._errors";
    const struct {
        PyObject **target;
        const char *module, *name;
    } imports[] = {
        {&state->error, errors, "OpenSlideError"},
        {&state->unsupported_format_error, errors,
         "OpenSlideUnsupportedFormatError"},
        {&state->version_error, errors, "OpenSlideVersionError"},
        {&state->thread_plan, "openslide._threads", "plan"},
    };
    for (size_t i = 0; i < sizeof imports / sizeof imports[0]; i++) {
        *imports[i].target = import_from(imports[i].module, imports[i].name);
        if (*imports[i].target == NULL) {
            return false;
        }
    }
    return true;
}

static PyTypeObject *
add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

/*
 * Threads that are in libopenslide when the interpreter ends go on until they
 * want Python's lock.  What libopenslide frees at exit must not be taken from
 * under them, so the process waits for them, though not forever.
 */
static void
end_of_interpreter(void)
{
    openslide_api_wait(LONGEST_WAIT);
}

static int
module_exec(PyObject *module)
{
    struct module_state *state = get_state(module);
    static atomic_flag registered = ATOMIC_FLAG_INIT;
    if (!import_all(state)) {
        return -1;
    }
    if (!atomic_flag_test_and_set(&registered) &&
        Py_AtExit(end_of_interpreter) < 0) {
        PyErr_SetString(PyExc_RuntimeError, "too many exit functions");
        return -1;
    }
    state->slide_type = add_type(module, &slide_spec);
    state->cache_type = add_type(module, &cache_spec);
    return state->slide_type == NULL || state->cache_type == NULL ? -1 : 0;
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct module_state *state = get_state(module);
    Py_VISIT(state->slide_type);
    Py_VISIT(state->cache_type);
    Py_VISIT(state->error);
    Py_VISIT(state->unsupported_format_error);
    Py_VISIT(state->version_error);
    Py_VISIT(state->thread_plan);
    return 0;
}

static int
module_clear(PyObject *module)
{
    struct module_state *state = get_state(module);
    Py_CLEAR(state->slide_type);
    Py_CLEAR(state->cache_type);
    Py_CLEAR(state->error);
    Py_CLEAR(state->unsupported_format_error);
    Py_CLEAR(state->version_error);
    Py_CLEAR(state->thread_plan);
    return 0;
}

static void
module_free(void *module)
{
    module_clear(module);
}

/* Definition */

/* The limited API of Python 3.11 does not name these slots. */
#ifndef Py_mod_multiple_interpreters
#    define Py_mod_multiple_interpreters 3
#    define Py_MOD_PER_INTERPRETER_GIL_SUPPORTED ((void *)2)
#endif

static PyModuleDef_Slot slots_3_11[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

#define MODULE_DEFINITION(its_slots)                                          \
    {                                                                         \
        PyModuleDef_HEAD_INIT,                                                \
        .m_name = "openslide._openslide",                                     \
        .m_doc = "libopenslide for the package openslide; private to it.",    \
        .m_size = sizeof(struct module_state),                                \
        .m_methods = module_functions,                                        \
        .m_slots = its_slots,                                                 \
        .m_traverse = module_traverse,                                        \
        .m_clear = module_clear,                                              \
        .m_free = module_free,                                                \
    }

static struct PyModuleDef definition_3_11 = MODULE_DEFINITION(slots_3_11);
static struct PyModuleDef definition = MODULE_DEFINITION(slots);

/* Python 3.11 refuses a slot that it does not know; 3.12 and newer refuse a
   module without it in interpreters that have a GIL of their own. */
PyMODINIT_FUNC
PyInit__openslide(void)
{
    return PyModuleDef_Init(Py_Version < 0x030c0000 ? &definition_3_11
                                                    : &definition);
}
