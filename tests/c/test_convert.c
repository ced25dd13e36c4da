#include "_convert.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "kernel_tests.h"

/* Several of the largest blocks, 64 pixels. */
#define MAX_COUNT 300

/* More than the pixels from which a kernel aligns its stores. */
#define LONG_COUNT 5000

#define CANARY 0xa5
#define CANARY_BYTES 80

static const uint32_t backgrounds[] = {0x000000, 0xffffff, 0x123456, 0xfe01c8};

#define BACKGROUNDS (sizeof(backgrounds) / sizeof(*backgrounds))

static const struct convert_kernel *const scalar = &convert_kernels[SCALAR];

/* The one under test. */
static const struct convert_kernel *
kernel(void)
{
    return &convert_kernels[tested];
}

/* A mode is the index of a background, or this. */
#define TO_RGBA BACKGROUNDS

static size_t
pixel_bytes(size_t mode)
{
    return mode == TO_RGBA ? 4 : 3;
}

static void
convert(const struct convert_kernel *k, size_t mode, const uint32_t *argb,
        uint8_t *out, size_t count)
{
    if (mode == TO_RGBA) {
        k->to_rgba(argb, out, count);
    } else {
        k->to_rgb(argb, out, count, backgrounds[mode]);
    }
}

/* ---- what is expected: the definition, a pixel at a time ---- */

static uint32_t
formula_channel(uint32_t argb, unsigned shift)
{
    return 255 * (argb >> shift & 0xff) / (argb >> 24) & 0xff;
}

static void
formula_rgba(uint32_t argb, uint8_t *rgba)
{
    if (argb >> 24 == 0) {
        memcpy(rgba, &argb, 4);
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        rgba[i] = (uint8_t)formula_channel(argb, 16 - 8 * i);
    }
    rgba[3] = (uint8_t)(argb >> 24);
}

static void
formula_rgb(uint32_t argb, uint32_t background, uint8_t *rgb)
{
    uint32_t alpha = argb >> 24;

    for (unsigned i = 0; i < 3; i++) {
        unsigned shift = 16 - 8 * i;
        uint32_t s = alpha == 0 ? 0 : formula_channel(argb, shift);
        uint32_t b = background >> shift & 0xff;
        uint32_t t = s * alpha + b * (255 - alpha) + 128;

        rgb[i] = (uint8_t)((t + (t >> 8)) >> 8);
    }
}

static void
formula(size_t mode, const uint32_t *argb, uint8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mode == TO_RGBA) {
            formula_rgba(argb[i], out + 4 * i);
        } else {
            formula_rgb(argb[i], backgrounds[mode], out + 3 * i);
        }
    }
}

/* ---- input ---- */

static uint32_t
next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

/* Runs of opaque, transparent (colours at random) and any pixels. */
static void
fill_runs(uint32_t *argb, size_t count, size_t longest)
{
    size_t run = 0;
    uint32_t kind = 0;

    for (size_t i = 0; i < count; i++, run--) {
        uint32_t pixel = next_random();

        if (run == 0) {
            run = 1 + next_random() % longest;
            kind = next_random() % 3;
        }
        if (kind == 0) {
            pixel |= 0xff000000;
        } else if (kind == 1) {
            pixel &= 0x00ffffff;
        }
        argb[i] = pixel;
    }
}

static void *
allocate(size_t size)
{
    void *memory = malloc(size);

    if (memory == NULL) {
        perror("malloc");
        exit(2);
    }
    return memory;
}

/* ---- comparison ---- */

static void
check_same(const uint8_t *got, const uint8_t *expected, const uint32_t *argb,
           size_t mode, size_t count)
{
    size_t size = pixel_bytes(mode);

    for (size_t i = 0; i < size * count; i++) {
        if (!CHECK(got[i] == expected[i],
                   "%s, %zu bytes a pixel: byte %zu of pixel %zu of %zu "
                   "(%08x) is %d, not %d",
                   tested_name(), size, i % size, i / size, count,
                   (unsigned)argb[i / size], got[i], expected[i])) {
            return;
        }
    }
}

static void
check_canaries(const uint8_t *bytes, size_t count, const char *where)
{
    for (size_t i = 0; i < count; i++) {
        if (!CHECK(bytes[i] == CANARY, "%s: byte %zu %s the result changed",
                   tested_name(), i, where)) {
            return;
        }
    }
}

