/*
 * The raw C call: a contender that reads with openslide_read_region into its
 * own buffer, again and again the same, and converts nothing.
 *
 *   raw_read LIBRARY CLOCK
 *
 * It answers the requests that worker.py describes, in the same way.
 */

#include "slide/openslide_api.h"
#include "system/platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LINE_BYTES = 1 << 17,
    MAX_POSITIONS = 1 << 13,
    MAX_WORKERS = 64,
    USUAL_CACHE_BYTES = 32 << 20, /* as in worker.py */
    HOT_CACHE_BYTES = 256 << 20,
};

struct position {
    int64_t x, y;
};

/* What to read, and the buffers of the threads that do. */
struct reading {
    int32_t level;
    int64_t side;
    int workers;
    uint32_t *buffers[MAX_WORKERS];
};

/* Every `workers`-th position of a group, from the `number`-th on. */
struct share {
    const struct reading *reading;
    const struct position *positions;
    long count;
    int number;
};

static openslide_t *slide;
static char *slide_path;
static double (*seconds_now)(void);

static void
fail(const char *message)
{
    fprintf(stderr, "raw_read: %s\n", message);
    exit(EXIT_FAILURE);
}

static void
check_slide(openslide_t *osr)
{
    if (osr == NULL) {
        fail("not a slide");
    }
    if (openslide.get_error(osr) != NULL) {
        fail(openslide.get_error(osr));
    }
}

