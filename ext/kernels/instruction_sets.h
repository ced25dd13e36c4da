#ifndef INSTRUCTION_SETS_H
#define INSTRUCTION_SETS_H

/*
 * The instruction sets that this build has kernels for, and which of them
 * this machine has.
 *
 * Vector kernels need GNU C: vector arithmetic, and instruction sets per
 * function. GCC for Windows is left out because it does not align vectors on
 * the stack (GCC bug 54412).
 */

#if defined(__clang__) || (defined(__GNUC__) && !defined(_WIN32))
#    if defined(__x86_64__)
#        define HAVE_X86_KERNELS
#    elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#        define HAVE_NEON_KERNEL
#    endif
#endif

#include <stdbool.h>

/* Best first. Tables of kernels are indexed by them. */
enum instruction_set {
#ifdef HAVE_X86_KERNELS
    AVX512,
    AVX2,
#endif
#ifdef HAVE_NEON_KERNEL
    NEON,
#endif
    SCALAR, /* which every machine has */
    INSTRUCTION_SET_COUNT,
};

const char *instruction_set_name(enum instruction_set set);

/* NULL if this machine has it, else what it would need. */
const char *instruction_set_missing(enum instruction_set set);

/* The best that this machine has, of those that may be used. */
enum instruction_set instruction_set_in_use(void);

/*
 * For tests: use none but those that are named, separated by commas, and the
 * scalar ones where the machine has none of these.  False, and nothing
 * changes, where a name is unknown.
 */
bool instruction_sets_choose(const char *names);

#endif
