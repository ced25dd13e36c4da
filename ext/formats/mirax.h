/*
 * The index of a MIRAX slide, Index.dat: where the images of its levels and
 * other records are in the data files; and the positions of its photos.
 *
 * Nothing is interpreted, and what is unusual is not read.
 */
#ifndef MIRAX_H
#define MIRAX_H

#include "system/source.h"

struct mirax_index {
    const struct source *source;
    int32_t levels;  /* offset of the table of their records */
    int32_t records; /* of the others */
};

/* Bytes of a data file. */
struct mirax_place {
    uint32_t offset, length;
    uint32_t file; /* its number */
};

/* False where the source is no index of the slide. */
bool mirax_open(struct mirax_index *index, const struct source *source,
                const char *slide_id);

/* Called for each image of a level; its number counts images of level 0, row
   after row. */
typedef bool mirax_visitor(int32_t number, const struct mirax_place *place,
                           void *argument);

/* Visit all images of a level in the order of the file.  False where anything
   is unusual, and as soon as a visit was. */
bool mirax_visit_images(const struct mirax_index *index, int32_t level,
                        mirax_visitor *visit, void *argument);

/* Where a record is. */
bool mirax_find_record(const struct mirax_index *index, int32_t number,
                       struct mirax_place *place);

/* Where the top left corner of a photo is, pixels of level 0 as the camera had
   them. */
struct mirax_position {
    int32_t x, y;
};

/* What each takes in a record. */
enum { MIRAX_POSITION_BYTES = 9 };

/* Those of a record, which has as many; false where one is unusual. */
bool mirax_take_positions(const uint8_t *bytes,
                          struct mirax_position *positions, size_t count);

#endif
