#define _GNU_SOURCE /* mkdtemp(), utimensat() */

#include "system/slide_file.h"

#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES = SLIDE_FILE_DESCRIPTORS + 20, THREADS = 8, READS = 2000 };

static char folder[] = "/tmp/slide-files-XXXXXX";

static const char *
path_of(int number)
{
    static char path[sizeof folder + 32];
    snprintf(path, sizeof path, "%s/%d", folder, number);
    return path;
}

/* A file of its own number, many times. */
static void
write_file(int number, size_t count)
{
    FILE *file = fopen(path_of(number), "wb");
    for (size_t i = 0; i < count; i++) {
        fwrite(&number, sizeof number, 1, file);
    }
    fclose(file);
}

static struct slide_file *
new_file(int number)
{
    write_file(number, 100);
    struct slide_file *file = slide_file_new(path_of(number));
    CHECK(file != NULL, "no file %d", number);
    return file;
}

/* The number that is in a file, -1 where it cannot be read. */
static int
number_in(const struct slide_file *file)
{
    int number = -1;
    bool complete =
        source_read(&file->source, 40 * sizeof number, &number, sizeof number);
    return complete ? number : -1;
}

/* How many of the first hundreds of descriptors are open. */
static int
open_descriptors(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 400; descriptor++) {
        count += fcntl(descriptor, F_GETFD) >= 0;
    }
    return count;
}

static void
test_reads(void)
{
    struct slide_file *file = new_file(1);
    char bytes[500];
    CHECK(file->source.size == 400, "%d bytes", (int)file->source.size);
    CHECK(number_in(file) == 1, "read %d", number_in(file));
    CHECK(source_read(&file->source, 0, bytes, 400), "not all of it");
    CHECK(!source_read(&file->source, 0, bytes, 401), "more than there is");
    CHECK(!source_read(&file->source, 400, bytes, 1), "behind the end");
    CHECK(slide_file_is_unchanged(file), "changed");
    slide_file_free(file);
}

static void
test_refuses_what_is_no_file(void)
{
    CHECK(slide_file_new(folder) == NULL, "a folder");
    CHECK(slide_file_new("/dev/zero") == NULL, "a device");
    CHECK(slide_file_new(path_of(99999)) == NULL, "nothing");
}

static void
append(const char *path)
{
    FILE *file = fopen(path, "ab");
    fputc('x', file);
    fclose(file);
}

static void
shorten(const char *path)
{
    CHECK(truncate(path, 200) == 0, "not truncated");
}

static void delete (const char *path)
{
    remove(path);
}

static void
make_older(const char *path)
{
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    utimensat(AT_FDCWD, path, times, 0);
}

/* Seen by who asks, and by whoever opens the file. */
static void
test_notices_changes(void)
{
    void (*const changes[])(const char *) = {append, shorten, delete,
                                             make_older};
    for (int i = 0; i < (int)(sizeof changes / sizeof *changes); i++) {
        struct slide_file *file = new_file(i);
        changes[i](path_of(i));
        CHECK(!slide_file_is_unchanged(file), "change %d was not seen", i);
        CHECK(number_in(file) == -1, "change %d: read all the same", i);
        slide_file_free(file);
    }
}

static void
test_notices_another_file(void)
{
    struct slide_file *file = new_file(1);
    CHECK(number_in(file) == 1, "read %d", number_in(file));
    char path[sizeof folder + 32];
    strcpy(path, path_of(1));
    write_file(2, 100);
    CHECK(rename(path_of(2), path) == 0, "not replaced");
    CHECK(!slide_file_is_unchanged(file), "it was not seen");
    slide_file_free(file);
}

static void
test_has_few_descriptors(void)
{
    static struct slide_file *files[FILES];
    int before = open_descriptors();
    for (int i = 0; i < FILES; i++) {
        files[i] = new_file(i);
    }
    CHECK(open_descriptors() == before, "opened before they are read");
    for (int i = 0; i < 3 * FILES; i++) {
        int number = i * 5 % FILES;
        CHECK(number_in(files[number]) == number, "%d in file %d",
              number_in(files[number]), number);
    }
    int more = open_descriptors() - before;
    CHECK(more == SLIDE_FILE_DESCRIPTORS, "%d descriptors", more);
    for (int i = 0; i < FILES; i++) {
        slide_file_free(files[i]);
    }
    CHECK(open_descriptors() == before, "descriptors are left");
}

static void
test_closes_what_was_not_used_for_longest(void)
{
    static struct slide_file *files[FILES];
    for (int i = 0; i < FILES; i++) {
        files[i] = new_file(i);
        number_in(files[i]);
        number_in(files[0]);
    }
    /* Those that are open still are read though their path leads nowhere. */
    for (int i = 0; i < FILES; i++) {
        remove(path_of(i));
    }
    const int last = FILES - 1, oldest_open = FILES - SLIDE_FILE_DESCRIPTORS;
    CHECK(number_in(files[0]) == 0, "the one that was used was closed");
    CHECK(number_in(files[last]) == last, "the last was closed");
    CHECK(number_in(files[oldest_open + 1]) == oldest_open + 1,
          "one was closed too early");
    CHECK(number_in(files[oldest_open]) == -1, "one more than there may be");
    for (int i = 0; i < FILES; i++) {
        slide_file_free(files[i]);
    }
}

