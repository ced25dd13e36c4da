#ifndef _WIN32
#    define _GNU_SOURCE /* dladdr */
#    define _FILE_OFFSET_BITS 64
#endif

#include "platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32

#    include <fcntl.h>
#    include <io.h>

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

void
platform_condition_broadcast(platform_condition *condition)
{
    WakeAllConditionVariable(condition);
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
platform_call_in_children(void (*function)(void))
{
    (void)function; /* there are none */
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

void *
platform_pages_new(size_t size)
{
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void
platform_pages_free(void *pages, size_t size)
{
    (void)size;
    VirtualFree(pages, 0, MEM_RELEASE);
}

static bool
identify(HANDLE file, struct platform_file_identity *identity)
{
    BY_HANDLE_FILE_INFORMATION facts;
    if (GetFileType(file) != FILE_TYPE_DISK ||
        !GetFileInformationByHandle(file, &facts) ||
        (facts.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        return false;
    }
    identity->device = facts.dwVolumeSerialNumber;
    identity->inode =
        (uint64_t)facts.nFileIndexHigh << 32 | facts.nFileIndexLow;
    identity->size =
        (int64_t)((uint64_t)facts.nFileSizeHigh << 32 | facts.nFileSizeLow);
    identity->modified =
        (int64_t)(((uint64_t)facts.ftLastWriteTime.dwHighDateTime << 32 |
                   facts.ftLastWriteTime.dwLowDateTime) *
                  100);
    return true;
}

static HANDLE
open_file(const char *path, DWORD access)
{
    WCHAR *wide = malloc(MAX_PATH_UNITS * sizeof *wide);
    HANDLE file = INVALID_HANDLE_VALUE;
    if (wide != NULL && MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS,
                                            path, -1, wide, MAX_PATH_UNITS)) {
        /* Nobody is kept from writing, renaming or deleting it. */
        file =
            CreateFileW(wide, access,
                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    }
    free(wide);
    return file;
}

bool
platform_file_is_special(const char *path)
{
    (void)path; /* files have no such names here */
    return false;
}

bool
platform_file_identify(const char *path,
                       struct platform_file_identity *identity)
{
    HANDLE file = open_file(path, 0);
    if (file == INVALID_HANDLE_VALUE) {
        return false;
    }
    bool known = identify(file, identity);
    CloseHandle(file);
    return known;
}

int
platform_file_open(const char *path)
{
    HANDLE file = open_file(path, GENERIC_READ);
    if (file == INVALID_HANDLE_VALUE) {
        return -1;
    }
    int descriptor = _open_osfhandle((intptr_t)file, _O_RDONLY | _O_BINARY);
    if (descriptor < 0) {
        CloseHandle(file);
    }
    return descriptor;
}

void
platform_file_close(int descriptor)
{
    _close(descriptor);
}

static int
duplicate(int descriptor)
{
    return _dup(descriptor);
}

bool
platform_file_identify_open(int descriptor,
                            struct platform_file_identity *identity)
{
    return identify((HANDLE)_get_osfhandle(descriptor), identity);
}

bool
platform_file_read(int descriptor, int64_t offset, void *bytes, size_t size)
{
    HANDLE file = (HANDLE)_get_osfhandle(descriptor);
    uint8_t *to = bytes;
    while (size > 0) {
        OVERLAPPED at = {.Offset = (DWORD)offset,
                         .OffsetHigh = (DWORD)(offset >> 32)};
        DWORD done, wanted = size > 1 << 30 ? 1 << 30 : (DWORD)size;
        if (!ReadFile(file, to, wanted, &done, &at) || done == 0) {
            return false;
        }
        to += done;
        offset += done;
        size -= done;
    }
    return true;
}

size_t
platform_folder_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && strchr("/\\:", path[length - 1]) == NULL) {
        length--;
    }
    return length;
}

static bool
visit_entry(const WIN32_FIND_DATAW *entry,
            bool (*visit)(const char *name, void *argument), void *argument)
{
    char name[4 * MAX_PATH]; /* UTF-8 takes at most three bytes a unit */
    return WideCharToMultiByte(CP_UTF8, 0, entry->cFileName, -1, name,
                               sizeof name, NULL, NULL) > 0 &&
           visit(name, argument);
}

bool
platform_list_folder(const char *path,
                     bool (*visit)(const char *name, void *argument),
                     void *argument)
{
    WIN32_FIND_DATAW entry;
    HANDLE search = INVALID_HANDLE_VALUE;
    WCHAR *wide = malloc((MAX_PATH_UNITS + 2) * sizeof *wide);
    if (wide != NULL && MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS,
                                            path, -1, wide, MAX_PATH_UNITS)) {
        wcscat(wide, L"\\*");
        search = FindFirstFileW(wide, &entry);
    }
    free(wide);
    if (search == INVALID_HANDLE_VALUE) {
        return false;
    }
    bool goes_on;
    do {
        goes_on = visit_entry(&entry, visit, argument);
    } while (goes_on && FindNextFileW(search, &entry));
    bool complete = goes_on && GetLastError() == ERROR_NO_MORE_FILES;
    FindClose(search);
    return complete;
}

#else

#    include <dirent.h>
#    include <dlfcn.h>
#    include <errno.h>
#    include <fcntl.h>
#    include <signal.h>
#    include <sys/mman.h>
#    include <sys/stat.h>
#    include <unistd.h>

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
    int64_t nanoseconds = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += (time_t)(nanoseconds / 1000000000);
    until.tv_nsec = (long)(nanoseconds % 1000000000);
    pthread_cond_timedwait(condition, mutex, &until);
}

