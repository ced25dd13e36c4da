#include "codecs/jpeg/codes.h"

#include <string.h>

/* ---- one symbol at a time ---- */

static void
set_short(struct jpeg_symbols *symbols, uint32_t code, unsigned length,
          uint8_t symbol)
{
    unsigned rest = JPEG_SHORT_BITS - length;
    uint16_t *entry = symbols->by_bits + (code << rest);
    for (uint32_t i = 0; i < UINT32_C(1) << rest; i++) {
        entry[i] = (uint16_t)(length << 8 | symbol);
    }
}

/*
 * As the standard has it, codes of one length follow each other, and then come
 * the longer ones.  None may be all ones, which bounds `code` before it is
 * used: so are the places that it names.
 */
static bool
build_symbols(struct jpeg_symbols *symbols, const struct jpeg_code *code)
{
    uint32_t next = 0;
    unsigned place = 0;
    memset(symbols, 0, sizeof *symbols);
    memcpy(symbols->symbols, code->symbols, JPEG_SYMBOLS);
    for (unsigned length = 1; length <= JPEG_CODE_BITS; length++) {
        unsigned count = code->counts[length - 1];
        if (next + count >= UINT32_C(1) << length) {
            return false;
        }
        symbols->offset[length] = (int32_t)place - (int32_t)next;
        for (unsigned i = 0; i < count && length <= JPEG_SHORT_BITS; i++) {
            set_short(symbols, next + i, length, code->symbols[place + i]);
        }
        place += count;
        next += count;
        symbols->limit[length] = next << (JPEG_CODE_BITS - length);
        next <<= 1;
    }
    symbols->limit[JPEG_CODE_BITS + 1] = UINT32_MAX;
    return true;
}

/* ---- several ---- */

/* An entry while symbols are added to it. */
struct builder {
    uint32_t index;     /* its LOOKUP_BITS bits */
    unsigned bits;      /* of these that are taken; extra bits of the last
                           symbol are if all of them are among these */
    unsigned positions; /* that the symbols lead on */
    unsigned extra;     /* bits of the last symbol that are not taken */
    int last;           /* the last coefficient if these were 0 */
    bool ends;          /* the block */
    int8_t *values;     /* of the coefficients but the last */
};

/* The bits that are not taken, from the highest on. */
static uint32_t
rest_of(const struct builder *builder)
{
    return builder->index << builder->bits & (JPEG_LOOKUPS - 1);
}

/* The next code, and its bits; more than are left if it is not known. */
static unsigned
next_symbol(const struct builder *builder, const struct jpeg_symbols *symbols,
            unsigned *symbol)
{
    uint32_t bits = rest_of(builder) << (JPEG_CODE_BITS - JPEG_LOOKUP_BITS);
    return jpeg_find_symbol(symbols, bits, symbol);
}

/* What was the last one gets a place among the others, if it fits. */
static bool
put_aside_last(struct builder *builder)
{
    if (builder->positions == 0) {
        return true;
    }
    if (builder->positions > JPEG_LOOKUP_VALUES || builder->last < INT8_MIN ||
        builder->last > INT8_MAX) {
        return false;
    }
    builder->values[builder->positions - 1] = (int8_t)builder->last;
    return true;
}

/*
 * Add a coefficient with a code of `length` bits and `size` extra ones, after
 * `zeros` others.  Of the extra bits the first, which is the sign, must be
 * known.  False if no more can follow.
 */
static bool
add_coefficient(struct builder *builder, unsigned length, unsigned zeros,
                unsigned size)
{
    unsigned left = JPEG_LOOKUP_BITS - builder->bits;
    uint32_t extra = rest_of(builder) << length & (JPEG_LOOKUPS - 1);
    bool is_whole = length + size <= left;
    if (!is_whole && (length >= left ||
                      builder->bits + length + size > JPEG_MAX_ENTRY_BITS)) {
        return false;
    }
    if (!put_aside_last(builder)) {
        return false;
    }
    builder->positions += zeros + 1;
    if (is_whole) {
        builder->bits += length + size;
        builder->last = jpeg_extend(extra >> (JPEG_LOOKUP_BITS - size), size);
        return true;
    }
    bool is_negative = extra >> (JPEG_LOOKUP_BITS - 1) == 0;
    builder->bits += length;
    builder->extra = size;
    builder->last = is_negative ? 1 - (1 << size) : 0;
    return false;
}

