#include "dicom.h"

#include <stdlib.h>
#include <string.h>

enum { PREAMBLE_BYTES = 128, HEADER_BYTES = 8 };

static const uint32_t UNDEFINED_LENGTH = UINT32_MAX;

static const uint32_t ITEM = 0xFFFEE000;
static const uint32_t ITEM_END = 0xFFFEE00D;
static const uint32_t SEQUENCE_END = 0xFFFEE0DD;

static const uint32_t META_LENGTH = 0x00020000;
static const uint32_t LAST_META = 0x0002FFFF;
static const uint32_t FRAME_GROUPS = 0x52009230;
static const uint32_t EXTENDED_TABLE = 0x7FE00001;
static const uint32_t PIXEL_DATA = 0x7FE00010;

/* Sequences of undefined length have to be walked through.  More of them in
   one another than this, or more headers in all, are no slide. */
enum { MAX_DEPTH = 16, MAX_HEADERS = 1 << 16 };

/* How much is read at once, for most elements are small. */
enum { WINDOW_BYTES = 4096 };

/* A data set being read. */
struct reader {
    const struct source *source;
    uint64_t position;
    unsigned headers; /* read so far */
    uint64_t window_start;
    size_t window_size;
    uint8_t window[WINDOW_BYTES];
};

/* One data element, whose value comes next. */
struct element {
    uint32_t tag;
    char representation[2];
    uint32_t length;
};

enum field_kind { KIND_US, KIND_UL, KIND_IS, KIND_CS, KIND_UI, KIND_PRESENCE };

static const char *const representations[] = {
    [KIND_US] = "US", [KIND_UL] = "UL", [KIND_IS] = "IS",
    [KIND_CS] = "CS", [KIND_UI] = "UI",
};

#define TO(member) offsetof(struct dicom_file, member)

static const struct {
    uint32_t tag;
    enum field_kind kind;
    size_t target; /* uint32_t, text, or bool for its presence */
} fields[] = {
    {0x00020002, KIND_UI, TO(storage_class)},
    {0x00020010, KIND_UI, TO(transfer_syntax)},
    {0x00080008, KIND_CS, TO(image_type)},
    {0x0020000E, KIND_UI, TO(series)},
    {0x00200242, KIND_PRESENCE, TO(is_concatenation)}, /* its source */
    {0x00209161, KIND_PRESENCE, TO(is_concatenation)}, /* its identifier */
    {0x00209228, KIND_PRESENCE, TO(is_concatenation)}, /* its first frame */
    {0x00209311, KIND_CS, TO(organization)},
    {0x00280002, KIND_US, TO(samples_per_pixel)},
    {0x00280004, KIND_CS, TO(photometric)},
    {0x00280006, KIND_US, TO(planar_configuration)},
    {0x00280008, KIND_IS, TO(frame_count)},
    {0x00280010, KIND_US, TO(rows)},
    {0x00280011, KIND_US, TO(columns)},
    {0x00280100, KIND_US, TO(bits_allocated)},
    {0x00280101, KIND_US, TO(bits_stored)},
    {0x00280102, KIND_US, TO(high_bit)},
    {0x00280103, KIND_US, TO(pixel_representation)},
    {0x00480006, KIND_UL, TO(total_columns)},
    {0x00480007, KIND_UL, TO(total_rows)},
    {0x00480302, KIND_UL, TO(optical_paths)},
    {0x00480303, KIND_UL, TO(focal_planes)},
};

#undef TO

/* Bytes */

