#ifndef MEMORY_SOURCE_H
#define MEMORY_SOURCE_H

#include "system/source.h"

#include <string.h>

/* A source of bytes in memory that notes how it is used. */
struct memory_source {
    struct source source;
    const uint8_t *bytes;
    bool strayed;  /* it was asked for bytes beyond its size */
    int64_t reads; /* how many it has answered */
    int64_t limit; /* how many it will; the next one fails */
};

static inline bool
memory_source_read(const struct source *source, int64_t offset, void *bytes,
                   size_t size)
{
    struct memory_source *memory = (struct memory_source *)source;
    if (offset < 0 || offset > source->size ||
        size > (uint64_t)(source->size - offset)) {
        memory->strayed = true;
        return false;
    }
    if (memory->reads == memory->limit) {
        return false;
    }
    memory->reads++;
    memcpy(bytes, memory->bytes + offset, size);
    return true;
}

static inline struct memory_source
memory_source_of(const uint8_t *bytes, size_t size)
{
    return (struct memory_source){
        .source = {(int64_t)size, memory_source_read},
        .bytes = bytes,
        .limit = INT64_MAX,
    };
}

#endif
