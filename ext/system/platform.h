/*
 * What differs between operating systems: locks, threads, processes,
 * clocks, files, and loading a shared library.
 *
 * These two files hold all the platform conditions of the plain C code.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#    include <windows.h>
typedef SRWLOCK platform_mutex;
typedef CONDITION_VARIABLE platform_condition;
typedef HANDLE platform_thread;
#    define PLATFORM_MUTEX_INITIALIZER SRWLOCK_INIT
#    define PLATFORM_CONDITION_INITIALIZER CONDITION_VARIABLE_INIT
#else
#    include <pthread.h>
typedef pthread_mutex_t platform_mutex;
typedef pthread_cond_t platform_condition;
typedef pthread_t platform_thread;
#    define PLATFORM_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#    define PLATFORM_CONDITION_INITIALIZER PTHREAD_COND_INITIALIZER
#endif

void platform_mutex_lock(platform_mutex *mutex);
void platform_mutex_unlock(platform_mutex *mutex);

/* Wait with the mutex held until somebody signals, or for some seconds. */
void platform_condition_wait(platform_condition *condition,
                             platform_mutex *mutex, double seconds);
void platform_condition_signal(platform_condition *condition);
void platform_condition_broadcast(platform_condition *condition);

/*
 * Start a thread that runs function(argument); false where there can be none.
 * It handles none of the signals that come from outside, which belong to the
 * threads of the program; those of its own faults it does.
 */
bool platform_thread_start(platform_thread *thread,
                           void (*function)(void *argument), void *argument);
void platform_thread_join(platform_thread thread);

/*
 * A number that a process and those it forks do not share.  Forks are counted
 * from the first call of platform_watch_forks on.
 */
void platform_watch_forks(void);
unsigned platform_process(void);

/*
 * Have function() called in every child that this process forks, before the
 * child does anything else: so it may do little.  Having it called twice is
 * having it called once.  At most PLATFORM_CHILD_FUNCTIONS of them.
 */
enum { PLATFORM_CHILD_FUNCTIONS = 4 };
void platform_call_in_children(void (*function)(void));

/* A clock that never goes back. */
double platform_seconds(void);
void platform_sleep(double seconds);

/*
 * Ask for large pages in memory that is about to be filled: each page that is
 * touched for the first time costs as much as painting dozens of pixels.
 */
void platform_use_large_pages(void *memory, size_t size);

/*
 * Memory in whole pages of its own, large ones where it is large enough; NULL
 * where there is none.  Its content is undefined.
 */
void *platform_pages_new(size_t size);
void platform_pages_free(void *pages, size_t size);

/* What tells a file from the one that was there before under its name. */
struct platform_file_identity {
    uint64_t device, inode;
    int64_t size;     /* bytes */
    int64_t modified; /* nanoseconds, since whenever the system counts */
};

/* Whether opening the path could wait for ever, or do what it likes: it leads
   to a FIFO, a socket or a device. */
bool platform_file_is_special(const char *path);

/* False where there is no such regular file. */
bool platform_file_identify(const char *path,
                            struct platform_file_identity *identity);

/*
 * A descriptor of a file to read, -1 where it cannot be opened.  A program
 * that the process starts does not inherit it.
 */
int platform_file_open(const char *path);
void platform_file_close(int descriptor);
bool platform_file_identify_open(int descriptor,
                                 struct platform_file_identity *identity);

/* Whether the process may have `count` descriptors more than it has, a few;
   `descriptor` is any of those it has. */
enum { PLATFORM_FEW_FILES = 4 };
bool platform_file_may_open_more(int descriptor, int count);

/* False where not all of the bytes can be read.  Safe from many threads. */
bool platform_file_read(int descriptor, int64_t offset, void *bytes,
                        size_t size);

/* How much of a path is the folder that the file is in, with the separator
   after it; 0 where it is the current one. */
size_t platform_folder_length(const char *path);

/*
 * Call visit(name, argument) with the name of each entry of a folder, in any
 * order.  False where it cannot be read, and as soon as visit() says so.
 */
bool platform_list_folder(const char *path,
                          bool (*visit)(const char *name, void *argument),
                          void *argument);

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
