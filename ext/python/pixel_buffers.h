/* Memory that pixels are read into before Python has it. */
#ifndef PIXEL_BUFFERS_H
#define PIXEL_BUFFERS_H

#include "_openslide_module.h"

enum { BYTES_PER_PIXEL = 4 };

/* A bytearray for width x height pixels, writable and uninitialised, that
   nobody else has; NULL with an exception set. */
PyObject *pixel_buffer_new(long long width, long long height);

/* malloc aligns the words of a bytearray, which is filled from its start. */
uint32_t *pixel_buffer_words(PyObject *pixels);

#endif