static uint64_t
number_at(const uint8_t *bytes, unsigned size)
{
    uint64_t number = 0;
    for (unsigned i = size; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return number;
}

/* The group of a tag comes first. */
static uint32_t
tag_at(const uint8_t *bytes)
{
    return (uint32_t)(number_at(bytes, 2) << 16 | number_at(bytes + 2, 2));
}

static bool
fill_window(struct reader *reader)
{
    uint64_t left = (uint64_t)reader->source->size - reader->position;
    reader->window_start = reader->position;
    reader->window_size = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    return source_read(reader->source, reader->position, reader->window,
                       reader->window_size);
}

/* At most a window full. */
static bool
read_bytes(struct reader *reader, void *bytes, size_t size)
{
    if (!source_has(reader->source, reader->position, size)) {
        return false;
    }
    uint64_t within = reader->position - reader->window_start;
    if (reader->position < reader->window_start ||
        within > reader->window_size || size > reader->window_size - within) {
        if (!fill_window(reader)) {
            return false;
        }
        within = 0;
    }
    memcpy(bytes, reader->window + within, size);
    reader->position += size;
    return true;
}

static bool
skip(struct reader *reader, uint32_t length)
{
    if (!source_has(reader->source, reader->position, length)) {
        return false;
    }
    reader->position += length;
    return true;
}

/* Headers */

static bool
is_one_of(const char *representation, const char *list)
{
    for (; *list != 0; list += 2) {
        if (memcmp(representation, list, 2) == 0) {
            return true;
        }
    }
    return false;
}

static bool
is_sequence(const struct element *element)
{
    return memcmp(element->representation, "SQ", 2) == 0;
}

/* Only sequences and pixel data may have an undefined length. */
static bool
has_sound_length(const struct reader *reader, const struct element *element)
{
    return element->length == UNDEFINED_LENGTH
               ? is_sequence(element) || element->tag == PIXEL_DATA
               : source_has(reader->source, reader->position, element->length);
}

static bool
read_header(struct reader *reader, struct element *element)
{
    uint8_t bytes[HEADER_BYTES], length[4];
    if (reader->headers++ == MAX_HEADERS ||
        !read_bytes(reader, bytes, sizeof bytes)) {
        return false;
    }
    element->tag = tag_at(bytes);
    memcpy(element->representation, bytes + 4, 2);
    if (is_one_of(element->representation,
                  "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS")) {
        element->length = (uint32_t)number_at(bytes + 6, 2);
    } else if (is_one_of(element->representation,
                         "OBODOFOLOVOWSQSVUCUNURUTUV") &&
               number_at(bytes + 6, 2) == 0 &&
               read_bytes(reader, length, sizeof length)) {
        element->length = (uint32_t)number_at(length, 4);
    } else {
        return false;
    }
    return has_sound_length(reader, element);
}

/* An item has a tag and a length, no representation. */
static bool
read_item(struct reader *reader, uint32_t *tag, uint32_t *length)
{
    uint8_t bytes[HEADER_BYTES];
    if (reader->headers++ == MAX_HEADERS ||
        !read_bytes(reader, bytes, sizeof bytes)) {
        return false;
    }
    *tag = tag_at(bytes);
    *length = (uint32_t)number_at(bytes + 4, 4);
    return true;
}

/* Skipping */

static bool skip_items(struct reader *reader, int depth);

static bool
skip_value(struct reader *reader, const struct element *element, int depth)
{
    if (element->length != UNDEFINED_LENGTH) {
        return skip(reader, element->length);
    }
    return is_sequence(element) && depth < MAX_DEPTH &&
           skip_items(reader, depth + 1);
}

static bool
is_at_item_end(struct reader *reader)
{
    uint8_t bytes[4];
    bool is_end = read_bytes(reader, bytes, sizeof bytes);
    if (is_end) {
        reader->position -= sizeof bytes;
        is_end = tag_at(bytes) == ITEM_END;
    }
    return is_end;
}

/* The elements of an item of undefined length, and its end. */
static bool
skip_elements(struct reader *reader, int depth)
{
    uint32_t tag, length;
    while (!is_at_item_end(reader)) {
        struct element element;
        if (!read_header(reader, &element) ||
            !skip_value(reader, &element, depth)) {
            return false;
        }
    }
    return read_item(reader, &tag, &length) && length == 0;
}

/* The items of a sequence of undefined length, and its end. */
static bool
skip_items(struct reader *reader, int depth)
{
    uint32_t tag, length;
    while (read_item(reader, &tag, &length)) {
        if (tag == SEQUENCE_END) {
            return length == 0;
        }
        if (tag != ITEM ||
            !(length == UNDEFINED_LENGTH ? skip_elements(reader, depth)
                                         : skip(reader, length))) {
            return false;
        }
    }
    return false;
}

/* Values */

static bool
take_number(struct reader *reader, const struct element *element,
            unsigned size, uint32_t *number)
{
    uint8_t bytes[4];
    if (element->length != size || !read_bytes(reader, bytes, size)) {
        return false;
    }
    *number = (uint32_t)number_at(bytes, size);
    return true;
}

/* Without what it is padded with. */
static bool
take_text(struct reader *reader, const struct element *element, char *text)
{
    size_t length = element->length;
    if (length >= DICOM_TEXT_BYTES || !read_bytes(reader, text, length)) {
        return false;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == 0)) {
        length--;
    }
    memset(text + length, 0, DICOM_TEXT_BYTES - length);
    return memchr(text, 0, length) == NULL;
}

/* A number in decimal digits alone. */
static bool
take_decimal(struct reader *reader, const struct element *element,
             uint32_t *number)
{
    char text[DICOM_TEXT_BYTES];
    if (!take_text(reader, element, text) || text[0] == 0) {
        return false;
    }
    uint64_t value = 0;
    for (const char *digit = text; *digit != 0; digit++) {
        if (*digit < '0' || *digit > '9' || value > UINT32_MAX / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(*digit - '0');
    }
    *number = (uint32_t)value;
    return value <= UINT32_MAX;
}

/* False where the element is unusual. */
static bool
take(struct reader *reader, const struct element *element,
     enum field_kind kind, void *target)
{
    if (kind == KIND_PRESENCE) {
        *(bool *)target = true;
        return skip_value(reader, element, 0);
    }
    if (memcmp(element->representation, representations[kind], 2) != 0) {
        return false;
    }
    switch (kind) {
    case KIND_US:
        return take_number(reader, element, 2, target);
    case KIND_UL:
        return take_number(reader, element, 4, target);
    case KIND_IS:
        return take_decimal(reader, element, target);
    default:
        return take_text(reader, element, target);
    }
}

static bool
take_or_skip(struct reader *reader, const struct element *element,
             struct dicom_file *file)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].tag == element->tag) {
            return take(reader, element, fields[i].kind,
                        (uint8_t *)file + fields[i].target);
        }
    }
    if (element->tag == EXTENDED_TABLE) {
        file->extended_table = reader->position;
        file->extended_table_size = element->length;
    }
    return skip_value(reader, element, 0);
}

