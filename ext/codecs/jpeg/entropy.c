#include "codecs/jpeg/entropy.h"

#include "codecs/jpeg/inline.h"
#include "kernels/vectors.h"

#include <string.h>

/* ---- bits ---- */

/* A stream, and the block that is next: what the loops keep in registers. */
struct cursor {
    uint64_t word;
    const uint8_t *next;
    uint32_t left;
    const struct jpeg_lookup *table;
    const struct jpeg_block_codes *codes; /* of this block */
    int16_t *block;
    uint8_t *used; /* of this block */
    size_t at;     /* the next coefficient of the block */
    bool failed;
};

/* Compilers make one instruction of it. */
JPEG_INLINE uint64_t
load_big_endian(const uint8_t *bytes)
{
    return (uint64_t)bytes[0] << 56 | (uint64_t)bytes[1] << 48 |
           (uint64_t)bytes[2] << 40 | (uint64_t)bytes[3] << 32 |
           (uint64_t)bytes[4] << 24 | (uint64_t)bytes[5] << 16 |
           (uint64_t)bytes[6] << 8 | (uint64_t)bytes[7];
}

/* At least 56 bits, of bytes of which some are in the word already; those of
   the last one that do not count come again. */
JPEG_INLINE void
refill(struct cursor *cursor)
{
    uint32_t left = cursor->left & 63;
    cursor->word |= load_big_endian(cursor->next) >> left;
    cursor->next += (63 - left) >> 3;
    cursor->left = left | 56;
}

JPEG_INLINE unsigned
take_bits(struct cursor *cursor, unsigned count)
{
    unsigned bits = (unsigned)(cursor->word >> 32 >> (32 - count));
    cursor->word <<= count;
    cursor->left -= count;
    return bits;
}

/* Look-ups that follow before it is noticed stay within the block. */
static bool
fail(struct cursor *cursor)
{
    cursor->failed = true;
    cursor->at = 0;
    return false;
}

/* The coefficient behind a symbol. */
static void
take_coefficient(struct cursor *cursor, unsigned size)
{
    unsigned bits = take_bits(cursor, size);
    cursor->block[cursor->at] = (int16_t)jpeg_extend(bits, size);
    cursor->at++;
}

/* What a symbol means that is not the first of a block; true if the block ends
   with it. */
static bool
follow_symbol(struct cursor *cursor, unsigned symbol)
{
    unsigned size = symbol & 15;
    if (symbol == JPEG_END_OF_BLOCK) {
        return true;
    }
    cursor->at += symbol >> 4;
    if (cursor->at >= JPEG_BLOCK || size > JPEG_MAX_AC_SIZE ||
        (size == 0 && symbol != JPEG_SIXTEEN_ZEROS)) {
        return fail(cursor);
    }
    take_coefficient(cursor, size);
    return cursor->at == JPEG_BLOCK;
}

/*
 * One symbol, where the look-up knows none or leads out of the block.  It has
 * put coefficients there which are none, so they are taken away.  Returns
 * whether the block ends; bits are as many as before or more.
 */
static JPEG_NOINLINE bool
decode_symbol(struct cursor *cursor)
{
    bool is_first = cursor->at == 0;
    bool ends = false;
    unsigned symbol = 0;
    refill(cursor);
    unsigned length = jpeg_find_symbol(
        &cursor->table->symbols, (uint32_t)(cursor->word >> 48), &symbol);
    memset(cursor->block + cursor->at, 0,
           JPEG_LOOKUP_VALUES * sizeof *cursor->block);
    if (length > JPEG_CODE_BITS || cursor->failed) {
        return fail(cursor);
    }
    take_bits(cursor, length);
    if (is_first) {
        take_coefficient(cursor, symbol);
    } else {
        ends = follow_symbol(cursor, symbol);
    }
    refill(cursor);
    return ends;
}

/* ---- kernels ---- */

/* Write eight coefficients. */
JPEG_INLINE void
widen_scalar(int16_t *coefficients, const int8_t *values)
{
    for (int i = 0; i < JPEG_LOOKUP_VALUES; i++) {
        coefficients[i] = values[i];
    }
}

#define SUFFIX _scalar
#define TARGET
#include "codecs/jpeg/entropy_template.h"

#ifdef HAVE_X86_KERNELS

/* Shifts by any count are single instructions with BMI2. */
#    define TARGET_AVX2_BMI2 __attribute__((target("avx2,bmi,bmi2")))

static inline TARGET_AVX2_BMI2 void
widen_avx2(int16_t *coefficients, const int8_t *values)
{
    __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)values);
    _mm_storeu_si128((__m128i *)(void *)coefficients, _mm_cvtepi8_epi16(v));
}

#    define SUFFIX _avx2
#    define TARGET TARGET_AVX2_BMI2
#    include "codecs/jpeg/entropy_template.h"

#endif

jpeg_entropy_kernel *const jpeg_entropy_kernels[] = {
#ifdef HAVE_X86_KERNELS
    [AVX512] = decode_blocks_avx2, /* wider vectors have no use here */
    [AVX2] = decode_blocks_avx2,
#endif
#ifdef HAVE_NEON_KERNEL
    [NEON] =
        decode_blocks_scalar, /* compilers make NEON of it by themselves */
#endif
    [SCALAR] = decode_blocks_scalar,
};

/* ---- streams ---- */

void
jpeg_stream_start(struct jpeg_stream *stream, const uint8_t *bytes,
                  size_t size)
{
    *stream = (struct jpeg_stream){
        .first = bytes,
        .last = bytes + size,
        .next = bytes,
    };
}

ptrdiff_t
jpeg_stream_left(const struct jpeg_stream *stream)
{
    return (stream->last - stream->next) * 8 + (stream->left & 63);
}
