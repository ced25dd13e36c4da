#include "formats/xml.h"

#include "check.h"
#include "guard_page.h"

#include <string.h>

/* What a reader says of a document: "<a>" for a start, "</a>" for an end, text
   as it is, "." after the end and "!" for a refusal. */
enum { MAX_SAID = 4096 };

static void
say(char *said, const char *before, const struct xml_text *text,
    const char *after)
{
    size_t length = strlen(said);
    snprintf(said + length, MAX_SAID - length, "%s%.*s%s", before,
             (int)text->length, text->start, after);
}

static enum xml_event
say_next(struct xml_reader *reader, char *said)
{
    const struct xml_text nothing = {"", 0};
    enum xml_event event = xml_next(reader);
    switch (event) {
    case XML_START:
        say(said, "<", &reader->open[reader->depth - 1], ">");
        break;
    case XML_END:
        say(said, "</", &reader->open[reader->depth - 1], ">");
        break;
    case XML_TEXT:
        say(said, "", &reader->text, "");
        break;
    default:
        say(said, event == XML_FINISHED ? "." : "!", &nothing, "");
    }
    return event;
}

/* Read bytes that end where memory does. */
static const char *
read_all(const char *document, size_t length)
{
    static char said[MAX_SAID];
    said[0] = '\0';
    struct guarded memory = guarded_alloc(length + 1);
    char *copy = (char *)memory.end - length;
    memcpy(copy, document, length);
    struct xml_reader reader = xml_reader_of(copy, length);
    enum xml_event event;
    do {
        event = say_next(&reader, said);
    } while (event != XML_FINISHED && event != XML_REFUSED);
    guarded_free(memory);
    return said;
}

static void
check_reading(const char *document, const char *expected)
{
    const char *said = read_all(document, strlen(document));
    CHECK(strcmp(said, expected) == 0, "%s is read as %s", document, said);
}

static bool
is_refused(const char *document, size_t length)
{
    const char *said = read_all(document, length);
    return said[strlen(said) - 1] == '!';
}

static void
test_elements(void)
{
    check_reading("<a/>", "<a></a>.");
    check_reading("<a></a>", "<a></a>.");
    check_reading("<?xml version=\"1.0\"?>\n<a />\n", "<a></a>.");
    check_reading("<?xml version='1.0' encoding='utf-8' ?><a></a >",
                  "<a></a>.");
    check_reading("<a>\n <b c=\"1\" d = '>'>x &amp; y</b><b/></a>",
                  "<a>\n <b>x &amp; y</b><b></b></a>.");
    check_reading("<a xmlns='n' xmlns:x='y' x:z='z'><b/></a>",
                  "<a><b></b></a>.");
}

static void
test_refusals(void)
{
    static const char *const documents[] = {
        "",
        " ",
        "text",
        "<",
        "<>",
        "</a>",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><b/>",
        "<a/>text",
        "<a/><?xml version='1.0'?>",
        "<a b/>",
        "<a b=c/>",
        "<a b='c\"/>",
        "<a b='<'/>",
        "<a b='c'd='e'/>",
        "<a/ >",
        "<a / >",
        "< a/>",
        "<a:b/>",
        "<a><b xmlns='c'/></a>",
        "<a><b xmlns:c='d'/></a>",
        "<a><b c:d='e'/></a>",
        "<a><!-- comment --></a>",
        "<a><![CDATA[text]]></a>",
        "<a><?instruction?></a>",
        "<!DOCTYPE a><a/>",
        "<?xml version='1.0' encoding='UTF-16'?><a/>",
        "<?xml version='1.0' encoding='iso-8859-1'?><a/>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        " <?xml version='1.0'?><a/>",
        "<\xc3\xa4/>",
    };
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        CHECK(is_refused(documents[i], strlen(documents[i])), "%s",
              documents[i]);
    }
}

static void
test_depth(void)
{
    char document[8 * XML_MAX_DEPTH] = "";
    for (int depth = 1; depth <= XML_MAX_DEPTH + 1; depth++) {
        document[0] = '\0';
        for (int i = 0; i < depth; i++) {
            strcat(document, "<a>");
        }
        for (int i = 0; i < depth; i++) {
            strcat(document, "</a>");
        }
        CHECK(is_refused(document, strlen(document)) ==
                  (depth > XML_MAX_DEPTH),
              "%d elements", depth);
    }
}

