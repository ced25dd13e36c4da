/*
 * Speed of every pixel kernel that runs on this CPU, in GB of input per
 * second and relative to memcpy, on a buffer that stays in the cache.
 *
 * One round measures memcpy and each case once, so that a change of the clock
 * meets them all; the table has the medians of the rounds.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "_convert.h"
#include "timing.h"

#define PIXELS (64 * 1024)
#define BYTES (4 * PIXELS)
#define ROUNDS 201
#define MAX_CASES 64

struct content {
    const char *name;
    uint32_t (*pixel)(size_t i, uint32_t random);
};

struct bench_case {
    const char *kernel_name;
    const struct convert_kernel *kernel; /* NULL: memcpy */
    const struct content *content;
    const char *target;
    void (*run)(const struct convert_kernel *kernel);
    double seconds[ROUNDS];
};

/* 16 bytes into a page, where allocators put large buffers. */
#define OFFSET 16

static _Alignas(4096) uint8_t source[OFFSET + BYTES];
static _Alignas(4096) uint8_t target[OFFSET + BYTES];
static uint32_t *const argb = (uint32_t *)(void *)(source + OFFSET);
static uint8_t *const bytes = target + OFFSET;

static uint32_t
opaque_pixel(size_t i, uint32_t random)
{
    (void)i;
    return random | 0xff000000;
}

static uint32_t
transparent_pixel(size_t i, uint32_t random)
{
    (void)i;
    (void)random;
    return 0;
}

/* Alpha 1 to 254, no channel above it. */
static uint32_t
semi_pixel(size_t i, uint32_t random)
{
    uint32_t alpha = 1 + random % 254;

    (void)i;
    return alpha << 24 | (random >> 8) % (alpha + 1) * 0x010101;
}

/* Rows of 256: a transparent margin, an antialiased edge, tissue. */
static uint32_t
mixed_pixel(size_t i, uint32_t random)
{
    size_t column = i % 256;
    size_t edge = 64 + i / 256 % 97;

    if (column < edge) {
        return transparent_pixel(i, random);
    }
    if (column < edge + 2) {
        return semi_pixel(i, random);
    }
    return opaque_pixel(i, random);
}

static const struct content contents[] = {
    {"opaque", opaque_pixel},
    {"transparent", transparent_pixel},
    {"mixed runs", mixed_pixel},
    {"semi-transparent", semi_pixel},
};

static void
fill(const struct content *content)
{
    uint32_t random = 1;

    for (size_t i = 0; i < PIXELS; i++) {
        random = random * 1664525 + 1013904223;
        argb[i] = content->pixel(i, random >> 8);
    }
}

/* Alpha, which decides the path taken, survives any number of conversions. */
static void
run_rgba_in_place(const struct convert_kernel *kernel)
{
    kernel->to_rgba(argb, (uint8_t *)argb, PIXELS);
}

static void
run_rgb(const struct convert_kernel *kernel)
{
    kernel->to_rgb(argb, bytes, PIXELS, 0xffffff);
}

static void
run_memcpy(const struct convert_kernel *kernel)
{
    (void)kernel;
    memcpy(bytes, argb, BYTES);
}

static double
measure(const struct bench_case *c)
{
    enum { PASSES = 8 };
    double start;

    fill(c->content);
    c->run(c->kernel);
    start = now();
    for (int i = 0; i < PASSES; i++) {
        c->run(c->kernel);
    }
    return (now() - start) / PASSES;
}

static double
median_rate(struct bench_case *c)
{
    return BYTES / median(c->seconds, ROUNDS) / 1e9;
}

static size_t
list_cases(struct bench_case *cases)
{
    size_t n = 0;

    cases[n++] = (struct bench_case){.kernel_name = "memcpy",
                                     .content = &contents[0],
                                     .target = "copy",
                                     .run = run_memcpy};
    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        const char *name = instruction_set_name(set);
        const struct convert_kernel *kernel = &convert_kernels[set];

        if (instruction_set_missing(set)) {
            printf("%s: skipped, %s\n", name, instruction_set_missing(set));
            continue;
        }
        for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
            cases[n++] = (struct bench_case){
                name, kernel, &contents[i], "rgba in place", run_rgba_in_place,
                {0}};
            cases[n++] = (struct bench_case){name,  kernel,  &contents[i],
                                             "rgb", run_rgb, {0}};
        }
    }
    return n;
}

int
main(void)
{
    static struct bench_case cases[MAX_CASES];
    size_t n = list_cases(cases);
    double copy_rate;

    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n; i++) {
            cases[i].seconds[round] = measure(&cases[i]);
        }
    }
    copy_rate = median_rate(&cases[0]);
    printf("%-8s %-17s %-14s %8s %8s\n", "kernel", "pixels", "to", "GB/s",
           "memcpy");
    for (size_t i = 0; i < n; i++) {
        const struct bench_case *c = &cases[i];
        double rate = i == 0 ? copy_rate : median_rate(&cases[i]);

        printf("%-8s %-17s %-14s %8.1f %8.2f\n", c->kernel_name,
               c->content->name, c->target, rate, rate / copy_rate);
    }
    return 0;
}
