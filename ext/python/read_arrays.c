/* A region into an array: the buffer that NumPy has made. */
#include "array_arguments.h"
#include "arguments.h"

/* What Python passes. */
struct request {
    Py_buffer pixels;
    int64_t location[2];
    int64_t level, background;
    bool in_level_pixels;
};

static bool
parse_request(PyObject *const *args, struct request *request)
{
    return flag_argument(args[4], &request->in_level_pixels) &&
           pixels_argument(args[0], 3, &request->pixels) &&
           location_argument(args[1], &request->location[0],
                             &request->location[1]) &&
           integer_argument(args[2], "level", &request->level) &&
           integer_argument(args[3], "background", &request->background);
}

static bool
read_request(SlideObject *slide, const struct request *request)
{
    struct region region = region_into(&request->pixels);
    struct pixels pixels = form_of(&request->pixels, request->background);
    return place_region(slide, request->location, request->level,
                        request->in_level_pixels, &region) &&
           slide_read_region_to(slide, &region, &pixels);
}

const char slide_read_into_doc[] =
    PyDoc_STR("read_into($self, pixels, location, level, background, "
              "in_level_pixels, /)\n--\n\n"
              "Read a region into a uint8 array (height, width, 3 or 4).\n\n"
              "background is 0xRRGGBB; in_level_pixels: location is in pixels "
              "of the level.");

PyObject *
slide_read_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct request request = {.level = -1};
    if (nargs != 5) {
        return raise_argument_count("read_into", 5, nargs);
    }
    bool complete = parse_request(args, &request) &&
                    read_request((SlideObject *)self, &request);
    if (request.pixels.obj != NULL) {
        PyBuffer_Release(&request.pixels);
    }
    return complete ? Py_NewRef(Py_None) : NULL;
}
