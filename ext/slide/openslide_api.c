#include "openslide_api.h"

#include "openslide_calls.h"
#include "system/platform.h"
#include "system/process_count.h"

#include <stdio.h>
#include <string.h>

struct api_function {
    const char *name;
    const char *symbol;
    const char *since; /* NULL: required */
    size_t offset;
};

#define API_FUNCTION(since, name)                                             \
    {#name, "openslide_" #name, since, offsetof(struct openslide_api, name)},
#define REQUIRED_FUNCTION(type, name, parameters) API_FUNCTION(NULL, name)
#define FUNCTION_SINCE_4_0_0(type, name, parameters)                          \
    API_FUNCTION("4.0.0", name)

static const struct api_function functions[] = {OPENSLIDE_API_REQUIRED(
    REQUIRED_FUNCTION) OPENSLIDE_API_SINCE_4_0_0(FUNCTION_SINCE_4_0_0)};

enum {
    FUNCTION_COUNT = sizeof functions / sizeof functions[0],
    MAX_PATH_BYTES = 4096,
};

struct openslide_api openslide;

static platform_mutex load_lock = PLATFORM_MUTEX_INITIALIZER;
static void *loaded_library;
static char loaded_path[MAX_PATH_BYTES];

/* ISO C has no conversion from an object pointer to a function pointer;
   wherever a library can be loaded at run time they share a representation. */
static void
store_pointer(struct openslide_api *table, size_t offset, void *address)
{
    memcpy((char *)table + offset, &address, sizeof address);
}

static bool
fill_table(struct openslide_api *table, void *library, char *error,
           size_t error_size)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        const struct api_function *function = &functions[i];
        void *address = platform_library_symbol(library, function->symbol);
        if (address == NULL && function->since == NULL) {
            snprintf(error, error_size,
                     "it has no function %s, so it is not libopenslide "
                     "%s or newer",
                     function->symbol, OPENSLIDE_API_OLDEST);
            return false;
        }
        store_pointer(table, function->offset, address);
    }
    return true;
}

static bool
load_locked(const char *path, char *error, size_t error_size)
{
    if (loaded_library != NULL) {
        return true;
    }
    void *library = platform_library_open(path, error, error_size);
    if (library == NULL) {
        return false;
    }
    struct openslide_api table;
    if (!fill_table(&table, library, error, error_size)) {
        platform_library_close(library);
        return false;
    }
    void *symbol = platform_library_symbol(library, functions[0].symbol);
    if (!platform_library_path(library, symbol, loaded_path,
                               sizeof loaded_path)) {
        snprintf(loaded_path, sizeof loaded_path, "%s", path);
    }
    platform_watch_forks();
    openslide_calls_guard(&table);
    openslide = table;
    loaded_library = library;
    return true;
}

bool
openslide_api_load(const char *path, char *error, size_t error_size)
{
    platform_mutex_lock(&load_lock);
    bool loaded = load_locked(path, error, error_size);
    platform_mutex_unlock(&load_lock);
    return loaded;
}

const char *
openslide_api_path(void)
{
    return loaded_path;
}

static const struct api_function *
find_function(const char *name)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        if (strcmp(functions[i].name, name) == 0) {
            return &functions[i];
        }
    }
    return NULL;
}

const char *
openslide_api_since(const char *name)
{
    const struct api_function *function = find_function(name);
    return function == NULL ? NULL : function->since;
}

bool
openslide_api_has(const char *name)
{
    const struct api_function *function = find_function(name);
    void *address = NULL;
    if (function != NULL) {
        memcpy(&address, (const char *)&openslide + function->offset,
               sizeof address);
    }
    return address != NULL;
}

static process_count inside;

void
openslide_api_enter(void)
{
    process_count_add(&inside, 1);
}

void
openslide_api_leave(void)
{
    process_count_add(&inside, -1);
}

void
openslide_api_wait(double seconds)
{
    double until = platform_seconds() + seconds;
    while (process_count_get(&inside) > 0 && platform_seconds() < until) {
        platform_sleep(0.001);
    }
}
