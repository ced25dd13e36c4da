#include "instruction_sets.h"

#include "cpu_features.h"

#include <stddef.h>

static const struct {
    const char *name;
    const char *requirement; /* what features stands for, in words */
    uint32_t features;       /* CPU_ bits */
} sets[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = {"avx512", "needs AVX-512 F, BW, VBMI and VNNI",
                CPU_AVX512_VBMI},
    [AVX2] = {"avx2", "needs AVX2", CPU_AVX2},
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

enum instruction_set
instruction_set_in_use(void)
{
    enum instruction_set set = 0;

    while (instruction_set_missing(set)) {
        set++;
    }
    return set;
}
