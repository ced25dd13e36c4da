/* libopenslide as a whole: loading it, and what needs no open slide. */
#include "_openslide_module.h"

#include <string.h>

PyDoc_STRVAR(
    module_load_doc,
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

PyDoc_STRVAR(module_library_path_doc,
             "library_path($module, /)\n--\n\n"
             "The file that libopenslide was loaded from, as bytes.");

static PyObject *
module_library_path(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    return PyBytes_FromString(openslide_api_path());
}

PyDoc_STRVAR(module_library_version_doc, "library_version($module, /)\n--\n\n"
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

PyDoc_STRVAR(module_has_function_doc,
             "has_function($module, name, /)\n--\n\n"
             "Whether the loaded libopenslide has openslide_<name>.");

static PyObject *
module_has_function(PyObject *Py_UNUSED(module), PyObject *name)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    return text == NULL ? NULL : PyBool_FromLong(openslide_api_has(text));
}

PyDoc_STRVAR(module_detect_vendor_doc,
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
    if (strlen(bytes) != (size_t)PyBytes_Size(path)) {
        return Py_NewRef(Py_None); /* no file can be called so */
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

PyMethodDef library_functions[] = {
    METHOD("load", module_load, METH_O),
    METHOD("library_path", module_library_path, METH_NOARGS),
    METHOD("library_version", module_library_version, METH_NOARGS),
    METHOD("has_function", module_has_function, METH_O),
    METHOD("detect_vendor", module_detect_vendor, METH_O),
    {NULL, NULL, 0, NULL},
};
