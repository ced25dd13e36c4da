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

/* One look-up. */
JPEG_INLINE TARGET void
NAME(step)(struct cursor *cursor)
{
    const struct jpeg_lookup *table = cursor->table;
    const struct jpeg_lookup *ac = cursor->codes[0].ac;
    const struct jpeg_lookup *dc = cursor->codes[1].dc; /* of the next block */
    uint64_t word = cursor->word;
    size_t index = (size_t)(word >> (64 - JPEG_LOOKUP_BITS));
    unsigned entry = table->entries[index];
    size_t at = cursor->at + (entry >> JPEG_ENTRY_POSITIONS);
    NAME(widen)(cursor->block + cursor->at, table->values[index]);
    if (JPEG_UNLIKELY(at >= JPEG_BLOCK)) {
        struct cursor copy = *cursor;
        entry = decode_symbol(&copy) ? JPEG_ENTRY_ENDS : 0;
        *cursor = copy;
        at = cursor->at;
    } else {
        unsigned bits = (unsigned)(word >> (-entry & JPEG_ENTRY_BITS));
        cursor->block[at - 1] = (int16_t)(bits + table->bias[index]);
        cursor->word = word << (entry & JPEG_ENTRY_BITS);
        cursor->left -= entry;
    }
    *cursor->used = (uint8_t)at;
    /*
     * A branch would be foreseen wrongly at the end of most blocks, at the
     * price of two look-ups, so there is none.
     */
    size_t ends = entry / JPEG_ENTRY_ENDS & 1;
    cursor->table = (entry & JPEG_ENTRY_ENDS) != 0 ? dc : ac;
    cursor->block += entry & JPEG_ENTRY_ENDS; /* as large as a block */
    cursor->at = at & (ends - 1);
    cursor->used += ends;
    cursor->codes += ends;
}

/*
 * Three look-ups need no more than one refill, and end no more than three
 * blocks.  Bytes are read ahead by a word; where `limit` was not yet passed
 * the seven refills of three symbols go 7 bytes on each, and the last reads a
 * word: that is less than JPEG_ENTROPY_SLACK.
 */
static TARGET bool
NAME(decode_blocks)(struct jpeg_stream *stream,
                    const struct jpeg_block_codes *codes,
                    int16_t *coefficients, uint8_t *used, size_t count)
{
    struct cursor cursor = {
        .word = stream->word,
        .next = stream->next,
        .left = stream->left,
        .table = codes[0].dc,
        .codes = codes,
        .block = coefficients,
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
    return cursor.used == end && !cursor.failed;
}

#undef NAME
#undef JOIN
#undef JOIN_
#undef TARGET
#undef SUFFIX
