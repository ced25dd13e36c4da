/*
 * The directories of TIFF and BigTIFF files of either byte order: where the
 * tiles of an image are, and how they are stored.
 *
 * Nothing is interpreted: what a file says is right or wrong for whoever reads
 * it, and what it says in an unusual way makes a directory unusable.
 */
#ifndef DIRECT_TIFF_H
#define DIRECT_TIFF_H

#include "system/source.h"

struct tiff_file {
    const struct source *source;
    bool big_endian;
    bool big_tiff;
    uint64_t first_directory; /* offset */
};

/* Numbers in the file, one after another. */
struct tiff_table {
    uint64_t count; /* 0: the directory has no such field */
    uint64_t offset;
    unsigned number_size; /* bytes of each: 2, 4 or 8 */
};

/* Bytes or text in the file. */
struct tiff_bytes {
    uint64_t count; /* 0: the directory has no such field */
    uint64_t offset;
};

enum {
    TIFF_COMPRESSION_NONE = 1,
    TIFF_COMPRESSION_JPEG = 7,
    TIFF_COMPRESSION_DEFLATE = 8,
    TIFF_COMPRESSION_OLD_DEFLATE = 32946, /* the same by another name */
    TIFF_PHOTOMETRIC_RGB = 2,
    TIFF_PHOTOMETRIC_YCBCR = 6,
    TIFF_PLANAR_CONTIGUOUS = 1,
    TIFF_PREDICTOR_NONE = 1,
    TIFF_PREDICTOR_HORIZONTAL = 2,
    TIFF_SUBFILE_REDUCED_RESOLUTION = 1, /* a bit */
};

/* One image.  Numbers that the directory does not give have TIFF's default,
   and 0 where there is none. */
struct tiff_directory {
    uint32_t width, height;
    uint32_t compression;
    uint32_t photometric;
    uint32_t planar_configuration;
    uint32_t samples_per_pixel;
    uint32_t bits_per_sample; /* of all samples; 0: they differ */
    uint32_t predictor;
    /* The samples are unsigned and colours alone, bits are in the usual order,
       rows from left to right and top to bottom, in one plane. */
    bool has_usual_samples;
    uint32_t subfile_type;
    bool has_subfile_type;
    /* An entry that stands twice counts once, the first time, as it does for
       libtiff; only of descriptions other readers take the last. */
    struct tiff_bytes description, last_description;
    struct tiff_bytes jpeg_tables;
    struct tiff_bytes xml_packet; /* the last one; an odd one is none */

    /* Whether there is any sign of tiles.  If not, the rest is 0. */
    bool is_tiled;
    uint32_t tile_width, tile_height;
    uint32_t tiles_across, tiles_down;
    /* Not shorter than tiles_across * tiles_down, row after row. */
    struct tiff_table tile_offsets, tile_byte_counts;

    /* Whether all of the above, as far as there is any, has the usual type and
       lies within the file, the tables too.  Else only is_tiled,
       has_subfile_type and next can be relied on.  A description that is odd
       is none. */
    bool is_usable;
    uint64_t next; /* offset of the next directory, 0 after the last */
};

/* False where the source is no TIFF. */
bool tiff_open(struct tiff_file *file, const struct source *source);

/* False where there is no directory at `offset`. */
bool tiff_read_directory(const struct tiff_file *file, uint64_t offset,
                         struct tiff_directory *directory);

/*
 * All directories in the order of the file, in memory to be freed.  NULL where
 * they do not end, where one cannot be read, and where there are none.
 */
struct tiff_directory *tiff_read_directories(const struct tiff_file *file,
                                             size_t *count);

/* One number of a table; false where it has none or cannot be read. */
bool tiff_table_number(const struct tiff_file *file,
                       const struct tiff_table *table, uint64_t index,
                       uint64_t *number);

/* Which numbers of a table are 0. */
struct tiff_zeros {
    uint64_t count;
    uint64_t *indices; /* ascending, to be freed; NULL where there are none */
};

/* At most `limit` of those among the first `count` numbers; false where they
   cannot be read. */
bool tiff_table_find_zeros(const struct tiff_file *file,
                           const struct tiff_table *table, uint64_t count,
                           uint64_t limit, struct tiff_zeros *zeros);

/* The bytes and a zero, in memory to be freed; NULL where there are none or
   more than `limit`, or where they cannot be read. */
uint8_t *tiff_read_bytes(const struct tiff_file *file,
                         const struct tiff_bytes *bytes, size_t limit);

#endif
