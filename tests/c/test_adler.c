#include "kernels/adler.h"

#include "guard_page.h"
#include "kernel_tests.h"

#include <stdlib.h>
#include <string.h>

/* More than any kernel adds up before it divides. */
enum { MANY = 4096 * 16 * 2 + 77, FEW = 300 };

/* By the words of RFC 1950, a byte at a time. */
static uint32_t
formula(const uint8_t *bytes, size_t count)
{
    uint32_t first = 1, second = 0;

    for (size_t i = 0; i < count; i++) {
        first = (first + bytes[i]) % 65521;
        second = (second + first) % 65521;
    }
    return second << 16 | first;
}

static void
check_sum(const uint8_t *bytes, size_t count)
{
    struct adler sum = {1, 0};
    uint32_t expected = formula(bytes, count);

    adler_kernels[tested](&sum, bytes, count);
    CHECK((sum.second << 16 | sum.first) == expected,
          "%04x%04x, not %08x, of %zu bytes", (unsigned)sum.second,
          (unsigned)sum.first, (unsigned)expected, count);
}

/* Against the unmapped page behind. */
static void
test_lengths(void)
{
    struct guarded memory = guarded_alloc(FEW);

    for (size_t count = 0; count <= FEW; count++) {
        uint8_t *bytes = memory.end - count;

        for (size_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)rand();
        }
        check_sum(bytes, count);
    }
    guarded_free(memory);
}

/* The largest sums that there are, and any others. */
static void
test_long(void)
{
    uint8_t *bytes = malloc(MANY);

    memset(bytes, 255, MANY);
    check_sum(bytes, MANY);
    check_sum(bytes, 4096 * 16);
    for (size_t i = 0; i < MANY; i++) {
        bytes[i] = (uint8_t)rand();
    }
    for (size_t missing = 0; missing < 70; missing++) {
        check_sum(bytes + missing, MANY - missing);
    }
    free(bytes);
}

static void
test_in_use(void)
{
    static const uint8_t text[] = "Wikipedia";

    CHECK(adler_sum(text, sizeof text - 1) == 0x11e60398, "another sum");
    CHECK(adler_sum(NULL, 0) == 1, "a sum of nothing");
}

static void
test_registers(void)
{
    static const uint8_t bytes[FEW];
    struct adler sum = {1, 0};

    adler_kernels[tested](&sum, bytes, FEW);
    CHECK(wide_registers_are_clean(), "dirty");
}

static const struct kernel_test kernel_tests[] = {
    {"every length, against an unmapped page", test_lengths},
    {"long streams", test_long},
};

int
main(void)
{
    check_run("the one in use", test_in_use);
    kernel_tests_run(kernel_tests,
                     sizeof(kernel_tests) / sizeof(*kernel_tests),
                     test_registers);
    return check_finish();
}
