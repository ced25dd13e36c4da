/*
 * Elements of DICOM data sets in explicit VR little endian, one after another:
 * for the other files of this format.
 */
#ifndef DICOM_READER_H
#define DICOM_READER_H

#include "system/source.h"

/* An item has a tag and a length of this size, an element one as well. */
enum { DICOM_HEADER_BYTES = 8 };

#define DICOM_UNDEFINED_LENGTH UINT32_MAX

/* Tags, the group first. */
#define DICOM_PIXEL_DATA UINT32_C(0x7FE00010)
#define DICOM_ITEM UINT32_C(0xFFFEE000)
#define DICOM_ITEM_END UINT32_C(0xFFFEE00D)
#define DICOM_SEQUENCE_END UINT32_C(0xFFFEE0DD)

/* More headers than this, outside of frames, are no slide. */
enum { DICOM_MAX_HEADERS = 1 << 16 };

/* How much is read at once, for most elements are small. */
enum { DICOM_WINDOW_BYTES = 4096 };

struct dicom_reader {
    const struct source *source;
    uint64_t position;
    uint64_t headers_left; /* that may be read */
    uint64_t window_start;
    size_t window_size;
    uint8_t window[DICOM_WINDOW_BYTES];
};

/* One data element, whose value comes next. */
struct dicom_element {
    uint32_t tag;
    char representation[2];
    uint32_t length;
};

uint64_t dicom_number_at(const uint8_t *bytes, unsigned size);
uint32_t dicom_tag_at(const uint8_t *bytes);

/* All of these: false where the file ends, or is not as it should be. */

/* At most a window full. */
bool dicom_read_bytes(struct dicom_reader *reader, void *bytes, size_t size);
bool dicom_skip(struct dicom_reader *reader, uint32_t length);
bool dicom_read_header(struct dicom_reader *reader,
                       struct dicom_element *element);
/* An item has no representation. */
bool dicom_read_item(struct dicom_reader *reader, uint32_t *tag,
                     uint32_t *length);

bool dicom_is_sequence(const struct dicom_element *element);

/* Whether the mark of an item's end is next. */
bool dicom_is_at_item_end(struct dicom_reader *reader);

/* `depth`: of sequences that are being walked through. */
bool dicom_skip_value(struct dicom_reader *reader,
                      const struct dicom_element *element, int depth);

/* The value of an element, if it has `size` bytes: 2 or 4. */
bool dicom_take_number(struct dicom_reader *reader,
                       const struct dicom_element *element, unsigned size,
                       uint32_t *number);

#endif
