#include "formats/dicom.h"

#include "check.h"
#include "guard_page.h"
#include "memory_source.h"

#include <stdlib.h>

static const char JPEG_BASELINE[] = "1.2.840.10008.1.2.4.50";
static const char WHOLE_SLIDE_IMAGE[] = "1.2.840.10008.5.1.4.1.1.77.1.6";

static const uint32_t UNDEFINED = UINT32_MAX;
static const uint32_t ITEM = 0xFFFEE000;
static const uint32_t ITEM_END = 0xFFFEE00D;
static const uint32_t SEQUENCE_END = 0xFFFEE0DD;
static const uint32_t PIXEL_DATA = 0x7FE00010;
static const uint32_t FRAME_GROUPS = 0x52009230;

/* Writing DICOM files into memory */

enum { FILE_BYTES = 1 << 21, FRAMES = 5 };

struct written {
    size_t size;
    uint8_t bytes[FILE_BYTES];
};

static struct written file;

static void
put(size_t offset, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        file.bytes[offset + i] = (uint8_t)(number >> 8 * i);
    }
}

static void
append(uint64_t number, unsigned size)
{
    put(file.size, number, size);
    file.size += size;
}

static void
append_bytes(const void *bytes, size_t size)
{
    memcpy(file.bytes + file.size, bytes, size);
    file.size += size;
}

static void
append_tag(uint32_t tag)
{
    append(tag >> 16, 2);
    append(tag & 0xFFFF, 2);
}

static void
append_header(uint32_t tag, const char *representation, uint32_t length)
{
    static const char wide[] = "OBOVOWSQUNUT";
    bool is_wide = false;
    for (const char *at = wide; *at != 0; at += 2) {
        is_wide |= memcmp(at, representation, 2) == 0;
    }
    append_tag(tag);
    append_bytes(representation, 2);
    append(is_wide ? 0 : length, 2);
    if (is_wide) {
        append(length, 4);
    }
}

static void
append_item(uint32_t tag, uint32_t length)
{
    append_tag(tag);
    append(length, 4);
}

static void
append_text(uint32_t tag, const char *representation, const char *text)
{
    size_t length = strlen(text);
    append_header(tag, representation, (uint32_t)(length + length % 2));
    append_bytes(text, length);
    append(memcmp(representation, "UI", 2) == 0 ? 0 : ' ', length % 2);
}

static void
append_number(uint32_t tag, const char *representation, uint32_t number)
{
    unsigned size = memcmp(representation, "US", 2) == 0 ? 2 : 4;
    append_header(tag, representation, size);
    append(number, size);
}

static void
begin(const char *transfer_syntax)
{
    memset(file.bytes, 0, file.size);
    file.size = 128;
    append_bytes("DICM", 4);
    append_number(0x00020000, "UL", 0);
    append_text(0x00020002, "UI", WHOLE_SLIDE_IMAGE);
    append_text(0x00020010, "UI", transfer_syntax);
}

