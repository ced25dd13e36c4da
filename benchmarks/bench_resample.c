/*
 * Speed of every resampling kernel that runs on this CPU, in nanoseconds per
 * pixel of the source, and what a picture takes whose axes are made already,
 * or the making of both axes.
 *
 * One round measures every case once, so that a change of the clock meets
 * them all; the table has the medians of the rounds.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/resample.h"
#include "timing.h"

#define LARGEST 1024
#define TARGET 224
#define ROUNDS 51
#define MAX_CASES 64

struct change {
    const char *name;
    int32_t side; /* of the source */
    enum resample_filter filter;
    enum resample_format format;
};

static const struct change changes[] = {
    {"448 bicubic RGB", 448, RESAMPLE_BICUBIC, RESAMPLE_RGB},
    {"448 bicubic words", 448, RESAMPLE_BICUBIC, RESAMPLE_WORDS},
    {"448 bicubic RGBA", 448, RESAMPLE_BICUBIC, RESAMPLE_RGBA},
    {"512 bicubic RGB", 512, RESAMPLE_BICUBIC, RESAMPLE_RGB},
    {"448 lanczos RGB", 448, RESAMPLE_LANCZOS, RESAMPLE_RGB},
    {"1024 lanczos RGB", 1024, RESAMPLE_LANCZOS, RESAMPLE_RGB},
};

struct bench_case {
    enum instruction_set set;
    const struct change *change;
    struct resample_axis *axis; /* both are the same */
    bool makes_axes;
    double seconds[ROUNDS];
};

static uint8_t source_pixels[4 * LARGEST * LARGEST];
static uint8_t target_pixels[4 * TARGET * TARGET];
static void *scratch;

static struct resample_axis *
make_axis(const struct bench_case *c)
{
    int32_t side = c->change->side;

    return resample_axis_make_for(resample_kernels[c->set], side, 0, side,
                                  TARGET, c->change->filter);
}

static struct resample_plan
make_plan(const struct bench_case *c)
{
    return (struct resample_plan){
        .across = c->axis,
        .down = c->axis,
        .format = c->change->format,
    };
}

static void
resample_once(const struct bench_case *c)
{
    struct resample_plan plan = make_plan(c);
    size_t channels = resample_source_channels(plan.format);
    struct resample_source source = {
        .pixels = source_pixels,
        .row_stride = (ptrdiff_t)channels * c->change->side,
    };

    resample(&plan, &source, 0, TARGET, target_pixels,
             (ptrdiff_t)resample_target_channels(plan.format) * TARGET,
             scratch);
}

static double
measure(const struct bench_case *c)
{
    double start = now();

    if (c->makes_axes) {
        resample_axis_free(make_axis(c));
        resample_axis_free(make_axis(c));
    } else {
        resample_once(c);
    }
    return now() - start;
}

static size_t
list_cases(struct bench_case *cases)
{
    size_t n = 0;

    for (enum instruction_set set = 0; set < INSTRUCTION_SET_COUNT; set++) {
        if (instruction_set_missing(set)) {
            printf("%s: skipped, %s\n", instruction_set_name(set),
                   instruction_set_missing(set));
            continue;
        }
        for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
            cases[n] = (struct bench_case){.set = set, .change = &changes[i]};
            cases[n].axis = make_axis(&cases[n]);
            n++;
            if (changes[i].format == RESAMPLE_RGB) {
                cases[n] = cases[n - 1];
                cases[n++].makes_axes = true;
            }
        }
    }
    return n;
}

static void
prepare(const struct bench_case *cases, size_t n)
{
    size_t most = 0;
    uint32_t random = 1;

    for (size_t i = 0; i < n; i++) {
        struct resample_plan plan = make_plan(&cases[i]);
        size_t size = resample_scratch_size(&plan);

        most = size > most ? size : most;
    }
    scratch = malloc(most);
    if (scratch == NULL) {
        perror("malloc");
        exit(2);
    }
    for (size_t i = 0; i < sizeof(source_pixels); i++) {
        random = random * 1664525 + 1013904223;
        source_pixels[i] = (uint8_t)(random >> 24);
    }
}

int
main(void)
{
    static struct bench_case cases[MAX_CASES];
    size_t n = list_cases(cases);

    prepare(cases, n);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < n; i++) {
            cases[i].seconds[round] = measure(&cases[i]);
        }
    }
    printf("%-8s %-22s %9s %9s\n", "kernel", "to 224 from", "ns/pixel", "us");
    for (size_t i = 0; i < n; i++) {
        double seconds = median(cases[i].seconds, ROUNDS);
        double side = cases[i].change->side;
        char name[40];

        snprintf(name, sizeof(name), "%s%s", cases[i].change->name,
                 cases[i].makes_axes ? ", axes" : "");
        printf("%-8s %-22s %9.3f %9.1f\n", instruction_set_name(cases[i].set),
               name, 1e9 * seconds / (side * side), 1e6 * seconds);
        if (!cases[i].makes_axes) {
            resample_axis_free(cases[i].axis);
        }
    }
    free(scratch);
    return 0;
}
