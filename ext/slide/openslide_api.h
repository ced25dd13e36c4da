/*
 * libopenslide, loaded at run time: one table of function pointers.
 *
 * The table is filled once per process and never changes afterwards, so it is
 * read without a lock.  A function that the loaded library is too old to have
 * is NULL.
 */
#ifndef OPENSLIDE_API_H
#define OPENSLIDE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _openslide openslide_t;
typedef struct _openslide_cache openslide_cache_t;

/*
 * X(return type, name, parameters), each as openslide.h declares
 * openslide_<name>: what every library must have, and what is newer.
 */
#define OPENSLIDE_API_OLDEST "3.4.0"
/* clang-format off: it takes these pointers for products */
#define OPENSLIDE_API_REQUIRED(X)                                             \
    X(const char *, get_version, (void))                                      \
    X(const char *, detect_vendor, (const char *filename))                    \
    X(openslide_t *, open, (const char *filename))                            \
    X(void, close, (openslide_t * osr))                                       \
    X(const char *, get_error, (openslide_t * osr))                           \
    X(int32_t, get_level_count, (openslide_t * osr))                          \
    X(void, get_level_dimensions,                                             \
      (openslide_t * osr, int32_t level, int64_t *w, int64_t *h))             \
    X(double, get_level_downsample, (openslide_t * osr, int32_t level))       \
    X(int32_t, get_best_level_for_downsample,                                 \
      (openslide_t * osr, double downsample))                                 \
    X(void, read_region,                                                      \
      (openslide_t * osr, uint32_t *dest, int64_t x, int64_t y,               \
       int32_t level, int64_t w, int64_t h))                                  \
    X(const char *const *, get_property_names, (openslide_t * osr))           \
    X(const char *, get_property_value,                                       \
      (openslide_t * osr, const char *name))                                  \
    X(const char *const *, get_associated_image_names, (openslide_t * osr))   \
    X(void, get_associated_image_dimensions,                                  \
      (openslide_t * osr, const char *name, int64_t *w, int64_t *h))          \
    X(void, read_associated_image,                                            \
      (openslide_t * osr, const char *name, uint32_t *dest))

#define OPENSLIDE_API_SINCE_4_0_0(X)                                          \
    X(int64_t, get_icc_profile_size, (openslide_t * osr))                     \
    X(void, read_icc_profile, (openslide_t * osr, void *dest))                \
    X(int64_t, get_associated_image_icc_profile_size,                         \
      (openslide_t * osr, const char *name))                                  \
    X(void, read_associated_image_icc_profile,                                \
      (openslide_t * osr, const char *name, void *dest))                      \
    X(openslide_cache_t *, cache_create, (size_t capacity))                   \
    X(void, set_cache, (openslide_t * osr, openslide_cache_t * cache))        \
    X(void, cache_release, (openslide_cache_t * cache))
/* clang-format on */

struct openslide_api {
#define OPENSLIDE_API_POINTER(type, name, parameters) type(*name) parameters;
    OPENSLIDE_API_REQUIRED(OPENSLIDE_API_POINTER)
    OPENSLIDE_API_SINCE_4_0_0(OPENSLIDE_API_POINTER)
#undef OPENSLIDE_API_POINTER
};

/* NULL pointers throughout until openslide_api_load has succeeded.  Those that
   open files are guarded, see openslide_calls.h. */
extern struct openslide_api openslide;

/*
 * Load libopenslide from `path` (see platform_library_open) unless this
 * process has loaded it already, from wherever.  False with the reason in
 * `error`.  Safe from several threads.
 */
bool openslide_api_load(const char *path, char *error, size_t error_size);

/* The file that was loaded, in the encoding of platform_library_open. */
const char *openslide_api_path(void);

/* Whether the loaded library has the function `name` (without prefix). */
bool openslide_api_has(const char *name);

/*
 * Bracket the use of libopenslide by a thread that the interpreter's end may
 * overtake.  openslide_api_wait() waits, some seconds at most, until no thread
 * of this process is inside: then libopenslide's own clean-up at exit cannot
 * take anything from under it.
 */
void openslide_api_enter(void);
void openslide_api_leave(void);
void openslide_api_wait(double seconds);

/* The OpenSlide release that brought it; NULL if every library has it. */
const char *openslide_api_since(const char *name);

#endif
