#include "dicom.h"

#include "dicom_reader.h"

#include <string.h>

enum { PREAMBLE_BYTES = 128 };

static const uint32_t META_LENGTH = 0x00020000;
static const uint32_t LAST_META = 0x0002FFFF;
static const uint32_t FRAME_GROUPS = 0x52009230;
static const uint32_t EXTENDED_TABLE = 0x7FE00001;

enum dicom_field_kind { KIND_US, KIND_UL, KIND_IS, KIND_CS, KIND_UI };

static const char *const representations[] = {
    [KIND_US] = "US", [KIND_UL] = "UL", [KIND_IS] = "IS",
    [KIND_CS] = "CS", [KIND_UI] = "UI",
};

#define TO(member) offsetof(struct dicom_file, member)

static const struct {
    uint32_t tag;
    enum dicom_field_kind kind;
    size_t target; /* uint32_t or text */
} fields[] = {
    {0x00020002, KIND_UI, TO(storage_class)},
    {0x00020010, KIND_UI, TO(transfer_syntax)},
    {0x00080008, KIND_CS, TO(image_type)},
    {0x00080018, KIND_UI, TO(instance)},
    {0x0020000E, KIND_UI, TO(series)},
    {0x00200242, KIND_UI, TO(whole_instance)},
    {0x00209162, KIND_US, TO(part)},
    {0x00209228, KIND_UL, TO(first_frame)},
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
};

#undef TO

/* Values */

/* Without what it is padded with. */
static bool
take_text(struct dicom_reader *reader, const struct dicom_element *element,
          char *text)
{
    size_t length = element->length;
    if (length >= DICOM_TEXT_BYTES ||
        !dicom_read_bytes(reader, text, length)) {
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
take_decimal(struct dicom_reader *reader, const struct dicom_element *element,
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
take_element(struct dicom_reader *reader, const struct dicom_element *element,
             enum dicom_field_kind kind, void *target)
{
    if (memcmp(element->representation, representations[kind], 2) != 0) {
        return false;
    }
    switch (kind) {
    case KIND_US:
        return dicom_take_number(reader, element, 2, target);
    case KIND_UL:
        return dicom_take_number(reader, element, 4, target);
    case KIND_IS:
        return take_decimal(reader, element, target);
    default:
        return take_text(reader, element, target);
    }
}

static bool
take_or_skip(struct dicom_reader *reader, const struct dicom_element *element,
             struct dicom_file *file)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (fields[i].tag == element->tag) {
            return take_element(reader, element, fields[i].kind,
                                (uint8_t *)file + fields[i].target);
        }
    }
    if (element->tag == EXTENDED_TABLE) {
        file->extended_table = reader->position;
        file->extended_table_size = element->length;
    }
    return dicom_skip_value(reader, element, 0);
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
is_dicom(struct dicom_reader *reader)
{
    char magic[4];
    struct dicom_element element;
    return dicom_skip(reader, PREAMBLE_BYTES) &&
           dicom_read_bytes(reader, magic, sizeof magic) &&
           memcmp(magic, "DICM", sizeof magic) == 0 &&
           dicom_read_header(reader, &element) && element.tag == META_LENGTH &&
           dicom_skip_value(reader, &element, 0);
}

static void
take_pixel_data(struct dicom_file *file, const struct dicom_element *element,
                uint64_t position)
{
    if (element->length == DICOM_UNDEFINED_LENGTH) {
        file->items = position;
    } else if (memcmp(element->representation, "OB", 2) == 0 ||
               memcmp(element->representation, "OW", 2) == 0) {
        file->pixels = position;
        file->pixels_size = element->length;
    }
}

/* Elements in the order of their tags from `last` on, each once, as the
   standard has it. */
static bool
read_elements(struct dicom_reader *reader, struct dicom_file *file,
              uint32_t last)
{
    struct dicom_element element;
    while (dicom_read_header(reader, &element) && element.tag > last) {
        last = element.tag;
        if (last > LAST_META &&
            !is_explicit_little_endian(file->transfer_syntax)) {
            return false;
        }
        if (last == FRAME_GROUPS) {
            file->frame_groups = reader->position;
            file->frame_groups_size = element.length;
            return dicom_is_sequence(&element);
        }
        if (last == DICOM_PIXEL_DATA) {
            take_pixel_data(file, &element, reader->position);
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
    struct dicom_reader reader = {.source = source,
                                  .headers_left = DICOM_MAX_HEADERS};
    *file = (struct dicom_file){.source = source};
    return is_dicom(&reader) && read_elements(&reader, file, META_LENGTH);
}

bool
dicom_read_after_groups(struct dicom_file *file, struct dicom_reader *reader)
{
    return read_elements(reader, file, FRAME_GROUPS);
}
