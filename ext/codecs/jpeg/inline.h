/*
 * What the compilers need to be told of loops whose speed matters.
 */
#ifndef JPEG_INLINE_H
#define JPEG_INLINE_H

#if defined(__GNUC__)
#    define JPEG_INLINE static inline __attribute__((always_inline))
#    define JPEG_NOINLINE __attribute__((noinline))
#    define JPEG_UNLIKELY(condition) __builtin_expect(condition, 0)
#else
#    define JPEG_INLINE static inline
#    define JPEG_NOINLINE
#    define JPEG_UNLIKELY(condition) (condition)
#endif

#endif
