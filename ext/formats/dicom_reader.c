#include "dicom_reader.h"

#include <string.h>

/* Sequences of undefined length have to be walked through.  More of them in
   one another than this are no slide. */
enum { MAX_DEPTH = 16 };

/* Bytes */

uint64_t
dicom_number_at(const uint8_t *bytes, unsigned size)
{
    uint64_t number = 0;
    for (unsigned i = size; i > 0; i--) {
        number = number << 8 | bytes[i - 1];
    }
    return number;
}

uint32_t
dicom_tag_at(const uint8_t *bytes)
{
    return (uint32_t)(dicom_number_at(bytes, 2) << 16 |
                      dicom_number_at(bytes + 2, 2));
}

static bool
fill_window(struct dicom_reader *reader)
{
    uint64_t left = (uint64_t)reader->source->size - reader->position;
    reader->window_start = reader->position;
    reader->window_size =
        left < DICOM_WINDOW_BYTES ? (size_t)left : DICOM_WINDOW_BYTES;
    return source_read(reader->source, reader->position, reader->window,
                       reader->window_size);
}

bool
dicom_read_bytes(struct dicom_reader *reader, void *bytes, size_t size)
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

bool
dicom_skip(struct dicom_reader *reader, uint32_t length)
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

bool
dicom_is_sequence(const struct dicom_element *element)
{
    return memcmp(element->representation, "SQ", 2) == 0;
}

/* Only sequences and pixel data may have an undefined length. */
static bool
has_sound_length(const struct dicom_reader *reader,
                 const struct dicom_element *element)
{
    return element->length == DICOM_UNDEFINED_LENGTH
               ? dicom_is_sequence(element) || element->tag == DICOM_PIXEL_DATA
               : source_has(reader->source, reader->position, element->length);
}

static bool
may_read_header(struct dicom_reader *reader)
{
    bool may = reader->headers_left > 0;
    reader->headers_left -= may;
    return may;
}

bool
dicom_read_header(struct dicom_reader *reader, struct dicom_element *element)
{
    uint8_t bytes[DICOM_HEADER_BYTES], length[4];
    if (!may_read_header(reader) ||
        !dicom_read_bytes(reader, bytes, sizeof bytes)) {
        return false;
    }
    element->tag = dicom_tag_at(bytes);
    memcpy(element->representation, bytes + 4, 2);
    if (is_one_of(element->representation,
                  "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS")) {
        element->length = (uint32_t)dicom_number_at(bytes + 6, 2);
    } else if (is_one_of(element->representation,
                         "OBODOFOLOVOWSQSVUCUNURUTUV") &&
               dicom_number_at(bytes + 6, 2) == 0 &&
               dicom_read_bytes(reader, length, sizeof length)) {
        element->length = (uint32_t)dicom_number_at(length, 4);
    } else {
        return false;
    }
    return has_sound_length(reader, element);
}

bool
dicom_read_item(struct dicom_reader *reader, uint32_t *tag, uint32_t *length)
{
    uint8_t bytes[DICOM_HEADER_BYTES];
    if (!may_read_header(reader) ||
        !dicom_read_bytes(reader, bytes, sizeof bytes)) {
        return false;
    }
    *tag = dicom_tag_at(bytes);
    *length = (uint32_t)dicom_number_at(bytes + 4, 4);
    return true;
}

/* Skipping */

static bool skip_items(struct dicom_reader *reader, int depth);

bool
dicom_skip_value(struct dicom_reader *reader,
                 const struct dicom_element *element, int depth)
{
    if (element->length != DICOM_UNDEFINED_LENGTH) {
        return dicom_skip(reader, element->length);
    }
    return dicom_is_sequence(element) && depth < MAX_DEPTH &&
           skip_items(reader, depth + 1);
}

bool
dicom_is_at_item_end(struct dicom_reader *reader)
{
    uint8_t bytes[4];
    bool is_end = dicom_read_bytes(reader, bytes, sizeof bytes);
    if (is_end) {
        reader->position -= sizeof bytes;
        is_end = dicom_tag_at(bytes) == DICOM_ITEM_END;
    }
    return is_end;
}

/* The elements of an item of undefined length, and its end. */
static bool
skip_elements(struct dicom_reader *reader, int depth)
{
    uint32_t tag, length;
    while (!dicom_is_at_item_end(reader)) {
        struct dicom_element element;
        if (!dicom_read_header(reader, &element) ||
            !dicom_skip_value(reader, &element, depth)) {
            return false;
        }
    }
    return dicom_read_item(reader, &tag, &length) && length == 0;
}

/* The items of a sequence of undefined length, and its end. */
static bool
skip_items(struct dicom_reader *reader, int depth)
{
    uint32_t tag, length;
    while (dicom_read_item(reader, &tag, &length)) {
        if (tag == DICOM_SEQUENCE_END) {
            return length == 0;
        }
        if (tag != DICOM_ITEM ||
            !(length == DICOM_UNDEFINED_LENGTH ? skip_elements(reader, depth)
                                               : dicom_skip(reader, length))) {
            return false;
        }
    }
    return false;
}

bool
dicom_take_number(struct dicom_reader *reader,
                  const struct dicom_element *element, unsigned size,
                  uint32_t *number)
{
    uint8_t bytes[4];
    if (element->length != size || !dicom_read_bytes(reader, bytes, size)) {
        return false;
    }
    *number = (uint32_t)dicom_number_at(bytes, size);
    return true;
}