/* What a slide has to say, up to the first element that is not here. */
static void
append_image(void)
{
    append_text(0x00080008, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE");
    append_text(0x0020000E, "UI", "2.25.7");
    append_text(0x00209311, "CS", "TILED_FULL");
    append_number(0x00280002, "US", 3);
    append_text(0x00280004, "CS", "YBR_FULL_422");
    append_number(0x00280006, "US", 0);
    append_text(0x00280008, "IS", "5");
    append_number(0x00280010, "US", 240);
    append_number(0x00280011, "US", 256);
    append_number(0x00280100, "US", 8);
    append_number(0x00280101, "US", 8);
    append_number(0x00280102, "US", 7);
    append_number(0x00280103, "US", 0);
    append_number(0x00480006, "UL", 1200);
    append_number(0x00480007, "UL", 200);
}

enum table { BASIC, EXTENDED, NO_TABLE, TABLES };

static uint32_t
size_of_frame(unsigned frame)
{
    return 10 + 4 * frame;
}

static uint64_t
offset_of_frame(unsigned frame)
{
    uint64_t offset = 0;
    for (unsigned i = 0; i < frame; i++) {
        offset += 8 + size_of_frame(i);
    }
    return offset;
}

/* Offset of the item of the first frame. */
static size_t
append_frames(enum table table)
{
    if (table == EXTENDED) {
        append_header(0x7FE00001, "OV", 8 * FRAMES);
        for (unsigned i = 0; i < FRAMES; i++) {
            append(offset_of_frame(i), 8);
        }
    }
    append_header(PIXEL_DATA, "OB", UNDEFINED);
    append_item(ITEM, table == BASIC ? 4 * FRAMES : 0);
    for (unsigned i = 0; table == BASIC && i < FRAMES; i++) {
        append(offset_of_frame(i), 4);
    }
    size_t start = file.size;
    for (unsigned i = 0; i < FRAMES; i++) {
        append_item(ITEM, size_of_frame(i));
        memset(file.bytes + file.size, (int)(0xA0 + i), size_of_frame(i));
        file.size += size_of_frame(i);
    }
    append_item(SEQUENCE_END, 0);
    return start;
}

static size_t
write_slide(enum table table)
{
    begin(JPEG_BASELINE);
    append_image();
    return append_frames(table);
}

/* Reading them */

static bool
read_file(struct dicom_file *dicom, struct memory_source *memory)
{
    *memory = memory_source_of(file.bytes, file.size);
    bool read = dicom_read(dicom, &memory->source);
    CHECK(!memory->strayed, "strayed");
    return read;
}

static bool
is_readable(void)
{
    struct memory_source memory;
    struct dicom_file dicom;
    return read_file(&dicom, &memory);
}

/* Whether all frames are found. */
static bool
finds_frames(const struct source *source)
{
    struct dicom_file dicom;
    struct dicom_frames frames;
    struct dicom_positions positions;
    uint64_t offset, size;
    if (!dicom_read(&dicom, source) || !dicom_read_on(&dicom, &positions)) {
        return false;
    }
    free(positions.frames);
    if (!dicom_open_frames(&frames, &dicom)) {
        return false;
    }
    CHECK(frames.number_size != 0 ||
              !dicom_locate_frame(&frames, 0, &offset, &size),
          "found before the index is made");
    bool found = dicom_index_frames(&frames);
    for (uint64_t i = 0; i < frames.count; i++) {
        bool located = dicom_locate_frame(&frames, i, &offset, &size);
        CHECK(!located || source_has(source, offset, size), "outside");
        found = found && located;
    }
    CHECK(!dicom_locate_frame(&frames, frames.count, &offset, &size),
          "one more");
    dicom_close_frames(&frames);
    return found;
}

static bool
has_frames(void)
{
    struct memory_source memory = memory_source_of(file.bytes, file.size);
    bool found = finds_frames(&memory.source);
    CHECK(!memory.strayed, "strayed");
    return found;
}

/* Tests */

static void
test_elements(void)
{
    struct memory_source memory;
    struct dicom_file dicom;
    write_slide(BASIC);
    CHECK(read_file(&dicom, &memory), "not read");
    CHECK(strcmp(dicom.storage_class, WHOLE_SLIDE_IMAGE) == 0 &&
              strcmp(dicom.transfer_syntax, JPEG_BASELINE) == 0 &&
              strcmp(dicom.image_type, "ORIGINAL\\PRIMARY\\VOLUME\\NONE") ==
                  0 &&
              strcmp(dicom.series, "2.25.7") == 0 &&
              strcmp(dicom.organization, "TILED_FULL") == 0 &&
              strcmp(dicom.photometric, "YBR_FULL_422") == 0,
          "texts");
    CHECK(dicom.columns == 256 && dicom.rows == 240 &&
              dicom.total_columns == 1200 && dicom.total_rows == 200 &&
              dicom.frame_count == FRAMES && dicom.samples_per_pixel == 3 &&
              dicom.planar_configuration == 0 && dicom.bits_allocated == 8 &&
              dicom.bits_stored == 8 && dicom.high_bit == 7 &&
              dicom.pixel_representation == 0,
          "numbers");
    CHECK(dicom.instance[0] == 0 && dicom.whole_instance[0] == 0 &&
              dicom.first_frame == 0 && dicom.frame_groups == 0 &&
              dicom.extended_table == 0 && dicom.items != 0,
          "what is not there");
}

static void
test_frames(void)
{
    for (enum table table = BASIC; table < TABLES; table++) {
        struct memory_source memory;
        struct dicom_file dicom;
        struct dicom_frames frames;
        size_t start = write_slide(table);
        CHECK(read_file(&dicom, &memory) &&
                  dicom_open_frames(&frames, &dicom) &&
                  dicom_index_frames(&frames),
              "table %d", (int)table);
        for (unsigned i = 0; i < FRAMES; i++) {
            uint64_t offset = 0, size = 0;
            CHECK(dicom_locate_frame(&frames, i, &offset, &size) &&
                      offset == start + offset_of_frame(i) + 8 &&
                      size == size_of_frame(i) &&
                      file.bytes[offset] == 0xA0 + i,
                  "table %d, frame %u", (int)table, i);
        }
        dicom_close_frames(&frames);
        CHECK(has_frames(), "table %d", (int)table);
    }
}

static void
test_kinds_of_files(void)
{
    static const char *const unreadable[] = {
        "",
        "1.2.840.10008.1.2",      /* implicit */
        "1.2.840.10008.1.2.1.99", /* deflated */
        "1.2.840.10008.1.2.2",    /* big endian */
        "1.2.840.10008.1.2.4",
    };
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        begin(unreadable[i]);
        append_image();
        append_frames(BASIC);
        CHECK(!is_readable(), "'%s'", unreadable[i]);
    }
    write_slide(BASIC);
    file.bytes[128] = 'd';
    CHECK(!is_readable(), "no prefix");
    write_slide(BASIC);
    file.bytes[132 + 2] = 1;
    CHECK(!is_readable(), "no length of the first group");
}