/* ---- tests of one kernel ---- */

/*
 * All pairs of alpha and channel, in the channel at shift, the other channels
 * at random. Alpha changes fastest or slowest: the former never makes a run,
 * the latter makes a run of each alpha.
 */
static void
fill_pairs(uint32_t *argb, unsigned shift, bool alpha_fastest)
{
    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t alpha = alpha_fastest ? i & 0xff : i >> 8;
        uint32_t channel = alpha_fastest ? i >> 8 : i & 0xff;
        uint32_t others = next_random() & 0xffffff & ~(0xffu << shift);

        argb[i] = alpha << 24 | channel << shift | others;
    }
}

static void
test_all_pairs(void)
{
    uint32_t *argb = allocate(65536 * 4);
    uint8_t *got = allocate(65536 * 4);
    uint8_t *expected = allocate(65536 * 4);

    for (unsigned order = 0; order < 2; order++) {
        for (unsigned shift = 0; shift < 24; shift += 8) {
            fill_pairs(argb, shift, order == 0);
            for (size_t mode = 0; mode <= TO_RGBA; mode++) {
                convert(kernel(), mode, argb, got, 65536);
                formula(mode, argb, expected, 65536);
                check_same(got, expected, argb, mode, 65536);
            }
        }
    }
    free(argb);
    free(got);
    free(expected);
}

/* Every background byte meets every alpha. */
static void
test_all_backgrounds(void)
{
    uint32_t argb[256];
    uint8_t got[3 * 256], expected[3 * 256];

    for (uint32_t b = 0; b < 256; b++) {
        uint32_t background = b << 16 | (255 - b) << 8 | (b ^ 0x55);

        for (uint32_t alpha = 0; alpha < 256; alpha++) {
            argb[alpha] = alpha << 24 | (next_random() & 0xffffff);
        }
        kernel()->to_rgb(argb, got, 256, background | next_random() << 24);
        for (size_t i = 0; i < 256; i++) {
            formula_rgb(argb[i], background, expected + 3 * i);
        }
        check_same(got, expected, argb, 0, 256);
    }
}

/* What there is of around on both sides of the result must stay as it is. */
static void
check_placed(size_t mode, const uint32_t *source, uint8_t *destination,
             size_t count, struct guarded around)
{
    static uint8_t expected[4 * MAX_COUNT];
    uint8_t *end = destination + pixel_bytes(mode) * count;
    size_t before = (size_t)(destination - around.start);
    size_t after = (size_t)(around.end - end);

    before = before < CANARY_BYTES ? before : CANARY_BYTES;
    after = after < CANARY_BYTES ? after : CANARY_BYTES;
    memset(destination - before, CANARY, before);
    memset(end, CANARY, after);
    convert(scalar, mode, source, expected, count);
    convert(kernel(), mode, source, destination, count);
    check_same(destination, expected, source, mode, count);
    check_canaries(destination - before, before, "before");
    check_canaries(end, after, "after");
}

static void
check_in_place(const uint32_t *argb, uint8_t *place, size_t count)
{
    static uint8_t expected[4 * MAX_COUNT];

    memcpy(place, argb, 4 * count);
    scalar->to_rgba(argb, expected, count);
    kernel()->to_rgba((const uint32_t *)(void *)place, place, count);
    check_same(place, expected, argb, TO_RGBA, count);
}

/* Every length, both buffers against the unmapped page behind or before. */
static void
test_lengths(void)
{
    struct guarded source = guarded_alloc(4 * MAX_COUNT);
    struct guarded target = guarded_alloc(4 * MAX_COUNT + CANARY_BYTES);
    uint32_t argb[MAX_COUNT];

    for (size_t count = 0; count <= MAX_COUNT; count++) {
        fill_runs(argb, count, 1 + next_random() % 100);
        for (size_t mode = 0; mode <= TO_RGBA; mode++) {
            uint8_t *last = target.end - pixel_bytes(mode) * count;
            void *place = source.end - 4 * count;

            memcpy(place, argb, 4 * count);
            check_placed(mode, place, last, count, target);
            check_placed(mode, place, target.start, count, target);
            memcpy(source.start, argb, 4 * count);
            place = source.start;
            check_placed(mode, place, last, count, target);
            check_placed(mode, place, target.start, count, target);
        }
        check_in_place(argb, target.end - 4 * count, count);
        check_in_place(argb, target.start, count);
    }
    guarded_free(source);
    guarded_free(target);
}

