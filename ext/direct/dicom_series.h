/*
 * The files of a DICOM slide: those of the same folder and the same series.
 */
#ifndef DIRECT_DICOM_SERIES_H
#define DIRECT_DICOM_SERIES_H

#include "formats/dicom.h"
#include "system/slide_file.h"
#include "slide/slide_handle.h"

/* What is known of the file of a level. */
struct dicom_level {
    struct slide_file *file; /* NULL: unknown */
    struct dicom_file dicom;
    bool is_ambiguous; /* several files have the size of the level */
};

/*
 * Find the files of an open slide's levels, in `levels`, which has one entry
 * for each of them.  False where that failed; what was found by then is there
 * all the same.
 *
 * `own` is the file of the slide's path.  All others are the caller's to free.
 */
bool dicom_find_levels(struct dicom_level *levels,
                       const struct slide_handle *handle,
                       struct slide_file *own);

#endif
