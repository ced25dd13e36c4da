#include "scratch.h"

#include <stdatomic.h>
#include <stdlib.h>

/* So much is kept, in so many places. */
enum { KEPT_WORDS = 1 << 20, KEPT_PLACES = 16 };

static _Atomic(uint32_t *) kept[KEPT_PLACES];

/* KEPT_WORDS that nobody uses; NULL where there are none. */
static uint32_t *
take_kept(void)
{
    for (int i = 0; i < KEPT_PLACES; i++) {
        uint32_t *words = atomic_exchange(&kept[i], NULL);
        if (words != NULL) {
            return words;
        }
    }
    return NULL;
}

void
scratch_give_up(struct scratch *scratch)
{
    for (int i = 0; i < KEPT_PLACES && scratch->size == KEPT_WORDS; i++) {
        uint32_t *empty = NULL;
        if (atomic_compare_exchange_strong(&kept[i], &empty, scratch->words)) {
            *scratch = (struct scratch){0};
        }
    }
    free(scratch->words);
    *scratch = (struct scratch){0};
}

uint32_t *
scratch_reserve(struct scratch *scratch, size_t size)
{
    if (scratch->size >= size && scratch->words != NULL) {
        return scratch->words;
    }
    scratch_give_up(scratch);
    if (size <= KEPT_WORDS) {
        size = KEPT_WORDS;
        scratch->words = take_kept();
    }
    if (scratch->words == NULL && size <= SIZE_MAX / sizeof(uint32_t)) {
        scratch->words = malloc(size * sizeof(uint32_t));
    }
    scratch->size = scratch->words == NULL ? 0 : size;
    return scratch->words;
}
