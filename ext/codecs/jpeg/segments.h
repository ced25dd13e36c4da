/*
 * Markers and segments of a JPEG stream, of which no more bytes are read than
 * there are.
 */
#ifndef JPEG_SEGMENTS_H
#define JPEG_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum jpeg_marker {
    JPEG_SOF0 = 0xc0, /* a baseline image */
    JPEG_SOF1 = 0xc1, /* an extended sequential one */
    JPEG_SOF2 = 0xc2, /* a progressive one */
    JPEG_DHT = 0xc4,  /* Huffman codes */
    JPEG_RST0 = 0xd0, /* the first of the numbered restarts */
    JPEG_RST7 = 0xd7,
    JPEG_SOI = 0xd8,
    JPEG_EOI = 0xd9,
    JPEG_SOS = 0xda, /* a scan */
    JPEG_DQT = 0xdb, /* quantization tables */
    JPEG_DRI = 0xdd, /* the restart interval */
    JPEG_APP0 = 0xe0,
    JPEG_APP14 = 0xee,
    JPEG_APP15 = 0xef,
    JPEG_COM = 0xfe,
};

struct jpeg_bytes {
    const uint8_t *at;
    size_t left;
    bool lacking; /* more were wanted than there are; all of these were 0 */
};

static inline unsigned
jpeg_next_byte(struct jpeg_bytes *bytes)
{
    if (bytes->left == 0) {
        bytes->lacking = true;
        return 0;
    }
    bytes->left--;
    return *bytes->at++;
}

static inline unsigned
jpeg_next_number(struct jpeg_bytes *bytes)
{
    unsigned high = jpeg_next_byte(bytes);
    return high << 8 | jpeg_next_byte(bytes);
}

static inline void
jpeg_next_bytes(struct jpeg_bytes *bytes, uint8_t *to, size_t count)
{
    if (bytes->left < count) {
        bytes->lacking = true;
        memset(to, 0, count);
        return;
    }
    memcpy(to, bytes->at, count);
    bytes->at += count;
    bytes->left -= count;
}

/* All have been read, and no more. */
static inline bool
jpeg_bytes_are_used_up(const struct jpeg_bytes *bytes)
{
    return bytes->left == 0 && !bytes->lacking;
}

/* What the length in front of it says is a segment. */
static inline bool
jpeg_next_segment(struct jpeg_bytes *bytes, struct jpeg_bytes *segment)
{
    size_t length = jpeg_next_number(bytes);
    if (bytes->lacking || length < 2 || length - 2 > bytes->left) {
        return false;
    }
    length -= 2;
    *segment = (struct jpeg_bytes){.at = bytes->at, .left = length};
    bytes->at += length;
    bytes->left -= length;
    return true;
}

/* Any number of bytes 0xff may stand before a marker. */
static inline bool
jpeg_next_marker(struct jpeg_bytes *bytes, unsigned *marker)
{
    if (jpeg_next_byte(bytes) != 0xff) {
        return false;
    }
    do {
        *marker = jpeg_next_byte(bytes);
    } while (*marker == 0xff);
    return !bytes->lacking;
}

static inline bool
jpeg_begins_image(struct jpeg_bytes *bytes)
{
    return jpeg_next_byte(bytes) == 0xff && jpeg_next_byte(bytes) == JPEG_SOI;
}

/* Those that say nothing of the samples, but for what APP0 and APP14 say of
   colours. */
static inline bool
jpeg_is_application(unsigned marker)
{
    return marker == JPEG_COM || (marker >= JPEG_APP0 && marker <= JPEG_APP15);
}

/* What the segments that tell colours begin with, if they are long enough. */

static inline bool
jpeg_is_jfif(unsigned marker, const struct jpeg_bytes *segment)
{
    return marker == JPEG_APP0 && segment->left >= 14 &&
           memcmp(segment->at, "JFIF", 5) == 0;
}

static inline bool
jpeg_is_adobe(unsigned marker, const struct jpeg_bytes *segment)
{
    return marker == JPEG_APP14 && segment->left >= 12 &&
           memcmp(segment->at, "Adobe", 5) == 0;
}

/* The byte of Adobe's segment that tells the transformation: 0 is none. */
enum { JPEG_ADOBE_TRANSFORM = 11 };

#endif
