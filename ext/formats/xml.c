#include "xml.h"

#include "decimal.h"

#include <string.h>

/* Every such number is a double, too. */
enum { MAX_DIGITS = 15 };

struct xml_reader
xml_reader_of(const char *document, size_t length)
{
    return (struct xml_reader){
        .position = document,
        .end = document + length,
    };
}

/* Characters */

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool
is_next(const struct xml_reader *reader, char c)
{
    return reader->position < reader->end && *reader->position == c;
}

static bool
skip(struct xml_reader *reader, const char *expected)
{
    size_t length = strlen(expected);
    if ((size_t)(reader->end - reader->position) < length ||
        memcmp(reader->position, expected, length) != 0) {
        return false;
    }
    reader->position += length;
    return true;
}

/* Whether there was any. */
static bool
skip_space(struct xml_reader *reader)
{
    const char *start = reader->position;
    while (reader->position < reader->end && is_space(*reader->position)) {
        reader->position++;
    }
    return reader->position > start;
}

/* All up to a character, which has to be there. */
static bool
read_until(struct xml_reader *reader, char c, struct xml_text *text)
{
    size_t rest = (size_t)(reader->end - reader->position);
    const char *found = memchr(reader->position, c, rest);
    if (found == NULL) {
        return false;
    }
    *text = (struct xml_text){reader->position,
                              (size_t)(found - reader->position)};
    reader->position = found;
    return true;
}

static bool
contains(const struct xml_text *text, char c)
{
    return memchr(text->start, c, text->length) != NULL;
}

static bool
is_same(const struct xml_text *a, const struct xml_text *b)
{
    return a->length == b->length &&
           memcmp(a->start, b->start, a->length) == 0;
}

bool
xml_is(const struct xml_text *text, const char *expected)
{
    struct xml_text other = {expected, strlen(expected)};
    return is_same(text, &other);
}

bool
xml_is_plain(const struct xml_text *text)
{
    return !contains(text, '&');
}

/* Names and attributes */

static bool
read_name(struct xml_reader *reader, struct xml_text *name)
{
    const char *start = reader->position;
    while (reader->position < reader->end && is_in_name(*reader->position)) {
        reader->position++;
    }
    *name = (struct xml_text){start, (size_t)(reader->position - start)};
    return name->length > 0;
}

/* A name with a prefix counts as one name. */
static bool
read_attribute(struct xml_reader *reader, struct xml_text *name,
               struct xml_text *value)
{
    struct xml_text local;
    if (!read_name(reader, name) ||
        (skip(reader, ":") && !read_name(reader, &local))) {
        return false;
    }
    name->length = (size_t)(reader->position - name->start);
    skip_space(reader);
    if (!skip(reader, "=")) {
        return false;
    }
    skip_space(reader);
    char quote = is_next(reader, '"') ? '"' : '\'';
    if (!is_next(reader, quote)) {
        return false;
    }
    reader->position++;
    if (!read_until(reader, quote, value) || contains(value, '<')) {
        return false;
    }
    reader->position++;
    return true;
}

/* The root alone may say in which namespaces names are. */
static bool
is_usual(const struct xml_reader *reader, const struct xml_text *name)
{
    struct xml_text prefix = {name->start, strlen("xmlns")};
    return reader->depth == 1 ||
           !(contains(name, ':') ||
             (name->length >= prefix.length && xml_is(&prefix, "xmlns")));
}

static bool
read_attributes(struct xml_reader *reader)
{
    struct xml_text name, value;
    const char *start = reader->position;
    while (skip_space(reader) && !is_next(reader, '/') &&
           !is_next(reader, '>')) {
        if (!read_attribute(reader, &name, &value) ||
            !is_usual(reader, &name)) {
            return false;
        }
    }
    reader->attributes =
        (struct xml_text){start, (size_t)(reader->position - start)};
    return true;
}

bool
xml_attribute(const struct xml_reader *reader, const char *name,
              struct xml_text *value)
{
    struct xml_text found;
    struct xml_reader attributes =
        xml_reader_of(reader->attributes.start, reader->attributes.length);
    while (skip_space(&attributes) &&
           read_attribute(&attributes, &found, value)) {
        if (xml_is(&found, name)) {
            return true;
        }
    }
    return false;
}

