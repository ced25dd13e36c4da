/*
 * A decoder of the JPEG tiles that slides have: baseline and extended
 * sequential, 8 bits, three components in one scan, chroma whole or halved
 * across or in both directions.  Pixels are those of libjpeg-turbo, to the
 * bit; whatever it does not know for certain it refuses.
 *
 *   header     sizes and tables
 *   codes      Huffman codes as they are looked up
 *   entropy    bytes to coefficients: a kernel
 *   scan       the units of an image, across restarts
 *   transform  coefficients to samples: a kernel
 *   colours    samples to pixels: a kernel
 *   state      what is kept from tile to tile
 */
#ifndef JPEG_DECODER_H
#define JPEG_DECODER_H

#include "codecs/jpeg.h"
#include "kernels/instruction_sets.h"

/*
 * Decode the part of a tile that lies in `area`, to rows of as many pixels.
 * All of its bytes are decoded, so it is refused for what is wrong with them
 * whatever part is wanted; samples are made, and may be out of range, only
 * where they show.  False where it is refused, or there is no memory, which
 * leaves the rows undefined.
 */
bool jpeg_decode_area(const struct jpeg_format *format, const uint8_t *bytes,
                      size_t size, const struct jpeg_area *area,
                      const struct jpeg_rows *rows, enum instruction_set set);

#endif