static void
test_native_pixels(void)
{
    struct memory_source memory;
    struct dicom_file dicom;
    struct dicom_frames frames;
    begin("1.2.840.10008.1.2.1");
    append_image();
    append_header(PIXEL_DATA, "OW", 8);
    append(0, 8);
    CHECK(read_file(&dicom, &memory) && dicom.items == 0, "not read");
    CHECK(!dicom_open_frames(&frames, &dicom), "has frames");
    /* As if frames were of one byte, of which there may be one more. */
    dicom.columns = dicom.rows = dicom.samples_per_pixel = 1;
    for (uint32_t count = 0; count < 12; count++) {
        uint64_t offset = 0, size = 0;
        dicom.frame_count = count;
        bool is_right = count == 7 || count == 8;
        if (CHECK(dicom_open_frames(&frames, &dicom) == is_right, "%u frames",
                  (unsigned)count) &&
            is_right) {
            CHECK(dicom_index_frames(&frames) &&
                      dicom_locate_frame(&frames, count - 1, &offset, &size) &&
                      offset == dicom.pixels + count - 1 && size == 1 &&
                      !dicom_locate_frame(&frames, count, &offset, &size),
                  "%u frames", (unsigned)count);
        }
    }
    dicom.frame_count = 8;
    dicom.bits_allocated = 1;
    CHECK(!dicom_open_frames(&frames, &dicom), "frames of no bytes");
}

static void
test_special_elements(void)
{
    struct memory_source memory;
    struct dicom_file dicom;
    begin(JPEG_BASELINE);
    append_text(0x00080018, "UI", "2.25.1");
    append_text(0x00200242, "UI", "2.25.2");
    append_number(0x00209228, "UL", 70000);
    append_header(FRAME_GROUPS, "SQ", UNDEFINED);
    CHECK(read_file(&dicom, &memory) &&
              strcmp(dicom.instance, "2.25.1") == 0 &&
              strcmp(dicom.whole_instance, "2.25.2") == 0 &&
              dicom.first_frame == 70000 && dicom.frame_groups == file.size &&
              dicom.frame_groups_size == UNDEFINED && dicom.items == 0,
          "not as written");
    begin(JPEG_BASELINE);
    append_header(FRAME_GROUPS, "OB", 0);
    CHECK(!is_readable(), "groups that are no sequence");
}

/* Positions of frames */

/* What is written of each frame. */
struct group {
    int sequences, items, columns, rows;
    const char *representation;
};

static const struct group plain_group = {1, 1, 1, 1, "SL"};

static int32_t
column_of_frame(unsigned frame)
{
    return (int32_t)(1 + 256 * (FRAMES - 1 - frame));
}

/* Where something begins whose length is not known yet. */
static size_t
begin_length(bool is_open)
{
    put(file.size - 4, is_open ? UNDEFINED : 0, 4);
    return file.size;
}

static void
end_length(size_t start, bool is_open, uint32_t mark)
{
    if (is_open) {
        append_item(mark, 0);
    } else {
        put(start - 4, file.size - start, 4);
    }
}

