/*
 * The JPEG that an NDPI file stores a level as, up to its samples: how large
 * it is, and into which pieces restart markers cut it.
 *
 * Each piece, a restart interval, becomes a JPEG of its own when the header of
 * the whole is put before it.
 */
#ifndef DIRECT_NDPI_JPEG_H
#define DIRECT_NDPI_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libjpeg takes no image for larger: its JPEG_MAX_DIMENSION. */
enum { NDPI_MAX_JPEG_SIDE = 65500 };

struct ndpi_jpeg {
    size_t size;       /* of the header in bytes */
    size_t dimensions; /* where in it the height and then the width are */
    uint32_t width, height;
    uint32_t restart_interval; /* in units; 0: no restarts */
    uint32_t components, precision;
    /* The most blocks of a component in a unit, the MCU of the standard. */
    uint32_t across, down;
    /* Samples that libjpeg takes for RGB, else for YCbCr. */
    bool is_rgb;
};

enum ndpi_parsing {
    NDPI_PARSED,
    NDPI_CUT_OFF, /* the header goes on beyond the bytes */
    NDPI_REFUSED, /* it is no usual header of a sequential JPEG */
};

enum ndpi_parsing ndpi_parse_jpeg(const uint8_t *bytes, size_t size,
                                  struct ndpi_jpeg *jpeg);

/* Write the size of the image anew; neither side is over 65535. */
void ndpi_resize_jpeg(const struct ndpi_jpeg *jpeg, uint8_t *header,
                      uint32_t width, uint32_t height);

/* Whether the two bytes are a restart marker. */
bool ndpi_is_restart(const uint8_t *bytes);

/*
 * Where intervals start in bytes of samples, behind restart markers: `most` of
 * them, counted from `offset`, which is the place of the first byte.  How many
 * there are.
 */
size_t ndpi_find_restarts(const uint8_t *bytes, size_t size, uint64_t offset,
                          uint64_t *starts, size_t most);

#endif
