#include "jpeg_tiles.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

/* ---- pixels ---- */

static int
sample(enum tile_content content, int x, int y, int c)
{
    switch (content) {
    case TILE_FLAT:
        return x < 9 && y < 9 ? 40 * c : 200 - 30 * c;
    case TILE_NOISE:
        return rand() & 255;
    case TILE_EDGES:
        return ((x / 3 + y / 5) & 1) != (rand() % 16 == 0) ? 255 : 0;
    default:
        return x * (c + 2) + y * 3 + (x * y >> 3) + rand() % 24;
    }
}

static void
paint(unsigned char *line, const struct jpeg_compress_struct *info, int y,
      enum tile_content content)
{
    int components = info->input_components;
    for (int x = 0; x < (int)info->image_width; x++) {
        for (int c = 0; c < components; c++) {
            line[components * x + c] = (unsigned char)sample(content, x, y, c);
        }
    }
}

/* ---- streams ---- */

static const jpeg_scan_info separate_scans[] = {
    {1, {0}, 0, 63, 0, 0},
    {1, {1}, 0, 63, 0, 0},
    {1, {2}, 0, 63, 0, 0},
};

static J_COLOR_SPACE
colours_of(int components)
{
    return components == 1   ? JCS_GRAYSCALE
           : components == 4 ? JCS_CMYK
                             : JCS_RGB;
}

static void
configure(struct jpeg_compress_struct *info, const struct encoding *encoding)
{
    info->input_components =
        encoding->components == 0 ? 3 : encoding->components;
    info->in_color_space = colours_of(info->input_components);
    jpeg_set_defaults(info);
    if (encoding->rgb) {
        jpeg_set_colorspace(info, JCS_RGB);
    }
    if (encoding->horizontal != 0) {
        info->comp_info[0].h_samp_factor = encoding->horizontal;
        info->comp_info[0].v_samp_factor = encoding->vertical;
    }
    if (encoding->progressive) {
        jpeg_simple_progression(info);
    }
    if (encoding->several_scans) {
        info->scan_info = separate_scans;
        info->num_scans = 3;
    }
    info->arith_code = encoding->arithmetic;
    info->optimize_coding = encoding->optimized;
    info->restart_interval = (unsigned)encoding->restart_interval;
    jpeg_set_quality(info, encoding->quality == 0 ? 80 : encoding->quality,
                     TRUE);
}

static void
compress(struct jpeg_compress_struct *info, const struct encoding *encoding)
{
    unsigned char *line =
        malloc((size_t)info->image_width * (size_t)info->input_components);
    JSAMPROW lines[] = {line};
    if (encoding->abbreviated) {
        jpeg_suppress_tables(info, TRUE);
    }
    jpeg_start_compress(info, !encoding->abbreviated);
    for (int y = 0; y < (int)info->image_height; y++) {
        paint(line, info, y, encoding->content);
        jpeg_write_scanlines(info, lines, 1);
    }
    jpeg_finish_compress(info);
    free(line);
}

static struct stream
encode(const struct encoding *encoding, int width, int height,
       bool only_tables)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    struct stream stream = {NULL, 0};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &stream.bytes, &stream.size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    configure(&info, encoding);
    if (only_tables) {
        jpeg_write_tables(&info);
    } else {
        compress(&info, encoding);
    }
    jpeg_destroy_compress(&info);
    return stream;
}

struct stream
encode_tile(const struct encoding *encoding, int width, int height)
{
    return encode(encoding, width, height, false);
}

struct stream
encode_tables(const struct encoding *encoding)
{
    return encode(encoding, 8, 8, true);
}