static void
append_position(unsigned frame, const struct group *group, bool is_open)
{
    append_header(0x0048021A, "SQ", 0);
    size_t sequence = begin_length(is_open);
    for (int i = 0; i < group->items; i++) {
        append_item(ITEM, 0);
        size_t item = begin_length(is_open);
        append_number(0x0040072A, "UL", 7);
        for (int j = 0; j < group->columns; j++) {
            append_number(0x0048021E, group->representation,
                          (uint32_t)column_of_frame(frame));
        }
        for (int j = 0; j < group->rows; j++) {
            append_number(0x0048021F, group->representation, 1);
        }
        end_length(item, is_open, ITEM_END);
    }
    end_length(sequence, is_open, SEQUENCE_END);
}

/* One group of each frame; the odd one of the second. */
static void
append_groups(unsigned count, const struct group *group,
              const struct group *odd, bool is_open)
{
    append_header(FRAME_GROUPS, "SQ", 0);
    size_t sequence = begin_length(is_open);
    for (unsigned frame = 0; frame < count; frame++) {
        const struct group *own = frame == 1 ? odd : group;
        append_item(ITEM, 0);
        size_t item = begin_length(is_open);
        append_header(0x00209111, "SQ", 0);
        for (int i = 0; i < own->sequences; i++) {
            append_position(frame, own, is_open);
        }
        end_length(item, is_open, ITEM_END);
    }
    end_length(sequence, is_open, SEQUENCE_END);
}

static void
write_groups(unsigned count, const struct group *group,
             const struct group *odd, bool is_open)
{
    begin(JPEG_BASELINE);
    append_image();
    append_groups(count, group, odd, is_open);
    append_frames(EXTENDED);
}

/* The number of positions, or -1. */
static int
count_positions(void)
{
    struct memory_source memory;
    struct dicom_file dicom;
    struct dicom_positions positions;
    bool read =
        read_file(&dicom, &memory) && dicom_read_on(&dicom, &positions);
    CHECK(!memory.strayed, "strayed");
    if (!read) {
        return -1;
    }
    for (unsigned i = 0; i < positions.count; i++) {
        CHECK(positions.frames[i].column == column_of_frame(i) &&
                  positions.frames[i].row == 1,
              "frame %u", i);
    }
    CHECK(dicom.items != 0 && dicom.extended_table != 0, "no frames");
    free(positions.frames);
    return (int)positions.count;
}

static void
test_positions(void)
{
    static const struct group none = {.sequences = 0};
    for (int is_open = 0; is_open < 2; is_open++) {
        write_groups(FRAMES, &plain_group, &plain_group, is_open);
        CHECK(count_positions() == FRAMES, "positions");
        CHECK(has_frames(), "what is behind them");
        write_groups(FRAMES, &none, &none, is_open);
        CHECK(count_positions() == 0, "none");
        CHECK(has_frames(), "what is behind none");
    }
    write_slide(EXTENDED);
    CHECK(count_positions() == 0, "no groups");
}

