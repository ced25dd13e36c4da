/* The type Slide, and how its methods use the slide. */
#ifndef SLIDE_OBJECT_H
#define SLIDE_OBJECT_H

#include "_openslide_module.h"

#include "slide/slide_origin.h"

typedef struct {
    PyObject_HEAD PyObject *path; /* bytes, as libopenslide takes it */
    struct slide_origin *origin;
    /* Whether a slide that has failed is opened again for the next call. */
    bool may_reopen;
    /* What never changes while a slide is open, read once at open ... */
    PyObject *level_dimensions;       /* ((width, height), ...) */
    PyObject *level_downsamples;      /* (float, ...) */
    PyObject *divisible_levels;       /* (bool, ...) */
    PyObject *associated_image_names; /* (str, ...) */
    /* ... or when first asked for: {str: str}. */
    _Atomic(PyObject *) properties;
    /* Guarded by the critical section of the object: */
    bool closed;
    struct slide_handle *handle; /* NULL: closed, or to be opened again */
    PyObject *cache;             /* a Cache, or NULL for one of its own */
} SlideObject;

extern PyType_Spec slide_spec;

static inline SlideObject *
slide_cast(PyObject *self)
{
    return (SlideObject *)self;
}

/* slide_access.c */

/*
 * A reference to libopenslide's handle, to be used with or without the GIL.
 * Opens a new one after a fork, and after a failure where the slide may be
 * reopened. NULL with an exception set where the slide is closed.
 */
struct slide_handle *slide_acquire(SlideObject *self);

/*
 * Give the reference back.  False with OpenSlideError set where libopenslide
 * has latched an error; `doing` (with PyUnicode_FromFormat arguments) says in
 * its message what was being done with the slide.
 */
bool slide_release(SlideObject *self, struct slide_handle *handle,
                   const char *doing, ...);

/* The same, where a latched error was dealt with already.  `is_forgiven`: the
   slide is opened again, even one that otherwise stays as it is. */
void slide_give_back(SlideObject *self, struct slide_handle *handle,
                     bool is_forgiven);

/* False with an exception set where the slide is closed or has failed. */
bool slide_check(SlideObject *self);

/* Open the slide for the first time; false with an exception set. */
bool slide_open(SlideObject *self);

/* The caches of a handle that is opened for the slide: they last as long as
   the reference that is returned, a Cache or NULL. */
PyObject *slide_chosen_caches(SlideObject *self, struct slide_caches *caches);

/* Make the slide use a Cache from now on; false with an exception set. */
bool slide_choose_cache(SlideObject *self, PyObject *cache);

/* slide_facts.c */

/* Read what never changes; false with an exception set. */
bool slide_describe(SlideObject *self, const struct slide_handle *handle);

extern PyGetSetDef slide_getset[];
DECLARE_METHOD(slide_best_level_for_downsample);
DECLARE_METHOD(slide_error);
DECLARE_METHOD(slide_direct_refusals);
DECLARE_METHOD(slide_kept_levels);
DECLARE_METHOD(slide_trust_direct_reads);

/* slide_images.c */

DECLARE_METHOD(slide_associated_image_dimensions);
DECLARE_METHOD(slide_read_associated_image);
DECLARE_METHOD(slide_read_associated_image_raw);
DECLARE_METHOD(slide_icc_profile);
DECLARE_METHOD(slide_associated_image_icc_profile);

/* read_regions.c */

DECLARE_FAST_METHOD(slide_read_region);
DECLARE_FAST_METHOD(slide_read_opaque_region);
DECLARE_FAST_METHOD(slide_read_region_raw);

/* read_arrays.c */

DECLARE_FAST_METHOD(slide_read_into);

/* slide_native_tiles.c */

DECLARE_METHOD(slide_native_grid);
DECLARE_FAST_METHOD(slide_native_tiles);
DECLARE_FAST_METHOD(slide_native_places);
DECLARE_FAST_METHOD(slide_native_holes);

#endif