bool
xml_number(const struct xml_reader *reader, const char *name, int64_t *number)
{
    struct xml_text value;
    if (!xml_attribute(reader, name, &value) || value.length == 0 ||
        value.length > MAX_DIGITS ||
        (value.length > 1 && value.start[0] == '0')) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.start[i] < '0' || value.start[i] > '9') {
            return false;
        }
        *number = *number * 10 + (value.start[i] - '0');
    }
    return true;
}

bool
xml_decimal(const struct xml_reader *reader, const char *name, double *number)
{
    struct xml_text value;
    return xml_attribute(reader, name, &value) &&
           decimal_read(value.start, value.length, number);
}

/* Events */

static enum xml_event
read_start(struct xml_reader *reader)
{
    if (reader->depth == XML_MAX_DEPTH ||
        (reader->depth == 0 && reader->has_root) ||
        !read_name(reader, &reader->open[reader->depth])) {
        return XML_REFUSED;
    }
    reader->depth++;
    reader->has_root = true;
    if (!read_attributes(reader)) {
        return XML_REFUSED;
    }
    reader->is_empty = skip(reader, "/");
    return skip(reader, ">") ? XML_START : XML_REFUSED;
}

static enum xml_event
read_end(struct xml_reader *reader)
{
    struct xml_text name;
    if (reader->depth == 0 || !read_name(reader, &name) ||
        !is_same(&name, &reader->open[reader->depth - 1])) {
        return XML_REFUSED;
    }
    skip_space(reader);
    return skip(reader, ">") ? XML_END : XML_REFUSED;
}

static enum xml_event
read_text(struct xml_reader *reader)
{
    return read_until(reader, '<', &reader->text) ? XML_TEXT : XML_REFUSED;
}

static bool
is_utf8(const struct xml_text *encoding)
{
    return xml_is(encoding, "UTF-8") || xml_is(encoding, "utf-8");
}

/* <?xml version="1.0" encoding="UTF-8"?>, or nothing. */
static bool
skip_declaration(struct xml_reader *reader)
{
    struct xml_text encoding;
    if (!skip(reader, "<?xml")) {
        return true;
    }
    const char *start = reader->position;
    while (skip_space(reader) && !is_next(reader, '?')) {
        struct xml_text name, value;
        if (!read_attribute(reader, &name, &value)) {
            return false;
        }
    }
    reader->attributes =
        (struct xml_text){start, (size_t)(reader->position - start)};
    return skip(reader, "?>") &&
           (!xml_attribute(reader, "encoding", &encoding) ||
            is_utf8(&encoding));
}

/* Outside the root there is nothing but space. */
static enum xml_event
read_outside(struct xml_reader *reader)
{
    if (!reader->has_root && !skip_declaration(reader)) {
        return XML_REFUSED;
    }
    skip_space(reader);
    if (skip(reader, "<")) {
        return read_start(reader);
    }
    return reader->has_root && reader->position == reader->end ? XML_FINISHED
                                                               : XML_REFUSED;
}

enum xml_event
xml_next(struct xml_reader *reader)
{
    if (reader->is_empty) {
        reader->is_empty = false;
        reader->ends = true;
        return XML_END;
    }
    if (reader->ends) {
        reader->ends = false;
        reader->depth--;
    }
    if (reader->depth == 0) {
        return read_outside(reader);
    }
    if (skip(reader, "</")) {
        enum xml_event event = read_end(reader);
        reader->ends = event == XML_END;
        return event;
    }
    return skip(reader, "<") ? read_start(reader) : read_text(reader);
}

bool
xml_is_at(const struct xml_reader *reader, const char *path)
{
    for (size_t i = 0; i < reader->depth; i++) {
        size_t length = strcspn(path, "/");
        struct xml_text name = {path, length};
        if (!is_same(&reader->open[i], &name)) {
            return false;
        }
        path += length;
        path += *path == '/' && i + 1 < reader->depth;
    }
    return *path == '\0';
}
