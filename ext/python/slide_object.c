/* The type Slide: an open slide and what libopenslide knows about it. */
#include "_openslide_module.h"

#include "direct/direct_slide.h"

#include <string.h>

static inline SlideObject *
slide_cast(PyObject *self)
{
    return (SlideObject *)self;
}

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
make_quickhash(openslide_t *osr)
{
    const char *hash =
        openslide.get_property_value(osr, "openslide.quickhash-1");
    return hash == NULL ? Py_NewRef(Py_None) : decode_utf8(hash);
}

/* The handle */

static void
raise_latched(SlideObject *self, const char *error, const char *doing,
              va_list values)
{
    PyObject *text = PyUnicode_FromFormatV(doing, values);
    if (text != NULL) {
        raise_library_error(state_of((PyObject *)self), error, text,
                            self->path);
        Py_DECREF(text);
    }
}

/* The next call opens the slide again, unless another thread already has. */
static void
retire(SlideObject *self, struct slide_handle *handle)
{
    bool was_present;
    Py_BEGIN_CRITICAL_SECTION(self);
    was_present = self->handle == handle;
    if (was_present) {
        self->handle = NULL;
    }
    Py_END_CRITICAL_SECTION();
    if (was_present) {
        slide_handle_release(handle);
    }
}

bool
slide_release(SlideObject *self, struct slide_handle *handle,
              const char *doing, ...)
{
    /* A latched error stays where it is until the handle is closed. */
    const char *error = openslide.get_error(handle->osr);
    if (error != NULL) {
        va_list values;
        va_start(values, doing);
        raise_latched(self, error, doing, values);
        va_end(values);
    }
    slide_give_back(self, handle, false);
    return error == NULL;
}

void
slide_give_back(SlideObject *self, struct slide_handle *handle, bool forgives)
{
    if ((self->reopens || forgives) &&
        openslide.get_error(handle->osr) != NULL) {
        retire(self, handle);
    }
    slide_handle_release(handle);
}

/* A handle of its own, or NULL with an exception set. */
static struct slide_handle *
open_handle(SlideObject *self)
{
    const char *path = PyBytes_AsString(self->path);
    struct slide_handle *handle;
    BEGIN_LIBRARY_CALL
    handle = slide_handle_open(path, self->direct);
    END_LIBRARY_CALL
    if (handle == NULL) {
        raise_not_opened(state_of((PyObject *)self), self->path);
        return NULL;
    }
    slide_handle_retain(handle);
    if (!slide_release(self, handle, "opening")) {
        slide_handle_release(handle);
        return NULL;
    }
    return handle;
}

static struct slide_handle *reopen(SlideObject *self);

struct slide_handle *
slide_acquire(SlideObject *self)
{
    struct slide_handle *handle = NULL;
    bool closed;
    Py_BEGIN_CRITICAL_SECTION(self);
    closed = self->closed;
    if (self->handle != NULL && slide_handle_is_ours(self->handle)) {
        handle = self->handle;
        slide_handle_retain(handle);
    }
    Py_END_CRITICAL_SECTION();
    if (closed) {
        raise_closed(self->path);
        return NULL;
    }
    return handle != NULL ? handle : reopen(self);
}

bool
slide_check(SlideObject *self)
{
    struct slide_handle *handle = slide_acquire(self);
    return handle != NULL && slide_release(self, handle, "using");
}

/* Life */

/* False with an exception set. */
static bool
describe(SlideObject *self, openslide_t *osr)
{
    self->level_dimensions =
        collect(osr, openslide.get_level_count(osr), make_level_dimensions);
    self->level_downsamples =
        collect(osr, openslide.get_level_count(osr), make_level_downsample);
    self->associated_image_names =
        collect(osr, count_names(openslide.get_associated_image_names(osr)),
                make_associated_image_name);
    self->quickhash = make_quickhash(osr);
    return self->level_dimensions != NULL && self->level_downsamples != NULL &&
           self->associated_image_names != NULL && self->quickhash != NULL;
}