static const char whole[] =
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    "<scn xmlns='n'><collection sizeX='10' sizeY=\"20\">\n"
    "<image name='&lt;'>text<view/></image></collection></scn>";

/* No prefix is a document, and nothing beyond it is looked at. */
static void
test_truncation(void)
{
    size_t length = strlen(whole);
    CHECK(!is_refused(whole, length), "refused");
    for (size_t i = 0; i < length; i++) {
        CHECK(is_refused(whole, i), "%d bytes", (int)i);
    }
}

/* Every byte is replaced by others that mean something. */
static void
test_other_bytes(void)
{
    static const char others[] = "<>/=?!&:'\" a\n\x80";
    size_t length = strlen(whole);
    char document[sizeof whole];
    for (size_t i = 0; i < length; i++) {
        for (size_t j = 0; j < sizeof others; j++) {
            memcpy(document, whole, sizeof whole);
            document[i] = others[j];
            CHECK(read_all(document, length) != NULL, "nothing said");
        }
    }
}

static struct xml_reader
start_of(const char *document)
{
    struct xml_reader reader = xml_reader_of(document, strlen(document));
    CHECK(xml_next(&reader) == XML_START, "%s", document);
    return reader;
}

static void
test_attributes(void)
{
    struct xml_text value;
    struct xml_reader reader =
        start_of("<a b='1' bc = \"x&amp;y\" x:d='2'\n e=''/>");
    CHECK(xml_attribute(&reader, "b", &value) && xml_is(&value, "1"), "b");
    CHECK(xml_attribute(&reader, "bc", &value) && xml_is(&value, "x&amp;y") &&
              !xml_is_plain(&value),
          "bc");
    CHECK(xml_attribute(&reader, "e", &value) && xml_is(&value, "") &&
              xml_is_plain(&value),
          "e");
    CHECK(!xml_attribute(&reader, "d", &value) &&
              !xml_attribute(&reader, "c", &value) &&
              !xml_attribute(&reader, "", &value),
          "there are others");
}

static void
check_number(const char *text, int64_t expected)
{
    char document[80];
    int64_t number = -1;
    snprintf(document, sizeof document, "<a n='%s'/>", text);
    struct xml_reader reader = start_of(document);
    bool is_number = xml_number(&reader, "n", &number);
    CHECK(is_number == (expected >= 0) && (!is_number || number == expected),
          "'%s' is %lld", text, (long long)number);
}

static void
test_numbers(void)
{
    check_number("0", 0);
    check_number("7", 7);
    check_number("1234567890", 1234567890);
    check_number("999999999999999", 999999999999999);
    static const char *const others[] = {
        "",
        "-1",
        "+1",
        "01",
        "00",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x1",
        "1,0",
        "&#49;",
        "1000000000000000",
        "a",
        "/",
        ":",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        check_number(others[i], -1);
    }
}

static void
test_paths(void)
{
    struct xml_reader reader = start_of("<a><bc/></a>");
    CHECK(xml_is_at(&reader, "a") && !xml_is_at(&reader, "") &&
              !xml_is_at(&reader, "a/") && !xml_is_at(&reader, "a/bc") &&
              !xml_is_at(&reader, "ab"),
          "not at a");
    xml_next(&reader);
    CHECK(xml_is_at(&reader, "a/bc") && !xml_is_at(&reader, "a") &&
              !xml_is_at(&reader, "a/b") && !xml_is_at(&reader, "a/bcd") &&
              !xml_is_at(&reader, "bc") && !xml_is_at(&reader, "a/bc/"),
          "not at a/bc");
    xml_next(&reader);
    CHECK(xml_is_at(&reader, "a/bc"), "bc ends elsewhere");
    xml_next(&reader);
    CHECK(xml_is_at(&reader, "a"), "a ends elsewhere");
}

int
main(void)
{
    check_run("elements", test_elements);
    check_run("refusals", test_refusals);
    check_run("depth", test_depth);
    check_run("truncation", test_truncation);
    check_run("other bytes", test_other_bytes);
    check_run("attributes", test_attributes);
    check_run("numbers", test_numbers);
    check_run("paths", test_paths);
    return check_finish();
}
