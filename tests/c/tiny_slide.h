#ifndef TINY_SLIDE_H
#define TINY_SLIDE_H

#include <stdbool.h>

enum { TINY_SLIDE_SIDE = 256 };

/*
 * Write the least TIFF that libopenslide reads: one level of one uncompressed
 * grey tile, every sample `grey`.
 */
bool tiny_slide_write(const char *path, unsigned char grey);

#endif