/* Whether a handle shows the slide that `self` describes: 1 or 0, or -1 with
   an exception set. */
static int
is_same_slide(SlideObject *self, openslide_t *osr)
{
    PyObject *quickhash = make_quickhash(osr);
    PyObject *dimensions =
        collect(osr, openslide.get_level_count(osr), make_level_dimensions);
    int same = -1;
    if (quickhash != NULL && dimensions != NULL) {
        same = PyObject_RichCompareBool(quickhash, self->quickhash, Py_EQ);
    }
    if (same == 1) {
        same = PyObject_RichCompareBool(dimensions, self->level_dimensions,
                                        Py_EQ);
    }
    Py_XDECREF(quickhash);
    Py_XDECREF(dimensions);
    return same;
}

/* Call a function of openslide._files, which knows what not to open and why a
   file cannot be opened. */
static PyObject *
open_by_python(SlideObject *self)
{
    PyObject *module = PyImport_ImportModule("openslide._files");
    PyObject *slide = NULL;
    if (module != NULL) {
        slide = PyObject_CallMethod(module, "open_handle", "O", self->path);
        Py_DECREF(module);
    }
    return slide;
}

/* A new reference to the cache that the slide is to use, or NULL. */
static PyObject *
chosen_cache(SlideObject *self)
{
    PyObject *cache;
    Py_BEGIN_CRITICAL_SECTION(self);
    cache = Py_XNewRef(self->cache);
    Py_END_CRITICAL_SECTION();
    return cache;
}

static void
choose_cache(SlideObject *self, PyObject *cache)
{
    PyObject *replaced;
    Py_BEGIN_CRITICAL_SECTION(self);
    replaced = self->cache;
    self->cache = Py_NewRef(cache);
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(replaced);
}

/* Make a handle of the slide use the chosen cache.  Another thread may choose
   another at any time, and attach that before this one is attached: so whoever
   attaches a cache looks whether it is still the chosen one. */
static void
attach_cache(SlideObject *self, struct slide_handle *handle)
{
    PyObject *attached = NULL;
    PyObject *cache = chosen_cache(self);
    while (cache != attached) {
        cache_attach(cache, handle);
        Py_XDECREF(attached);
        attached = cache;
        cache = chosen_cache(self);
    }
    Py_XDECREF(attached);
    Py_XDECREF(cache);
}

/* Another handle of the same slide, or NULL with an exception set. */
static struct slide_handle *
open_again(SlideObject *self)
{
    PyObject *other = open_by_python(self);
    if (other == NULL) {
        return NULL;
    }
    struct slide_handle *handle = slide_cast(other)->handle;
    slide_handle_retain(handle);
    Py_DECREF(other);
    int same = is_same_slide(self, handle->osr);
    if (same == 1) {
        return handle;
    }
    if (same == 0) {
        raise_changed(state_of((PyObject *)self), self->path);
    }
    slide_handle_release(handle);
    return NULL;
}

static struct slide_handle *
reopen(SlideObject *self)
{
    struct slide_handle *fresh = open_again(self);
    if (fresh == NULL) {
        return NULL;
    }
    struct slide_handle *stale = NULL;
    bool wanted;
    Py_BEGIN_CRITICAL_SECTION(self);
    wanted = !self->closed &&
             (self->handle == NULL || !slide_handle_is_ours(self->handle));
    if (wanted) {
        stale = self->handle;
        self->handle = fresh;
        slide_handle_retain(fresh);
    }
    Py_END_CRITICAL_SECTION();
    if (stale != NULL) {
        slide_handle_release(stale);
    }
    if (!wanted) { /* closed meanwhile, or another thread came first */
        slide_handle_release(fresh);
        return slide_acquire(self);
    }
    /* Not before it is the slide's, or a cache chosen then would be missed. */
    attach_cache(self, fresh);
    return fresh;
}