static void
test_odd_positions(void)
{
    static const struct group odd[] = {
        {0, 1, 1, 1, "SL"}, {2, 1, 1, 1, "SL"}, {1, 0, 1, 1, "SL"},
        {1, 2, 1, 1, "SL"}, {1, 1, 0, 1, "SL"}, {1, 1, 2, 1, "SL"},
        {1, 1, 1, 0, "SL"}, {1, 1, 1, 2, "SL"}, {1, 1, 1, 1, "UL"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        for (int is_open = 0; is_open < 2; is_open++) {
            write_groups(FRAMES, &plain_group, &odd[i], is_open);
            CHECK(count_positions() == -1, "case %zu", i);
        }
    }
    for (unsigned count = 0; count < FRAMES + 2; count++) {
        write_groups(count, &plain_group, &plain_group, true);
        CHECK(count_positions() == (count == FRAMES ? FRAMES : -1),
              "%u groups", count);
    }
}

/* Cut off, damaged and unreadable anywhere, as below. */
static void
test_damaged_positions(void)
{
    static const uint8_t others[] = {0x01, 0x80, 0xFF};
    for (int is_open = 0; is_open < 2; is_open++) {
        write_groups(FRAMES, &plain_group, &plain_group, is_open);
        struct guarded memory = guarded_alloc(file.size);
        for (size_t size = 0; size < file.size; size++) {
            uint8_t *copy = memory.end - size;
            memcpy(copy, file.bytes, size);
            struct memory_source source = memory_source_of(copy, size);
            CHECK(!finds_frames(&source.source) && !source.strayed,
                  "%zu bytes of %zu", size, file.size);
        }
        guarded_free(memory);
        for (size_t i = 128; i < file.size; i++) {
            for (size_t j = 0; j < sizeof others; j++) {
                file.bytes[i] ^= others[j];
                has_frames();
                file.bytes[i] ^= others[j];
            }
        }
        CHECK(has_frames(), "not restored");
    }
}

/* An element in front of the pixel data. */
static bool
reads_with_text(uint32_t tag, const char *representation, const char *text)
{
    begin(JPEG_BASELINE);
    append_text(tag, representation, text);
    append_frames(BASIC);
    return is_readable();
}

static void
test_values(void)
{
    static const char *const counts[] = {
        "", "-1", "+1", " 1", "1.0", "1\\2", "4294967296", "99999999999999999",
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        CHECK(!reads_with_text(0x00280008, "IS", counts[i]), "'%s'",
              counts[i]);
    }
    CHECK(reads_with_text(0x00280008, "IS", "4294967295"), "the greatest");
    CHECK(reads_with_text(0x00280008, "IS", "0012  "), "padding");
    CHECK(!reads_with_text(0x00280008, "DS", "1"), "a decimal string");
    char text[DICOM_TEXT_BYTES + 1] = {0};
    memset(text, 'x', DICOM_TEXT_BYTES - 2);
    CHECK(reads_with_text(0x00080008, "CS", text), "a long text");
    memset(text, 'x', DICOM_TEXT_BYTES);
    CHECK(!reads_with_text(0x00080008, "CS", text), "too long a text");
    CHECK(!reads_with_text(0x00080008, "LO", "x"), "another text");
    CHECK(!reads_with_text(0x00280010, "US", "abcd"), "two numbers");
    CHECK(!reads_with_text(0x00280010, "US", ""), "no number");
    CHECK(!reads_with_text(0x00480006, "SL", "abcd"), "a signed number");
    CHECK(reads_with_text(0x00090010, "LO", "anything"), "another element");
    CHECK(!reads_with_text(0x00090010, "XX", "anything"), "no such type");
}

static void
test_zero_within_text(void)
{
    begin(JPEG_BASELINE);
    append_header(0x0020000E, "UI", 4);
    append_bytes("1\0002", 4);
    append_frames(BASIC);
    CHECK(!is_readable(), "read");
}

static void
test_order(void)
{
    begin(JPEG_BASELINE);
    append_number(0x00280011, "US", 1);
    append_number(0x00280010, "US", 1);
    append_frames(BASIC);
    CHECK(!is_readable(), "descending");
    begin(JPEG_BASELINE);
    append_number(0x00280011, "US", 1);
    append_number(0x00280011, "US", 1);
    append_frames(BASIC);
    CHECK(!is_readable(), "twice");
    begin(JPEG_BASELINE);
    append_image();
    CHECK(!is_readable(), "no pixel data");
}

/* Sequences of undefined length, one in another. */
static void
append_nest(int depth)
{
    for (int i = 0; i < depth; i++) {
        append_header(0x00400560, "SQ", UNDEFINED);
        append_item(ITEM, UNDEFINED);
    }
    append_number(0x00280010, "US", 1);
    for (int i = 0; i < depth; i++) {
        append_item(ITEM_END, 0);
        append_item(SEQUENCE_END, 0);
    }
}

static bool
reads_nest(int depth)
{
    begin(JPEG_BASELINE);
    append_nest(depth);
    append_frames(BASIC);
    return is_readable();
}

static void
test_nesting(void)
{
    for (int depth = 1; depth <= 16; depth++) {
        CHECK(reads_nest(depth), "%d", depth);
    }
    CHECK(!reads_nest(17), "too deep");
    CHECK(!reads_nest(40000), "much too deep");
}

static void
test_sequences(void)
{
    begin(JPEG_BASELINE);
    append_header(0x00400555, "SQ", 0);
    append_header(0x00400560, "SQ", UNDEFINED);
    append_item(ITEM, 4);
    append(0, 4);
    append_item(ITEM, UNDEFINED);
    append_item(ITEM_END, 0);
    append_item(SEQUENCE_END, 0);
    append_header(0x00480105, "SQ", 12);
    append_item(ITEM, 4);
    append(0, 4);
    size_t size = file.size;
    append_frames(BASIC);
    CHECK(is_readable(), "not read");
    append_frames(BASIC);
    put(size - 12 - 12 - 8 + 4, 2, 4); /* the end of the second sequence */
    CHECK(!is_readable(), "an end that has a length");
}

static void
test_undefined_lengths(void)
{
    begin(JPEG_BASELINE);
    append_header(0x00420011, "OB", UNDEFINED);
    append_item(SEQUENCE_END, 0);
    append_frames(BASIC);
    CHECK(!is_readable(), "of bytes");
    begin(JPEG_BASELINE);
    append_header(0x00880200, "SQ", UNDEFINED);
    append_item(ITEM, UNDEFINED);
    append_header(PIXEL_DATA, "OB", UNDEFINED);
    append_item(SEQUENCE_END, 0);
    append_item(ITEM_END, 0);
    append_item(SEQUENCE_END, 0);
    append_frames(BASIC);
    CHECK(!is_readable(), "of pixels within a sequence");
}

static void
test_headers_without_end(void)
{
    begin(JPEG_BASELINE);
    append_header(0x00400560, "SQ", UNDEFINED);
    for (int i = 0; i < 1 << 17; i++) {
        append_item(ITEM, 0);
    }
    append_item(SEQUENCE_END, 0);
    append_frames(BASIC);
    CHECK(!is_readable(), "read");
}

static void
test_huge_lengths(void)
{
    static const uint32_t lengths[] = {FILE_BYTES, 0x7FFFFFFF, 0x80000000,
                                       0xFFFFFFFE};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        begin(JPEG_BASELINE);
        append_header(0x00420011, "OB", lengths[i]);
        append_frames(BASIC);
        CHECK(!is_readable(), "an element of %u", (unsigned)lengths[i]);
        begin(JPEG_BASELINE);
        append_header(0x00400560, "SQ", UNDEFINED);
        append_item(ITEM, lengths[i]);
        append_frames(BASIC);
        CHECK(!is_readable(), "an item of %u", (unsigned)lengths[i]);
        for (enum table table = BASIC; table < TABLES; table++) {
            size_t start = write_slide(table);
            put(start + 4, lengths[i], 4);
            CHECK(!has_frames(), "a frame of %u", (unsigned)lengths[i]);
        }
        size_t start = write_slide(NO_TABLE);
        put(start - 4, lengths[i], 4);
        CHECK(!has_frames(), "a table of %u", (unsigned)lengths[i]);
    }
}

