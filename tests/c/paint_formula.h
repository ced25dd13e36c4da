#ifndef PAINT_FORMULA_H
#define PAINT_FORMULA_H

#include "kernels/paint.h"

/*
 * What is to be painted, by its definition: every pixel of the canvas for
 * itself. paint.h says what the arguments are.
 */

void formula_paint(const struct paint_canvas *canvas,
                   const struct paint_tile *tile, double x, double y);

void formula_cut(const struct paint_tile *image, double x, double y,
                 int64_t width, int64_t height, uint32_t *words);

#endif
