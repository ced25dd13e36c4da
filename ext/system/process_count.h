/*
 * A number of things that threads of this process have at present.  A forked
 * child begins with none, for the threads that had them stayed behind.
 */
#ifndef PROCESS_COUNT_H
#define PROCESS_COUNT_H

#include <stdatomic.h>
#include <stdint.h>

/* The count in the low half, the process in the high one; all bits 0 is none.
 */
typedef _Atomic(uint64_t) process_count;

int process_count_get(process_count *count);
void process_count_add(process_count *count, int difference);

/* Add as much of `wanted` as leaves the count at `limit` at most. */
int process_count_add_below(process_count *count, int wanted, int limit);

#endif