/* Files */

static bool
is_explicit_little_endian(const char *syntax)
{
    static const char compressed[] = "1.2.840.10008.1.2.4.";
    return strcmp(syntax, "1.2.840.10008.1.2.1") == 0 ||
           strncmp(syntax, compressed, sizeof compressed - 1) == 0;
}

static bool
is_dicom(struct reader *reader)
{
    char magic[4];
    struct element element;
    return skip(reader, PREAMBLE_BYTES) &&
           read_bytes(reader, magic, sizeof magic) &&
           memcmp(magic, "DICM", sizeof magic) == 0 &&
           read_header(reader, &element) && element.tag == META_LENGTH &&
           skip_value(reader, &element, 0);
}

/* Elements in the order of their tags, each once, as the standard has it. */
static bool
read_elements(struct reader *reader, struct dicom_file *file)
{
    struct element element;
    uint32_t last = META_LENGTH;
    while (read_header(reader, &element) && element.tag > last) {
        last = element.tag;
        if (last > LAST_META &&
            !is_explicit_little_endian(file->transfer_syntax)) {
            return false;
        }
        if (last == FRAME_GROUPS) {
            file->has_frame_groups = true;
            return true;
        }
        if (last == PIXEL_DATA) {
            bool is_native = element.length != UNDEFINED_LENGTH;
            file->items = is_native ? 0 : reader->position;
            return true;
        }
        if (!take_or_skip(reader, &element, file)) {
            return false;
        }
    }
    return false;
}

bool
dicom_read(struct dicom_file *file, const struct source *source)
{
    struct reader reader = {.source = source};
    *file = (struct dicom_file){.source = source};
    return is_dicom(&reader) && read_elements(&reader, file);
}

/* Frames */

/* The item at an offset, all of it within the file. */
static bool
item_at(const struct source *source, uint64_t offset, uint32_t expected,
        uint32_t *length)
{
    uint8_t bytes[HEADER_BYTES];
    if (!source_read(source, offset, bytes, sizeof bytes)) {
        return false;
    }
    *length = (uint32_t)number_at(bytes + 4, 4);
    return tag_at(bytes) == expected && *length != UNDEFINED_LENGTH &&
           source_has(source, offset + HEADER_BYTES, *length);
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
    frames->table = file->items + HEADER_BYTES;
    frames->number_size = basic_size == 0 ? 0 : 4;
    return basic_size == 0 || basic_size == frames->count * 4;
}

bool
dicom_open_frames(struct dicom_frames *frames, const struct dicom_file *file)
{
    uint32_t basic_size;
    *frames = (struct dicom_frames){.source = file->source,
                                    .count = file->frame_count};
    if (file->items == 0 || file->frame_count == 0 ||
        !item_at(file->source, file->items, ITEM, &basic_size)) {
        return false;
    }
    frames->start = file->items + HEADER_BYTES + basic_size;
    uint64_t room = (uint64_t)file->source->size - frames->start;
    return frames->count <= room / HEADER_BYTES &&
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
        *offset = number_at(bytes, frames->number_size);
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
    return item_at(frames->source, end, SEQUENCE_END, &length) && length == 0;
}

bool
dicom_locate_frame(const struct dicom_frames *frames, uint64_t frame,
                   uint64_t *offset, uint64_t *size)
{
    uint64_t item;
    uint32_t length;
    bool is_indexed = frames->number_size != 0 || frames->offsets != NULL;
    if (!is_indexed || frame >= frames->count ||
        !find_item(frames, frame, &item) ||
        !item_at(frames->source, item, ITEM, &length)) {
        return false;
    }
    *offset = item + HEADER_BYTES;
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
        if (!item_at(frames->source, position, ITEM, &length)) {
            free(offsets);
            return false;
        }
        offsets[i] = position - frames->start;
        position += HEADER_BYTES + length;
    }
    frames->offsets = offsets;
    return offsets != NULL;
}

bool
dicom_index_frames(struct dicom_frames *frames)
{
    uint64_t offset, size;
    return (frames->number_size != 0 || frames->offsets != NULL ||
            collect_offsets(frames)) &&
           dicom_locate_frame(frames, 0, &offset, &size) &&
           dicom_locate_frame(frames, frames->count - 1, &offset, &size);
}
