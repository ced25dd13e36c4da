/*
 * Encoding a picture with libjpeg-turbo, where this build has it: to the bytes
 * that Pillow makes of it when it is told nothing but a quality.
 */
#ifndef JPEG_ENCODER_H
#define JPEG_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest side that libjpeg takes; the shortest is 1. */
enum { JPEG_LONGEST_SIDE = 65500 };

/* Rows of RGB pixels without gaps. */
struct jpeg_picture {
    const uint8_t *pixels;
    uint32_t width, height;
};

/* A file in memory; its bytes are to be freed. */
struct jpeg_file {
    uint8_t *bytes;
    size_t size;
};

/* Encode a picture; quality is from 1 to 100.  False, and no file, where
   memory is lacking, or libjpeg-turbo is, or a side is not taken. */
bool jpeg_encode(const struct jpeg_picture *picture, int quality,
                 struct jpeg_file *file);

#endif
