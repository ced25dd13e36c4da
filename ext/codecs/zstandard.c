#include "zstandard.h"

#ifdef HAVE_LIBZSTD

#    include <string.h>

#    include <zstd.h>

const char *
zstandard_version(void)
{
    return "libzstd " ZSTD_VERSION_STRING;
}

/* libzstd may know formats from before this one, libopenslide's need not. */
static bool
is_frame(const uint8_t *bytes, size_t size)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    return size > sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

/* As a stream, as libtiff does it: then the same windows are too large. */
bool
zstandard_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
                 size_t count)
{
    ZSTD_inBuffer input = {bytes, size, 0};
    ZSTD_outBuffer output = {expanded, count, 0};
    ZSTD_DStream *stream = is_frame(bytes, size) ? ZSTD_createDStream() : NULL;
    /* 0: the frame is at its end, its checksum too. */
    bool complete = stream != NULL &&
                    ZSTD_decompressStream(stream, &output, &input) == 0 &&
                    input.pos == size && output.pos == count;
    ZSTD_freeDStream(stream);
    return complete;
}

#else

const char *
zstandard_version(void)
{
    return NULL;
}

bool
zstandard_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
                 size_t count)
{
    (void)bytes;
    (void)size;
    (void)expanded;
    (void)count;
    return false;
}

#endif
