#include "slide_origin.h"

#include <stdlib.h>
#include <string.h>

/* Which slide it is. */
struct identity {
    char *hash; /* NULL where libopenslide makes none */
    int32_t level_count;
    struct level_size {
        int64_t width, height;
    } *sizes; /* NULL: not known yet */
};

struct slide_origin {
    const struct slide_lane *lane;
    struct identity identity;
    char path[];
};

static void
forget_identity(struct identity *identity)
{
    free(identity->hash);
    free(identity->sizes);
    *identity = (struct identity){0};
}

static const char *
hash_of(openslide_t *osr)
{
    return openslide.get_property_value(osr, "openslide.quickhash-1");
}

static struct level_size
size_of(openslide_t *osr, int32_t level)
{
    struct level_size size;
    openslide.get_level_dimensions(osr, level, &size.width, &size.height);
    return size;
}

/* False where there is no memory. */
static bool
learn_identity(struct identity *identity, const struct slide_handle *handle)
{
    const char *hash = hash_of(handle->osr);
    identity->level_count = handle->level_count;
    identity->sizes =
        calloc((size_t)handle->level_count + 1, sizeof *identity->sizes);
    if (hash != NULL) {
        size_t size = strlen(hash) + 1;
        identity->hash = malloc(size);
        if (identity->hash != NULL) {
            memcpy(identity->hash, hash, size);
        }
    }
    if (identity->sizes == NULL || (hash != NULL && identity->hash == NULL)) {
        forget_identity(identity);
        return false;
    }
    for (int32_t i = 0; i < identity->level_count; i++) {
        identity->sizes[i] = size_of(handle->osr, i);
    }
    return true;
}

static bool
is_the_same(const struct identity *identity, const struct slide_handle *handle)
{
    const char *hash = hash_of(handle->osr);
    bool same = handle->level_count == identity->level_count &&
                (hash == NULL || identity->hash == NULL
                     ? hash == identity->hash
                     : strcmp(hash, identity->hash) == 0);
    for (int32_t i = 0; same && i < identity->level_count; i++) {
        struct level_size size = size_of(handle->osr, i);
        same = size.width == identity->sizes[i].width &&
               size.height == identity->sizes[i].height;
    }
    return same;
}

struct slide_origin *
slide_origin_new(const char *path, const struct slide_lane *lane)
{
    size_t size = strlen(path) + 1;
    struct slide_origin *origin = calloc(1, sizeof *origin + size);
    if (origin != NULL) {
        origin->lane = lane;
        memcpy(origin->path, path, size);
    }
    return origin;
}

void
slide_origin_free(struct slide_origin *origin)
{
    forget_identity(&origin->identity);
    free(origin);
}

/* Whether it is the slide that it was, or must be from now on. */
static enum slide_opening
recognize(struct slide_origin *origin, const struct slide_handle *handle)
{
    if (openslide.get_error(handle->osr) != NULL) {
        return SLIDE_DAMAGED;
    }
    if (origin->identity.sizes == NULL) {
        return learn_identity(&origin->identity, handle) ? SLIDE_OPENED
                                                         : SLIDE_OUT_OF_MEMORY;
    }
    return is_the_same(&origin->identity, handle) ? SLIDE_OPENED
                                                  : SLIDE_CHANGED;
}

enum slide_opening
slide_origin_open(struct slide_origin *origin,
                  const struct slide_caches *caches,
                  struct slide_handle **handle)
{
    *handle = slide_handle_open(origin->path, origin->lane);
    if (*handle == NULL) {
        return SLIDE_REFUSED;
    }
    enum slide_opening opening = recognize(origin, *handle);
    if (opening == SLIDE_OPENED) {
        slide_handle_set_caches(*handle, caches);
    } else if (opening != SLIDE_DAMAGED) {
        slide_handle_release(*handle);
        *handle = NULL;
    }
    return opening;
}

const struct slide_lane *
slide_origin_lane(const struct slide_origin *origin)
{
    return origin->lane;
}