static PyObject *
slide_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *path;
    int reopens = 0, direct = 1;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Slide() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "S|pp:Slide", &path, &reopens, &direct) ||
        !require_library()) {
        return NULL;
    }
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    SlideObject *slide = slide_cast(self);
    slide->path = Py_NewRef(path);
    slide->direct = direct != 0;
    slide->handle = open_handle(slide);
    if (slide->handle == NULL || !describe(slide, slide->handle->osr)) {
        Py_CLEAR(self);
    } else {
        slide->reopens = reopens != 0;
    }
    return self;
}

static int
slide_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(slide_cast(self)->cache);
    return 0; /* the rest is bytes, str, numbers: nothing that points back */
}

static void
release_without_gil(struct slide_handle *handle)
{
    if (handle != NULL) {
        BEGIN_LIBRARY_CALL
        slide_handle_release(handle);
        END_LIBRARY_CALL
    }
}

static void
slide_dealloc(PyObject *self)
{
    SlideObject *slide = slide_cast(self);
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    release_without_gil(slide->handle);
    Py_CLEAR(slide->path);
    Py_CLEAR(slide->level_dimensions);
    Py_CLEAR(slide->level_downsamples);
    Py_CLEAR(slide->associated_image_names);
    Py_CLEAR(slide->quickhash);
    Py_CLEAR(slide->cache);
    Py_XDECREF(atomic_load(&slide->properties));
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(close_doc,
             "close($self, /)\n--\n\n"
             "Close the slide.\n\n"
             "A read that has begun in another thread completes; what begins "
             "later raises\nArgumentValueError, a second close() too.");

static PyObject *
slide_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    SlideObject *slide = slide_cast(self);
    struct slide_handle *handle;
    bool was_closed;
    Py_BEGIN_CRITICAL_SECTION(self);
    was_closed = slide->closed;
    slide->closed = true;
    handle = slide->handle;
    slide->handle = NULL;
    Py_END_CRITICAL_SECTION();
    if (was_closed) {
        return raise_closed(slide->path);
    }
    release_without_gil(handle);
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(reduce_doc, "__reduce__($self, /)\n--\n\n"
                         "A slide is pickled as its path, its options and its "
                         "cache.");

static PyObject *
slide_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    SlideObject *slide = slide_cast(self);
    bool closed;
    PyObject *cache;
    Py_BEGIN_CRITICAL_SECTION(self);
    closed = slide->closed;
    cache = Py_NewRef(slide->cache == NULL ? Py_None : slide->cache);
    Py_END_CRITICAL_SECTION();
    if (closed) {
        Py_DECREF(cache);
        return raise_closed(slide->path);
    }
    PyObject *module = PyImport_ImportModule("openslide._files");
    PyObject *rebuild =
        module == NULL ? NULL : PyObject_GetAttrString(module, "open_handle");
    Py_XDECREF(module);
    if (rebuild == NULL) {
        Py_DECREF(cache);
        return NULL;
    }
    return Py_BuildValue("(N(OOO)N)", rebuild, slide->path,
                         slide->reopens ? Py_True : Py_False,
                         slide->direct ? Py_True : Py_False, cache);
}

static PyObject *set_cache(SlideObject *self, PyObject *cache,
                           bool may_be_released);

PyDoc_STRVAR(setstate_doc, "__setstate__($self, cache, /)\n--\n\n"
                           "The rest of unpickling: a Cache, or None.");

static PyObject *
slide_setstate(PyObject *self, PyObject *cache)
{
    return cache == Py_None ? Py_NewRef(Py_None)
                            : set_cache(slide_cast(self), cache, true);
}

/* What is known */

PyDoc_STRVAR(best_level_doc,
             "best_level_for_downsample($self, downsample, /)\n--\n\n"
             "The level to read at a downsample factor.");

static PyObject *
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

