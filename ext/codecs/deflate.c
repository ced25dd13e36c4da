#include "deflate.h"

#ifdef HAVE_ZLIB

#    include <limits.h>

#    include <zlib.h>

const char *
deflate_version(void)
{
    return "zlib " ZLIB_VERSION;
}

bool
deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
               size_t count)
{
    z_stream stream = {0};
    if (size > UINT_MAX || count > UINT_MAX || inflateInit(&stream) != Z_OK) {
        return false;
    }
    /* zlib does not write there; before 1.2.5.2 it did not say so. */
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = expanded;
    stream.avail_out = (uInt)count;
    bool complete = inflate(&stream, Z_FINISH) == Z_STREAM_END &&
                    stream.avail_in == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    return complete;
}

#else

const char *
deflate_version(void)
{
    return NULL;
}

bool
deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
               size_t count)
{
    (void)bytes;
    (void)size;
    (void)expanded;
    (void)count;
    return false;
}

#endif
