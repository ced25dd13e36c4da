/*
 * Speed of the own decoder with every instruction set that this CPU has, and
 * of libjpeg-turbo, on tiles of five kinds; with `NAME FILE...` on the tiles
 * of a slide, each a file.
 *
 * One round decodes each tile once with each decoder, so that a change of the
 * clock meets them all; of each tile the fastest round counts.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codecs/jpeg/decoder.h"
#include "codecs/jpeg_turbo.h"
#include "timing.h"

#include <jpeglib.h>

#define SIDE 256
#define TILES 8
#define ROUNDS 41
#define LIBRARY INSTRUCTION_SET_COUNT /* the column of libjpeg-turbo */

struct kind {
    const char *name;
    int across, down; /* sampling factors of Y */
    bool is_rgb;
    int quality;
};

static const struct kind kinds[] = {
    {"4:2:0 q90", 2, 2, false, 90}, {"4:2:0 q75", 2, 2, false, 75},
    {"4:2:2 q80", 2, 1, false, 80}, {"4:4:4 q98", 1, 1, false, 98},
    {"RGB q70", 1, 1, true, 70},
};

struct tile {
    struct jpeg_format format;
    unsigned char *bytes;
    unsigned long size;
};

/* Of the largest tile so far. */
static struct {
    uint8_t *start;
    size_t size;
} pixels;

/* ---- tiles ---- */

static uint32_t
next_random(void)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;
    return state >> 8;
}

/* Values at the corners of cells of `size` pixels, mixed in between. */
static void
add_noise(int *plane, int size, int amplitude)
{
    enum { CORNERS = SIDE + 2 };
    static int corners[CORNERS][CORNERS];
    int count = SIDE / size + 2;

    for (int y = 0; y < count; y++) {
        for (int x = 0; x < count; x++) {
            corners[y][x] = (int)(next_random() % 1000) - 500;
        }
    }
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            const int *above = corners[y / size] + x / size;
            const int *below = corners[y / size + 1] + x / size;
            int dx = x % size, dy = y % size;
            int upper = above[0] * (size - dx) + above[1] * dx;
            int lower = below[0] * (size - dx) + below[1] * dx;

            plane[y * SIDE + x] += (upper * (size - dy) + lower * dy) /
                                   (size * size) * amplitude / 500;
        }
    }
}

/* Nuclei and fibres of stained tissue: noise of several sizes, in colours that
   go from white to purple. */
static void
paint(unsigned char *rgb)
{
    static int plane[SIDE * SIDE];

    memset(plane, 0, sizeof(plane));
    add_noise(plane, 64, 60);
    add_noise(plane, 16, 50);
    add_noise(plane, 4, 40);
    add_noise(plane, 1, 5);
    for (int i = 0; i < SIDE * SIDE; i++) {
        static const int least[] = {90, 40, 120}, most[] = {240, 225, 240};
        int v = plane[i] + 60 < 0     ? 0
                : plane[i] + 60 > 120 ? 120
                                      : plane[i] + 60;

        for (int c = 0; c < 3; c++) {
            rgb[3 * i + c] =
                (unsigned char)(least[c] + (most[c] - least[c]) * v / 120);
        }
    }
}

static void
encode(const struct kind *kind, struct tile *tile)
{
    static unsigned char rgb[SIDE * SIDE * 3];
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;

    paint(rgb);
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &tile->bytes, &tile->size);
    info.image_width = info.image_height = SIDE;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    if (kind->is_rgb) {
        jpeg_set_colorspace(&info, JCS_RGB);
    }
    info.comp_info[0].h_samp_factor = kind->across;
    info.comp_info[0].v_samp_factor = kind->down;
    jpeg_set_quality(&info, kind->quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < SIDE; y++) {
        JSAMPROW lines[] = {rgb + (size_t)y * SIDE * 3};

        jpeg_write_scanlines(&info, lines, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    tile->format = (struct jpeg_format){SIDE, SIDE, kind->is_rgb, NULL, 0};
}

/* ---- tiles of a slide ---- */

static void
give_up(const char *path, const char *reason)
{
    fprintf(stderr, "%s: %s\n", path, reason);
    exit(1);
}

static void
read_bytes(const char *path, struct tile *tile)
{
    enum { MOST_BYTES = 1 << 26 };
    FILE *file = fopen(path, "rb");

    tile->bytes = malloc(MOST_BYTES);
    if (file == NULL || tile->bytes == NULL) {
        give_up(path, "cannot be read");
    }
    tile->size = (unsigned long)fread(tile->bytes, 1, MOST_BYTES, file);
    fclose(file);
}

/* The library ends the program where this is no JPEG. */
static void
read_tile(const char *path, struct tile *tile)
{
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;

    read_bytes(path, tile);
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, tile->bytes, tile->size);
    jpeg_read_header(&info, TRUE);
    tile->format =
        (struct jpeg_format){info.image_width, info.image_height,
                             info.jpeg_color_space == JCS_RGB, NULL, 0};
    jpeg_destroy_decompress(&info);
}

