#include "dicom.h"

#include "dicom_reader.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t POSITION_SEQUENCE = 0x0048021A;
static const uint32_t POSITION_COLUMN = 0x0048021E;
static const uint32_t POSITION_ROW = 0x0048021F;

/* So many more headers for each frame that has elements of its own. */
enum { MAX_HEADERS_PER_FRAME = 256 };

/* How far a sequence or an item goes. */
struct dicom_extent {
    bool is_open; /* up to a mark of its end */
    uint64_t end;
};

static struct dicom_extent
extent_of(const struct dicom_reader *reader, uint32_t length)
{
    return length == DICOM_UNDEFINED_LENGTH
               ? (struct dicom_extent){.is_open = true}
               : (struct dicom_extent){.end = reader->position + length};
}

/* What there is next in a sequence. */
enum next_item {
    NO_ITEM, /* nothing, or something odd */
    AN_ITEM,
    THE_END,
};

static enum next_item
next_item(struct dicom_reader *reader, const struct dicom_extent *sequence,
          struct dicom_extent *item)
{
    uint32_t tag, length;
    if (!sequence->is_open && reader->position >= sequence->end) {
        return reader->position == sequence->end ? THE_END : NO_ITEM;
    }
    if (!dicom_read_item(reader, &tag, &length)) {
        return NO_ITEM;
    }
    if (tag == DICOM_SEQUENCE_END) {
        return sequence->is_open && length == 0 ? THE_END : NO_ITEM;
    }
    *item = extent_of(reader, length);
    return tag == DICOM_ITEM ? AN_ITEM : NO_ITEM;
}

/* Whether there is one more element in an item; at its end, the mark has been
   read. */
static bool
has_element(struct dicom_reader *reader, const struct dicom_extent *item,
            bool *is_sound)
{
    uint32_t tag, length;
    if (!item->is_open) {
        *is_sound = reader->position <= item->end;
        return reader->position < item->end;
    }
    if (!dicom_is_at_item_end(reader)) {
        return true;
    }
    *is_sound = dicom_read_item(reader, &tag, &length) && length == 0;
    return false;
}

/* How often what makes a position was met. */
struct met {
    int sequences, items, columns, rows;
};

static bool
read_coordinate(struct dicom_reader *reader,
                const struct dicom_element *element, int32_t *coordinate)
{
    uint32_t number;
    bool read = memcmp(element->representation, "SL", 2) == 0 &&
                dicom_take_number(reader, element, 4, &number);
    *coordinate = read ? (int32_t)number : 0;
    return read;
}

static bool
read_position_item(struct dicom_reader *reader,
                   const struct dicom_extent *item,
                   struct dicom_position *position, struct met *met)
{
    struct dicom_element element;
    bool is_sound = true;
    while (is_sound && has_element(reader, item, &is_sound)) {
        if (!dicom_read_header(reader, &element)) {
            return false;
        }
        if (element.tag == POSITION_COLUMN) {
            met->columns++;
            is_sound = read_coordinate(reader, &element, &position->column);
        } else if (element.tag == POSITION_ROW) {
            met->rows++;
            is_sound = read_coordinate(reader, &element, &position->row);
        } else {
            is_sound = dicom_skip_value(reader, &element, 0);
        }
    }
    return is_sound;
}

static bool
read_position(struct dicom_reader *reader, const struct dicom_element *element,
              struct dicom_position *position, struct met *met)
{
    struct dicom_extent sequence = extent_of(reader, element->length), item;
    enum next_item next = NO_ITEM;
    met->sequences++;
    while (dicom_is_sequence(element) &&
           (next = next_item(reader, &sequence, &item)) == AN_ITEM) {
        met->items++;
        if (!read_position_item(reader, &item, position, met)) {
            return false;
        }
    }
    return next == THE_END;
}

/* What one frame has of its own. */
static bool
read_frame_group(struct dicom_reader *reader, const struct dicom_extent *item,
                 struct dicom_position *position, struct met *met)
{
    struct dicom_element element;
    bool is_sound = true;
    while (is_sound && has_element(reader, item, &is_sound)) {
        if (!dicom_read_header(reader, &element)) {
            return false;
        }
        is_sound = element.tag == POSITION_SEQUENCE
                       ? read_position(reader, &element, position, met)
                       : dicom_skip_value(reader, &element, 0);
    }
    return is_sound;
}

/* libopenslide counts positions, not frames, and takes a coordinate from
   wherever it is: so each frame has one, or none has any. */
static bool
is_plain_position(const struct met *met)
{
    return met->sequences == 1 && met->items == 1 && met->columns == 1 &&
           met->rows == 1;
}

static bool
read_frame_groups(struct dicom_reader *reader, const struct dicom_file *file,
                  struct dicom_positions *positions)
{
    struct dicom_extent sequence = extent_of(reader, file->frame_groups_size),
                        item;
    enum next_item next = NO_ITEM;
    uint32_t number = 0;
    while (number <= file->frame_count &&
           (next = next_item(reader, &sequence, &item)) == AN_ITEM) {
        struct met met = {0};
        struct dicom_position position = {0};
        if (number == file->frame_count ||
            !read_frame_group(reader, &item, &position, &met)) {
            return false;
        }
        bool has_position = met.sequences > 0;
        bool is_like_others =
            number == 0 || has_position == (positions->count > 0);
        if (!is_like_others || (has_position && !is_plain_position(&met))) {
            return false;
        }
        if (has_position) {
            positions->frames[positions->count++] = position;
        }
        number++;
    }
    return next == THE_END && number == file->frame_count;
}

bool
dicom_read_on(struct dicom_file *file, struct dicom_positions *positions)
{
    *positions = (struct dicom_positions){0};
    if (file->frame_groups == 0) {
        return true;
    }
    uint64_t room = (uint64_t)file->source->size - file->frame_groups;
    if (file->frame_count == 0 ||
        file->frame_count > room / DICOM_HEADER_BYTES) {
        return false;
    }
    positions->frames = calloc(file->frame_count, sizeof *positions->frames);
    struct dicom_reader reader = {
        .source = file->source,
        .position = file->frame_groups,
        .headers_left = DICOM_MAX_HEADERS +
                        (uint64_t)file->frame_count * MAX_HEADERS_PER_FRAME,
    };
    if (positions->frames == NULL ||
        !read_frame_groups(&reader, file, positions) ||
        !dicom_read_after_groups(file, &reader)) {
        free(positions->frames);
        *positions = (struct dicom_positions){0};
        return false;
    }
    return true;
}
