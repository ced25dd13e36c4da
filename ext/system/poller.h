/*
 * Asking now and then whether to go on, for a call that takes long: one clock
 * for all its loops, however short each of them is.
 *
 * Belongs to one thread, the one that made it.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>

/* Whether to go on. */
typedef bool poll_function(void *argument);

struct poller {
    poll_function *function;
    void *argument;
    double asked;   /* when, see platform_seconds() */
    bool has_ended; /* function() has said no, and is asked no more */
};

/* How often function() is asked, at most. */
extern const double POLLER_SECONDS;

struct poller poller_new(poll_function *function, void *argument);

/* Ask if it is time to.  False once the answer was no. */
bool poller_goes_on(struct poller *poller);

#endif