static void
add_coefficients(struct builder *builder, const struct jpeg_symbols *symbols)
{
    bool more = true;
    while (more) {
        unsigned symbol = 0;
        unsigned length = next_symbol(builder, symbols, &symbol);
        unsigned zeros = symbol >> 4, size = symbol & 15;
        if (builder->bits + length > JPEG_LOOKUP_BITS) {
            return;
        }
        if (symbol == JPEG_END_OF_BLOCK) {
            builder->bits += length;
            builder->ends = true;
            /* The last coefficient is written in any case: here it is 0. */
            builder->positions += builder->positions == 0;
            more = false;
        } else if (symbol == JPEG_SIXTEEN_ZEROS) {
            /* They have an entry of their own, with a 0 for the last. */
            builder->bits += builder->positions == 0 ? length : 0;
            builder->positions += builder->positions == 0 ? 16 : 0;
            more = false;
        } else {
            more = size != 0 && size <= JPEG_MAX_AC_SIZE &&
                   add_coefficient(builder, length, zeros, size);
        }
    }
}

static void
set_entry(struct jpeg_lookup *lookup, const struct builder *builder)
{
    uint32_t known = builder->index >> (JPEG_LOOKUP_BITS - builder->bits);
    unsigned entry = JPEG_ENTRY_UNKNOWN;
    if (builder->bits > 0) {
        entry = (builder->bits + builder->extra) |
                (builder->ends ? JPEG_ENTRY_ENDS : 0) |
                builder->positions << JPEG_ENTRY_POSITIONS;
    }
    lookup->entries[builder->index] = (uint16_t)entry;
    lookup->bias[builder->index] =
        (uint16_t)(builder->last - (int)(known << builder->extra));
}

static bool
build_ac(struct jpeg_lookup *lookup, const struct jpeg_code *code)
{
    if (!build_symbols(&lookup->symbols, code)) {
        return false;
    }
    memset(lookup->values, 0, sizeof lookup->values);
    for (uint32_t i = 0; i < JPEG_LOOKUPS; i++) {
        struct builder builder = {.index = i, .values = lookup->values[i]};
        add_coefficients(&builder, &lookup->symbols);
        set_entry(lookup, &builder);
    }
    return true;
}

static bool
build_dc(struct jpeg_lookup *lookup, const struct jpeg_code *code,
         const struct jpeg_symbols *ac)
{
    for (int i = 0; i < JPEG_SYMBOLS; i++) {
        if (code->symbols[i] > JPEG_MAX_DC_SIZE) {
            return false;
        }
    }
    if (!build_symbols(&lookup->symbols, code)) {
        return false;
    }
    memset(lookup->values, 0, sizeof lookup->values);
    for (uint32_t i = 0; i < JPEG_LOOKUPS; i++) {
        struct builder builder = {.index = i, .values = lookup->values[i]};
        unsigned size = 0;
        unsigned length = next_symbol(&builder, &lookup->symbols, &size);
        if (length <= JPEG_LOOKUP_BITS &&
            add_coefficient(&builder, length, 0, size)) {
            add_coefficients(&builder, ac);
        }
        set_entry(lookup, &builder);
    }
    return true;
}

bool
jpeg_build_codes(struct jpeg_codes *codes, const struct jpeg_code *dc,
                 const struct jpeg_code *ac)
{
    codes->dc_code = *dc;
    codes->ac_code = *ac;
    return build_ac(&codes->ac, ac) &&
           build_dc(&codes->dc, dc, &codes->ac.symbols);
}
