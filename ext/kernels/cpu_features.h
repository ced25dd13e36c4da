#ifndef CPU_FEATURES_H
#define CPU_FEATURES_H

#include <stdint.h>

/* Instructions that both the CPU and the operating system support. */
enum {
    CPU_AVX2 = 1 << 0,
    CPU_AVX512_VBMI = 1 << 1, /* with AVX-512 F, BW and VNNI */
};

/* A set of the CPU_ bits. Thread-safe; cheap after the first call. */
uint32_t cpu_features(void);

#endif
