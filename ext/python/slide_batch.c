/* Running batches from Python: threads, signals, errors. */
#include "slide_batch.h"

#include "system/lengths.h"

#include <stdlib.h>

enum { MOST_WORKERS = 1024 };

/* What a read without the GIL needs to take it now and then. */
struct interruptible {
    PyThreadState *thread;
};

/* False with an exception set by a signal's handler: Ctrl-C, most often. */
static bool
poll_signals(void *argument)
{
    struct interruptible *call = argument;
    PyEval_RestoreThread(call->thread);
    bool undisturbed = PyErr_CheckSignals() == 0;
    call->thread = PyEval_SaveThread();
    return undisturbed;
}

/* A number of threads, however large; -1 with an exception set. */
static int
thread_count(PyObject *number)
{
    int overflow;
    long count = PyLong_AsLongAndOverflow(number, &overflow);
    if (count == -1 && overflow == 0 && PyErr_Occurred()) {
        return -1;
    }
    return overflow > 0 || count > MOST_WORKERS ? MOST_WORKERS
           : overflow < 0 || count < 1          ? 1
                                                : (int)count;
}

bool
thread_plan_ask(struct module_state *state, struct thread_plan *plan)
{
    PyObject *number;
    PyObject *answer = PyObject_CallNoArgs(state->thread_plan);
    bool valid =
        answer != NULL &&
        PyArg_ParseTuple(answer, "Op", &number, &plan->is_main_thread) &&
        (plan->number = thread_count(number)) > 0;
    Py_XDECREF(answer);
    return valid;
}

static bool
ignore_signals(void *Py_UNUSED(argument))
{
    return true;
}

/* Set an exception for a batch that failed.  `is_alone`: its regions have the
   numbers that the caller knows. */
static void
raise_bad_region(SlideObject *slide, const struct batch *batch, bool is_alone)
{
    const struct region *region = &batch->regions[batch->bad];
    const char *error = batch->error == NULL ? "" : batch->error;
    PyObject *doing =
        batch->count == 1 || !is_alone
            ? PyUnicode_FromFormat(READING, REGION_VALUES(region))
            : PyUnicode_FromFormat("region %lld: " READING,
                                   (long long)batch->bad,
                                   REGION_VALUES(region));
    if (doing != NULL) {
        raise_library_error(state_of((PyObject *)slide), error, doing,
                            slide->path);
        Py_DECREF(doing);
    }
}

static void
raise_outcome(const struct slide_batches *all, enum batch_outcome outcome)
{
    const struct batches *batches = &all->batches;
    SlideObject *slide = all->slides[batches->bad];
    switch (outcome) {
    case BATCH_READ:
    case BATCH_INTERRUPTED: /* by a handler that has raised */
        break;
    case BATCH_OUT_OF_MEMORY:
        PyErr_NoMemory();
        break;
    case BATCH_CHANGED:
        raise_changed(state_of((PyObject *)slide), slide->path);
        break;
    case BATCH_FAILED:
        raise_bad_region(slide, &batches->each[batches->bad],
                         batches->count == 1);
        break;
    }
}

/* What is needed of a slide.  False with an exception set. */
static bool
hold_slide(struct slide_batches *all, int64_t i)
{
    SlideObject *slide = all->slides[i];
    struct batch *batch = &all->batches.each[i];
    batch->handle = slide_acquire(slide);
    if (batch->handle == NULL) {
        return false;
    }
    if (!slide->may_reopen && openslide.get_error(batch->handle->osr)) {
        slide_release(slide, batch->handle, READING,
                      REGION_VALUES(batch->regions));
        return false;
    }
    all->caches[i] = slide_chosen_caches(slide, &batch->caches);
    batch->origin = slide->origin;
    /* Where there are several batches, two may be of the same slide. */
    batch->is_doubtful =
        slide->may_reopen || all->batches.is_masked || all->batches.count > 1;
    return true;
}

static void
let_go_slide(struct slide_batches *all, int64_t i)
{
    struct batch *batch = &all->batches.each[i];
    slide_give_back(all->slides[i], batch->handle, all->batches.is_masked);
    Py_CLEAR(all->caches[i]);
    free(batch->error);
}

static bool
read_held(struct slide_batches *all, const struct thread_plan *plan)
{
    struct batches *batches = &all->batches;
    batches->workers = batches->workers > 0
                           ? (int)smaller(batches->workers, MOST_WORKERS)
                           : plan->number;
    batches->thread_limit = plan->number - 1;
    struct interruptible call = {PyEval_SaveThread()};
    batches->poller = poller_new(
        plan->is_main_thread ? poll_signals : ignore_signals, &call);
    openslide_api_enter();
    enum batch_outcome outcome = batches_read(batches);
    openslide_api_leave();
    PyEval_RestoreThread(call.thread);
    raise_outcome(all, outcome);
    return outcome == BATCH_READ;
}

bool
slides_read_batches(struct slide_batches *all, const struct thread_plan *plan)
{
    int64_t held = 0;
    while (held < all->batches.count && hold_slide(all, held)) {
        held++;
    }
    bool complete = held == all->batches.count && read_held(all, plan);
    for (int64_t i = 0; i < held; i++) {
        let_go_slide(all, i);
    }
    return complete;
}

bool
thread_plan_single(SlideObject *slide, const struct region *region,
                   struct thread_plan *plan)
{
    *plan = (struct thread_plan){.number = 1};
    return !region_is_large(region) ||
           thread_plan_ask(state_of((PyObject *)slide), plan);
}

bool
slide_read_region_to(SlideObject *slide, struct region *region,
                     const struct pixels *pixels)
{
    struct thread_plan plan;
    if (!thread_plan_single(slide, region, &plan)) {
        return false;
    }
    uint8_t state = REGION_WAITING;
    struct batch batch = {.regions = region,
                          .count = 1,
                          .form = *pixels,
                          .starts = &pixels->start,
                          .states = &state};
    PyObject *cache = NULL;
    struct slide_batches all = {&slide, &cache, {.each = &batch, .count = 1}};
    return slides_read_batches(&all, &plan);
}
