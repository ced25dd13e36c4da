/*
 * The directories of NDPI files: little-endian TIFF whose offsets have 8
 * bytes.  Directories have the high halves of their values behind them.
 *
 * What a file says in an unusual way makes a directory unusable, as for
 * formats/tiff.h.
 */
#ifndef DIRECT_NDPI_H
#define DIRECT_NDPI_H

#include "system/source.h"

/* Numbers of 4 bytes in the file, one after another. */
struct ndpi_table {
    uint64_t count; /* 0: the directory has no such field of two or more */
    uint64_t offset;
};

/* One image, which is a single JPEG: the strip of the directory. */
struct ndpi_directory {
    uint32_t width, height;
    /* More than 0 for levels; what else there is has -1 or -2. */
    float lens;
    int32_t focal_plane;
    uint64_t strip_offset, strip_size; /* within the file */
    /* Where restart intervals start in the strip, and the high halves of
       that. */
    struct ndpi_table starts, high_starts;
    /* Whether all of the above has the usual type, and what a level needs is
       there.  Else only the lens and next can be relied on. */
    bool is_usable;
    bool has_lens;
    uint64_t next; /* offset of the next directory, 0 after the last */
};

/* Whether the source is a TIFF at all. */
bool ndpi_is_tiff(const struct source *source);

/* False where there is no directory at `offset`. */
bool ndpi_read_directory(const struct source *source, uint64_t offset,
                         struct ndpi_directory *directory);

/*
 * All directories in the order of the file, in memory to be freed.  NULL where
 * the source is no little-endian TIFF, where they do not end, where one cannot
 * be read, and where there are none.
 */
struct ndpi_directory *ndpi_read_directories(const struct source *source,
                                             size_t *count);

/*
 * `count` offsets within the file of restart intervals, of a directory that
 * says as many; false where it does not, or where they cannot be read.
 */
bool ndpi_read_starts(const struct source *source,
                      const struct ndpi_directory *directory, uint64_t count,
                      uint64_t *starts);

#endif
