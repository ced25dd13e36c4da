#include "formats/ngr.h"

#include "check.h"
#include "memory_source.h"

enum { HEADER = 28 };

/* 600 x 70 pixels in columns of 200, from byte 64 on. */
static const uint8_t usual[HEADER] = {
    'G', 'N', 0, 0, 0x58, 2, 0, 0, 70, 0, 0,  0, 200, 0,
    0,   0,   0, 0, 0,    0, 0, 0, 0,  0, 64, 0, 0,   0,
};

static bool
open_bytes(struct ngr_file *file, const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    bool opened = ngr_open(file, &memory.source);
    CHECK(!memory.strayed, "it strayed");
    return opened;
}

static void
test_usual_file(void)
{
    struct ngr_file file;
    CHECK(open_bytes(&file, usual, HEADER), "it was refused");
    CHECK(file.width == 600 && file.height == 70 && file.column_width == 200 &&
              file.offset == 64,
          "%d x %d, columns of %d from %d on", file.width, file.height,
          file.column_width, file.offset);
    for (size_t size = 0; size < HEADER; size++) {
        CHECK(!open_bytes(&file, usual, size), "%d bytes", (int)size);
    }
}

static void
test_unusual_files(void)
{
    static const struct {
        const char *name;
        size_t place;
        uint8_t byte;
    } cases[] = {
        {"another mark", 0, 'N'},
        {"another mark", 1, 'G'},
        {"a negative width", 7, 0x80},
        {"a negative height", 11, 0x80},
        {"a negative column", 15, 0xff},
        {"no column", 12, 0},
        {"no height", 8, 0},
        {"no offset", 24, 0},
        {"a part of a column", 12, 199},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[HEADER];
        struct ngr_file file;
        memcpy(bytes, usual, HEADER);
        bytes[cases[i].place] = cases[i].byte;
        CHECK(!open_bytes(&file, bytes, HEADER), "%s", cases[i].name);
    }
}

static void
test_every_sample(void)
{
    for (unsigned sample = 0; sample <= UINT16_MAX; sample++) {
        unsigned other = sample * 40503u & UINT16_MAX;
        uint8_t low = (uint8_t)sample, high = (uint8_t)(sample >> 8);
        uint8_t pixel[NGR_PIXEL_BYTES] = {
            low, high, (uint8_t)other, (uint8_t)(other >> 8), high, low};
        ngr_convert(pixel, pixel, 1);
        CHECK(pixel[0] == (sample / 16 & 255) &&
                  pixel[1] == (other / 16 & 255),
              "%04x is %02x", sample, pixel[0]);
    }
}

int
main(void)
{
    check_run("a usual file", test_usual_file);
    check_run("unusual files", test_unusual_files);
    check_run("samples of 12 bits", test_every_sample);
    return check_finish();
}
