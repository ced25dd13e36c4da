/*
 * The files of a DICOM slide: those of the same folder and the same series.
 */
#ifndef DIRECT_DICOM_SERIES_H
#define DIRECT_DICOM_SERIES_H

#include "formats/dicom.h"
#include "system/slide_file.h"
#include "slide/slide_handle.h"

/* The files of a level, of a concatenation if there are several. */
struct dicom_level {
    size_t count;              /* 0: unknown */
    struct slide_file **files; /* each to be freed, and so is this */
    struct dicom_file *dicoms; /* of each; to be freed */
    bool is_ambiguous; /* other images have the size of the level, too */
};

/*
 * Find the files of an open slide's levels, in `levels`, which has one entry
 * for each of them.  False where that failed; what was found by then is there
 * all the same.
 *
 * `own` is the file of the slide's path, and not to be freed.
 */
bool dicom_find_levels(struct dicom_level *levels,
                       const struct slide_handle *handle,
                       struct slide_file *own);

#endif
