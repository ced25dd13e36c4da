#ifndef CHECK_H
#define CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * Assertions for the C tests, in TAP:
 *
 *     static void
 *     test_sum(void)
 *     {
 *         CHECK(sum(1, 2) == 3, "got %d", sum(1, 2));
 *     }
 *
 *     int
 *     main(void)
 *     {
 *         check_run("sum", test_sum);
 *         return check_finish();
 *     }
 *
 * A failed check is reported and the test goes on. One thread only.
 */

struct check_state {
    int tests;
    int failed_tests;
    int failures; /* in the running test */
};

static struct check_state check_state;

/* More reports than these say nothing new. */
#define CHECK_MAX_REPORTS 5

#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
static inline bool
check_that(bool condition, const char *file, int line, const char *format, ...)
{
    va_list args;

    if (condition || ++check_state.failures > CHECK_MAX_REPORTS) {
        return condition;
    }
    printf("# %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    return false;
}

/* CHECK(condition, format, ...): is true if the condition is. */
#define CHECK(condition, ...)                                                 \
    check_that((condition), __FILE__, __LINE__, __VA_ARGS__)

static inline void
check_begin(void)
{
    check_state.tests++;
    check_state.failures = 0;
}

static inline void
check_end(const char *name)
{
    bool ok = check_state.failures == 0;

    check_state.failed_tests += !ok;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", check_state.tests, name);
    fflush(stdout);
}

static inline void
check_run(const char *name, void (*test)(void))
{
    check_begin();
    test();
    check_end(name);
}

static inline void
check_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++check_state.tests, name, reason);
}

/* The exit status: 0 if every test passed, and there was one. */
static inline int
check_finish(void)
{
    printf("1..%d\n", check_state.tests);
    return check_state.tests == 0 || check_state.failed_tests > 0;
}

#endif
