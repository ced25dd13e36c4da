#ifndef TINY_SLIDE_H
#define TINY_SLIDE_H

#include <stdbool.h>

enum { TINY_SLIDE_SIDE = 256 };

/*
 * Write the least TIFF that libopenslide reads: one level of one uncompressed
 * grey tile, every sample `grey`.
 */
bool tiny_slide_write(const char *path, unsigned char grey);

/*
 * The same of many such tiles in a row; each `interval`-th, from the first on,
 * lies beyond the end of the file and cannot be read, none if that is 0.  Of
 * more than 5 MB libopenslide makes no hash, so it opens what cannot be read.
 */
enum { TINY_SLIDE_MOST_TILES = 2048, TINY_SLIDE_UNHASHED_TILES = 32 };
bool tiny_slide_write_row(const char *path, unsigned char grey, int tiles,
                          int interval);

#endif
