#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#include <stdint.h>

/* Instructions that both the CPU and the operating system support. */
enum {
    CPU_AVX2 = 1 << 0, /* with BMI1 and BMI2 */
    /* With AVX-512 F, BW and VNNI, and CPU_AVX2. */
    CPU_AVX512_VBMI = 1 << 1,
};

/* A set of the CPU_ bits. Thread-safe; cheap after the first call. */
uint32_t cpu_features(void);

#endif