static bool
has_frames_of_count(const char *count, enum table table)
{
    begin(JPEG_BASELINE);
    append_text(0x00280008, "IS", count);
    append_frames(table);
    return has_frames();
}

static void
test_counts_of_frames(void)
{
    static const char *const counts[] = {"0", "1", "4", "6", "4294967295"};
    for (enum table table = BASIC; table < TABLES; table++) {
        CHECK(has_frames_of_count("5", table), "table %d", (int)table);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            CHECK(!has_frames_of_count(counts[i], table), "%s, table %d",
                  counts[i], (int)table);
        }
    }
}

/* Whether the frames are found with another number in their table, which is
   right in front of the items' start, or of the pixel data. */
static bool
has_frames_with_offset(enum table table, unsigned frame, uint64_t offset)
{
    unsigned size = table == BASIC ? 4 : 8;
    size_t end = write_slide(table) - (table == BASIC ? 0 : 12 + 8);
    put(end - (size_t)(FRAMES - frame) * size, offset, size);
    return has_frames();
}

static void
test_wrong_offsets(void)
{
    for (enum table table = BASIC; table <= EXTENDED; table++) {
        for (unsigned frame = 0; frame < FRAMES; frame++) {
            uint64_t right = offset_of_frame(frame);
            const uint64_t wrong[] = {
                right + 1,
                right - 1,
                offset_of_frame((frame + 1) % FRAMES),
                offset_of_frame(FRAMES), /* the end of all */
                offset_of_frame(FRAMES) + 8,
                (uint64_t)0 - 8,
                UINT32_MAX,
                UINT64_MAX,
            };
            CHECK(has_frames_with_offset(table, frame, right), "right");
            for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
                CHECK(!has_frames_with_offset(table, frame, wrong[i]),
                      "table %d, frame %u, case %zu", (int)table, frame, i);
            }
        }
    }
}

