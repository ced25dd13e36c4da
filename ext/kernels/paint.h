#ifndef DIRECT_PAINT_H
#define DIRECT_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct paint_kernel;

/*
 * Painting of decoded tiles at any position, to the bit as libopenslide has it
 * done by cairo and pixman: operator SATURATE, bilinear filter.
 */

/* What kind of surface libopenslide has of a tile. */
enum paint_format {
    /* CAIRO_FORMAT_ARGB32, transparent beyond its opaque pixels, where there
       need not be any words. */
    PAINT_CLIPPED,
    /* CAIRO_FORMAT_ARGB32: premultiplied 0xAARRGGBB. */
    PAINT_ARGB32,
    /* CAIRO_FORMAT_RGB24: all opaque. */
    PAINT_RGB24,
};

/*
 * A tile, or a whole image. The first opaque_width columns of its first
 * opaque_height rows are opaque pixels, 0xffRRGGBB.
 */
struct paint_tile {
    const uint32_t *words;
    ptrdiff_t stride; /* from row to row, in words */
    int64_t width, height;
    int64_t opaque_width, opaque_height;
    enum paint_format format;
};

/*
 * The part of a picture that is painted: premultiplied 0xAARRGGBB. Its first
 * word is the pixel (left, top) of the picture. The parts of a picture may be
 * painted one by one, or at the same time.
 */
struct paint_canvas {
    uint32_t *words;
    ptrdiff_t stride; /* from row to row, in words */
    int64_t left, top;
    int64_t width, height;
    int64_t picture_width, picture_height;
};

/*
 * The ways to paint a tile, each of which has its own arithmetic: bits of a
 * set of them.
 */
enum paint_mode {
    PAINT_NOTHING = 0,
    PAINT_SINGLE = 1 << 0, /* but one pixel of the tile shows: a colour */
    PAINT_ALIGNED = 1 << 1,
    PAINT_ALIGNED_RGB24 = 1 << 2,
    PAINT_BETWEEN = 1 << 3,
    PAINT_BETWEEN_RGB24 = 1 << 4,
    PAINT_COVERED_RGB24 = 1 << 5, /* between, and no edge of the tile shows */
    PAINT_MODES = (1 << 6) - 1,
};

/* How a tile is painted with its top left corner at (x, y) of a picture of
   that size. */
enum paint_mode paint_mode_at(int64_t picture_width, int64_t picture_height,
                              const struct paint_tile *tile, double x,
                              double y);

/* Pixels of a picture from (x, y) on that show those of a tile from (column,
   row) on, as they are, and the way in which it is painted. */
struct paint_copy {
    enum paint_mode mode;
    int64_t x, y, width, height;
    int64_t column, row;
};

/*
 * What an empty picture shows of a tile that is painted at (x, y) of it, if
 * these are opaque pixels as they are, and nothing else; they hide whatever is
 * painted after them. False where it is not: then only the mode counts.
 */
bool paint_copy_at(int64_t picture_width, int64_t picture_height,
                   const struct paint_tile *tile, double x, double y,
                   struct paint_copy *copy);

/*
 * Paint the tile with its top left corner at (x, y) of the picture; it may lie
 * outside the canvas or across its edges. What the canvas shows already stays
 * on top: the tile fills up what is left to opaque.
 *
 * A position that is a whole number of pixels when rounded to a multiple of
 * 1/256, in x and in y, copies the tile; any other is rounded to a multiple of
 * 1/65536, and pixels are interpolated between four of the tile, which is
 * transparent outside its edges. But where the picture shows a single pixel of
 * the tile, give or take half a hundredth, it shows that one as it is.
 *
 * ARGB32 is composed in floats. RGB24 is so where it is interpolated across
 * the tile's edges, or beyond: else in bytes, interpolated by 128ths.
 */
void paint_tile_at(const struct paint_canvas *canvas,
                   const struct paint_tile *tile, double x, double y);

/*
 * What libopenslide makes of a part of an image before it paints that:
 * width x height pixels whose top left corner lies at (x, y) of the image,
 * interpolated in bytes where these are no whole numbers of pixels, and
 * transparent beyond the image. They are put into as many words.
 */
struct paint_tile paint_cut(const struct paint_tile *image, double x, double y,
                            int64_t width, int64_t height, uint32_t *words);

/* The same with one of paint_kernels, for tests and benchmarks. */
void paint_tile_with(const struct paint_kernel *kernel,
                     const struct paint_canvas *canvas,
                     const struct paint_tile *tile, double x, double y);

struct paint_tile paint_cut_with(const struct paint_kernel *kernel,
                                 const struct paint_tile *image, double x,
                                 double y, int64_t width, int64_t height,
                                 uint32_t *words);

#endif
