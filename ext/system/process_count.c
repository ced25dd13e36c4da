#include "process_count.h"

#include "platform.h"

static int
count_of(uint64_t word)
{
    return word >> 32 == platform_process() ? (int)(word & UINT32_MAX) : 0;
}

static uint64_t
word_of(int count)
{
    return (uint64_t)platform_process() << 32 | (uint32_t)count;
}

int
process_count_get(process_count *count)
{
    return count_of(atomic_load(count));
}

void
process_count_add(process_count *count, int difference)
{
    uint64_t word = atomic_load_explicit(count, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(
        count, &word, word_of(count_of(word) + difference))) {
    }
}

int
process_count_add_below(process_count *count, int wanted, int limit)
{
    uint64_t word = atomic_load_explicit(count, memory_order_relaxed);
    int granted;
    do {
        int room = limit - count_of(word);
        granted = wanted < room ? wanted : room;
        granted = granted < 0 ? 0 : granted;
    } while (!atomic_compare_exchange_weak(count, &word,
                                           word_of(count_of(word) + granted)));
    return granted;
}