void
platform_condition_signal(platform_condition *condition)
{
    pthread_cond_signal(condition);
}

void
platform_condition_broadcast(platform_condition *condition)
{
    pthread_cond_broadcast(condition);
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

/* The signals that come from outside.  Those of a thread's own faults end the
   process where they are blocked, without a word of who was at fault. */
static void
fill_with_outside_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                              SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        sigdelset(set, own[i]);
    }
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
    sigset_t blocked, before; /* a thread inherits the mask of its starter */
    fill_with_outside_signals(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
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
static _Atomic(void (*)(void)) child_functions[PLATFORM_CHILD_FUNCTIONS];

static void
begin_child(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    for (int i = 0; i < PLATFORM_CHILD_FUNCTIONS; i++) {
        void (*function)(void) = atomic_load(&child_functions[i]);
        if (function != NULL) {
            function();
        }
    }
}

static void
register_begin_child(void)
{
    pthread_atfork(NULL, NULL, begin_child);
}

void
platform_watch_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_begin_child);
}

void
platform_call_in_children(void (*function)(void))
{
    platform_watch_forks();
    for (int i = 0; i < PLATFORM_CHILD_FUNCTIONS; i++) {
        void (*present)(void) = NULL;
        if (atomic_compare_exchange_strong(&child_functions[i], &present,
                                           function) ||
            present == function) {
            return;
        }
    }
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

/* The usual size; a refusal of large pages changes nothing but speed. */
static const uintptr_t LARGE_PAGE = (uintptr_t)1 << 21;

static uintptr_t
round_up(uintptr_t address)
{
    return (address + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
}

void
platform_use_large_pages(void *memory, size_t size)
{
#    ifdef MADV_HUGEPAGE
    uintptr_t start = round_up((uintptr_t)memory);
    uintptr_t end = ((uintptr_t)memory + size) & ~(LARGE_PAGE - 1);
    if (start < end) {
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#    else
    (void)memory;
    (void)size;
#    endif
}

/* Smaller memory is left to malloc, which has some that is in use already. */
static bool
is_large(size_t size)
{
    return size >= LARGE_PAGE;
}

void *
platform_pages_new(size_t size)
{
    if (!is_large(size)) {
        return malloc(size);
    }
    if (size > SIZE_MAX - LARGE_PAGE) {
        return NULL;
    }
    /* More than is wanted, and what is not aligned goes back. */
    char *all = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        return NULL;
    }
    char *pages = (char *)round_up((uintptr_t)all);
    size_t before = (size_t)(pages - all), after = LARGE_PAGE - before;
    if (before > 0) {
        munmap(all, before);
    }
    if (after > 0) {
        munmap(pages + size, after);
    }
    platform_use_large_pages(pages, size);
    return pages;
}

void
platform_pages_free(void *pages, size_t size)
{
    if (is_large(size)) {
        munmap(pages, size);
    } else {
        free(pages);
    }
}

static bool
identity_of(const struct stat *facts, struct platform_file_identity *identity)
{
#    ifdef __APPLE__
    struct timespec modified = facts->st_mtimespec;
#    else
    struct timespec modified = facts->st_mtim;
#    endif
    *identity = (struct platform_file_identity){
        .device = (uint64_t)facts->st_dev,
        .inode = (uint64_t)facts->st_ino,
        .size = (int64_t)facts->st_size,
        .modified =
            (int64_t)modified.tv_sec * 1000000000 + (int64_t)modified.tv_nsec,
    };
    return S_ISREG(facts->st_mode);
}

bool
platform_file_is_special(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 &&
           (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode) ||
            S_ISCHR(facts.st_mode) || S_ISBLK(facts.st_mode));
}

bool
platform_file_identify(const char *path,
                       struct platform_file_identity *identity)
{
    struct stat facts;
    return stat(path, &facts) == 0 && identity_of(&facts, identity);
}

int
platform_file_open(const char *path)
{
    /* O_NONBLOCK: a FIFO that has taken the file's place must not block. */
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

void
platform_file_close(int descriptor)
{
    close(descriptor);
}

static int
duplicate(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

bool
platform_file_identify_open(int descriptor,
                            struct platform_file_identity *identity)
{
    struct stat facts;
    return fstat(descriptor, &facts) == 0 && identity_of(&facts, identity);
}

bool
platform_file_read(int descriptor, int64_t offset, void *bytes, size_t size)
{
    uint8_t *to = bytes;
    while (size > 0) {
        ssize_t done = pread(descriptor, to, size, (off_t)offset);
        if (done == 0 || (done < 0 && errno != EINTR)) {
            return false;
        }
        if (done > 0) {
            to += done;
            offset += done;
            size -= (size_t)done;
        }
    }
    return true;
}

size_t
platform_folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

bool
platform_list_folder(const char *path,
                     bool (*visit)(const char *name, void *argument),
                     void *argument)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return false;
    }
    struct dirent *entry;
    bool goes_on = true;
    errno = 0;
    while (goes_on && (entry = readdir(folder)) != NULL) {
        goes_on = visit(entry->d_name, argument);
        errno = 0;
    }
    bool complete = goes_on && errno == 0;
    closedir(folder);
    return complete;
}

#endif

bool
platform_file_may_open_more(int descriptor, int count)
{
    int others[PLATFORM_FEW_FILES], opened = 0;
    while (opened < count && opened < PLATFORM_FEW_FILES &&
           (others[opened] = duplicate(descriptor)) >= 0) {
        opened++;
    }
    for (int i = 0; i < opened; i++) {
        platform_file_close(others[i]);
    }
    return opened == count;
}
