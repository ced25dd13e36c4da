/* Which regions of a batch have tiles in common, and whether there is room for
   all of these. */
#ifndef BATCH_COMPANY_H
#define BATCH_COMPANY_H

#include "slide/region.h"

/*
 * Note the company of each of `count` regions, and whether all of them are
 * more than `cache_bytes` of tiles.  The company of the only one of a batch is
 * not known; nor is that of others where there is no memory.
 */
void batch_note_company(struct region *regions, int64_t count,
                        const struct slide_handle *handle, size_t cache_bytes);

#endif
