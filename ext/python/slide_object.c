/* The type Slide: an open slide and what libopenslide knows about it. */
#include "slide_object.h"

#include "cache_object.h"
#include "direct/direct_slide.h"

#include <string.h>

/* Life */

static PyObject *
slide_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *path;
    int may_reopen = 0, direct = 1;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Slide() takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "S|pp:Slide", &path, &may_reopen, &direct) ||
        !require_library()) {
        return NULL;
    }
    const char *name = PyBytes_AsString(path);
    if (strlen(name) != (size_t)PyBytes_Size(path)) {
        raise_not_opened(PyType_GetModuleState(type), path);
        return NULL;
    }
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    SlideObject *slide = slide_cast(self);
    slide->path = Py_NewRef(path);
    slide->origin = slide_origin_new(name, direct ? &direct_lane : NULL);
    if (slide->origin == NULL) {
        PyErr_NoMemory();
        Py_CLEAR(self);
    } else if (!slide_open(slide) || !slide_describe(slide, slide->handle)) {
        Py_CLEAR(self);
    } else {
        slide->may_reopen = may_reopen != 0;
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
    Py_CLEAR(slide->divisible_levels);
    Py_CLEAR(slide->associated_image_names);
    Py_CLEAR(slide->cache);
    Py_XDECREF(atomic_load(&slide->properties));
    if (slide->origin != NULL) {
        slide_origin_free(slide->origin);
    }
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(slide_close_doc,
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

PyDoc_STRVAR(slide_reduce_doc,
             "__reduce__($self, /)\n--\n\n"
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
    return Py_BuildValue(
        "(N(OOO)N)", rebuild, slide->path,
        slide->may_reopen ? Py_True : Py_False,
        slide_origin_lane(slide->origin) != NULL ? Py_True : Py_False, cache);
}

static PyObject *
give_cache(SlideObject *self, PyObject *cache, bool may_be_released)
{
    struct module_state *state = state_of((PyObject *)self);
    return require_function(state, "set_cache") &&
                   cache_check(state, cache, may_be_released) &&
                   slide_check(self) && slide_choose_cache(self, cache)
               ? Py_NewRef(Py_None)
               : NULL;
}

PyDoc_STRVAR(slide_set_cache_doc, "set_cache($self, cache, /)\n--\n\n"
                                  "Use a Cache instead of the present one.");

static PyObject *
slide_set_cache(PyObject *self, PyObject *cache)
{
    return give_cache(slide_cast(self), cache, false);
}

PyDoc_STRVAR(slide_setstate_doc, "__setstate__($self, cache, /)\n--\n\n"
                                 "The rest of unpickling: a Cache, or None.");

static PyObject *
slide_setstate(PyObject *self, PyObject *cache)
{
    return cache == Py_None ? Py_NewRef(Py_None)
                            : give_cache(slide_cast(self), cache, true);
}

/* Tables */

static PyMethodDef slide_methods[] = {
    METHOD("__reduce__", slide_reduce, METH_NOARGS),
    METHOD("__setstate__", slide_setstate, METH_O),
    METHOD("close", slide_close, METH_NOARGS),
    METHOD("set_cache", slide_set_cache, METH_O),
    METHOD("error", slide_error, METH_NOARGS),
    METHOD("direct_refusals", slide_direct_refusals, METH_NOARGS),
    METHOD("kept_levels", slide_kept_levels, METH_NOARGS),
    METHOD("trust_direct_reads", slide_trust_direct_reads, METH_NOARGS),
    METHOD("best_level_for_downsample", slide_best_level_for_downsample,
           METH_O),
    METHOD("associated_image_dimensions", slide_associated_image_dimensions,
           METH_O),
    METHOD("read_associated_image", slide_read_associated_image, METH_O),
    METHOD("read_associated_image_raw", slide_read_associated_image_raw,
           METH_O),
    METHOD("icc_profile", slide_icc_profile, METH_NOARGS),
    METHOD("associated_image_icc_profile", slide_associated_image_icc_profile,
           METH_O),
    METHOD("read_region", slide_read_region, METH_FASTCALL),
    METHOD("read_opaque_region", slide_read_opaque_region, METH_FASTCALL),
    METHOD("read_region_raw", slide_read_region_raw, METH_FASTCALL),
    METHOD("read_into", slide_read_into, METH_FASTCALL),
    METHOD("native_grid", slide_native_grid, METH_O),
    METHOD("native_tiles", slide_native_tiles, METH_FASTCALL),
    METHOD("native_places", slide_native_places, METH_FASTCALL),
    METHOD("native_holes", slide_native_holes, METH_FASTCALL),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(slide_doc,
             "Slide(path, may_reopen=False, direct=True, /)\n--\n\n"
             "An open slide.\n\n"
             "path: absolute, bytes as libopenslide takes it.\n"
             "may_reopen: whether a failure ends with the call that "
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
