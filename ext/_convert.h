#ifndef CONVERT_H
#define CONVERT_H

#include "kernels/instruction_sets.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Conversion of libopenslide's pixels: uint32_t 0xAARRGGBB in native byte
 * order, colours premultiplied by alpha.
 *
 * The straight value of a premultiplied channel c is 255 * c / alpha, division
 * truncated, low 8 bits kept (c exceeds alpha in damaged slides only).
 *
 * No function touches memory outside its two buffers. argb is aligned for
 * uint32_t, the bytes may lie anywhere, count may be 0.
 */

/*
 * Write count * 4 bytes: R, G, B, A with straight alpha. The four bytes of a
 * pixel with alpha 0 are copied as they lie in memory.
 *
 * rgba either is the memory of argb (in place) or does not overlap it.
 */
void convert_argb_to_rgba(const uint32_t *argb, uint8_t *rgba, size_t count);

/*
 * A channel over a background: t / 255 rounded as Pillow's Image.paste() with
 * a mask does.
 */
static inline uint8_t
convert_composite(uint32_t straight, uint32_t alpha, uint32_t background)
{
    uint32_t t = straight * alpha + background * (255 - alpha) + 128;

    return (uint8_t)((t + (t >> 8)) >> 8);
}

/*
 * Write count * 3 bytes: R, G, B composited over background, 0x00RRGGBB (the
 * top byte is ignored), from the straight value of each channel.
 *
 * rgb does not overlap argb.
 */
void convert_argb_to_rgb(const uint32_t *argb, uint8_t *rgb, size_t count,
                         uint32_t background);

/*
 * Write count words, 0xffRRGGBB, of pixels stored as R, G, B.
 *
 * argb does not overlap rgb, which may lie anywhere.
 */
void convert_rgb_to_argb(const uint8_t *rgb, uint32_t *argb, size_t count);

/*
 * The implementations, for tests and benchmarks. Call one only if
 * instruction_set_missing() is NULL.
 */
struct convert_kernel {
    void (*to_rgba)(const uint32_t *argb, uint8_t *rgba, size_t count);
    void (*to_rgb)(const uint32_t *argb, uint8_t *rgb, size_t count,
                   uint32_t background);
    void (*from_rgb)(const uint8_t *rgb, uint32_t *argb, size_t count);
};

extern const struct convert_kernel convert_kernels[INSTRUCTION_SET_COUNT];

#endif
