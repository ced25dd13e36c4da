/*
 * DICOM files of whole slides, as far as explicit VR little endian goes: what
 * a file says of its image, and where the frames of encapsulated pixel data
 * are.
 *
 * Nothing is interpreted: what a file says is right or wrong for whoever reads
 * it, and what it says in an unusual way makes it unreadable.
 */
#ifndef DIRECT_DICOM_H
#define DIRECT_DICOM_H

#include "system/source.h"

/* Enough for four of the longest codes, or an identifier, and a zero. */
enum { DICOM_TEXT_BYTES = 80 };

/* What a file does not say is 0 or empty. */
struct dicom_file {
    const struct source *source;
    char storage_class[DICOM_TEXT_BYTES];
    char transfer_syntax[DICOM_TEXT_BYTES];
    char image_type[DICOM_TEXT_BYTES];
    char instance[DICOM_TEXT_BYTES];
    char series[DICOM_TEXT_BYTES];
    /* The instance that a concatenation is a copy of; empty in other files. */
    char whole_instance[DICOM_TEXT_BYTES];
    char organization[DICOM_TEXT_BYTES]; /* of the frames */
    char photometric[DICOM_TEXT_BYTES];
    uint32_t columns, rows;             /* of a frame */
    uint32_t total_columns, total_rows; /* of the image */
    uint32_t frame_count;
    uint32_t first_frame; /* its number in the whole of a concatenation */
    uint32_t part;        /* of that, from 1 on */
    uint32_t samples_per_pixel, planar_configuration;
    uint32_t bits_allocated, bits_stored, high_bit, pixel_representation;
    /* Offset of what the frames have of their own, 0 where they have nothing.
       It may be long, so nothing beyond has been read. */
    uint64_t frame_groups;
    uint32_t frame_groups_size;
    uint64_t extended_table, extended_table_size;
    uint64_t items;               /* offset of encapsulated pixel data */
    uint64_t pixels, pixels_size; /* offset and size of others */
};

/* False where the source is no such file. */
bool dicom_read(struct dicom_file *file, const struct source *source);

/* Where a frame lies in the image, in pixels from 1 on. */
struct dicom_position {
    int32_t column, row;
};

struct dicom_positions {
    uint32_t count;                /* of the frames, or 0: they have none */
    struct dicom_position *frames; /* to be freed */
};

/*
 * Read what was left out, if anything: the positions of frames, and what is
 * beyond them.  False where that is unusual, and nothing is to be freed.
 */
bool dicom_read_on(struct dicom_file *file, struct dicom_positions *positions);

/* For dicom_read_on(): what comes after the groups of frames. */
struct dicom_reader;
bool dicom_read_after_groups(struct dicom_file *file,
                             struct dicom_reader *reader);

/* Frames without gaps: encapsulated ones, of one fragment each, or such as are
   not compressed. */
struct dicom_frames {
    const struct source *source;
    uint64_t count;
    uint64_t start; /* offset of the first frame's item */
    /* Where in the file the offsets of the items from there on are. */
    uint64_t table;
    unsigned number_size; /* bytes of each: 4 or 8; 0: there is no table */
    uint64_t *offsets;    /* then they are collected here */
    uint64_t frame_size;  /* of all that are not encapsulated, else 0 */
};

/* False where they are not plain frames. */
bool dicom_open_frames(struct dicom_frames *frames,
                       const struct dicom_file *file);
void dicom_close_frames(struct dicom_frames *frames);

/*
 * Make ready to locate frames: walk along all of them where there is no table,
 * and see whether the first and the last are whole.
 */
bool dicom_index_frames(struct dicom_frames *frames);

/* The bytes of a frame; false where it is not one fragment within the file. */
bool dicom_locate_frame(const struct dicom_frames *frames, uint64_t frame,
                        uint64_t *offset, uint64_t *size);

#endif
