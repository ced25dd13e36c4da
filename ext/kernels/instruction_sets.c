#include "instruction_sets.h"

#include "cpu_features.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    const char *requirement; /* what features stands for, in words */
    uint32_t features;       /* CPU_ bits */
} sets[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {"avx512", "needs AVX-512 F, BW, VBMI and VNNI",
                CPU_AVX512_VBMI},
    [AVX2] = {"avx2", "needs AVX2 and BMI2", CPU_AVX2},
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] = {"neon", NULL, 0}, /* part of AArch64 */
#endif
    [SCALAR] = {"scalar", NULL, 0},
};

const char *
instruction_set_name(enum instruction_set set)
{
    return sets[set].name;
}

const char *
instruction_set_missing(enum instruction_set set)
{
    return sets[set].features & ~cpu_features() ? sets[set].requirement : NULL;
}

/* Those that may not be used, a bit each. */
static atomic_uint forbidden;

/* The one whose name has `length` bytes; INSTRUCTION_SET_COUNT: unknown. */
static enum instruction_set
find_set(const char *name, size_t length)
{
    enum instruction_set set = 0;

    while (set < INSTRUCTION_SET_COUNT &&
           (strlen(sets[set].name) != length ||
            strncmp(sets[set].name, name, length) != 0)) {
        set++;
    }
    return set;
}

bool
instruction_sets_choose(const char *names)
{
    unsigned chosen = 1u << SCALAR;

    for (;;) {
        size_t length = strcspn(names, ",");
        enum instruction_set set = find_set(names, length);
        if (set == INSTRUCTION_SET_COUNT) {
            return false;
        }
        chosen |= 1u << set;
        if (names[length] == 0) {
            break;
        }
        names += length + 1;
    }
    atomic_store_explicit(&forbidden, ~chosen, memory_order_relaxed);
    return true;
}

enum instruction_set
instruction_set_in_use(void)
{
    unsigned skipped = atomic_load_explicit(&forbidden, memory_order_relaxed);
    enum instruction_set set = 0;

    while (instruction_set_missing(set) || (skipped >> set & 1) != 0) {
        set++;
    }
    return set;
}
