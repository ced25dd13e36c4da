/* Running a batch from Python: threads, signals, errors. */
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

/* Set an exception for a batch that failed. */
static void
raise_bad_region(SlideObject *slide, const struct batch *batch)
{
    const struct region *region = &batch->regions[batch->bad];
    const char *error = batch->error == NULL ? "" : batch->error;
    PyObject *doing =
        batch->count == 1
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
raise_outcome(SlideObject *slide, const struct batch *batch,
              enum batch_outcome outcome)
{
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
        raise_bad_region(slide, batch);
        break;
    }
}

bool
slide_read_batch(SlideObject *slide, struct batch *batch,
                 const struct thread_plan *plan)
{
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return false;
    }
    if (!slide->may_reopen && openslide.get_error(handle->osr) != NULL) {
        slide_release(slide, handle, READING, REGION_VALUES(batch->regions));
        return false;
    }
    PyObject *cache = slide_chosen_caches(slide, &batch->caches);
    batch->origin = slide->origin;
    batch->is_doubtful = slide->may_reopen || batch->is_masked;
    batch->workers = batch->workers > 0
                         ? (int)smaller(batch->workers, MOST_WORKERS)
                         : plan->number;
    batch->thread_limit = plan->number - 1;
    struct interruptible call = {PyEval_SaveThread()};
    batch->poller = poller_new(
        plan->is_main_thread ? poll_signals : ignore_signals, &call);
    openslide_api_enter();
    enum batch_outcome outcome = batch_read(batch, handle);
    openslide_api_leave();
    PyEval_RestoreThread(call.thread);

    raise_outcome(slide, batch, outcome);
    slide_give_back(slide, handle, batch->is_masked);
    Py_XDECREF(cache);
    free(batch->error);
    return outcome == BATCH_READ;
}

bool
thread_plan_single(SlideObject *slide, const struct region *region,
                   struct thread_plan *plan)
{
    *plan = (struct thread_plan){.number = 1};
    return !region_is_large(region) ||
           thread_plan_ask(state_of((PyObject *)slide), plan);
}