/* ---- measuring ---- */

static void
make_room(const struct tile *tile)
{
    size_t size = (size_t)4 * tile->format.width * tile->format.height;

    if (size > pixels.size) {
        free(pixels.start);
        pixels.start = malloc(size);
        pixels.size = size;
        if (pixels.start == NULL) {
            give_up("pixels", "no memory");
        }
    }
}

static bool
decode(const struct tile *tile, int decoder)
{
    uint32_t width = tile->format.width, height = tile->format.height;
    const struct jpeg_area all = {0, 0, width, height};
    const struct jpeg_rows rows = {pixels.start, (ptrdiff_t)width * 4,
                                   JPEG_WORDS};

    return decoder == LIBRARY
               ? jpeg_turbo_decode(&tile->format, tile->bytes, tile->size,
                                   &rows)
               : jpeg_decode_area(&tile->format, tile->bytes, tile->size, &all,
                                  &rows, (enum instruction_set)decoder);
}

static bool
is_there(int decoder)
{
    return decoder == LIBRARY ||
           instruction_set_missing((enum instruction_set)decoder) == NULL;
}

/* Adds the best times of a tile to those of the others. */
static void
measure(const struct tile *tile, double *seconds)
{
    double best[LIBRARY + 1] = {0};

    make_room(tile);
    for (int round = 0; round < ROUNDS; round++) {
        for (int decoder = 0; decoder <= LIBRARY; decoder++) {
            double start = now(), time;

            if (is_there(decoder) && !decode(tile, decoder)) {
                give_up("a tile", "refused");
            }
            time = now() - start;
            if (round == 0 || time < best[decoder]) {
                best[decoder] = time;
            }
        }
    }
    for (int decoder = 0; decoder <= LIBRARY; decoder++) {
        seconds[decoder] += best[decoder];
    }
}

/* A line for each decoder. */
static void
report(const char *name, const double *seconds, int tiles)
{
    for (int decoder = 0; decoder <= LIBRARY; decoder++) {
        const char *decoder_name =
            decoder == LIBRARY
                ? "libjpeg-turbo"
                : instruction_set_name((enum instruction_set)decoder);

        if (is_there(decoder)) {
            printf("%-14s %-10s %10.1f %8.2f\n", decoder_name, name,
                   seconds[decoder] / tiles * 1e6,
                   seconds[LIBRARY] / seconds[decoder]);
        }
    }
}

static void
measure_kind(const struct kind *kind)
{
    double seconds[LIBRARY + 1] = {0};

    for (int i = 0; i < TILES; i++) {
        struct tile tile = {.bytes = NULL};

        encode(kind, &tile);
        measure(&tile, seconds);
        free(tile.bytes);
    }
    report(kind->name, seconds, TILES);
}

static void
measure_slide(const char *name, char **paths, int count)
{
    double seconds[LIBRARY + 1] = {0};

    for (int i = 0; i < count; i++) {
        struct tile tile = {.bytes = NULL};

        read_tile(paths[i], &tile);
        measure(&tile, seconds);
        free(tile.bytes);
    }
    report(name, seconds, count);
}

int
main(int argc, char **argv)
{
    for (int set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        const char *missing =
            instruction_set_missing((enum instruction_set)set);

        if (missing != NULL) {
            printf("%s: skipped, %s\n",
                   instruction_set_name((enum instruction_set)set), missing);
        }
    }
    printf("%-14s %-10s %10s %8s\n", "decoder", "tiles", "us a tile", "speed");
    if (argc > 2) {
        measure_slide(argv[1], argv + 2, argc - 2);
        return 0;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        measure_kind(&kinds[i]);
    }
    return 0;
}
