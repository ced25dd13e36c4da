#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include "system/parallel.h"

#include "check.h"
#include "system/platform.h"
#include "system/poller.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COUNT = 1000, WORKERS = 6, LIMIT = 3 };

static void
sleep_milliseconds(long milliseconds)
{
    struct timespec pause = {.tv_sec = milliseconds / 1000,
                             .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static bool
always(void *argument)
{
    (void)argument;
    return true;
}

static bool
never(void *argument)
{
    (void)argument;
    return false;
}

/* A loop with a poller of its own. */
static bool
run_loop(int64_t count, int workers, int limit, parallel_body *body,
         void *argument, poll_function *poll)
{
    struct poller poller = poller_new(poll, NULL);
    return parallel_for(count, workers, limit, body, argument, &poller);
}

struct tally {
    atomic_int visits[COUNT];
    atomic_int at_work;
    atomic_int most_at_work;
    atomic_int wrong_numbers;
};

static bool
visit(const struct parallel_worker *worker, int64_t i, void *argument)
{
    struct tally *tally = argument;
    int at_work = atomic_fetch_add(&tally->at_work, 1) + 1;
    int most = atomic_load(&tally->most_at_work);
    while (at_work > most && !atomic_compare_exchange_weak(
                                 &tally->most_at_work, &most, at_work)) {
    }
    if (i % 100 == 0) {
        sleep_milliseconds(1); /* so that the threads do overlap */
    }
    atomic_fetch_add(&tally->visits[i], 1);
    atomic_fetch_add(&tally->wrong_numbers,
                     worker->number < 0 || worker->number >= WORKERS);
    atomic_fetch_sub(&tally->at_work, 1);
    return true;
}

static void
test_visits_each_once(void)
{
    for (int64_t count = 0; count <= COUNT; count = count * 3 + 1) {
        for (int workers = 1; workers <= WORKERS; workers++) {
            struct tally *tally = calloc(1, sizeof *tally);
            CHECK(run_loop(count, workers, LIMIT, visit, tally, always),
                  "ended early");
            for (int i = 0; i < COUNT; i++) {
                CHECK(atomic_load(&tally->visits[i]) == (i < count),
                      "%d of %d visited %d times", i, (int)count,
                      atomic_load(&tally->visits[i]));
            }
            CHECK(atomic_load(&tally->most_at_work) <= LIMIT + 1,
                  "%d threads at work", atomic_load(&tally->most_at_work));
            CHECK(atomic_load(&tally->wrong_numbers) == 0, "wrong numbers");
            free(tally);
        }
    }
}

static void *
loop_in_a_thread(void *argument)
{
    run_loop(COUNT / 4, WORKERS, LIMIT, visit, argument, always);
    return NULL;
}

static void
test_loops_share_the_limit(void)
{
    enum { CALLERS = 4 };
    struct tally *tally = calloc(1, sizeof *tally);
    pthread_t callers[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        pthread_create(&callers[i], NULL, loop_in_a_thread, tally);
    }
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
    }
    CHECK(atomic_load(&tally->most_at_work) <= CALLERS + LIMIT,
          "%d threads at work", atomic_load(&tally->most_at_work));
    CHECK(atomic_load(&tally->visits[0]) == CALLERS, "visited %d times",
          atomic_load(&tally->visits[0]));
    free(tally);
}

static bool
sleep_briefly(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)worker;
    (void)i;
    sleep_milliseconds(1);
    atomic_fetch_add((atomic_int *)argument, 1);
    return true;
}

/* Loops too short to be asked in the middle, so many that one of them is. */
static void
test_loops_share_a_clock(void)
{
    atomic_int visits = 0;
    struct poller poller = poller_new(never, NULL);
    int loops = 0;
    while (loops < 10000 &&
           parallel_for(1, 1, 0, sleep_briefly, &visits, &poller)) {
        loops++;
    }
    CHECK(loops < 10000, "%d loops", loops);
    CHECK(poller.has_ended, "the poller does not know");
    CHECK(!parallel_for(1, 1, 0, sleep_briefly, &visits, &poller),
          "one more loop");
    CHECK(atomic_load(&visits) == loops, "%d visits in %d loops",
          atomic_load(&visits), loops);
}