/* The first or the last frame goes on in another item. */
static void
test_fragments(void)
{
    for (enum table table = BASIC; table < TABLES; table++) {
        for (unsigned frame = 0; frame < FRAMES; frame += FRAMES - 1) {
            size_t item = write_slide(table) + offset_of_frame(frame);
            put(item + 4, 1, 4);
            put(item + 9, 0xE000FFFE, 4);
            put(item + 13, size_of_frame(frame) - 9, 4);
            struct memory_source memory;
            struct dicom_file dicom;
            struct dicom_frames frames;
            CHECK(read_file(&dicom, &memory) &&
                      dicom_open_frames(&frames, &dicom),
                  "table %d", (int)table);
            CHECK(!dicom_index_frames(&frames), "table %d, frame %u",
                  (int)table, frame);
            dicom_close_frames(&frames);
        }
    }
}

static void
test_two_tables(void)
{
    begin(JPEG_BASELINE);
    append_image();
    append_header(0x7FE00001, "OV", 8 * FRAMES);
    for (unsigned i = 0; i < FRAMES; i++) {
        append(offset_of_frame(i), 8);
    }
    append_frames(BASIC);
    CHECK(!has_frames(), "found");
}

/* Cut off anywhere, with nothing readable behind. */
static void
test_truncated_files(void)
{
    for (enum table table = BASIC; table < TABLES; table++) {
        begin(JPEG_BASELINE);
        append_header(0x00080006, "SQ", UNDEFINED);
        append_item(ITEM, UNDEFINED);
        append_number(0x00280010, "US", 1);
        append_item(ITEM_END, 0);
        append_item(SEQUENCE_END, 0);
        append_image();
        append_frames(table);
        struct guarded memory = guarded_alloc(file.size);
        for (size_t size = 0; size <= file.size; size++) {
            uint8_t *copy = memory.end - size;
            memcpy(copy, file.bytes, size);
            struct memory_source source = memory_source_of(copy, size);
            bool found = finds_frames(&source.source);
            CHECK(found == (size == file.size) && !source.strayed,
                  "table %d, %zu bytes of %zu", (int)table, size, file.size);
        }
        guarded_free(memory);
    }
}

/* Each byte in turn is another. */
static void
test_damaged_files(void)
{
    static const uint8_t others[] = {0x01, 0x80, 0xFF};
    for (enum table table = BASIC; table < TABLES; table++) {
        write_slide(table);
        for (size_t i = 128; i < file.size; i++) {
            for (size_t j = 0; j < sizeof others; j++) {
                file.bytes[i] ^= others[j];
                has_frames();
                file.bytes[i] ^= others[j];
            }
        }
        CHECK(has_frames(), "not restored");
    }
}

static void
test_failing_reads(void)
{
    for (enum table table = BASIC; table < TABLES; table++) {
        write_slide(table);
        struct memory_source memory = memory_source_of(file.bytes, file.size);
        CHECK(finds_frames(&memory.source), "table %d", (int)table);
        int64_t reads = memory.reads;
        for (int64_t limit = 0; limit < reads; limit++) {
            memory = memory_source_of(file.bytes, file.size);
            memory.limit = limit;
            CHECK(!finds_frames(&memory.source), "%d reads of %d", (int)limit,
                  (int)reads);
        }
    }
}

int
main(void)
{
    check_run("elements", test_elements);
    check_run("frames", test_frames);
    check_run("kinds of files", test_kinds_of_files);
    check_run("native pixels", test_native_pixels);
    check_run("special elements", test_special_elements);
    check_run("positions", test_positions);
    check_run("odd positions", test_odd_positions);
    check_run("damaged positions", test_damaged_positions);
    check_run("values", test_values);
    check_run("a zero within a text", test_zero_within_text);
    check_run("order", test_order);
    check_run("nesting", test_nesting);
    check_run("sequences", test_sequences);
    check_run("undefined lengths", test_undefined_lengths);
    check_run("headers without end", test_headers_without_end);
    check_run("huge lengths", test_huge_lengths);
    check_run("counts of frames", test_counts_of_frames);
    check_run("wrong offsets", test_wrong_offsets);
    check_run("fragments", test_fragments);
    check_run("two tables", test_two_tables);
    check_run("truncated files", test_truncated_files);
    check_run("damaged files", test_damaged_files);
    check_run("failing reads", test_failing_reads);
    return check_finish();
}
