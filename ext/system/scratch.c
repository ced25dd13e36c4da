#include "scratch.h"

#include "shelf.h"

#include <stdlib.h>

/* So much is kept, and on a shelf. */
enum { KEPT_WORDS = 1 << 20 };

static struct shelf kept;

void
scratch_give_up(struct scratch *scratch)
{
    if (scratch->size != KEPT_WORDS || !shelf_put(&kept, scratch->words)) {
        free(scratch->words);
    }
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
        scratch->words = shelf_take(&kept);
    }
    if (scratch->words == NULL && size <= SIZE_MAX / sizeof(uint32_t)) {
        scratch->words = malloc(size * sizeof(uint32_t));
    }
    scratch->size = scratch->words == NULL ? 0 : size;
    return scratch->words;
}
