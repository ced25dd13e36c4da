/* The type Cache. */
#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include "_openslide_module.h"

#include "slide/slide_handle.h"

extern PyType_Spec cache_spec;

/* False with an exception set where `cache` is no Cache, or was released and
   may not be. */
bool cache_check(struct module_state *state, PyObject *cache,
                 bool may_be_released);

/* What it stands for in this process, for as long as the object lives. */
struct slide_caches cache_get(PyObject *cache);

#endif
