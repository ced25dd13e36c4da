/* Which regions of a batch have tiles in common. */
#ifndef BATCH_COMPANY_H
#define BATCH_COMPANY_H

#include "slide/region.h"

/*
 * Note the company of each of `count` regions; that of the only one of a batch
 * is not known.  Without memory nothing is noted.
 */
void batch_note_company(struct region *regions, int64_t count,
                        const struct slide_handle *handle);

#endif
