#include "deflate.h"

#ifdef HAVE_ZLIB

#    include "kernels/adler.h"

#    include <limits.h>

#    include <zlib.h>

const char *
deflate_version(void)
{
    return "zlib " ZLIB_VERSION;
}

/* The last four bytes of a stream. */
static bool
has_sum(const uint8_t *end, const uint8_t *expanded, size_t count)
{
    uint32_t sum = (uint32_t)end[-4] << 24 | (uint32_t)end[-3] << 16 |
                   (uint32_t)end[-2] << 8 | end[-1];
    return sum == adler_sum(expanded, count);
}

/* zlib shall leave the sum alone. */
static bool
begin(z_stream *stream)
{
    *stream = (z_stream){0};
    if (inflateInit(stream) != Z_OK) {
        return false;
    }
    bool begun = inflateValidate(stream, 0) == Z_OK;
    if (!begun) {
        inflateEnd(stream);
    }
    return begun;
}

bool
deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
               size_t count)
{
    z_stream stream;
    if (size > UINT_MAX || count > UINT_MAX || !begin(&stream)) {
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
    return complete && has_sum(bytes + size, expanded, count);
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
