#include "arguments.h"

bool
integer_argument(PyObject *value, const char *what, int64_t *result)
{
    PyObject *index = PyNumber_Index(value);
    if (index == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            raise_argument_error(ARGUMENT_TYPE_ERROR,
                                 "%s must be an integer, not %R", what, value);
        }
        return false;
    }
    int overflow = 0;
    *result = (int64_t)PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow != 0) {
        raise_argument_error(ARGUMENT_OVERFLOW_ERROR,
                             "%s must fit 64 bits, but is %R", what, value);
    }
    return overflow == 0;
}

bool
level_argument(PyObject *value, int32_t *level)
{
    int64_t wide;
    if (!integer_argument(value, "level", &wide)) {
        return false;
    }
    *level = wide < 0 || wide > INT32_MAX ? -1 : (int32_t)wide;
    return true;
}

struct pair_names {
    const char *whole;
    const char *items[2];
};

static PyObject *
pair_item(PyObject *pair, const struct pair_names *names, Py_ssize_t i)
{
    PyObject *item = NULL;
    PyObject *index = PyLong_FromSsize_t(i);
    if (index != NULL) {
        item = PyObject_GetItem(pair, index);
        Py_DECREF(index);
    }
    if (item == NULL && PyErr_ExceptionMatches(PyExc_IndexError)) {
        PyErr_Format(PyExc_IndexError, "%s must be a pair (%s, %s), not %R",
                     names->whole, names->items[0], names->items[1], pair);
    } else if (item == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
        raise_argument_error(
            ARGUMENT_TYPE_ERROR, "%s must be a pair (%s, %s), not %R",
            names->whole, names->items[0], names->items[1], pair);
    }
    return item;
}

static bool
pair_argument(PyObject *pair, const struct pair_names *names, int64_t *first,
              int64_t *second)
{
    int64_t *const results[] = {first, second};
    for (int i = 0; i < 2; i++) {
        PyObject *item = pair_item(pair, names, i);
        if (item == NULL) {
            return false;
        }
        bool fits = integer_argument(item, names->items[i], results[i]);
        Py_DECREF(item);
        if (!fits) {
            return false;
        }
    }
    return true;
}

bool
location_argument(PyObject *pair, int64_t *x, int64_t *y)
{
    static const struct pair_names names = {"location", {"x", "y"}};
    return pair_argument(pair, &names, x, y);
}

bool
size_argument(PyObject *pair, int64_t *width, int64_t *height)
{
    static const struct pair_names names = {"size", {"width", "height"}};
    return pair_argument(pair, &names, width, height);
}

/* Pillow's numbers of filters. */
static const struct {
    int64_t number;
    enum resample_filter filter;
} filters[] = {
    {1, RESAMPLE_LANCZOS}, {2, RESAMPLE_BILINEAR}, {3, RESAMPLE_BICUBIC},
    {4, RESAMPLE_BOX},     {5, RESAMPLE_HAMMING},
};

bool
filter_argument(PyObject *value, enum resample_filter *filter)
{
    int64_t number;
    if (!integer_argument(value, "filter", &number)) {
        return false;
    }
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (filters[i].number == number) {
            *filter = filters[i].filter;
            return true;
        }
    }
    PyErr_Format(PyExc_ValueError,
                 "filter must be LANCZOS (1), BILINEAR (2), BICUBIC (3), "
                 "BOX (4) or HAMMING (5), not %lld",
                 (long long)number);
    return false;
}
