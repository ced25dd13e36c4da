/* How methods come by an open slide: the handle, its references, its caches.
 */
#include "slide_object.h"

#include "cache_object.h"

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

/* Giving back */

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

void
slide_give_back(SlideObject *self, struct slide_handle *handle,
                bool is_forgiven)
{
    if ((self->may_reopen || is_forgiven) &&
        openslide.get_error(handle->osr) != NULL) {
        retire(self, handle);
    }
    slide_handle_release(handle);
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

/* Caches */

PyObject *
slide_chosen_caches(SlideObject *self, struct slide_caches *caches)
{
    PyObject *cache;
    Py_BEGIN_CRITICAL_SECTION(self);
    cache = Py_XNewRef(self->cache);
    Py_END_CRITICAL_SECTION();
    *caches = cache == NULL ? (struct slide_caches){0} : cache_get(cache);
    return cache;
}

/*
 * Make a handle of the slide use the chosen cache; it has the one of the
 * reference `attached`, which is given up.  Another thread may choose another
 * at any time, and attach that before this one is attached: so whoever
 * attaches a cache looks whether it is still the chosen one.
 */
static void
attach_cache(SlideObject *self, struct slide_handle *handle,
             PyObject *attached)
{
    struct slide_caches caches;
    PyObject *cache = slide_chosen_caches(self, &caches);
    while (cache != attached) {
        BEGIN_LIBRARY_CALL
        slide_handle_set_caches(handle, &caches);
        END_LIBRARY_CALL
        Py_XDECREF(attached);
        attached = cache;
        cache = slide_chosen_caches(self, &caches);
    }
    Py_XDECREF(attached);
    Py_XDECREF(cache);
}

bool
slide_choose_cache(SlideObject *self, PyObject *cache)
{
    /* Chosen first, so that a handle opened later will have it, then attached
       to the handle there is. */
    PyObject *replaced;
    Py_BEGIN_CRITICAL_SECTION(self);
    replaced = self->cache;
    self->cache = Py_NewRef(cache);
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(replaced);
    struct slide_handle *handle = slide_acquire(self);
    if (handle == NULL) {
        return false;
    }
    attach_cache(self, handle, NULL);
    return slide_release(self, handle, "setting the cache of");
}

/* Opening */

/* Raise what an opening has come to; `handle` is released.  False where the
   slide is not open. */
static bool
check_opening(SlideObject *self, enum slide_opening opening,
              struct slide_handle *handle)
{
    struct module_state *state = state_of((PyObject *)self);
    switch (opening) {
    case SLIDE_OPENED:
        return true;
    case SLIDE_DAMAGED:
        return slide_release(self, handle, "opening");
    case SLIDE_REFUSED:
        raise_not_opened(state, self->path);
        break;
    case SLIDE_CHANGED:
        raise_changed(state, self->path);
        break;
    case SLIDE_OUT_OF_MEMORY:
        PyErr_NoMemory();
        break;
    }
    return false;
}

static enum slide_opening
open_origin(SlideObject *self, const struct slide_caches *caches,
            struct slide_handle **handle)
{
    enum slide_opening opening;
    BEGIN_LIBRARY_CALL
    opening = slide_origin_open(self->origin, caches, handle);
    END_LIBRARY_CALL
    return opening;
}

bool
slide_open(SlideObject *self)
{
    const struct slide_caches none = {0};
    struct slide_handle *handle;
    enum slide_opening opening = open_origin(self, &none, &handle);
    if (check_opening(self, opening, handle)) {
        self->handle = handle;
    }
    return self->handle != NULL;
}

static struct slide_handle *
reopen(SlideObject *self)
{
    struct slide_handle *fresh, *stale = NULL;
    struct slide_caches caches;
    PyObject *cache = slide_chosen_caches(self, &caches);
    enum slide_opening opening = open_origin(self, &caches, &fresh);
    if (opening == SLIDE_REFUSED) {
        raise_refused(self->path);
    }
    if (opening == SLIDE_REFUSED || !check_opening(self, opening, fresh)) {
        Py_XDECREF(cache);
        return NULL;
    }
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
        Py_XDECREF(cache);
        slide_handle_release(fresh);
        return slide_acquire(self);
    }
    /* Not before it is the slide's, or a cache chosen then would be missed. */
    attach_cache(self, fresh, cache);
    return fresh;
}

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
