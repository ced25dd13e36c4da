/*
 * parallel_for: a loop whose passes run in several threads.
 *
 * The threads live inside the call, so that none outlives a fork or the
 * interpreter (starting one takes about 20 us, reading a tile ten times that).
 * The calling thread works like the others.
 */
#ifndef PARALLEL_H
#define PARALLEL_H

#include "poller.h"

#include <stdint.h>

/* A thread at work in a loop. */
struct parallel_worker {
    struct parallel_loop *loop;
    int number; /* 0 for the calling thread, below the `workers` asked for */
};

/*
 * Whether to go on.  A body that takes long asks between pieces of its work:
 * false once another worker has ended the loop, or the poller has.
 */
bool parallel_goes_on(const struct parallel_worker *worker);

/* One pass; false ends the loop as soon as the other workers notice. */
typedef bool parallel_body(const struct parallel_worker *worker, int64_t i,
                           void *argument);

/*
 * Run body(worker, i, argument) for i from 0 to count - 1, begun in this
 * order, by at most `workers` threads.  There may be fewer: all loops of the
 * process share `limit` threads beside their callers, and none waits for
 * another.  The calling thread asks `poller`, which is its own, whether to go
 * on.
 *
 * False if a body or the poller ended the loop.
 */
bool parallel_for(int64_t count, int workers, int limit, parallel_body *body,
                  void *argument, struct poller *poller);

#endif
