/*
 * What the files that include Python.h share: the module's state, and the one
 * place where exceptions are made.
 */
#ifndef OPENSLIDE_MODULE_H
#define OPENSLIDE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "slide/openslide_api.h"

#include <stdbool.h>
#include <stdint.h>

struct module_state {
    PyTypeObject *slide_type;
    PyTypeObject *cache_type;
    PyObject *error;                    /* OpenSlideError */
    PyObject *unsupported_format_error; /* OpenSlideUnsupportedFormatError */
    PyObject *version_error;            /* OpenSlideVersionError */
    PyObject *thread_plan;              /* the function _threads.plan */
};

/* The state of the module that `self`, a Slide or a Cache, belongs to.  Both
   types are final, so Py_TYPE(self) is the type that the module made. */
struct module_state *state_of(PyObject *self);

/* The state of the module itself. */
struct module_state *module_state_in(PyObject *module);

/*
 * What guards an object's fields where there is no GIL to do it.  The limited
 * API of Python 3.11, which has one always, does not name these.
 */
#ifndef Py_BEGIN_CRITICAL_SECTION
#    define Py_BEGIN_CRITICAL_SECTION(object) {
#    define Py_END_CRITICAL_SECTION() }
#endif

/* Around calls of libopenslide that take long: the GIL is released, and the
   interpreter's end waits for them, see end_of_interpreter(). */
#define BEGIN_LIBRARY_CALL                                                    \
    Py_BEGIN_ALLOW_THREADS                                                    \
    openslide_api_enter();
#define END_LIBRARY_CALL                                                      \
    openslide_api_leave();                                                    \
    Py_END_ALLOW_THREADS

/* An entry of a method table; the docstring stands beside the function. */
#define METHOD(name, function, flags)                                         \
    {name, (PyCFunction)(void (*)(void))(function), flags, function##_doc}

/* The same where the function is in another file than the table. */
#define DECLARE_METHOD(function)                                              \
    PyObject *function(PyObject *self, PyObject *argument);                   \
    extern const char function##_doc[]
#define DECLARE_FAST_METHOD(function)                                         \
    PyObject *function(PyObject *self, PyObject *const *args,                 \
                       Py_ssize_t nargs);                                     \
    extern const char function##_doc[]

/* Functions of the module, a table for each file that has some. */
extern PyMethodDef library_functions[];
extern PyMethodDef conversion_functions[];
extern PyMethodDef codec_functions[];
extern PyMethodDef file_functions[];
extern PyMethodDef resampling_functions[];
extern PyMethodDef batch_functions[];

/* conversion.c */

/* As OPENSLIDE_INSTRUCTION_SETS has it; false with an exception set. */
bool choose_instruction_sets(void);

/* codecs.c */

/* As OPENSLIDE_DECODER has it; false with an exception set. */
bool choose_jpeg_decoder(void);

/* errors.c */

/* What is wrong with an argument; each is a ctypes.ArgumentError as well. */
enum argument_error {
    ARGUMENT_TYPE_ERROR,
    ARGUMENT_VALUE_ERROR,
    ARGUMENT_OVERFLOW_ERROR,
};

/* These set an exception; those that return a PyObject * return NULL. */
PyObject *raise_argument_error(enum argument_error kind, const char *format,
                               ...);
PyObject *raise_argument_count(const char *function, Py_ssize_t expected,
                               Py_ssize_t given);
PyObject *raise_closed(PyObject *path);
void raise_not_opened(struct module_state *state, PyObject *path);
void raise_changed(struct module_state *state, PyObject *path);
void raise_library_error(struct module_state *state, const char *message,
                         PyObject *doing, PyObject *path);

/* Of a file that could be opened once: with the reason why it cannot now. */
void raise_refused(PyObject *path);

/* False with an exception set where libopenslide is not loaded at all, or too
   old to have the function `name`. */
bool require_library(void);
bool require_function(struct module_state *state, const char *name);

#endif