static void
test_leaves_room(void)
{
    struct slide_file *file = new_file(1);
    struct rlimit limit, none;
    number_in(file);
    int used = open_descriptors();
    slide_file_leave_room(1);
    CHECK(open_descriptors() == used, "closed without need");
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    slide_file_leave_room(1);
    int left = open_descriptors();
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(left == used - 1, "%d of %d descriptors are left", left, used);
    CHECK(number_in(file) == 1, "cannot be read any more");
    slide_file_free(file);
}

/* A child closes what it inherited when it first opens something. */
static void
test_forked_child(void)
{
    struct slide_file *file = new_file(1), *other = new_file(2);
    number_in(file);
    number_in(other);
    int used = open_descriptors();
    pid_t child = fork();
    if (child == 0) {
        slide_file_leave_room(1);
        bool right = number_in(file) == 1 && open_descriptors() == used - 1;
        slide_file_free(other);
        slide_file_free(file);
        _exit(!right || open_descriptors() != used - 2);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0, "the child ended with %d", status);
    CHECK(number_in(file) == 1 && number_in(other) == 2, "the parent's");
    CHECK(open_descriptors() == used, "the child has closed the parent's");
    slide_file_free(file);
    slide_file_free(other);
}

static int
descriptor_of(const char *path)
{
    struct stat wanted, found;
    stat(path, &wanted);
    for (int descriptor = 0; descriptor < 400; descriptor++) {
        if (fstat(descriptor, &found) == 0 && found.st_ino == wanted.st_ino &&
            found.st_dev == wanted.st_dev) {
            return descriptor;
        }
    }
    return -1;
}

/* As a daemon begins, though it is the same file that it opens itself. */
static void
close_all_and_open_own(const char *path, int number)
{
    for (int descriptor = 3; descriptor < 400; descriptor++) {
        close(descriptor);
    }
    int own = -1;
    while (own < number) {
        own = open(path, O_RDONLY);
    }
}

static void
test_a_child_keeps_what_is_its_own(void)
{
    struct slide_file *file = new_file(1);
    char path[sizeof folder + 32];
    strcpy(path, path_of(1));
    number_in(file);
    int inherited = descriptor_of(path);
    pid_t child = fork();
    if (child == 0) {
        bool closed_at_once = descriptor_of(path) < 0;
        close_all_and_open_own(path, inherited);
        bool right = number_in(file) == 1;
        slide_file_leave_room(1);
        slide_file_free(file);
        _exit(!closed_at_once || !right || fcntl(inherited, F_GETFD) < 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0, "the child ended with %d", status);
    CHECK(number_in(file) == 1, "the parent's");
    slide_file_free(file);
}

struct party {
    struct slide_file *files[FILES];
    atomic_int seed, wrong;
};

static void
read_at_random(void *argument)
{
    struct party *party = argument;
    unsigned chance = (unsigned)atomic_fetch_add(&party->seed, 1) + 1;
    for (int i = 0; i < READS; i++) {
        chance = chance * 1103515245 + 12345;
        int number = (int)(chance >> 16) % FILES;
        atomic_fetch_add(&party->wrong,
                         number_in(party->files[number]) != number);
        if (i % 100 == 0) {
            slide_file_leave_room(1);
        }
    }
}

static void
test_many_threads(void)
{
    static struct party party;
    platform_thread threads[THREADS];
    for (int i = 0; i < FILES; i++) {
        party.files[i] = new_file(i);
    }
    for (int i = 0; i < THREADS; i++) {
        platform_thread_start(&threads[i], read_at_random, &party);
    }
    for (int i = 0; i < THREADS; i++) {
        platform_thread_join(threads[i]);
    }
    CHECK(atomic_load(&party.wrong) == 0, "%d wrong reads",
          atomic_load(&party.wrong));
    for (int i = 0; i < FILES; i++) {
        slide_file_free(party.files[i]);
    }
}

int
main(void)
{
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    platform_watch_forks();
    check_run("reads", test_reads);
    check_run("refuses what is no file", test_refuses_what_is_no_file);
    check_run("notices changes", test_notices_changes);
    check_run("notices another file", test_notices_another_file);
    check_run("has few descriptors", test_has_few_descriptors);
    check_run("closes what was not used for longest",
              test_closes_what_was_not_used_for_longest);
    check_run("leaves room", test_leaves_room);
    check_run("a forked child", test_forked_child);
    check_run("a child keeps what is its own",
              test_a_child_keeps_what_is_its_own);
    check_run("many threads", test_many_threads);
    for (int i = 0; i < FILES; i++) {
        remove(path_of(i));
    }
    rmdir(folder);
    return check_finish();
}
