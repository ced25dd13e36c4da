/*
 * Bytes that can be read at any position: the file of a slide, or memory.
 */
#ifndef DIRECT_SOURCE_H
#define DIRECT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Put it first into a larger struct to give it a context. */
struct source {
    int64_t size;
    /* False where not all of the bytes can be read.  Called only for bytes
       within the size, from several threads at once. */
    bool (*read)(const struct source *source, int64_t offset, void *bytes,
                 size_t size);
};

/* Whether `size` bytes from `offset` on lie within the source. */
static inline bool
source_has(const struct source *source, uint64_t offset, uint64_t size)
{
    uint64_t end = source->size < 0 ? 0 : (uint64_t)source->size;
    return offset <= end && size <= end - offset;
}

/* Read them if so. */
static inline bool
source_read(const struct source *source, uint64_t offset, void *bytes,
            size_t size)
{
    return source_has(source, offset, size) &&
           source->read(source, (int64_t)offset, bytes, size);
}

#endif
