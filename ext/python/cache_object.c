/* The type Cache: a tile cache that slides can share. */
#include "cache_object.h"

#include "direct/tile_cache.h"

typedef struct {
    PyObject_HEAD size_t capacity; /* bytes */
    atomic_bool released;
    /* Guarded by the critical section of the object.  A forked child abandons
       the cache that it inherited and makes one of its own. */
    openslide_cache_t *cache;
    struct tile_cache *direct; /* for direct reads; NULL: no memory */
    unsigned process;
} CacheObject;

static inline CacheObject *
cache_cast(PyObject *self)
{
    return (CacheObject *)self;
}

bool
cache_check(struct module_state *state, PyObject *cache, bool may_be_released)
{
    if (!PyObject_TypeCheck(cache, state->cache_type)) {
        raise_argument_error(ARGUMENT_VALUE_ERROR,
                             "Not an OpenSlide cache reference: %R", cache);
        return false;
    }
    if (!may_be_released && atomic_load(&cache_cast(cache)->released)) {
        raise_argument_error(ARGUMENT_VALUE_ERROR,
                             "Passing closed cache object");
        return false;
    }
    return true;
}

/* What a process needs anew. */
static void
create_caches(CacheObject *self)
{
    self->cache = openslide.cache_create(self->capacity);
    self->direct = tile_cache_new(self->capacity);
    self->process = platform_process();
}

struct slide_caches
cache_get(PyObject *cache)
{
    CacheObject *self = cache_cast(cache);
    struct slide_caches caches;
    Py_BEGIN_CRITICAL_SECTION(cache);
    if (self->cache == NULL || self->process != platform_process()) {
        create_caches(self);
    }
    caches = (struct slide_caches){self->cache, self->direct};
    Py_END_CRITICAL_SECTION();
    return caches;
}

/* False with an exception set. */
static bool
parse_capacity(PyObject *value, size_t *capacity)
{
    PyObject *index = PyNumber_Index(value);
    if (index == NULL) {
        raise_argument_error(
            ARGUMENT_TYPE_ERROR,
            "Incorrect type: capacity must be an integer (bytes), not %R",
            value);
        return false;
    }
    int overflow = 0;
    long long small = PyLong_AsLongLongAndOverflow(index, &overflow);
    *capacity = PyLong_AsSize_t(index);
    Py_DECREF(index);
    if (!PyErr_Occurred()) {
        return true;
    }
    if (overflow < 0 || (overflow == 0 && small < 0)) {
        raise_argument_error(
            ARGUMENT_VALUE_ERROR,
            "Value out of range: capacity must not be negative, but is %R",
            value);
    } else {
        raise_argument_error(
            ARGUMENT_OVERFLOW_ERROR,
            "Value out of range: capacity %R bytes exceeds the address space",
            value);
    }
    return false;
}

static PyObject *
cache_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *value;
    size_t capacity;
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Cache() takes no keyword arguments");
        return NULL;
    }
    struct module_state *state = PyType_GetModuleState(type);
    if (!PyArg_ParseTuple(args, "O:Cache", &value) ||
        !require_function(state, "cache_create") ||
        !parse_capacity(value, &capacity)) {
        return NULL;
    }
    PyObject *self = PyType_GenericAlloc(type, 0);
    if (self != NULL) {
        cache_cast(self)->capacity = capacity;
        create_caches(cache_cast(self));
    }
    return self;
}

static int
cache_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
cache_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (cache_cast(self)->cache != NULL &&
        cache_cast(self)->process == platform_process()) {
        openslide.cache_release(cache_cast(self)->cache);
        if (cache_cast(self)->direct != NULL) {
            tile_cache_release(cache_cast(self)->direct);
        }
    }
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(cache_release_doc,
             "release($self, /)\n--\n\n"
             "Give the cache up: slides that use it keep it, no other can "
             "have it.");

/* The memory goes with the last reference to the object, so that no other
   thread is left with a dangling cache. */
static PyObject *
cache_release(PyObject *self, PyObject *Py_UNUSED(unused))
{
    if (atomic_exchange(&cache_cast(self)->released, true)) {
        return raise_argument_error(ARGUMENT_VALUE_ERROR,
                                    "Passing closed cache object");
    }
    return Py_NewRef(Py_None);
}

PyDoc_STRVAR(cache_reduce_doc, "__reduce__($self, /)\n--\n\n"
                               "A cache is pickled as its capacity.");

static PyObject *
cache_reduce(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return Py_BuildValue("(O(K))", (PyObject *)Py_TYPE(self),
                         (unsigned long long)cache_cast(self)->capacity);
}

static PyMethodDef cache_methods[] = {
    METHOD("__reduce__", cache_reduce, METH_NOARGS),
    METHOD("release", cache_release, METH_NOARGS),
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(cache_doc,
             "Cache(capacity, /)\n--\n\n"
             "A tile cache of `capacity` bytes that several slides can use.");

static PyType_Slot cache_slots[] = {
    {Py_tp_doc, (void *)cache_doc}, {Py_tp_new, cache_new},
    {Py_tp_dealloc, cache_dealloc}, {Py_tp_traverse, cache_traverse},
    {Py_tp_methods, cache_methods}, {0, NULL},
};

PyType_Spec cache_spec = {
    .name = "openslide._openslide.Cache",
    .basicsize = sizeof(CacheObject),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = cache_slots,
};
