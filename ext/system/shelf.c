#include "shelf.h"

#include <stddef.h>

uint32_t *
shelf_take(struct shelf *shelf)
{
    for (int i = 0; i < SHELF_PLACES; i++) {
        uint32_t *block = atomic_exchange(&shelf->places[i], NULL);
        if (block != NULL) {
            return block;
        }
    }
    return NULL;
}

bool
shelf_put(struct shelf *shelf, uint32_t *block)
{
    for (int i = 0; i < SHELF_PLACES; i++) {
        uint32_t *none = NULL;
        if (atomic_compare_exchange_strong(&shelf->places[i], &none, block)) {
            return true;
        }
    }
    return false;
}
