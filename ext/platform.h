/*
 * What differs between operating systems: locks, processes, clocks, and
 * loading a shared library.
 *
 * These two files hold all the platform conditions of the plain C code.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef _WIN32
#    include <windows.h>
typedef SRWLOCK platform_mutex;
#    define PLATFORM_MUTEX_INITIALIZER SRWLOCK_INIT
#else
#    include <pthread.h>
typedef pthread_mutex_t platform_mutex;
#    define PLATFORM_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#endif

void platform_mutex_lock(platform_mutex *mutex);
void platform_mutex_unlock(platform_mutex *mutex);

/*
 * A number that a process and those it forks do not share.  Forks are counted
 * from the first call of platform_watch_forks on.
 */
void platform_watch_forks(void);
unsigned platform_process(void);

/* A clock that never goes back. */
double platform_seconds(void);

/*
 * Load the shared library at `path` (UTF-8 on Windows, the file system's bytes
 * elsewhere): an absolute path, or a bare name for the loader's own search.
 * Returns NULL with the loader's reason in `error` on failure.
 */
void *platform_library_open(const char *path, char *error, size_t error_size);
void platform_library_close(void *library);

/* The address of an exported function, or NULL. */
void *platform_library_symbol(void *library, const char *name);

/*
 * The file that the code at `symbol` was loaded from; false where the platform
 * cannot tell.
 */
bool platform_library_path(void *library, void *symbol, char *path,
                           size_t path_size);

#endif
