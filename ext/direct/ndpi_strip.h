/*
 * A JPEG that restart markers cut into intervals, each of which is a tile: the
 * strip of an NDPI file, or a file of VMS.
 */
#ifndef DIRECT_NDPI_STRIP_H
#define DIRECT_NDPI_STRIP_H

#include "formats/ndpi.h"
#include "formats/ndpi_jpeg.h"
#include "image.h"

struct ndpi_strip;

/* Its header, and the tiles that libopenslide sees in it. */
struct ndpi_grid {
    uint32_t width, height;
    uint32_t tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
};

/*
 * Open the strip of a directory.  Why that is not possible, in words; NULL
 * where it is.
 */
const char *ndpi_strip_open(struct ndpi_strip **strip,
                            const struct source *source,
                            const struct ndpi_directory *directory);

/* The same of a file that is one JPEG, as large as that says. */
const char *ndpi_strip_open_file(struct ndpi_strip **strip,
                                 const struct source *source);

void ndpi_strip_close(struct ndpi_strip *strip);

const struct ndpi_grid *ndpi_strip_grid(const struct ndpi_strip *strip);
const struct ndpi_jpeg *ndpi_strip_jpeg(const struct ndpi_strip *strip);

/*
 * Where rows of tiles start in a file, which is not true for certain: one for
 * each row, 0 where it is not known.  The strip takes them, to be freed.
 */
void ndpi_strip_take_rows(struct ndpi_strip *strip, uint64_t *rows);

/* Why its tiles cannot be decoded, in words; NULL where they can. */
const char *ndpi_strip_refusal(const struct ndpi_strip *strip);

/* Look for where tiles start; those who do this take turns.  NULL, or why that
   cannot be found. */
const char *ndpi_strip_index(struct ndpi_strip *strip);

/* False where that is not known. */
bool ndpi_strip_locate(struct ndpi_strip *strip, uint64_t tile,
                       struct tile_place *place);

/* A JPEG of the tile, to be freed; NULL where there is anything odd. */
uint8_t *ndpi_strip_read(struct ndpi_strip *strip, uint64_t tile,
                         const struct read_ahead *ahead, size_t *size);

#endif
