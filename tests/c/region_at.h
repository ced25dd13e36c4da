#ifndef REGION_AT_H
#define REGION_AT_H

#include "region.h"

/* A region that is placed in pixels of level 0. */
static inline struct region
region_at(int64_t x, int64_t y, int32_t level, int64_t width, int64_t height)
{
    return (struct region){
        .x = x, .y = y, .level = level, .width = width, .height = height};
}

#endif
