#include "codecs/jpeg/state.h"

#include "system/shelf.h"

#include <stdlib.h>
#include <string.h>

/* More is not kept: it is for tiles of 2048 pixels and more. */
enum { KEPT_BYTES = 1 << 19 };

static struct shelf kept;

/* ---- memory ---- */

static void
give_up(struct jpeg_memory *memory)
{
    free(memory->bytes);
    *memory = (struct jpeg_memory){0};
}

uint8_t *
jpeg_memory_reserve(struct jpeg_memory *memory, size_t size)
{
    if (memory->size < size) {
        give_up(memory);
        memory->bytes = malloc(size);
        memory->size = memory->bytes == NULL ? 0 : size;
    }
    return memory->bytes;
}

static void
keep_little(struct jpeg_memory *memory)
{
    if (memory->size > KEPT_BYTES) {
        give_up(memory);
    }
}

/* ---- states ---- */

struct jpeg_state *
jpeg_state_take(void)
{
    void *state = shelf_take(&kept);
    return state != NULL ? state : calloc(1, sizeof(struct jpeg_state));
}

void
jpeg_state_put(struct jpeg_state *state)
{
    keep_little(&state->entropy);
    keep_little(&state->rows);
    if (!shelf_put(&kept, (uint32_t *)(void *)state)) {
        give_up(&state->entropy);
        give_up(&state->rows);
        free(state);
    }
}

/* ---- codes ---- */

static bool
are_of(const struct jpeg_codes *codes, const struct jpeg_code *dc,
       const struct jpeg_code *ac)
{
    return memcmp(&codes->dc_code, dc, sizeof *dc) == 0 &&
           memcmp(&codes->ac_code, ac, sizeof *ac) == 0;
}

/* Those that were used longest ago. */
static int
find_oldest(const struct jpeg_state *state)
{
    int oldest = 0;
    for (int i = 1; i < JPEG_KEPT_CODES; i++) {
        if (state->codes_used[i] < state->codes_used[oldest]) {
            oldest = i;
        }
    }
    return oldest;
}

const struct jpeg_codes *
jpeg_state_codes(struct jpeg_state *state, const struct jpeg_code *dc,
                 const struct jpeg_code *ac)
{
    state->clock++;
    for (int i = 0; i < JPEG_KEPT_CODES; i++) {
        if (state->codes_used[i] != 0 && are_of(&state->codes[i], dc, ac)) {
            state->codes_used[i] = state->clock;
            return &state->codes[i];
        }
    }
    int place = find_oldest(state);
    state->codes_used[place] = 0; /* unless they can be built */
    if (!jpeg_build_codes(&state->codes[place], dc, ac)) {
        return NULL;
    }
    state->codes_used[place] = state->clock;
    return &state->codes[place];
}
