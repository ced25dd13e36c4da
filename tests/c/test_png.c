#include "codecs/png.h"

#include "check.h"
#include "codecs/deflate.h"
#include "guard_page.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 3, WIDTH = 7, HEIGHT = 30, LENGTH = WIDTH * SAMPLES };
enum { ROWS_BYTES = (LENGTH + 1) * HEIGHT, ROOM = 20 * ROWS_BYTES };

/* A file being written. */
struct file {
    uint8_t bytes[ROOM];
    size_t size;
};

static void
put(struct file *file, const void *bytes, size_t size)
{
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void
put_number(struct file *file, uint32_t number)
{
    const uint8_t bytes[] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 8), (uint8_t)number};
    put(file, bytes, sizeof bytes);
}

static void
put_chunk(struct file *file, const char *name, const uint8_t *data,
          size_t size)
{
    put_number(file, (uint32_t)size);
    size_t start = file->size;
    put(file, name, 4);
    if (size > 0) {
        put(file, data, size);
    }
    put_number(file, deflate_crc(file->bytes + start, size + 4));
}

static void
put_header(struct file *file, uint32_t width, uint32_t height,
           const uint8_t rest[5])
{
    struct file header = {.size = 0};
    put(file, "\x89PNG\r\n\x1a\n", 8);
    put_number(&header, width);
    put_number(&header, height);
    put(&header, rest, 5);
    put_chunk(file, "IHDR", header.bytes, header.size);
}

/* As zlib has it, in one block that is stored as it is. */
static void
put_stream(struct file *stream, const uint8_t *bytes, size_t size)
{
    const uint8_t head[] = {0x78,
                            0x01,
                            0x01,
                            (uint8_t)size,
                            (uint8_t)(size >> 8),
                            (uint8_t)~size,
                            (uint8_t)(~size >> 8)};
    uint32_t a = 1, b = 0;
    put(stream, head, sizeof head);
    put(stream, bytes, size);
    for (size_t i = 0; i < size; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    put_number(stream, b << 16 | a);
}

/* What a filter foretells, by the words of the standard. */
static int
foretell(int filter, int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    switch (filter) {
    case 1:
        return a;
    case 2:
        return b;
    case 3:
        return (a + b) / 2;
    case 4:
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    default:
        return 0;
    }
}

/* Random samples, in few values so that neighbours are often equal, and the
   rows that stand for them by random filters. */
static void
make_rows(uint8_t samples[HEIGHT][LENGTH], uint8_t rows[HEIGHT][LENGTH + 1])
{
    for (int y = 0; y < HEIGHT; y++) {
        rows[y][0] = (uint8_t)(rand() % 5);
        for (int i = 0; i < LENGTH; i++) {
            int left = i < SAMPLES ? 0 : samples[y][i - SAMPLES];
            int above = y == 0 ? 0 : samples[y - 1][i];
            int corner =
                y == 0 || i < SAMPLES ? 0 : samples[y - 1][i - SAMPLES];
            samples[y][i] = (uint8_t)(rand() % 4 * 85);
            rows[y][i + 1] =
                (uint8_t)(samples[y][i] -
                          foretell(rows[y][0], left, above, corner));
        }
    }
}

static const uint8_t plain[5] = {8, 2, 0, 0, 0};

/* Of the rows in chunks of so many bytes. */
static void
write_file(struct file *file, const uint8_t rows[HEIGHT][LENGTH + 1],
           const uint8_t header[5], size_t chunk)
{
    struct file stream = {.size = 0};
    file->size = 0;
    put_header(file, WIDTH, HEIGHT, header);
    put_chunk(file, "pHYs", (const uint8_t *)"123456789", 9);
    put_stream(&stream, rows[0], ROWS_BYTES);
    for (size_t start = 0; start < stream.size; start += chunk) {
        size_t size = stream.size - start;
        put_chunk(file, "IDAT", stream.bytes + start,
                  size < chunk ? size : chunk);
    }
    put_chunk(file, "IEND", NULL, 0);
}

/* Both lie against the end of their memory. */
static bool
expand(const struct file *file, uint8_t samples[HEIGHT][LENGTH])
{
    struct guarded input = guarded_alloc(file->size + 1);
    struct guarded output = guarded_alloc(HEIGHT * LENGTH);
    uint8_t *start = input.end - file->size;
    uint8_t *pixels = output.end - HEIGHT * LENGTH;
    memcpy(start, file->bytes, file->size);
    bool expanded = png_expand(start, file->size, WIDTH, HEIGHT, pixels);
    memcpy(samples, pixels, HEIGHT * LENGTH);
    guarded_free(output);
    guarded_free(input);
    return expanded;
}

static void
test_filters(void)
{
    static const size_t chunks[] = {ROOM, 1, 100};
    for (int i = 0; i < 60; i++) {
        uint8_t samples[HEIGHT][LENGTH], found[HEIGHT][LENGTH];
        uint8_t rows[HEIGHT][LENGTH + 1];
        static struct file file;
        make_rows(samples, rows);
        write_file(&file, rows, plain, i == 0 ? chunks[2] : chunks[i % 3]);
        CHECK(expand(&file, found), "picture %d is refused", i);
        CHECK(memcmp(found, samples, sizeof samples) == 0, "picture %d", i);
    }
}

static void
test_damage(void)
{
    uint8_t samples[HEIGHT][LENGTH], found[HEIGHT][LENGTH];
    uint8_t rows[HEIGHT][LENGTH + 1];
    static struct file whole;
    make_rows(samples, rows);
    write_file(&whole, rows, plain, 200);
    for (size_t i = 0; i < whole.size; i++) {
        struct file file = whole;
        file.size = i;
        CHECK(!expand(&file, found), "cut off at %zu", i);
        file.size = whole.size;
        file.bytes[i] ^= (uint8_t)(1 << rand() % 8);
        CHECK(!expand(&file, found), "byte %zu is another", i);
    }
    whole.size++;
    CHECK(!expand(&whole, found), "a byte more");
}

static void
test_other_pictures(void)
{
    static const uint8_t others[][5] = {
        {16, 2, 0, 0, 0}, {8, 6, 0, 0, 0}, {8, 0, 0, 0, 0}, {8, 3, 0, 0, 0},
        {8, 2, 1, 0, 0},  {8, 2, 0, 1, 0}, {8, 2, 0, 0, 1},
    };
    uint8_t samples[HEIGHT][LENGTH], found[HEIGHT][LENGTH];
    uint8_t rows[HEIGHT][LENGTH + 1];
    static struct file file;
    make_rows(samples, rows);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_file(&file, rows, others[i], ROOM);
        CHECK(!expand(&file, found), "picture %zu", i);
    }
    rows[HEIGHT - 1][0] = 5;
    write_file(&file, rows, plain, ROOM);
    CHECK(!expand(&file, found), "a filter that there is not");
    rows[HEIGHT - 1][0] = 0;
    write_file(&file, rows, plain, ROOM);
    CHECK(expand(&file, found), "a right one is refused");
    CHECK(!png_expand(file.bytes, file.size, WIDTH, HEIGHT - 1, found[0]) &&
              !png_expand(file.bytes, file.size, WIDTH - 1, HEIGHT, found[0]),
          "another size");
}

