/* The order in which the regions of a batch are read. */
#ifndef BATCH_ORDER_H
#define BATCH_ORDER_H

#include "slide/region.h"

/*
 * Numbers of `count` regions, so that neighbouring reads share the tiles that
 * a cache of `cache_bytes` keeps; free() it.  NULL where there is no memory.
 */
int64_t *batch_order(const struct region *regions, int64_t count,
                     const struct slide_handle *handle, size_t cache_bytes);

#endif
