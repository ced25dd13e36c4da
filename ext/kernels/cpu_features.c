#include "cpu_features.h"

#if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)

#    include <cpuid.h>
#    include <stdatomic.h>
#    include <stdbool.h>

/* CPUID leaf 1 */
#    define ECX_OSXSAVE (UINT32_C(1) << 27)

/* CPUID leaf 7, subleaf 0 */
#    define EBX_BMI1 (UINT32_C(1) << 3)
#    define EBX_AVX2 (UINT32_C(1) << 5)
#    define EBX_BMI2 (UINT32_C(1) << 8)
#    define EBX_AVX512F (UINT32_C(1) << 16)
#    define EBX_AVX512BW (UINT32_C(1) << 30)
#    define ECX_AVX512VBMI (UINT32_C(1) << 1)
#    define ECX_AVX512VNNI (UINT32_C(1) << 11)

/* XCR0: the registers that the operating system saves in a context switch */
#    define XCR0_YMM UINT32_C(0x06) /* XMM and YMM */
#    define XCR0_ZMM UINT32_C(0xe6) /* these, ZMM and masks */

static bool
has_all(uint32_t set, uint32_t bits)
{
    return (set & bits) == bits;
}

static uint32_t
read_xcr0(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint32_t
detect(void)
{
    uint32_t eax, ebx, ecx, edx, xcr0;
    uint32_t features = 0;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) ||
        !has_all(ecx, ECX_OSXSAVE)) {
        return 0;
    }
    xcr0 = read_xcr0();
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        return 0;
    }
    if (has_all(xcr0, XCR0_YMM) &&
        has_all(ebx, EBX_AVX2 | EBX_BMI1 | EBX_BMI2)) {
        features |= CPU_AVX2;
    }
    if ((features & CPU_AVX2) != 0 && has_all(xcr0, XCR0_ZMM) &&
        has_all(ebx, EBX_AVX512F | EBX_AVX512BW) &&
        has_all(ecx, ECX_AVX512VBMI | ECX_AVX512VNNI)) {
        features |= CPU_AVX512_VBMI;
    }
    return features;
}

uint32_t
cpu_features(void)
{
    /*
     * Threads may detect at the same time; they all store the same word and
     * publish nothing else with it, so relaxed order is enough.
     */
    static const uint32_t detected = UINT32_C(1) << 31;
    static _Atomic uint32_t cache;
    uint32_t features = atomic_load_explicit(&cache, memory_order_relaxed);

    if (features == 0) {
        features = detect() | detected;
        atomic_store_explicit(&cache, features, memory_order_relaxed);
    }
    return features & ~detected;
}

#else

uint32_t
cpu_features(void)
{
    return 0;
}

#endif
