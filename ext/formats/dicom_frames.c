#include "dicom.h"

#include "dicom_reader.h"

#include <stdlib.h>

/* The item at an offset, all of it within the file. */
static bool
item_at(const struct source *source, uint64_t offset, uint32_t expected,
        uint32_t *length)
{
    uint8_t bytes[DICOM_HEADER_BYTES];
    if (!source_read(source, offset, bytes, sizeof bytes)) {
        return false;
    }
    *length = (uint32_t)dicom_number_at(bytes + 4, 4);
    return dicom_tag_at(bytes) == expected &&
           *length != DICOM_UNDEFINED_LENGTH &&
           source_has(source, offset + DICOM_HEADER_BYTES, *length);
}

/* The first item is the basic table, which may be empty.  Beside the extended
   one it has to be. */
static bool
choose_table(struct dicom_frames *frames, const struct dicom_file *file,
             uint32_t basic_size)
{
    if (file->extended_table != 0) {
        frames->table = file->extended_table;
        frames->number_size = 8;
        return basic_size == 0 &&
               file->extended_table_size == frames->count * 8;
    }
    frames->table = file->items + DICOM_HEADER_BYTES;
    frames->number_size = basic_size == 0 ? 0 : 4;
    return basic_size == 0 || basic_size == frames->count * 4;
}

/* One after another, and what makes the length even. */
static bool
open_native_frames(struct dicom_frames *frames, const struct dicom_file *file)
{
    uint64_t size = (uint64_t)file->columns * file->rows *
                    file->samples_per_pixel * (file->bits_allocated / 8);
    uint64_t length = frames->count * size;
    frames->start = file->pixels;
    frames->frame_size = size;
    /* The length of an element is one of 32 bits. */
    return size > 0 && size <= UINT32_MAX && frames->count > 0 &&
           file->extended_table == 0 &&
           file->pixels_size == length + (length & 1);
}

bool
dicom_open_frames(struct dicom_frames *frames, const struct dicom_file *file)
{
    uint32_t basic_size;
    *frames = (struct dicom_frames){.source = file->source,
                                    .count = file->frame_count};
    if (file->pixels != 0) {
        return open_native_frames(frames, file);
    }
    if (file->items == 0 || file->frame_count == 0 ||
        !item_at(file->source, file->items, DICOM_ITEM, &basic_size)) {
        return false;
    }
    frames->start = file->items + DICOM_HEADER_BYTES + basic_size;
    uint64_t room = (uint64_t)file->source->size - frames->start;
    return frames->count <= room / DICOM_HEADER_BYTES &&
           choose_table(frames, file, basic_size);
}

void
dicom_close_frames(struct dicom_frames *frames)
{
    free(frames->offsets);
    *frames = (struct dicom_frames){0};
}

/* Where the item of a frame is. */
static bool
find_item(const struct dicom_frames *frames, uint64_t frame, uint64_t *offset)
{
    uint8_t bytes[8];
    if (frames->number_size == 0) {
        *offset = frames->offsets[frame];
    } else if (source_read(frames->source,
                           frames->table + frame * frames->number_size, bytes,
                           frames->number_size)) {
        *offset = dicom_number_at(bytes, frames->number_size);
    } else {
        return false;
    }
    if (!source_has(frames->source, frames->start, *offset)) {
        return false;
    }
    *offset += frames->start;
    return true;
}

/* What is behind a frame has to be the next one, or the end of them all:
   anything else may be another fragment. */
static bool
is_end_of_frame(const struct dicom_frames *frames, uint64_t frame,
                uint64_t end)
{
    uint64_t next;
    uint32_t length;
    if (frame + 1 < frames->count) {
        return find_item(frames, frame + 1, &next) && next == end;
    }
    return item_at(frames->source, end, DICOM_SEQUENCE_END, &length) &&
           length == 0;
}

bool
dicom_locate_frame(const struct dicom_frames *frames, uint64_t frame,
                   uint64_t *offset, uint64_t *size)
{
    uint64_t item;
    uint32_t length;
    if (frames->frame_size != 0) {
        *offset = frames->start + frame * frames->frame_size;
        *size = frames->frame_size;
        return frame < frames->count;
    }
    bool is_indexed = frames->number_size != 0 || frames->offsets != NULL;
    if (!is_indexed || frame >= frames->count ||
        !find_item(frames, frame, &item) ||
        !item_at(frames->source, item, DICOM_ITEM, &length)) {
        return false;
    }
    *offset = item + DICOM_HEADER_BYTES;
    *size = length;
    return is_end_of_frame(frames, frame, *offset + length);
}

/* One item after another.  There is room for their headers in the file, so
   there is for their offsets in memory. */
static bool
collect_offsets(struct dicom_frames *frames)
{
    uint64_t position = frames->start;
    uint64_t *offsets = calloc((size_t)frames->count, sizeof *offsets);
    for (uint64_t i = 0; offsets != NULL && i < frames->count; i++) {
        uint32_t length;
        if (!item_at(frames->source, position, DICOM_ITEM, &length)) {
            free(offsets);
            return false;
        }
        offsets[i] = position - frames->start;
        position += DICOM_HEADER_BYTES + length;
    }
    frames->offsets = offsets;
    return offsets != NULL;
}

bool
dicom_index_frames(struct dicom_frames *frames)
{
    uint64_t offset, size;
    return (frames->frame_size != 0 || frames->number_size != 0 ||
            frames->offsets != NULL || collect_offsets(frames)) &&
           dicom_locate_frame(frames, 0, &offset, &size) &&
           dicom_locate_frame(frames, frames->count - 1, &offset, &size);
}
