/*
 * What the files that include Python.h share: the module's state, its two
 * types, and the one place where exceptions are made.
 */
#ifndef OPENSLIDE_MODULE_H
#define OPENSLIDE_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "slide/openslide_api.h"
#include "slide/region.h"

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

/* slide_object.c */

typedef struct {
    PyObject_HEAD PyObject *path; /* bytes, as libopenslide takes it */
    /* Whether a slide that has failed is opened again for the next call. */
    bool reopens;
    /* Whether libopenslide is passed by where that gives the same bytes. */
    bool direct;
    /* What never changes while a slide is open, read once at open ... */
    PyObject *level_dimensions;       /* ((width, height), ...) */
    PyObject *level_downsamples;      /* (float, ...) */
    PyObject *associated_image_names; /* (str, ...) */
    PyObject *quickhash;              /* str or None: which slide it is */
    /* ... or when first asked for: {str: str}. */
    _Atomic(PyObject *) properties;
    /* Guarded by the critical section of the object: */
    bool closed;
    struct slide_handle *handle; /* NULL: closed, or to be opened again */
    PyObject *cache;             /* a Cache, or NULL for one of its own */
} SlideObject;

extern PyType_Spec slide_spec;

/*
 * A reference to libopenslide's handle, to be used with or without the GIL.
 * Opens a new one after a fork, and after a failure where the slide reopens.
 * NULL with an exception set where the slide is closed.
 */
struct slide_handle *slide_acquire(SlideObject *self);

/*
 * Give the reference back.  False with OpenSlideError set where libopenslide
 * has latched an error; `doing` (with PyUnicode_FromFormat arguments) says in
 * its message what was being done with the slide.
 */
bool slide_release(SlideObject *self, struct slide_handle *handle,
                   const char *doing, ...);

/* The same, where a latched error was dealt with already.  `forgives`: the
   slide is opened again, like one that reopens. */
void slide_give_back(SlideObject *self, struct slide_handle *handle,
                     bool forgives);

/* False with an exception set where the slide is closed or has failed. */
bool slide_check(SlideObject *self);

/* cache_object.c */

extern PyType_Spec cache_spec;

/* False with an exception set where `cache` is no Cache, or was released and
   may not be. */
bool cache_check(struct module_state *state, PyObject *cache,
                 bool may_be_released);

/* Make a slide use a Cache. */
void cache_attach(PyObject *cache, struct slide_handle *handle);

/* read.c */

PyObject *slide_read_region(PyObject *self, PyObject *const *args,
                            Py_ssize_t nargs);
PyObject *slide_read_region_raw(PyObject *self, PyObject *const *args,
                                Py_ssize_t nargs);
PyObject *slide_read_opaque_region(PyObject *self, PyObject *const *args,
                                   Py_ssize_t nargs);
PyObject *slide_read_into(PyObject *self, PyObject *const *args,
                          Py_ssize_t nargs);
PyObject *slide_read_all_into(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs);
PyObject *slide_read_associated_image(PyObject *self, PyObject *name);
PyObject *slide_read_associated_image_raw(PyObject *self, PyObject *name);
PyObject *module_argb2rgba(PyObject *module, PyObject *buffer);

/* encode.c */

PyObject *module_encode_jpeg(PyObject *module, PyObject *const *args,
                             Py_ssize_t nargs);

/* resample.c */

PyObject *module_resample(PyObject *module, PyObject *const *args,
                          Py_ssize_t nargs);
PyObject *module_halve(PyObject *module, PyObject *const *args,
                       Py_ssize_t nargs);

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
PyObject *raise_not_opened(struct module_state *state, PyObject *path);
PyObject *raise_changed(struct module_state *state, PyObject *path);
void raise_library_error(struct module_state *state, const char *message,
                         PyObject *doing, PyObject *path);

/* False with an exception set where libopenslide is not loaded at all, or too
   old to have the function `name`. */
bool require_library(void);
bool require_function(struct module_state *state, const char *name);

/* An integer argument of 64 bits; false with an exception set that says
   `what` it is and what was given. */
bool integer_argument(PyObject *value, const char *what, int64_t *result);

#endif
