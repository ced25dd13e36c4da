#ifndef _WIN32
#    define _GNU_SOURCE /* dladdr */
#endif

#include "platform.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32

enum { MAX_PATH_UNITS = 32768 };

void
platform_mutex_lock(platform_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

void
platform_mutex_unlock(platform_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

void
platform_condition_wait(platform_condition *condition, platform_mutex *mutex,
                        double seconds)
{
    SleepConditionVariableSRW(condition, mutex, (DWORD)(seconds * 1000), 0);
}

void
platform_condition_signal(platform_condition *condition)
{
    WakeConditionVariable(condition);
}

struct start {
    void (*function)(void *argument);
    void *argument;
};

static DWORD WINAPI
run(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.function(start.argument);
    return 0;
}

bool
platform_thread_start(platform_thread *thread,
                      void (*function)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return false;
    }
    *start = (struct start){function, argument};
    *thread = CreateThread(NULL, 0, run, start, 0, NULL);
    if (*thread == NULL) {
        free(start);
    }
    return *thread != NULL;
}

void
platform_thread_join(platform_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

void
platform_watch_forks(void)
{
}

unsigned
platform_process(void)
{
    return 0;
}

void
platform_sleep(double seconds)
{
    Sleep((DWORD)(seconds * 1000));
}

double
platform_seconds(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (double)ticks.QuadPart / (double)frequency.QuadPart;
}

void *
platform_library_open(const char *path, char *error, size_t error_size)
{
    static WCHAR wide[MAX_PATH_UNITS]; /* openslide_api_load holds a lock */
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide,
                            MAX_PATH_UNITS) == 0) {
        snprintf(error, error_size, "not a valid file name");
        return NULL;
    }
    /* The default directories include those of os.add_dll_directory(); the
       library's own directory may be searched only for an absolute path. */
    DWORD flags = LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
    if (wide[0] != 0 && wide[1] == L':') {
        flags |= LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR;
    }
    HMODULE library = LoadLibraryExW(wide, NULL, flags);
    if (library == NULL) {
        DWORD code = GetLastError();
        DWORD length = FormatMessageA(
            FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
            code, 0, error, (DWORD)error_size, NULL);
        if (length == 0) {
            snprintf(error, error_size, "Windows error %lu", code);
        }
    }
    return library;
}

void
platform_library_close(void *library)
{
    FreeLibrary(library);
}

void *
platform_library_symbol(void *library, const char *name)
{
    return (void *)GetProcAddress(library, name);
}

bool
platform_library_path(void *library, void *symbol, char *path,
                      size_t path_size)
{
    static WCHAR wide[MAX_PATH_UNITS]; /* openslide_api_load holds a lock */
    (void)symbol;
    DWORD length = GetModuleFileNameW(library, wide, MAX_PATH_UNITS);
    return length > 0 && length < MAX_PATH_UNITS &&
           WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)path_size,
                               NULL, NULL) > 0;
}

void
platform_use_large_pages(void *memory, size_t size)
{
    (void)memory; /* these take a privilege that programs do not have */
    (void)size;
}

#else

#    include <dlfcn.h>
#    include <signal.h>
#    include <stdint.h>
#    include <sys/mman.h>

void
platform_mutex_lock(platform_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

void
platform_mutex_unlock(platform_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

void
platform_condition_wait(platform_condition *condition, platform_mutex *mutex,
                        double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    long nanoseconds = until.tv_nsec + (long)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(condition, mutex, &until);
}

void
platform_condition_signal(platform_condition *condition)
{
    pthread_cond_signal(condition);
}

struct start {
    void (*function)(void *argument);
    void *argument;
};

static void *
run(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.function(start.argument);
    return NULL;
}

bool
platform_thread_start(platform_thread *thread,
                      void (*function)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL) {
        return false;
    }
    *start = (struct start){function, argument};
    sigset_t all, before; /* a thread inherits the mask of its starter */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(thread, NULL, run, start) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!started) {
        free(start);
    }
    return started;
}

void
platform_thread_join(platform_thread thread)
{
    pthread_join(thread, NULL);
}

static atomic_uint forks;

static void
count_fork(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void
register_count_fork(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

void
platform_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_count_fork);
}

unsigned
platform_process(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

void
platform_sleep(double seconds)
{
    time_t whole = (time_t)seconds;
    struct timespec pause = {
        .tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    nanosleep(&pause, NULL);
}

double
platform_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void *
platform_library_open(const char *path, char *error, size_t error_size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(error, error_size, "%s", dlerror());
    }
    return library;
}

void
platform_library_close(void *library)
{
    dlclose(library);
}

void *
platform_library_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

bool
platform_library_path(void *library, void *symbol, char *path,
                      size_t path_size)
{
    Dl_info info;
    (void)library;
    if (dladdr(symbol, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    int length = snprintf(path, path_size, "%s", info.dli_fname);
    return length > 0 && (size_t)length < path_size;
}

void
platform_use_large_pages(void *memory, size_t size)
{
#    ifdef MADV_HUGEPAGE
    /* Whole ones of the usual size; a refusal changes nothing but speed. */
    const uintptr_t page = (uintptr_t)1 << 21;
    uintptr_t start = ((uintptr_t)memory + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~(page - 1);
    if (start < end) {
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#    else
    (void)memory;
    (void)size;
#    endif
}

#endif