/* Chunks in odd places, or of which nobody knows what they change. */
static void
test_chunks(void)
{
    static const char *const names[] = {"tRNS", "PLTE", "IHDR", "abCd"};
    uint8_t samples[HEIGHT][LENGTH], found[HEIGHT][LENGTH];
    uint8_t rows[HEIGHT][LENGTH + 1];
    static struct file stream, file;
    make_rows(samples, rows);
    stream.size = 0;
    put_stream(&stream, rows[0], ROWS_BYTES);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file.size = 0;
        put_header(&file, WIDTH, HEIGHT, plain);
        put_chunk(&file, names[i], (const uint8_t *)"123456", 6);
        put_chunk(&file, "IDAT", stream.bytes, stream.size);
        put_chunk(&file, "IEND", NULL, 0);
        CHECK(!expand(&file, found), "%s", names[i]);
    }
    file.size = 0;
    put_header(&file, WIDTH, HEIGHT, plain);
    put_chunk(&file, "IDAT", stream.bytes, 50);
    put_chunk(&file, "tEXt", (const uint8_t *)"a\0b", 3);
    put_chunk(&file, "IDAT", stream.bytes + 50, stream.size - 50);
    put_chunk(&file, "IEND", NULL, 0);
    CHECK(!expand(&file, found), "data in two places");
    file.size = 0;
    put_header(&file, WIDTH, HEIGHT, plain);
    put_chunk(&file, "IEND", NULL, 0);
    CHECK(!expand(&file, found), "no data");
}

int
main(void)
{
    if (deflate_version() == NULL) {
        return 77; /* skipped */
    }
    check_run("all filters", test_filters);
    check_run("damage", test_damage);
    check_run("pictures of other kinds", test_other_pictures);
    check_run("chunks", test_chunks);
    return check_finish();
}
