/* Arguments of methods that fill arrays: NumPy's, or whatever else is a
   buffer. */
#ifndef ARRAY_ARGUMENTS_H
#define ARRAY_ARGUMENTS_H

#include "slide_batch.h"

/* These are false with an exception set.  They fill a buffer that is to be
   released where its `obj` is not NULL, also when they fail. */

/* A writable array of bytes whose last two axes are contiguous: (height,
   width, 3 or 4), with an axis before where there are several regions. */
bool pixels_argument(PyObject *object, int axes, Py_buffer *pixels);

/* `count` numbers of 64 bits; `reason` says what they must be. */
bool numbers_argument(PyObject *object, Py_ssize_t count, const char *reason,
                      Py_buffer *numbers);

/* A region of the size of one of `pixels`, which lacks its place. */
struct region region_into(const Py_buffer *pixels);

/* Give a region its place.  False with an exception set where the level does
   not exist, or the place lies beyond 64 bits. */
bool place_region(SlideObject *slide, const int64_t location[2], int64_t level,
                  bool in_level_pixels, struct region *region);

/* How regions lie in `pixels`, and where the first of them begins. */
struct pixels form_of(const Py_buffer *pixels, int64_t background);

bool flag_argument(PyObject *value, bool *flag);

#endif
