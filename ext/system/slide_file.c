#include "slide_file.h"

#include <stdlib.h>
#include <string.h>

/* Seconds; whoever waits is told. */
static const double LONG_WAIT = 10;

/*
 * A place for an open file.  Opening one takes long where it lies far away, so
 * that happens without the lock: the place is taken before, and whoever wants
 * the same file meanwhile waits for it, as one more reader.
 */
struct slot {
    const struct slide_file *file; /* NULL: free */
    _Atomic(int) descriptor;       /* -1: none */
    bool is_opening;
    int readers;
    uint64_t last_use;
};

struct pool {
    platform_mutex mutex;
    platform_condition opened; /* one of those that were being opened */
    uint64_t uses;
    struct slot slots[SLIDE_FILE_DESCRIPTORS];
};

/* That of this process; NULL: it has opened nothing yet. */
static _Atomic(struct pool *) current_pool;

/*
 * A forked child closes what it inherited, at once: later the same number may
 * be another file's, which the child has opened itself.  It leaves the pool
 * alone, for another thread may have held its lock.  A descriptor is forgotten
 * before it is closed, so none of those found here belongs to anybody else.
 */
static void
abandon_pool(void)
{
    struct pool *inherited = atomic_exchange(&current_pool, NULL);
    for (int i = 0; inherited != NULL && i < SLIDE_FILE_DESCRIPTORS; i++) {
        int descriptor = atomic_exchange(&inherited->slots[i].descriptor, -1);
        if (descriptor >= 0) {
            platform_file_close(descriptor);
        }
    }
}

/* The pool of this process, a new one if need be; NULL where there is no
   memory. */
static struct pool *
own_pool(void)
{
    struct pool *pool = atomic_load(&current_pool);
    if (pool != NULL) {
        return pool;
    }
    struct pool *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    fresh->mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER;
    fresh->opened = (platform_condition)PLATFORM_CONDITION_INITIALIZER;
    for (int i = 0; i < SLIDE_FILE_DESCRIPTORS; i++) {
        atomic_init(&fresh->slots[i].descriptor, -1);
    }
    platform_call_in_children(abandon_pool);
    if (!atomic_compare_exchange_strong(&current_pool, &pool, fresh)) {
        free(fresh); /* another thread was faster */
        return pool;
    }
    return fresh;
}

static struct slot *
slot_of(struct pool *pool, const struct slide_file *file)
{
    for (int i = 0; i < SLIDE_FILE_DESCRIPTORS; i++) {
        if (pool->slots[i].file == file) {
            return &pool->slots[i];
        }
    }
    return NULL;
}

static void
close_slot(struct slot *slot)
{
    int descriptor = atomic_exchange(&slot->descriptor, -1);
    slot->file = NULL;
    if (descriptor >= 0) {
        platform_file_close(descriptor);
    }
}

/* A place to open a file in; NULL where all are being read from. */
static struct slot *
vacate_slot(struct pool *pool)
{
    struct slot *oldest = NULL;
    for (int i = 0; i < SLIDE_FILE_DESCRIPTORS; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->file == NULL) {
            return slot;
        }
        if (slot->readers == 0 &&
            (oldest == NULL || slot->last_use < oldest->last_use)) {
            oldest = slot;
        }
    }
    if (oldest != NULL) {
        close_slot(oldest);
    }
    return oldest;
}

static bool
is_same_file(const struct platform_file_identity *a,
             const struct platform_file_identity *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified == b->modified;
}

/* The file as it was, else -1. */
static int
open_unchanged(const struct slide_file *file)
{
    struct platform_file_identity identity;
    int descriptor = platform_file_open(file->path);
    if (descriptor >= 0 &&
        !(platform_file_identify_open(descriptor, &identity) &&
          is_same_file(&identity, &file->identity))) {
        platform_file_close(descriptor);
        descriptor = -1;
    }
    return descriptor;
}

/* With the lock held, but for the opening itself. */
static void
open_slot(struct pool *pool, struct slot *slot, const struct slide_file *file)
{
    slot->file = file;
    slot->is_opening = true;
    platform_mutex_unlock(&pool->mutex);
    int descriptor = open_unchanged(file);
    platform_mutex_lock(&pool->mutex);
    atomic_store(&slot->descriptor, descriptor);
    slot->is_opening = false;
    platform_condition_broadcast(&pool->opened);
}

