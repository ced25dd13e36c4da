/*
 * What is done around those functions of libopenslide that open files, in one
 * place for all who call them.
 */
#ifndef OPENSLIDE_CALLS_H
#define OPENSLIDE_CALLS_H

#include "openslide_api.h"

/*
 * Put functions around those in the table of the library that was loaded.
 * They make room for descriptors first, and open and detect_vendor take what
 * is no regular file (a FIFO, on which libopenslide waits for ever) for no
 * slide.
 */
void openslide_calls_guard(struct openslide_api *table);

#endif