static void *
allocate(size_t size)
{
    void *memory = calloc(size, 1);
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

/* Of all threads. */
static double
cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Requests */

static const char *
next_word(void)
{
    const char *word = strtok(NULL, "\t\n");
    if (word == NULL) {
        fail("a request lacks words");
    }
    return word;
}

static long
next_number(void)
{
    return strtol(next_word(), NULL, 10);
}

static long
parse_positions(struct position *positions)
{
    long count = 0;
    const char *word = strtok(NULL, "\t\n");
    while (word != NULL && count < MAX_POSITIONS) {
        positions[count].x = strtoll(word, NULL, 10);
        positions[count].y = strtoll(next_word(), NULL, 10);
        count++;
        word = strtok(NULL, "\t\n");
    }
    return count;
}

/* Answers */

static void
print_sample(long i, double seconds)
{
    printf("%s%.9f", i == 0 ? "" : ", ", seconds);
}

static void
print_versions(void)
{
    printf("{\"versions\": {\"libopenslide\": \"%s\"}}\n",
           openslide.get_version());
}

/* Calls */

static void
open_slide(void)
{
    if (slide != NULL) {
        openslide.close(slide);
    }
    free(slide_path);
    const char *path = next_word();
    slide_path = allocate(strlen(path) + 1);
    strcpy(slide_path, path);
    slide = openslide.open(slide_path);
    check_slide(slide);
}

static double
time_open(void)
{
    double start = seconds_now();
    openslide_t *osr = openslide.open(slide_path);
    double seconds = seconds_now() - start;
    check_slide(osr);
    openslide.close(osr);
    return seconds;
}

static void
get_property(void)
{
    openslide.get_property_value(slide, "openslide.vendor");
}

static void
get_properties(void)
{
    const char *const *names = openslide.get_property_names(slide);
    for (int i = 0; names[i] != NULL; i++) {
        openslide.get_property_value(slide, names[i]);
    }
}

static void
get_level_dimensions(void)
{
    int32_t count = openslide.get_level_count(slide);
    for (int32_t level = 0; level < count; level++) {
        int64_t width, height;
        openslide.get_level_dimensions(slide, level, &width, &height);
    }
}

static double
time_calls(const char *name, long repeats)
{
    void (*call)(void) = strcmp(name, "property") == 0 ? get_property
                         : strcmp(name, "properties") == 0
                             ? get_properties
                             : get_level_dimensions;
    double start = seconds_now();
    for (long i = 0; i < repeats; i++) {
        call();
    }
    return seconds_now() - start;
}

static void
answer_call(void)
{
    const char *name = next_word();
    long samples = next_number();
    long repeats = next_number();
    for (long i = 0; i < samples; i++) {
        print_sample(i, strcmp(name, "open") == 0 ? time_open()
                                                  : time_calls(name, repeats));
    }
}

/* Reads */

static void
read_share(void *argument)
{
    const struct share *share = argument;
    const struct reading *reading = share->reading;
    for (long i = share->number; i < share->count; i += reading->workers) {
        openslide.read_region(slide, reading->buffers[share->number],
                              share->positions[i].x, share->positions[i].y,
                              reading->level, reading->side, reading->side);
    }
}

static void
read_group(const struct reading *reading, const struct position *positions,
           long count)
{
    platform_thread threads[MAX_WORKERS];
    struct share shares[MAX_WORKERS];
    for (int i = reading->workers - 1; i >= 0; i--) {
        shares[i] = (struct share){reading, positions, count, i};
        if (i == 0) {
            read_share(&shares[i]);
        } else if (!platform_thread_start(&threads[i], read_share,
                                          &shares[i])) {
            fail("cannot start a thread");
        }
    }
    for (int i = 1; i < reading->workers; i++) {
        platform_thread_join(threads[i]);
    }
}

/* Go on with an empty cache; release what it returns. */
static openslide_cache_t *
forget_tiles(size_t capacity)
{
    openslide_cache_t *cache = openslide.cache_create(capacity);
    openslide.set_cache(slide, cache);
    return cache;
}

/* As in worker.py, which says why. */
static openslide_cache_t *
warm_up(const struct reading *reading, bool hot,
        const struct position *positions, long samples, long each)
{
    openslide_cache_t *cache =
        forget_tiles(hot ? HOT_CACHE_BYTES : USUAL_CACHE_BYTES);
    if (hot) {
        for (long i = 0; i < samples; i++) {
            read_group(reading, positions + i * each, each);
        }
        return cache;
    }
    read_group(reading, positions, each);
    openslide.cache_release(cache);
    cache = forget_tiles(USUAL_CACHE_BYTES);
    read_group(reading, positions, each);
    return cache;
}

static void
time_reads(const struct reading *reading, bool hot,
           const struct position *positions, long samples, long each)
{
    openslide_cache_t *kept = warm_up(reading, hot, positions, samples, each);
    for (long i = 0; i < samples; i++) {
        if (!hot) {
            openslide.cache_release(forget_tiles(USUAL_CACHE_BYTES));
        }
        double start = seconds_now();
        read_group(reading, positions + i * each, each);
        print_sample(i, seconds_now() - start);
    }
    openslide.cache_release(kept);
    check_slide(slide);
}

/* The buffers have been written to, and read like those of a program that has
   run for a while: no page faults on the clock. */
static void
prepare_buffers(struct reading *reading)
{
    size_t bytes = (size_t)(reading->side * reading->side) * sizeof(uint32_t);
    for (int i = 0; i < reading->workers; i++) {
        reading->buffers[i] = allocate(bytes);
        memset(reading->buffers[i], 1, bytes);
    }
}

static void
answer_read(void)
{
    static struct position positions[MAX_POSITIONS];
    struct reading reading = {.level = 0};
    next_word(); /* images, arrays and batches are all the same here */
    bool hot = strcmp(next_word(), "hot") == 0;
    reading.level = (int32_t)next_number();
    reading.side = next_number();
    reading.workers = (int)next_number();
    long samples = next_number();
    long count = parse_positions(positions);
    if (reading.workers < 1 || reading.workers > MAX_WORKERS || samples < 1) {
        fail("a request has impossible numbers");
    }
    prepare_buffers(&reading);
    time_reads(&reading, hot, positions, samples, count / samples);
    for (int i = 0; i < reading.workers; i++) {
        free(reading.buffers[i]);
    }
}

static void
answer(char *line)
{
    const char *kind = strtok(line, "\t\n");
    if (kind != NULL && strcmp(kind, "versions") == 0) {
        print_versions();
        return;
    }
    printf("{\"seconds\": [");
    if (kind != NULL && strcmp(kind, "slide") == 0) {
        open_slide();
    } else if (kind != NULL && strcmp(kind, "call") == 0) {
        answer_call();
    } else {
        answer_read();
    }
    printf("]}\n");
}

int
main(int argc, char **argv)
{
    static char line[LINE_BYTES];
    char error[1024];
    if (argc != 3) {
        fail("usage: raw_read LIBRARY CLOCK");
    }
    if (!openslide_api_load(argv[1], error, sizeof error)) {
        fail(error);
    }
    seconds_now = strcmp(argv[2], "cpu") == 0 ? cpu_seconds : platform_seconds;
    if (openslide.cache_create == NULL) {
        fail("the library is older than 4.0.0 and has no caches to empty");
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        answer(line);
        fflush(stdout);
    }
    return 0;
}
