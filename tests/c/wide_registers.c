#include "wide_registers.h"

#if defined(__GNUC__) && defined(__x86_64__)

#    include <cpuid.h>
#    include <stddef.h>
#    include <stdint.h>

#    include "kernels/cpu_features.h"

/* CPUID leaf 0xD, subleaf 1: XGETBV takes 1 and answers with XINUSE. */
#    define EAX_XGETBV_1 (UINT32_C(1) << 2)

/* XINUSE: the upper parts of registers 0 to 15, as YMM and as ZMM.  The others
   cost nothing, and no instruction clears them alone. */
#    define WIDE UINT32_C(0x44)

static uint32_t
read_xinuse(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return low;
}

static void
make_dirty(void)
{
    __asm__ volatile("vpcmpeqd %%ymm7, %%ymm7, %%ymm7" : : : "xmm7");
}

static void
make_clean(void)
{
    __asm__ volatile("vzeroupper" : : : "memory");
}

bool
wide_registers_are_clean(void)
{
    return (read_xinuse() & WIDE) == 0;
}

/* A CPU may call registers used that are not, so it is tried. */
static bool
keeps_count(void)
{
    make_dirty();
    bool dirty = !wide_registers_are_clean();
    make_clean();
    return dirty && wide_registers_are_clean();
}

const char *
wide_registers_unknown(void)
{
    uint32_t eax = 0, ebx, ecx, edx;
    bool answers = (cpu_features() & CPU_AVX2) != 0 &&
                   __get_cpuid_count(0xd, 1, &eax, &ebx, &ecx, &edx) &&
                   (eax & EAX_XGETBV_1) != 0;

    if (answers && keeps_count()) {
        return NULL;
    }
    return "this CPU does not tell which registers are in use";
}

#else

bool
wide_registers_are_clean(void)
{
    return true;
}

const char *
wide_registers_unknown(void)
{
    return "only x86-64 has registers whose upper halves matter";
}

#endif