static void
leave_slot(struct slot *slot)
{
    slot->readers--;
    if (slot->readers == 0 && atomic_load(&slot->descriptor) < 0) {
        slot->file = NULL; /* it could not be opened */
    }
}

/* The file's slot, with one reader more; NULL where it cannot be opened. */
static struct slot *
acquire_slot(struct pool *pool, const struct slide_file *file)
{
    platform_mutex_lock(&pool->mutex);
    struct slot *slot = slot_of(pool, file);
    bool is_open = slot != NULL;
    if (slot == NULL) {
        slot = vacate_slot(pool);
    }
    if (slot != NULL) {
        slot->readers++;
        slot->last_use = ++pool->uses;
        if (!is_open) {
            open_slot(pool, slot, file);
        }
        while (slot->is_opening) {
            platform_condition_wait(&pool->opened, &pool->mutex, LONG_WAIT);
        }
        if (atomic_load(&slot->descriptor) < 0) {
            leave_slot(slot);
            slot = NULL;
        }
    }
    platform_mutex_unlock(&pool->mutex);
    return slot;
}

static void
release_slot(struct pool *pool, struct slot *slot)
{
    platform_mutex_lock(&pool->mutex);
    leave_slot(slot);
    platform_mutex_unlock(&pool->mutex);
}

static bool
read_file(const struct source *source, int64_t offset, void *bytes,
          size_t size)
{
    const struct slide_file *file = (const struct slide_file *)source;
    struct pool *pool = own_pool();
    struct slot *slot = pool == NULL ? NULL : acquire_slot(pool, file);
    if (slot == NULL) {
        return false;
    }
    bool complete = platform_file_read(atomic_load(&slot->descriptor), offset,
                                       bytes, size);
    release_slot(pool, slot);
    return complete;
}

bool
slide_file_can_be_read(const struct slide_file *file)
{
    struct pool *pool = own_pool();
    struct slot *slot = pool == NULL ? NULL : acquire_slot(pool, file);
    if (slot != NULL) {
        release_slot(pool, slot);
    }
    return slot != NULL;
}

struct slide_file *
slide_file_new(const char *path)
{
    size_t length = strlen(path) + 1;
    struct slide_file *file = calloc(1, sizeof *file + length);
    if (file == NULL || !platform_file_identify(path, &file->identity)) {
        free(file);
        return NULL;
    }
    memcpy(file->path, path, length);
    file->source = (struct source){file->identity.size, read_file};
    return file;
}

struct slide_file *
slide_file_beside(const struct slide_file *file, const char *name)
{
    size_t length = platform_folder_length(file->path);
    size_t size = strlen(name) + 1;
    char *path = malloc(length + size);
    if (path == NULL) {
        return NULL;
    }
    memcpy(path, file->path, length);
    memcpy(path + length, name, size);
    struct slide_file *found = slide_file_new(path);
    free(path);
    return found;
}

void
slide_file_free(struct slide_file *file)
{
    struct pool *pool = atomic_load(&current_pool);
    if (pool != NULL) {
        platform_mutex_lock(&pool->mutex);
        struct slot *slot = slot_of(pool, file);
        if (slot != NULL) {
            close_slot(slot);
        }
        platform_mutex_unlock(&pool->mutex);
    }
    free(file);
}

/* One of the open descriptors, -1 where there is none. */
static int
any_descriptor(struct pool *pool)
{
    int descriptor = -1;
    for (int i = 0; i < SLIDE_FILE_DESCRIPTORS && descriptor < 0; i++) {
        descriptor = atomic_load(&pool->slots[i].descriptor);
    }
    return descriptor;
}

void
slide_file_leave_room(int files)
{
    struct pool *pool = atomic_load(&current_pool);
    if (pool == NULL) {
        return;
    }
    platform_mutex_lock(&pool->mutex);
    int descriptor = any_descriptor(pool);
    if (descriptor >= 0 && !platform_file_may_open_more(descriptor, files)) {
        for (int i = 0; i < SLIDE_FILE_DESCRIPTORS; i++) {
            if (pool->slots[i].readers == 0) {
                close_slot(&pool->slots[i]);
            }
        }
    }
    platform_mutex_unlock(&pool->mutex);
}

bool
slide_file_is_unchanged(const struct slide_file *file)
{
    struct platform_file_identity identity;
    return platform_file_identify(file->path, &identity) &&
           is_same_file(&identity, &file->identity);
}
