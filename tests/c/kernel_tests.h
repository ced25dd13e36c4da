#ifndef KERNEL_TESTS_H
#define KERNEL_TESTS_H

#include "check.h"
#include "kernels/instruction_sets.h"
#include "wide_registers.h"

#include <stddef.h>

/*
 * Tests of a table of kernels, run for each instruction set: they find in
 * `tested` which one is meant.
 */

struct kernel_test {
    const char *name;
    void (*run)(void);
};

static enum instruction_set tested;

static inline const char *
tested_name(void)
{
    return instruction_set_name(tested);
}

static inline void
kernel_test_run(const struct kernel_test *test, const char *reason)
{
    char name[100];

    snprintf(name, sizeof(name), "%s: %s", tested_name(), test->name);
    if (reason) {
        check_skip(name, reason);
    } else {
        check_run(name, test->run);
    }
}

/* registers: is run where it can be told which registers are dirty. */
static inline void
kernel_tests_run(const struct kernel_test *tests, size_t count,
                 void (*registers)(void))
{
    const struct kernel_test last = {"no wide register left dirty", registers};

    for (tested = 0; tested < INSTRUCTION_SET_COUNT; tested++) {
        const char *reason = instruction_set_missing(tested);

        for (size_t i = 0; i < count; i++) {
            kernel_test_run(&tests[i], reason);
        }
        kernel_test_run(&last, reason ? reason : wide_registers_unknown());
    }
}

#endif
