#include "tile_memory.h"

#include "system/lengths.h"
#include "system/platform.h"
#include "system/shelf.h"

#include <stdlib.h>

/* What a large page holds on most machines. */
static const size_t PAGE_BYTES = (size_t)2 << 20;

/* As many as there are bits to mark them. */
enum { MAX_BLOCKS = 64 };

/* Pieces of 1, 2, ... such pages that nobody uses, as many as a slide's cache
   has, for the next slide: to clear fresh ones takes a tenth of the time that
   decoding into them does. */
enum { MAX_PAGES = 4 };

static const size_t MOST_KEPT_BYTES = (size_t)32 << 20;

static struct shelf kept[MAX_PAGES];
static atomic_size_t kept_bytes;

struct tile_piece {
    uint32_t *words;
    size_t bytes;
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

/* The first pieces are small, for a program that reads a tile or two does not
   want two megabytes cleared. */
static size_t
next_block_count(const struct tile_memory *memory, size_t fitting)
{
    return memory->blocks_used < 1         ? 1
           : memory->blocks_used < fitting ? memory->blocks_used
                                           : fitting;
}

/* Where pieces of so many bytes are kept, or NULL. */
static struct shelf *
shelf_of(size_t bytes)
{
    size_t pages = bytes / PAGE_BYTES;
    return bytes % PAGE_BYTES == 0 && pages >= 1 && pages <= MAX_PAGES
               ? &kept[pages - 1]
               : NULL;
}

static uint32_t *
take_kept(size_t bytes)
{
    struct shelf *shelf = shelf_of(bytes);
    uint32_t *words = shelf == NULL ? NULL : shelf_take(shelf);
    if (words != NULL) {
        atomic_fetch_sub(&kept_bytes, bytes);
    }
    return words;
}

static bool
keep(uint32_t *words, size_t bytes)
{
    struct shelf *shelf = shelf_of(bytes);
    bool is_kept =
        shelf != NULL &&
        atomic_fetch_add(&kept_bytes, bytes) + bytes <= MOST_KEPT_BYTES &&
        shelf_put(shelf, words);
    if (shelf != NULL && !is_kept) {
        atomic_fetch_sub(&kept_bytes, bytes);
    }
    return is_kept;
}

/* A block that is larger than a page has a piece of whole ones for itself. */
static size_t
bytes_for(size_t count, size_t block_bytes)
{
    return count * block_bytes <= PAGE_BYTES
               ? count * block_bytes
               : (size_t)quotient_up(block_bytes, PAGE_BYTES) * PAGE_BYTES;
}

/* Pages for the piece; false where there is no memory. */
static bool
fill_piece(struct tile_piece *piece, const struct tile_memory *memory)
{
    size_t block_bytes = piece->block_words * sizeof(uint32_t);
    size_t fitting = PAGE_BYTES / block_bytes;
    size_t count = fitting < 1            ? 1
                   : fitting > MAX_BLOCKS ? MAX_BLOCKS
                                          : fitting;
    piece->bytes = bytes_for(count, block_bytes);
    piece->words = take_kept(piece->bytes);
    if (piece->words == NULL) {
        count = next_block_count(memory, count);
        piece->bytes = bytes_for(count, block_bytes);
        piece->words = platform_pages_new(piece->bytes);
    }
    piece->block_count = (unsigned)count;
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
    if (!keep(piece->words, piece->bytes)) {
        platform_pages_free(piece->words, piece->bytes);
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
