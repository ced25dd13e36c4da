/*
 * The entropy decoder's one body.  Include it once per instruction set, having
 * defined
 *
 *   SUFFIX  end of every name, for instance _avx2
 *   TARGET  attribute that turns the instruction set on in a function
 *
 * and, with that suffix, widen(coefficients, values), which writes
 * JPEG_LOOKUP_VALUES coefficients.  It defines decode_blocks with the suffix,
 * and undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

/*
 * On to the next look-up: of the same block, or of the next one.  A branch
 * would be foreseen wrongly at the end of most blocks, at the price of two
 * look-ups, so there must be none.
 */
INLINE TARGET void
NAME(move_on)(struct cursor *cursor, size_t at, size_t end, bool ends)
{
    const struct jpeg_unit_block *block = cursor->block;
    const struct jpeg_lookup *ac = block->ac, *dc = block->next_dc;
    const struct jpeg_unit_block *next = block->next;
#ifdef USE_ASM
    __asm__("test %[e], %[e]\n\tcmovne %[x], %[p]\n\tcmovne %[d], "
            "%[t]\n\tcmovne %[y], %[n]"
            : [p] "+r"(at), [t] "+r"(ac), [n] "+r"(block)
            : [e] "r"((unsigned)ends), [x] "r"(end), [d] "r"(dc), [y] "r"(next)
            : "cc");
    cursor->at = at;
    cursor->table = ac;
    cursor->block = block;
#else
    cursor->at = ends ? end : at;
    cursor->table = ends ? dc : ac;
    cursor->block = ends ? next : block;
#endif
    cursor->used += ends;
}

/* One look-up. */
INLINE TARGET void
NAME(step)(struct cursor *cursor)
{
    const struct jpeg_lookup *table = cursor->table;
    uint64_t word = cursor->word;
    size_t index = (size_t)(word >> (64 - JPEG_LOOKUP_BITS));
    unsigned entry = table->entries[index];
    size_t at = cursor->at + (entry >> JPEG_ENTRY_POSITIONS);
    size_t end = (cursor->at | (JPEG_BLOCK - 1)) + 1;
    bool ends = (entry & JPEG_ENTRY_ENDS) != 0;
    NAME(widen)(cursor->coefficients + cursor->at, table->values[index]);
    if (UNLIKELY(at >= end)) {
        struct cursor copy = *cursor;
        ends = decode_symbol(&copy);
        *cursor = copy;
        at = cursor->at;
    } else {
        unsigned bits = (unsigned)(word >> (-entry & JPEG_ENTRY_BITS));
        cursor->coefficients[at - 1] = (int16_t)(bits + table->bias[index]);
        cursor->word = word << (entry & JPEG_ENTRY_BITS);
        cursor->left -= entry;
    }
    *cursor->used = (uint8_t)at;
    NAME(move_on)(cursor, at, end, ends);
}

/*
 * Three look-ups need no more than one refill, and end no more than three
 * blocks.  Bytes are read ahead by a word; where `limit` was not yet passed
 * the seven refills of three symbols go 7 bytes on each, and the last reads a
 * word: that is less than JPEG_ENTROPY_SLACK.
 */
static TARGET bool
NAME(decode_blocks)(struct jpeg_stream *stream, int16_t *coefficients,
                    uint8_t *used, size_t count)
{
    struct cursor cursor = {
        .word = stream->word,
        .next = stream->next,
        .left = stream->left,
        .table = stream->table,
        .block = stream->block,
        .coefficients = coefficients,
        .used = used,
    };
    const uint8_t *end = used + count,
                  *limit = stream->last + sizeof stream->word;
    while (end - cursor.used >= 3 && cursor.next <= limit && !cursor.failed) {
        refill(&cursor);
        NAME(step)(&cursor);
        NAME(step)(&cursor);
        NAME(step)(&cursor);
    }
    while (cursor.used < end && cursor.next <= limit && !cursor.failed) {
        refill(&cursor);
        NAME(step)(&cursor);
    }
    stream->word = cursor.word;
    stream->next = cursor.next;
    stream->left = cursor.left;
    stream->table = cursor.table;
    stream->block = cursor.block;
    return cursor.used == end && !cursor.failed;
}

#undef NAME
#undef JOIN
#undef JOIN_
#undef TARGET
#undef SUFFIX
