/* Regions one by one, into memory of their own. */
#include "arguments.h"
#include "pixel_buffers.h"
#include "slide_batch.h"

static bool
parse_region(struct module_state *state, PyObject *const *args,
             struct region *region)
{
    if (!size_argument(args[2], &region->width, &region->height)) {
        return false;
    }
    if (region->width < 0 || region->height < 0) {
        PyErr_Format(state->error,
                     "negative width (%lld) or negative height (%lld) not "
                     "allowed",
                     (long long)region->width, (long long)region->height);
        return false;
    }
    return location_argument(args[0], &region->x, &region->y) &&
           level_argument(args[1], &region->level);
}

/* Where a region of 4 bytes a pixel goes that has memory of its own. */
static struct pixels
private_pixels(const struct region *region, PyObject *bytes)
{
    return (struct pixels){
        .start = (uint8_t *)PyByteArray_AsString(bytes),
        /* Of a region without rows it may be any number. */
        .row_stride = (ptrdiff_t)(BYTES_PER_PIXEL * (uint64_t)region->width),
        .channels = BYTES_PER_PIXEL,
    };
}

static bool
read_region(SlideObject *slide, struct region *region,
            const struct pixels *pixels)
{
    if (region->width == 0 || region->height == 0) {
        return slide_check(slide); /* nothing to read, however long */
    }
    return slide_read_region_to(slide, region, pixels);
}

const char slide_read_region_doc[] =
    PyDoc_STR("read_region($self, location, level, size, /)\n--\n\n"
              "Pixels of a region as a bytearray of RGBA bytes, row by row, "
              "straight alpha.\n\n"
              "location is (x, y) in level-0 pixels, size (width, height) in "
              "level pixels.");

PyObject *
slide_read_region(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct region region = {.is_exact = false};
    if (nargs != 3) {
        return raise_argument_count("read_region", 3, nargs);
    }
    if (!parse_region(state_of(self), args, &region)) {
        return NULL;
    }
    PyObject *bytes = pixel_buffer_new(region.width, region.height);
    if (bytes != NULL) {
        struct pixels pixels = private_pixels(&region, bytes);
        if (!read_region((SlideObject *)self, &region, &pixels)) {
            Py_CLEAR(bytes);
        }
    }
    return bytes;
}

const char slide_read_opaque_region_doc[] = PyDoc_STR(
    "read_opaque_region($self, location, level, size, background, /)"
    "\n--\n\n"
    "The same over a background, 0xRRGGBB: alpha is 255 throughout.");

PyObject *
slide_read_opaque_region(PyObject *self, PyObject *const *args,
                         Py_ssize_t nargs)
{
    int64_t background;
    struct region region = {.is_exact = false};
    if (nargs != 4) {
        return raise_argument_count("read_opaque_region", 4, nargs);
    }
    if (!parse_region(state_of(self), args, &region) ||
        !integer_argument(args[3], "background", &background)) {
        return NULL;
    }
    PyObject *bytes = pixel_buffer_new(region.width, region.height);
    if (bytes != NULL) {
        struct pixels pixels = private_pixels(&region, bytes);
        pixels.is_opaque = true;
        pixels.background = (uint32_t)background;
        if (!read_region((SlideObject *)self, &region, &pixels)) {
            Py_CLEAR(bytes);
        }
    }
    return bytes;
}

const char slide_read_region_raw_doc[] =
    PyDoc_STR("read_region_raw($self, address, x, y, level, width, height, /)"
              "\n--\n\n"
              "openslide_read_region() itself: premultiplied ARGB words to a "
              "memory address\nthat nobody can check, or nowhere if it is 0.");

PyObject *
slide_read_region_raw(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    SlideObject *slide = (SlideObject *)self;
    struct region region = {.is_exact = false};
    if (nargs != 6) {
        return raise_argument_count("read_region_raw", 6, nargs);
    }
    uint32_t *destination = PyLong_AsVoidPtr(args[0]);
    if ((destination == NULL && PyErr_Occurred()) ||
        !integer_argument(args[1], "x", &region.x) ||
        !integer_argument(args[2], "y", &region.y) ||
        !level_argument(args[3], &region.level) ||
        !integer_argument(args[4], "width", &region.width) ||
        !integer_argument(args[5], "height", &region.height)) {
        return NULL;
    }
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return NULL;
    }
    BEGIN_LIBRARY_CALL
    openslide.read_region(handle->osr, destination, region.x, region.y,
                          region.level, region.width, region.height);
    END_LIBRARY_CALL
    return slide_release(slide, handle, READING, REGION_VALUES(&region))
               ? Py_NewRef(Py_None)
               : NULL;
}