static void
test_alignments(void)
{
    struct guarded target = guarded_alloc(4 * MAX_COUNT + 4 * CANARY_BYTES);
    uint32_t argb[MAX_COUNT + 16];

    for (size_t offset = 0; offset < 128; offset++) {
        uint8_t *destination = target.start + CANARY_BYTES + offset;

        for (size_t skip = 0; skip < 16; skip++) {
            fill_runs(argb, MAX_COUNT + 16, 100);
            for (size_t mode = 0; mode <= TO_RGBA; mode++) {
                check_placed(mode, argb + skip, destination, MAX_COUNT,
                             target);
            }
        }
    }
    guarded_free(target);
}

/* Long enough for the kernels to align their stores, from every start. */
static void
test_long(void)
{
    struct guarded source = guarded_alloc(4 * LONG_COUNT);
    struct guarded target = guarded_alloc(4 * LONG_COUNT);
    uint8_t *expected = allocate(4 * LONG_COUNT);

    for (size_t missing = 0; missing < 64; missing++) {
        size_t count = LONG_COUNT - missing;
        uint32_t *argb = (uint32_t *)(void *)(source.end - 4 * count);
        uint8_t *in_place = source.end - 4 * count;

        for (size_t mode = 0; mode <= TO_RGBA; mode++) {
            uint8_t *out = target.end - pixel_bytes(mode) * count;

            fill_runs(argb, count, 300);
            convert(scalar, mode, argb, expected, count);
            convert(kernel(), mode, argb, out, count);
            check_same(out, expected, argb, mode, count);
            out = target.start + missing;
            convert(kernel(), mode, argb, out, count);
            check_same(out, expected, argb, mode, count);
        }
        scalar->to_rgba(argb, expected, count);
        memcpy(target.start, argb, 4 * count);
        kernel()->to_rgba(argb, in_place, count);
        check_same(in_place, expected, (uint32_t *)(void *)target.start,
                   TO_RGBA, count);
    }
    guarded_free(source);
    guarded_free(target);
    free(expected);
}

/* Every length and start, both buffers against the unmapped pages. */
static void
test_from_rgb(void)
{
    struct guarded source = guarded_alloc(3 * MAX_COUNT);
    struct guarded target = guarded_alloc(4 * MAX_COUNT);
    uint32_t expected[MAX_COUNT], got[MAX_COUNT];

    for (size_t count = 0; count <= MAX_COUNT; count++) {
        size_t size = 4 * count;
        uint8_t *rgb = source.end - 3 * count;
        uint8_t *after = target.start + size;
        size_t rest = (size_t)(target.end - after);

        for (size_t i = 0; i < count; i++) {
            uint32_t pixel = next_random() & 0xffffff;

            expected[i] = 0xff000000 | pixel;
            rgb[3 * i] = (uint8_t)(pixel >> 16);
            rgb[3 * i + 1] = (uint8_t)(pixel >> 8);
            rgb[3 * i + 2] = (uint8_t)pixel;
        }
        rest = rest < CANARY_BYTES ? rest : CANARY_BYTES;
        memset(after, CANARY, rest);
        kernel()->from_rgb(rgb, (uint32_t *)(void *)(target.end - size),
                           count);
        memcpy(got, target.end - size, size);
        CHECK(memcmp(got, expected, size) == 0, "%zu other pixels", count);
        memset(after, CANARY, rest);
        kernel()->from_rgb(rgb, (uint32_t *)(void *)target.start, count);
        CHECK(memcmp(target.start, expected, size) == 0,
              "%zu other pixels at the start", count);
        check_canaries(after, rest, "after");
    }
    guarded_free(source);
    guarded_free(target);
}

/* ---- tests of the dispatch ---- */

#define THREADS 8

static atomic_bool started;

static void *
convert_at_once(void *result)
{
    static const uint32_t argb[2] = {0x80402010, 0xff010203};

    while (!atomic_load(&started))
        ;
    convert_argb_to_rgba(argb, result, 2);
    convert_argb_to_rgb(argb, (uint8_t *)result + 8, 2, 0xffffff);
    return NULL;
}

