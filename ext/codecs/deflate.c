#include "deflate.h"

#ifdef HAVE_LIBDEFLATE

#    include <libdeflate.h>

const char *
deflate_version(void)
{
    return "libdeflate " LIBDEFLATE_VERSION_STRING;
}

bool
deflate_expand(const uint8_t *bytes, size_t size, uint8_t *expanded,
               size_t count)
{
    struct libdeflate_decompressor *decompressor =
        libdeflate_alloc_decompressor();
    if (decompressor == NULL) {
        return false;
    }
    size_t used;
    /* Not asked how many bytes there are, it refuses fewer as well as more. */
    bool complete = libdeflate_zlib_decompress_ex(decompressor, bytes, size,
                                                  expanded, count, &used,
                                                  NULL) == LIBDEFLATE_SUCCESS;
    libdeflate_free_decompressor(decompressor);
    return complete && used == size;
}

uint32_t
deflate_crc(const uint8_t *bytes, size_t size)
{
    return libdeflate_crc32(0, bytes, size);
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

uint32_t
deflate_crc(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return 0;
}

#endif