PyDoc_STRVAR(direct_refusals_doc,
             "direct_refusals($self, /)\n--\n\n"
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

static PyObject *
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

PyDoc_STRVAR(trust_direct_reads_doc,
             "trust_direct_reads($self, /)\n--\n\n"
             "For tests: compare no direct read with libopenslide until the "
             "slide is\nopened again.");

static PyObject *
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

PyDoc_STRVAR(error_doc, "error($self, /)\n--\n\n"
                        "The error that libopenslide has latched, or None.");

static PyObject *
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

PyDoc_STRVAR(associated_image_dimensions_doc,
             "associated_image_dimensions($self, name, /)\n--\n\n"
             "(width, height) of an associated image in its own pixels; "
             "(-1, -1)\nwhere there is none of that name.");

static PyObject *
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

PyDoc_STRVAR(icc_profile_doc, "icc_profile($self, /)\n--\n\n"
                              "The slide's ICC profile as bytes, or None.");

static PyObject *
slide_icc_profile(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return profile_of(slide_cast(self), NULL);
}

PyDoc_STRVAR(associated_image_icc_profile_doc,
             "associated_image_icc_profile($self, name, /)\n--\n\n"
             "The ICC profile of an associated image as bytes, or None.");

static PyObject *
slide_associated_image_icc_profile(PyObject *self, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8AndSize(name, NULL);
    return text == NULL ? NULL : profile_of(slide_cast(self), text);
}

PyDoc_STRVAR(set_cache_doc, "set_cache($self, cache, /)\n--\n\n"
                            "Use a Cache instead of the present one.");

static PyObject *
set_cache(SlideObject *self, PyObject *cache, bool may_be_released)
{
    struct module_state *state = state_of((PyObject *)self);
    if (!require_function(state, "set_cache") ||
        !cache_check(state, cache, may_be_released) || !slide_check(self)) {
        return NULL;
    }
    /* Chosen first, so that a handle opened later will have it, then attached
       to the handle there is. */
    choose_cache(self, cache);
    struct slide_handle *handle = slide_acquire(self);
    if (handle == NULL) {
        return NULL;
    }
    attach_cache(self, handle);
    return slide_release(self, handle, "setting the cache of")
               ? Py_NewRef(Py_None)
               : NULL;
}

static PyObject *
slide_set_cache(PyObject *self, PyObject *cache)
{
    return set_cache(slide_cast(self), cache, false);
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

/* Tables */

PyDoc_STRVAR(read_region_doc,
             "read_region($self, location, level, size, /)\n--\n\n"
             "Pixels of a region as a bytearray of RGBA bytes, row by row, "
             "straight alpha.\n\n"
             "location is (x, y) in level-0 pixels, size (width, height) in "
             "level pixels.");

PyDoc_STRVAR(read_opaque_region_doc,
             "read_opaque_region($self, location, level, size, background, /)"
             "\n--\n\n"
             "The same over a background, 0xRRGGBB: alpha is 255 throughout.");

PyDoc_STRVAR(read_into_doc,
             "read_into($self, pixels, location, level, background, "
             "in_level_pixels, /)\n--\n\n"
             "Read a region into a uint8 array (height, width, 3 or 4).\n\n"
             "background is 0xRRGGBB; in_level_pixels: location is in pixels "
             "of the level.");

PyDoc_STRVAR(read_all_into_doc,
             "read_all_into($self, pixels, locations, levels, background, "
             "in_level_pixels, masks, workers, /)\n--\n\n"
             "Read regions of one size into a uint8 array (count, height, "
             "width, 3 or 4).\n\n"
             "locations and levels are int64 (count, 2) and (count,); "
             "background is 0xRRGGBB.\n"
             "masks: fill what cannot be read with background instead of "
             "raising.\n"
             "Returns a byte for each region: 1 where it was read.");

PyDoc_STRVAR(read_region_raw_doc,
             "read_region_raw($self, address, x, y, level, width, height, /)"
             "\n--\n\n"
             "openslide_read_region() itself: premultiplied ARGB words to a "
             "memory address\nthat nobody can check, or nowhere if it is 0.");

PyDoc_STRVAR(read_associated_image_doc,
             "read_associated_image($self, name, /)\n--\n\n"
             "An associated image as (bytearray of RGBA bytes, (width, "
             "height)).");

PyDoc_STRVAR(
    read_associated_image_raw_doc,
    "read_associated_image_raw($self, name, /)\n--\n\n"
    "An associated image as a bytearray of premultiplied ARGB words.");

static PyMethodDef slide_methods[] = {
    {"__reduce__", slide_reduce, METH_NOARGS, reduce_doc},
    {"__setstate__", slide_setstate, METH_O, setstate_doc},
    {"close", slide_close, METH_NOARGS, close_doc},
    {"error", slide_error, METH_NOARGS, error_doc},
    {"direct_refusals", slide_direct_refusals, METH_NOARGS,
     direct_refusals_doc},
    {"trust_direct_reads", slide_trust_direct_reads, METH_NOARGS,
     trust_direct_reads_doc},
    {"best_level_for_downsample", slide_best_level_for_downsample, METH_O,
     best_level_doc},
    {"associated_image_dimensions", slide_associated_image_dimensions, METH_O,
     associated_image_dimensions_doc},
    {"icc_profile", slide_icc_profile, METH_NOARGS, icc_profile_doc},
    {"associated_image_icc_profile", slide_associated_image_icc_profile,
     METH_O, associated_image_icc_profile_doc},
    {"set_cache", slide_set_cache, METH_O, set_cache_doc},
    {"read_region", (PyCFunction)(void (*)(void))slide_read_region,
     METH_FASTCALL, read_region_doc},
    {"read_opaque_region",
     (PyCFunction)(void (*)(void))slide_read_opaque_region, METH_FASTCALL,
     read_opaque_region_doc},
    {"read_into", (PyCFunction)(void (*)(void))slide_read_into, METH_FASTCALL,
     read_into_doc},
    {"read_all_into", (PyCFunction)(void (*)(void))slide_read_all_into,
     METH_FASTCALL, read_all_into_doc},
    {"read_region_raw", (PyCFunction)(void (*)(void))slide_read_region_raw,
     METH_FASTCALL, read_region_raw_doc},
    {"read_associated_image", slide_read_associated_image, METH_O,
     read_associated_image_doc},
    {"read_associated_image_raw", slide_read_associated_image_raw, METH_O,
     read_associated_image_raw_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef slide_getset[] = {
    {"level_dimensions", get_level_dimensions, NULL,
     "((width, height), ...) of the levels, in their own pixels.", NULL},
    {"level_downsamples", get_level_downsamples, NULL,
     "Downsample factors of the levels.", NULL},
    {"associated_image_names", get_associated_image_names, NULL,
     "Names of the associated images.", NULL},
    {"properties", get_properties, NULL,
     "{name: value} of all properties, the same dict each time.", NULL},
    {"path", get_path, NULL, "The path that was opened, as bytes.", NULL},
    {"closed", get_closed, NULL, "Whether close() was called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(slide_doc, "Slide(path, reopens=False, direct=True, /)\n--\n\n"
                        "An open slide.\n\n"
                        "path: absolute, bytes as libopenslide takes it.\n"
                        "reopens: whether a failure ends with the call that "
                        "met it.\n"
                        "direct: whether to read it without libopenslide "
                        "where that gives\nthe same bytes.");

static PyType_Slot slide_slots[] = {
    {Py_tp_doc, (void *)slide_doc},
    {Py_tp_new, slide_new},
    {Py_tp_dealloc, slide_dealloc},
    {Py_tp_traverse, slide_traverse},
    {Py_tp_methods, slide_methods},
    {Py_tp_getset, slide_getset},
    {0, NULL},
};

PyType_Spec slide_spec = {
    .name = "openslide._openslide.Slide",
    .basicsize = sizeof(SlideObject),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slide_slots,
};
