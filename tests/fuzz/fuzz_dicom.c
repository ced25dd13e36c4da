/*
 * Whatever a file holds, it is read or not, twice alike, and the frames that
 * are found lie within it, one behind the other.
 */
#include "formats/dicom.h"

#include "fuzzing.h"
#include "memory_source.h"

#include <stdlib.h>
#include <string.h>

/* Of more frames only the first are looked at. */
enum { LOOKED_AT = 256 };

static void
check_text(const char *text)
{
    REQUIRE(memchr(text, 0, DICOM_TEXT_BYTES) != NULL);
}

static void
check_file(const struct dicom_file *file)
{
    check_text(file->storage_class);
    check_text(file->transfer_syntax);
    check_text(file->image_type);
    check_text(file->instance);
    check_text(file->whole_instance);
    check_text(file->series);
    check_text(file->organization);
    check_text(file->photometric);
    REQUIRE(source_has(file->source, file->items, 0));
    REQUIRE(source_has(file->source, file->extended_table,
                       file->extended_table_size));
}

static void
check_frames(const struct dicom_frames *frames)
{
    uint64_t offset, size, end = 0;
    for (uint64_t i = 0; i < frames->count && i < LOOKED_AT; i++) {
        if (!dicom_locate_frame(frames, i, &offset, &size)) {
            end = 0;
            continue;
        }
        REQUIRE(source_has(frames->source, offset, size));
        REQUIRE(offset >= frames->start + 8);
        REQUIRE(end == 0 || offset == end + 8);
        end = offset + size;
    }
    REQUIRE(!dicom_locate_frame(frames, frames->count, &offset, &size));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    struct dicom_file file, again;
    struct dicom_frames frames;
    struct dicom_positions positions;
    bool is_read = dicom_read(&file, &memory.source);
    REQUIRE(dicom_read(&again, &memory.source) == is_read);
    if (is_read && dicom_read_on(&file, &positions)) {
        REQUIRE(positions.count == 0 || positions.count == file.frame_count);
        free(positions.frames);
        check_file(&file);
        if (dicom_open_frames(&frames, &file)) {
            REQUIRE(frames.count > 0 && frames.count <= size / 8);
            dicom_index_frames(&frames);
            check_frames(&frames);
        }
        dicom_close_frames(&frames);
    }
    REQUIRE(!memory.strayed);
    return 0;
}
