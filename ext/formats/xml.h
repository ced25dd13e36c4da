/*
 * A strict reader of the small XML documents that slides carry: one element
 * after another, with its attributes and text.
 *
 * It is for documents that somebody else has found well-formed.  What would
 * ask for more than a look at the bytes is refused: declarations of types,
 * comments, CDATA, namespaces within the document, encodings but UTF-8.
 * References such as "&amp;" are left as they stand.
 */
#ifndef DIRECT_XML_H
#define DIRECT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of the document. */
struct xml_text {
    const char *start;
    size_t length;
};

enum xml_event {
    XML_START, /* of an element */
    XML_END,   /* of one */
    XML_TEXT,  /* all that stands between two tags, if there is anything */
    XML_FINISHED,
    XML_REFUSED,
};

enum { XML_MAX_DEPTH = 16 };

struct xml_reader {
    const char *position, *end;
    struct xml_text open[XML_MAX_DEPTH]; /* names of elements */
    size_t depth;
    struct xml_text attributes; /* of the element that starts */
    struct xml_text text;
    bool is_empty; /* the element that starts ends at once */
    bool ends;     /* the last one open does */
    bool has_root;
};

struct xml_reader xml_reader_of(const char *document, size_t length);

/* What comes next.  The element that ends is still open until the call after
   that. */
enum xml_event xml_next(struct xml_reader *reader);

/* Whether these are the names of the open elements, with "/" between them. */
bool xml_is_at(const struct xml_reader *reader, const char *path);

bool xml_is(const struct xml_text *text, const char *expected);

/* Whether a text stands for itself, without references. */
bool xml_is_plain(const struct xml_text *text);

/* An attribute of the element that starts; false where it has none. */
bool xml_attribute(const struct xml_reader *reader, const char *name,
                   struct xml_text *value);

/* An attribute that is a natural number of up to 15 digits, written as
   numbers usually are; false where it is anything else. */
bool xml_number(const struct xml_reader *reader, const char *name,
                int64_t *number);

/* An attribute that is a number as decimal_read() takes it; false where it is
   anything else. */
bool xml_decimal(const struct xml_reader *reader, const char *name,
                 double *number);

#endif
