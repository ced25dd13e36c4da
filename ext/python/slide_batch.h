/* Running batches from Python: threads, signals, errors. */
#ifndef SLIDE_BATCH_H
#define SLIDE_BATCH_H

#include "slide_object.h"

#include "reading/batch.h"

/* What was being done, for messages. */
#define READING "reading %lld x %lld pixels at (%lld, %lld) of level %d of"
#define REGION_VALUES(region)                                                 \
    (long long)(region)->width, (long long)(region)->height,                  \
        (long long)(region)->x, (long long)(region)->y, (int)(region)->level

/* What Python knows of threads, see _threads.plan(). */
struct thread_plan {
    int number;         /* that all calls of the process may use together */
    int is_main_thread; /* whether signals are handled in this thread */
};

/* False with an exception set. */
bool thread_plan_ask(struct module_state *state, struct thread_plan *plan);

/* Batches and their slides. */
struct slide_batches {
    SlideObject **slides; /* of each batch */
    PyObject **caches;    /* of each, while it is read; NULL at first */
    struct batches batches;
};

/*
 * Read batches that lack nothing but where to find and how to interrupt their
 * slides; `workers` of 0 are as many as there may be.  False with an exception
 * set.
 */
bool slides_read_batches(struct slide_batches *all,
                         const struct thread_plan *plan);

/* Read one region; false with an exception set. */
bool slide_read_region_to(SlideObject *slide, struct region *region,
                          const struct pixels *pixels);

/* The plan for a region that is read by itself: one that is not divided is
   read by this thread alone. */
bool thread_plan_single(SlideObject *slide, const struct region *region,
                        struct thread_plan *plan);

#endif
