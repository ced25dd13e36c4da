#include "tile_memory.h"

#include "system/platform.h"
#include "system/shelf.h"

#include <stdlib.h>

/* What a large page holds on most machines. */
static const size_t PIECE_BYTES = (size_t)2 << 20;

/* As many as there are bits to mark them. */
enum { MAX_BLOCKS = 64 };

/* Pages of PIECE_BYTES each, as many as a slide's cache has, for the next
   slide: to clear fresh ones takes a tenth of the time that decoding into them
   does. */
static struct shelf kept;

struct tile_piece {
    uint32_t *words;
    size_t block_words;
    unsigned block_count;
    uint64_t used;                      /* a bit for each block */
    struct tile_piece *previous, *next; /* pieces that are not full */
};

struct tile_memory {
    atomic_size_t references;
    platform_mutex mutex;
    struct tile_piece *available; /* not full; the last used first */
    size_t blocks_used;           /* of all pieces */
};

struct tile_memory *
tile_memory_new(void)
{
    struct tile_memory *memory = calloc(1, sizeof *memory);
    if (memory != NULL) {
        atomic_init(&memory->references, 1);
        memory->mutex = (platform_mutex)PLATFORM_MUTEX_INITIALIZER;
    }
    return memory;
}

void
tile_memory_retain(struct tile_memory *memory)
{
    atomic_fetch_add(&memory->references, 1);
}

/* Pieces */

static size_t
piece_bytes(const struct tile_piece *piece)
{
    return piece->block_count * piece->block_words * sizeof(uint32_t);
}

static uint64_t
all_blocks(const struct tile_piece *piece)
{
    return UINT64_MAX >> (MAX_BLOCKS - piece->block_count);
}

static void
make_available(struct tile_memory *memory, struct tile_piece *piece)
{
    piece->previous = NULL;
    piece->next = memory->available;
    if (piece->next != NULL) {
        piece->next->previous = piece;
    }
    memory->available = piece;
}

static void
make_unavailable(struct tile_memory *memory, struct tile_piece *piece)
{
    *(piece->previous == NULL ? &memory->available : &piece->previous->next) =
        piece->next;
    if (piece->next != NULL) {
        piece->next->previous = piece->previous;
    }
}

static size_t
fitting_blocks(size_t words)
{
    size_t fitting = PIECE_BYTES / sizeof(uint32_t) / words;
    return fitting < MAX_BLOCKS ? fitting : MAX_BLOCKS;
}

/* The first pieces are small, for a program that reads a tile or two does not
   want two megabytes cleared. */
static unsigned
next_block_count(const struct tile_memory *memory, size_t words)
{
    size_t fitting = fitting_blocks(words);
    size_t count =
        memory->blocks_used < fitting ? memory->blocks_used : fitting;
    return count < 1 ? 1 : (unsigned)count;
}

/* Pages for the piece; false where there is no memory. */
static bool
fill_piece(struct tile_piece *piece, const struct tile_memory *memory)
{
    size_t fitting = fitting_blocks(piece->block_words);
    piece->block_count = (unsigned)fitting;
    if (fitting * piece->block_words * sizeof(uint32_t) == PIECE_BYTES) {
        piece->words = shelf_take(&kept);
    }
    if (piece->words == NULL) {
        piece->block_count = next_block_count(memory, piece->block_words);
        piece->words = platform_pages_new(piece_bytes(piece));
    }
    return piece->words != NULL;
}

static struct tile_piece *
new_piece(struct tile_memory *memory, size_t words)
{
    struct tile_piece *piece = calloc(1, sizeof *piece);
    if (piece == NULL) {
        return NULL;
    }
    piece->block_words = words;
    if (!fill_piece(piece, memory)) {
        free(piece);
        return NULL;
    }
    make_available(memory, piece);
    return piece;
}

static void
free_piece(struct tile_piece *piece)
{
    if (piece_bytes(piece) != PIECE_BYTES || !shelf_put(&kept, piece->words)) {
        platform_pages_free(piece->words, piece_bytes(piece));
    }
    free(piece);
}

void
tile_memory_release(struct tile_memory *memory)
{
    if (atomic_fetch_sub(&memory->references, 1) > 1) {
        return;
    }
    while (memory->available != NULL) {
        struct tile_piece *piece = memory->available;
        make_unavailable(memory, piece);
        free_piece(piece);
    }
    free(memory);
}

/* Blocks */

static struct tile_piece *
piece_for(struct tile_memory *memory, size_t words)
{
    struct tile_piece *piece = memory->available;
    while (piece != NULL && piece->block_words != words) {
        piece = piece->next;
    }
    return piece != NULL ? piece : new_piece(memory, words);
}

static unsigned
first_free_block(const struct tile_piece *piece)
{
    unsigned i = 0;
    while ((piece->used >> i & 1) != 0) {
        i++;
    }
    return i;
}

struct tile_block
tile_memory_take(struct tile_memory *memory, size_t words)
{
    struct tile_block block = {NULL, NULL};
    platform_mutex_lock(&memory->mutex);
    struct tile_piece *piece = piece_for(memory, words);
    if (piece != NULL) {
        unsigned i = first_free_block(piece);
        block = (struct tile_block){piece->words + i * words, piece};
        piece->used |= UINT64_C(1) << i;
        memory->blocks_used++;
        if (piece->used == all_blocks(piece)) {
            make_unavailable(memory, piece);
        }
    }
    platform_mutex_unlock(&memory->mutex);
    return block;
}

/* Whether there is another piece with room for such blocks. */
static bool
can_be_missed(const struct tile_memory *memory, const struct tile_piece *piece)
{
    const struct tile_piece *other = memory->available;
    while (other != NULL &&
           (other == piece || other->block_words != piece->block_words)) {
        other = other->next;
    }
    return other != NULL;
}

void
tile_memory_give_back(struct tile_memory *memory, struct tile_block block)
{
    struct tile_piece *piece = block.piece;
    size_t i = (size_t)(block.words - piece->words) / piece->block_words;
    platform_mutex_lock(&memory->mutex);
    if (piece->used == all_blocks(piece)) {
        make_available(memory, piece);
    }
    piece->used &= ~(UINT64_C(1) << i);
    memory->blocks_used--;
    bool is_free = piece->used == 0 && can_be_missed(memory, piece);
    if (is_free) {
        make_unavailable(memory, piece);
    }
    platform_mutex_unlock(&memory->mutex);
    if (is_free) {
        free_piece(piece);
    }
}
