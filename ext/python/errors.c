/* Failure -> Python exception: the one place where exceptions are made. */
#include "_openslide_module.h"

#include <string.h>

/* In a module of their own, for they derive from ctypes.ArgumentError, and
   importing ctypes is worth its time only where there is an error to raise. */
static PyObject *
argument_error_class(enum argument_error kind)
{
    static const char *const names[] = {
        [ARGUMENT_TYPE_ERROR] = "ArgumentTypeError",
        [ARGUMENT_VALUE_ERROR] = "ArgumentValueError",
        [ARGUMENT_OVERFLOW_ERROR] = "ArgumentOverflowError",
    };
    PyObject *module = PyImport_ImportModule("openslide._argument_errors");
    if (module == NULL) {
        return NULL;
    }
    PyObject *class = PyObject_GetAttrString(module, names[kind]);
    Py_DECREF(module);
    return class;
}

/* Whether an exception is set that is no word on an argument: Ctrl-C, lack of
   memory, or what the argument's own methods raise. */
static bool
another_exception_is_set(void)
{
    return PyErr_Occurred() != NULL &&
           !PyErr_ExceptionMatches(PyExc_TypeError) &&
           !PyErr_ExceptionMatches(PyExc_ValueError) &&
           !PyErr_ExceptionMatches(PyExc_OverflowError);
}

PyObject *
raise_argument_error(enum argument_error kind, const char *format, ...)
{
    if (another_exception_is_set()) {
        return NULL;
    }
    PyErr_Clear(); /* the reason is told better by `format` */
    PyObject *class = argument_error_class(kind);
    if (class != NULL) {
        va_list values;
        va_start(values, format);
        PyErr_FormatV(class, format, values);
        va_end(values);
        Py_DECREF(class);
    }
    return NULL;
}

PyObject *
raise_argument_count(const char *function, Py_ssize_t expected,
                     Py_ssize_t given)
{
    PyErr_Format(PyExc_TypeError,
                 "%s() takes exactly %zd arguments (%zd given)", function,
                 expected, given);
    return NULL;
}

static PyObject *
decode_path(PyObject *path)
{
    return PyUnicode_DecodeFSDefaultAndSize(PyBytes_AsString(path),
                                            PyBytes_Size(path));
}

PyObject *
raise_closed(PyObject *path)
{
    PyObject *shown = decode_path(path);
    if (shown != NULL) {
        raise_argument_error(ARGUMENT_VALUE_ERROR,
                             "Passing closed slide object: %R was closed",
                             shown);
        Py_DECREF(shown);
    }
    return NULL;
}

void
raise_not_opened(struct module_state *state, PyObject *path)
{
    PyObject *shown = decode_path(path);
    if (shown != NULL) {
        PyErr_Format(state->unsupported_format_error,
                     "Unsupported or missing image file: %R", shown);
        Py_DECREF(shown);
    }
}

/* The reason is found out by Python, after libopenslide's refusal. */
void
raise_refused(PyObject *path)
{
    PyObject *shown = decode_path(path);
    PyObject *module = PyImport_ImportModule("openslide._files");
    if (shown != NULL && module != NULL) {
        PyObject *error = PyObject_CallMethod(module, "refusal", "O", shown);
        if (error != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(error), error);
            Py_DECREF(error);
        }
    }
    Py_XDECREF(shown);
    Py_XDECREF(module);
}

void
raise_changed(struct module_state *state, PyObject *path)
{
    PyObject *shown = decode_path(path);
    if (shown != NULL) {
        PyErr_Format(state->error,
                     "%R has become another slide since it was opened; open "
                     "it anew",
                     shown);
        Py_DECREF(shown);
    }
}

void
raise_library_error(struct module_state *state, const char *message,
                    PyObject *doing, PyObject *path)
{
    PyObject *text =
        PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    PyObject *shown = decode_path(path);
    if (text != NULL && shown != NULL) {
        PyErr_Format(state->error, "%U (%U %R)", text, doing, shown);
    }
    Py_XDECREF(text);
    Py_XDECREF(shown);
}

bool
require_library(void)
{
    if (openslide.open == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "libopenslide is not loaded: import openslide, not "
                        "its extension module alone");
        return false;
    }
    return true;
}

bool
require_function(struct module_state *state, const char *name)
{
    if (!require_library()) {
        return false;
    }
    if (openslide_api_has(name)) {
        return true;
    }
    PyObject *error = PyObject_CallFunction(state->version_error, "s",
                                            openslide_api_since(name));
    if (error != NULL) {
        PyErr_SetObject(state->version_error, error);
        Py_DECREF(error);
    }
    return false;
}