/* Has to come first: the dispatch is decided once per process. */
static void
test_first_use_by_threads(void)
{
    /* Red: s = 255 * 64 / 128 = 127, t = 127 * 128 + 255 * 127 + 128. */
    static const uint8_t expected[14] = {127, 63,  31,  128, 1, 2, 3,
                                         255, 191, 159, 143, 1, 2, 3};
    static uint8_t results[THREADS][sizeof(expected)];
    pthread_t threads[THREADS];
    int created = 0;

    while (created < THREADS &&
           pthread_create(&threads[created], NULL, convert_at_once,
                          results[created]) == 0) {
        created++;
    }
    atomic_store(&started, true);
    for (int i = 0; i < created; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(created == THREADS, "%d threads only", created);
    for (int i = 0; i < created; i++) {
        CHECK(memcmp(results[i], expected, sizeof(expected)) == 0,
              "wrong pixels in thread %d", i);
    }
}

static void
test_best_is_in_use(void)
{
    enum instruction_set best = 0;

    while (instruction_set_missing(best)) {
        best++;
    }
    CHECK(instruction_set_in_use() == best, "%s, not %s",
          instruction_set_name(instruction_set_in_use()),
          instruction_set_name(best));
    CHECK(
        strcmp(instruction_set_name(INSTRUCTION_SET_COUNT - 1), "scalar") == 0,
        "%s is the last one", instruction_set_name(INSTRUCTION_SET_COUNT - 1));
}

static void
test_sets_can_be_chosen(void)
{
    static const char *const unknown[] = {"", "scala", "scalar,",
                                          "mmx,scalar"};
    enum instruction_set best = instruction_set_in_use();
    char all[64] = "";

    CHECK(instruction_sets_choose("scalar"), "not scalar");
    CHECK(instruction_set_in_use() == SCALAR, "%s is in use",
          instruction_set_name(instruction_set_in_use()));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        CHECK(!instruction_sets_choose(unknown[i]), "'%s' was taken",
              unknown[i]);
    }
    CHECK(instruction_set_in_use() == SCALAR, "changed all the same");
    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        const char *name = instruction_set_name(set);
        CHECK(instruction_sets_choose(name), "'%s' was not taken", name);
        CHECK(instruction_set_in_use() ==
                  (instruction_set_missing(set) ? SCALAR : set),
              "%s is in use for %s",
              instruction_set_name(instruction_set_in_use()), name);
        strcat(strcat(all, set > 0 ? "," : ""), name);
    }
    CHECK(instruction_sets_choose(all), "'%s' was not taken", all);
    CHECK(instruction_set_in_use() == best, "not the best any more");
}

static void
test_nothing_to_convert(void)
{
    kernel()->to_rgba(NULL, NULL, 0);
    kernel()->to_rgb(NULL, NULL, 0, 0xffffff);
    kernel()->from_rgb(NULL, NULL, 0);
}

static const struct kernel_test kernel_tests[] = {
    {"every alpha and channel", test_all_pairs},
    {"every alpha and background", test_all_backgrounds},
    {"every length, against unmapped pages", test_lengths},
    {"every alignment", test_alignments},
    {"long buffers", test_long},
    {"from RGB", test_from_rgb},
    {"nothing to convert", test_nothing_to_convert},
};

/* With every kind of pixel, and a part of a block at the end. */
static void
test_registers(void)
{
    static uint32_t argb[MAX_COUNT];
    static uint8_t out[4 * MAX_COUNT];

    for (uint32_t i = 0; i < MAX_COUNT; i++) {
        argb[i] = i < 100 ? 0 : i < 200 ? 0xff000000 : i << 24;
    }
    for (size_t mode = 0; mode <= TO_RGBA; mode++) {
        convert(kernel(), mode, argb, out, MAX_COUNT);
        CHECK(wide_registers_are_clean(), "dirty after mode %zu", mode);
    }
    kernel()->from_rgb(out, argb, MAX_COUNT);
    CHECK(wide_registers_are_clean(), "dirty after from_rgb");
}

int
main(void)
{
    check_run("first use by several threads", test_first_use_by_threads);
    check_run("the best instruction set is in use", test_best_is_in_use);
    check_run("sets can be chosen", test_sets_can_be_chosen);
    kernel_tests_run(kernel_tests,
                     sizeof(kernel_tests) / sizeof(*kernel_tests),
                     test_registers);
    return check_finish();
}
