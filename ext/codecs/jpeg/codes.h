/*
 * Huffman codes as they are looked up.
 *
 * A coefficient is a symbol and some bits: the symbol's lower half is how many
 * these are, its upper half how many zeros come before.  Most symbols have few
 * bits, so a look-up of the next LOOKUP_BITS bits finds several coefficients
 * at once.
 */
#ifndef JPEG_CODES_H
#define JPEG_CODES_H

#include "codecs/jpeg/header.h"

enum {
    /* Tables of 11 bits have fewer look-ups a block than those of 10, and
       still lie in the first cache; those of 12 do not. */
    JPEG_LOOKUP_BITS = 11,
    JPEG_LOOKUPS = 1 << JPEG_LOOKUP_BITS,
    JPEG_SHORT_BITS = 9,    /* nearly all codes are as short */
    JPEG_LOOKUP_VALUES = 8, /* coefficients of 16 bits in a vector */
    JPEG_MAX_DC_SIZE = 11,  /* bits after a symbol, of samples of 8 bits */
    JPEG_MAX_AC_SIZE = 10,
    JPEG_END_OF_BLOCK = 0x00, /* the symbols without a coefficient */
    JPEG_SIXTEEN_ZEROS = 0xf0,
};

/* One symbol at a time. */
struct jpeg_symbols {
    /* By the first bits: bits of the code << 8 | symbol; 0: it is longer. */
    uint16_t by_bits[1 << JPEG_SHORT_BITS];
    /* The first 16 bits of a longer code are less than limit[its bits]. */
    uint32_t limit[JPEG_CODE_BITS + 2];
    /* Its symbol is symbols[code + offset[its bits]]. */
    int32_t offset[JPEG_CODE_BITS + 1];
    uint8_t symbols[JPEG_SYMBOLS];
};

/*
 * What an entry holds: in its low bits how many bits its symbols have, extra
 * bits included; ENDS if the block ends with them; above how far they lead in
 * the block.  Where no symbol is known, that leads out of any block.
 */
enum {
    JPEG_ENTRY_BITS = 63,
    JPEG_ENTRY_ENDS = 64,
    JPEG_ENTRY_POSITIONS = 8, /* shift */
    JPEG_ENTRY_UNKNOWN = 255 << JPEG_ENTRY_POSITIONS,
    /* No entry has more bits, so that three fit into 56 that are at hand. */
    JPEG_MAX_ENTRY_BITS = 18,
};

/*
 * Several symbols at a time, all of one block.  The coefficient of the last
 * one, whose extra bits may lie behind the LOOKUP_BITS, is the number that all
 * bits of the entry make, plus `bias`, modulo 2^16; those of the others are in
 * `values`, at the places that they have in the block.
 */
struct jpeg_lookup {
    uint16_t entries[JPEG_LOOKUPS];
    uint16_t bias[JPEG_LOOKUPS];
    int8_t values[JPEG_LOOKUPS][JPEG_LOOKUP_VALUES];
    struct jpeg_symbols symbols;
};

/* The codes of a component, and what is made of them.  The look-ups of the
   first coefficient have those that follow it in them. */
struct jpeg_codes {
    struct jpeg_code dc_code, ac_code;
    struct jpeg_lookup dc, ac;
};

/* False where libjpeg would refuse the codes, or where symbols are none of
   samples of 8 bits. */
bool jpeg_build_codes(struct jpeg_codes *codes, const struct jpeg_code *dc,
                      const struct jpeg_code *ac);

/* The bits of the code that 16 bits begin with, and its symbol; more than
   JPEG_CODE_BITS if there is none. */
static inline unsigned
jpeg_find_symbol(const struct jpeg_symbols *symbols, uint32_t bits,
                 unsigned *symbol)
{
    unsigned entry =
        symbols->by_bits[bits >> (JPEG_CODE_BITS - JPEG_SHORT_BITS)];
    unsigned length = JPEG_SHORT_BITS + 1;
    if (entry != 0) {
        *symbol = entry & 0xff;
        return entry >> 8;
    }
    while (bits >= symbols->limit[length]) {
        length++;
    }
    if (length <= JPEG_CODE_BITS) {
        int32_t code = (int32_t)(bits >> (JPEG_CODE_BITS - length));
        *symbol = symbols->symbols[code + symbols->offset[length]];
    }
    return length;
}

/* The coefficient that `size` bits mean: those that begin with 0 are negative
   ones, counted from the lowest on. */
static inline int
jpeg_extend(unsigned bits, unsigned size)
{
    if (size == 0) {
        return 0;
    }
    return bits >> (size - 1) != 0 ? (int)bits : (int)bits - (1 << size) + 1;
}

#endif