static bool
end_at_ten(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)worker;
    atomic_fetch_add((atomic_int *)argument, 1);
    return i != 10;
}

static void
test_a_body_ends_the_loop(void)
{
    atomic_int visits = 0;
    CHECK(!run_loop(1000000, WORKERS, LIMIT, end_at_ten, &visits, always),
          "went on to the end");
    CHECK(atomic_load(&visits) < 1000000, "%d visits", atomic_load(&visits));
}

/* Goes on until somebody ends the loop. */
static bool
run_until_told(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)i;
    (void)argument;
    while (parallel_goes_on(worker)) {
        sleep_milliseconds(1);
    }
    return true;
}

/* The calling thread has done its share when the other has begun. */
static bool
only_the_hired_run(const struct parallel_worker *worker, int64_t i,
                   void *argument)
{
    atomic_bool *begun = argument;
    if (worker->number > 0) {
        atomic_store(begun, true);
        return run_until_told(worker, i, NULL);
    }
    while (!atomic_load(begun)) {
        sleep_milliseconds(1);
    }
    return true;
}

static void
test_poll_ends_the_loop(void)
{
    CHECK(!run_loop(1, 1, 0, run_until_told, NULL, never),
          "one thread went on");
    CHECK(!run_loop(4, 4, LIMIT, run_until_told, NULL, never),
          "all threads went on");
    /* The calling thread polls even when its own work is done. */
    atomic_bool begun = false;
    CHECK(!run_loop(2, 2, LIMIT, only_the_hired_run, &begun, never),
          "a hired thread went on");
}

static bool
note_signals(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)i;
    sigset_t *blocked = argument;
    if (worker->number > 0) {
        pthread_sigmask(SIG_SETMASK, NULL, blocked);
    } else {
        sleep_milliseconds(20);
    }
    return true;
}

/* Those that come from outside, for the program's own threads; not those of a
   fault, which would end the process without a word. */
static void
test_hired_threads_block_signals(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t blocked;
    sigemptyset(&blocked);
    CHECK(run_loop(2, 2, 1, note_signals, &blocked, always), "ended early");
    CHECK(sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM) &&
              sigismember(&blocked, SIGALRM),
          "signals from outside are not blocked");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        CHECK(!sigismember(&blocked, faults[i]), "signal %d is blocked",
              faults[i]);
    }
}

#ifndef __SANITIZE_THREAD__
/* Waits for as many threads as there are rounds: a busy machine may begin the
   second one late. */
static bool
meet(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)worker;
    (void)i;
    enum { MOST_MILLISECONDS = 20000, MET = 2 };
    atomic_int *there = argument;
    atomic_fetch_add(there, 1);
    for (int waited = 0; waited < MOST_MILLISECONDS; waited++) {
        if (atomic_load(there) == MET) {
            return true;
        }
        sleep_milliseconds(1);
    }
    return false;
}

static bool
fork_and_loop(const struct parallel_worker *worker, int64_t i, void *argument)
{
    (void)argument;
    if (worker->number != 0 || i > WORKERS) {
        sleep_milliseconds(20);
        return true;
    }
    pid_t child = fork();
    if (child == 0) {
        atomic_int there = 0;
        /* Had the child inherited hired threads, it would have got none. */
        _exit(!run_loop(2, 2, 1, meet, &there, always));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status == 0;
}

static void
test_a_forked_child_has_the_whole_limit(void)
{
    CHECK(run_loop(2 * WORKERS, 2, 1, fork_and_loop, NULL, always),
          "a child was refused a thread");
}
#endif

int
main(void)
{
    platform_watch_forks();
    check_run("visits each once", test_visits_each_once);
    check_run("loops share the limit", test_loops_share_the_limit);
    check_run("loops share a clock", test_loops_share_a_clock);
    check_run("a body ends the loop", test_a_body_ends_the_loop);
    check_run("poll ends the loop", test_poll_ends_the_loop);
    check_run("hired threads block signals", test_hired_threads_block_signals);
#ifdef __SANITIZE_THREAD__
    check_skip("a forked child has the whole limit",
               "the thread sanitizer does not follow threads of a child");
#else
    check_run("a forked child has the whole limit",
              test_a_forked_child_has_the_whole_limit);
#endif
    return check_finish();
}
