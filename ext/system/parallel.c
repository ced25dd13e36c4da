#include "parallel.h"

#include "platform.h"
#include "process_count.h"

#include <stdlib.h>

struct parallel_loop {
    int64_t count;
    parallel_body *body;
    void *argument;
    struct poller *poller; /* the calling thread's alone */
    _Atomic(int64_t) next;
    atomic_bool ended;
    platform_mutex lock;
    platform_condition all_done;
    int running; /* guarded by lock: hired threads at work */
};

struct hired_thread {
    struct parallel_worker worker;
    platform_thread thread;
};

/* Threads at work for loops of this process, beside their callers. */
static process_count hired;

/* By the calling thread. */
static void
ask_poller(struct parallel_loop *loop)
{
    if (!poller_goes_on(loop->poller)) {
        atomic_store(&loop->ended, true);
    }
}

bool
parallel_goes_on(const struct parallel_worker *worker)
{
    if (worker->number == 0) {
        ask_poller(worker->loop);
    }
    return !atomic_load(&worker->loop->ended);
}

static void
work(const struct parallel_worker *worker)
{
    struct parallel_loop *loop = worker->loop;
    int64_t i = atomic_fetch_add(&loop->next, 1);
    while (i < loop->count && !atomic_load(&loop->ended)) {
        if (!loop->body(worker, i, loop->argument)) {
            atomic_store(&loop->ended, true);
        }
        i = atomic_fetch_add(&loop->next, 1);
        if (i < loop->count && !parallel_goes_on(worker)) {
            return;
        }
    }
}

static void
run_hired(void *argument)
{
    struct hired_thread *hired_thread = argument;
    struct parallel_loop *loop = hired_thread->worker.loop;
    work(&hired_thread->worker);
    platform_mutex_lock(&loop->lock);
    loop->running--;
    platform_condition_signal(&loop->all_done);
    platform_mutex_unlock(&loop->lock);
}

static int
start_threads(struct parallel_loop *loop, struct hired_thread *threads,
              int count)
{
    int started = 0;
    while (started < count) {
        struct hired_thread *next = &threads[started];
        next->worker = (struct parallel_worker){loop, started + 1};
        if (!platform_thread_start(&next->thread, run_hired, next)) {
            break;
        }
        started++;
    }
    return started;
}

/* The caller's own share is done: wait for the others, polling meanwhile. */
static void
wait_for_threads(struct parallel_loop *loop)
{
    platform_mutex_lock(&loop->lock);
    while (loop->running > 0) {
        platform_condition_wait(&loop->all_done, &loop->lock, POLLER_SECONDS);
        platform_mutex_unlock(&loop->lock);
        ask_poller(loop);
        platform_mutex_lock(&loop->lock);
    }
    platform_mutex_unlock(&loop->lock);
}

static void
run_with_threads(struct parallel_loop *loop, int count)
{
    struct hired_thread *threads = calloc((size_t)count, sizeof *threads);
    struct parallel_worker caller = {loop, 0};
    int started = 0;
    if (threads != NULL) {
        platform_mutex_lock(&loop->lock); /* until `running` is what it is */
        started = start_threads(loop, threads, count);
        loop->running = started;
        platform_mutex_unlock(&loop->lock);
    }
    work(&caller);
    wait_for_threads(loop);
    for (int i = 0; i < started; i++) {
        platform_thread_join(threads[i].thread);
    }
    free(threads);
}

bool
parallel_for(int64_t count, int workers, int limit, parallel_body *body,
             void *argument, struct poller *poller)
{
    struct parallel_loop loop = {
        .count = count,
        .body = body,
        .argument = argument,
        .poller = poller,
        .lock = PLATFORM_MUTEX_INITIALIZER,
        .all_done = PLATFORM_CONDITION_INITIALIZER,
    };
    if (!poller_goes_on(poller)) {
        return false; /* a call may consist of loops too short to ask */
    }
    int64_t useful = count < workers ? count : workers;
    int extra = useful > 1
                    ? process_count_add_below(&hired, (int)useful - 1, limit)
                    : 0;
    if (extra > 0) {
        run_with_threads(&loop, extra);
        process_count_add(&hired, -extra);
    } else {
        work(&(struct parallel_worker){&loop, 0});
    }
    return !atomic_load(&loop.ended);
}
