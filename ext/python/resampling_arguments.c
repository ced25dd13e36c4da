#include "resampling_arguments.h"

#include "arguments.h"

static bool
parse(PyObject *object, int64_t count, struct resampling_request *request)
{
    PyObject *corners, *source, *filter, *order;
    struct resampling *resampling = &request->resampling;
    bool longer_first;
    if (!PyTuple_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a resampling must be a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(object, "OO(dd)OO;a resampling has five values",
                          &corners, &source, &resampling->box_width,
                          &resampling->box_height, &filter, &order) ||
        !size_argument(source, &request->width, &request->height) ||
        !filter_argument(filter, &resampling->filter) ||
        !flag_argument(order, &longer_first) ||
        !numbers_argument(corners, 2 * count,
                          "corners must be float64 (count, 2)",
                          &request->corners)) {
        return false;
    }
    resampling->order =
        longer_first ? RESAMPLE_LONGER_FIRST : RESAMPLE_ROWS_FIRST;
    resampling->corners = request->corners.buf;
    return true;
}

static bool
check_side(int64_t length, const char *what)
{
    if (length >= 1 && length <= RESAMPLE_LONGEST) {
        return true;
    }
    PyErr_Format(PyExc_ValueError,
                 "%s must have sides of 1 to %ld pixels, not %lld", what,
                 (long)RESAMPLE_LONGEST, (long long)length);
    return false;
}

static bool
check_sides(const struct region *result, struct resampling_request *request)
{
    if (!check_side(result->width, "a resampled region") ||
        !check_side(result->height, "a resampled region") ||
        !check_side(request->width, "what is resampled") ||
        !check_side(request->height, "what is resampled")) {
        return false;
    }
    request->resampling.width = (int32_t)result->width;
    request->resampling.height = (int32_t)result->height;
    return true;
}

static bool
check_box(double start, double length, int64_t source_length)
{
    if (resample_box_lies_within(start, start + length,
                                 (int32_t)source_length)) {
        return true;
    }
    PyErr_SetString(PyExc_ValueError,
                    "a box must lie within what is resampled");
    return false;
}

static bool
check_boxes(int64_t count, const struct resampling_request *request)
{
    const struct resampling *resampling = &request->resampling;
    const double *corners = resampling->corners;
    bool all_lie_within = true;
    for (int64_t i = 0; i < count && all_lie_within; i++) {
        all_lie_within =
            check_box(corners[2 * i], resampling->box_width, request->width) &&
            check_box(corners[2 * i + 1], resampling->box_height,
                      request->height);
    }
    return all_lie_within;
}

bool
resampling_argument(PyObject *object, int64_t count,
                    const struct region *result,
                    struct resampling_request *request)
{
    return parse(object, count, request) && check_sides(result, request) &&
           check_boxes(count, request);
}
