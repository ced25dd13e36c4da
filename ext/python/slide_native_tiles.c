/* The tiles of a level as the slide stores them. */
#include "arguments.h"
#include "slide_object.h"

#include "direct/direct_slide.h"
#include "direct/native_tiles.h"
#include "system/slide_file.h"

#include <math.h>
#include <stdlib.h>

/* The side of the square that is compared with libopenslide, level pixels. */
enum { COMPARED_SIDE = 256 };

/* Grids */

/* What Python passes. */
struct tile_request {
    int32_t level;
    Py_buffer positions; /* int64 (count, 2), of columns and rows */
    size_t count;
    bool verifies;
};

/* The tile in the middle, which is there rather than those at the edges. */
static struct region
middle_of(const struct native_grid *grid, const struct slide_handle *handle,
          int32_t level)
{
    double downsample = handle->levels[level].downsample;
    int64_t x = grid->x + (int64_t)(grid->columns / 2) *
                              (int64_t)grid->image->tile_width;
    int64_t y = grid->y +
                (int64_t)(grid->rows / 2) * (int64_t)grid->image->tile_height;
    return region_at((int64_t)ceil((double)x * downsample),
                     (int64_t)ceil((double)y * downsample), level,
                     COMPARED_SIDE, COMPARED_SIDE);
}

/* See that the level is what it is taken for, as reads do.  Another handle is
   opened for that, so that damage does not end the slide. */
static void
compare_level(SlideObject *slide, const struct slide_handle *handle,
              const struct native_grid *grid, int32_t level)
{
    const struct slide_caches none = {0};
    struct slide_handle *other;
    enum slide_opening opening =
        slide_origin_open(slide->origin, &none, &other);
    if (opening == SLIDE_OPENED) {
        struct region middle = middle_of(grid, handle, level);
        direct_slide_compare(handle, &middle, other);
    }
    if (opening == SLIDE_OPENED || opening == SLIDE_DAMAGED) {
        slide_handle_release(other);
    }
}

/* The GIL is given up. */
static const char *
find_compared_grid(SlideObject *slide, const struct slide_handle *handle,
                   int32_t level, struct native_grid *grid)
{
    const char *refusal = native_grid_find(grid, handle, level);
    if (refusal == NULL && !direct_slide_is_compared(handle, level)) {
        compare_level(slide, handle, grid, level);
        refusal = native_grid_find(grid, handle, level);
    }
    return refusal;
}

static PyObject *
make_grid(const struct native_grid *grid,
          const struct tile_request *Py_UNUSED(request))
{
    const struct image *image = grid->image;
    const struct jpeg_format *format = &image->format;
    return Py_BuildValue(
        "((II)(II)(LL)(LL)NNy#)", image->tile_width, image->tile_height,
        grid->columns, grid->rows, (long long)grid->x, (long long)grid->y,
        (long long)image->width, (long long)image->height,
        PyBool_FromLong(grid->is_snapped), PyBool_FromLong(format->is_rgb),
        (const char *)format->tables, (Py_ssize_t)format->tables_size);
}

/* Tiles */

typedef PyObject *tile_maker(const struct native_grid *grid,
                             const struct native_tile *tile);

static PyObject *
make_stream(const struct native_grid *grid, const struct native_tile *tile)
{
    PyObject *stream =
        PyBytes_FromStringAndSize(NULL, (Py_ssize_t)tile->plan.size);
    if (stream != NULL) {
        jpeg_interchange_write(&tile->plan, &grid->image->format, tile->bytes,
                               (uint8_t *)PyBytes_AsString(stream));
    }
    return stream;
}

static PyObject *
make_place(const struct native_grid *Py_UNUSED(grid),
           const struct native_tile *tile)
{
    /* A file is the source of its bytes. */
    const struct slide_file *file =
        (const struct slide_file *)tile->place.source;
    return Py_BuildValue("(NKKN)", PyUnicode_DecodeFSDefault(file->path),
                         (unsigned long long)tile->place.offset,
                         (unsigned long long)tile->plan.taken_size,
                         PyBool_FromLong(tile->plan.is_stored));
}

/* What a tile is, None for a hole, or a str that tells why it cannot be had.
 */
static PyObject *
make_tile(const struct native_grid *grid, const struct native_tile *tile,
          tile_maker *make)
{
    if (tile->refusal != NULL) {
        return PyUnicode_FromString(tile->refusal);
    }
    return tile->is_hole ? Py_NewRef(Py_None) : make(grid, tile);
}

/* False with an exception set. */
static bool
make_tiles(struct native_reader *reader, tile_maker *make, PyObject *list)
{
    bool complete = true;
    while (complete && reader->next < reader->count) {
        size_t i;
        Py_BEGIN_ALLOW_THREADS
        i = native_reader_next(reader);
        Py_END_ALLOW_THREADS
        for (; complete && i < reader->next; i++) {
            const struct native_tile *tile = &reader->tiles[i];
            PyObject *item = make_tile(reader->grid, tile, make);
            complete =
                item != NULL &&
                PyList_SetItem(list, (Py_ssize_t)tile->index, item) >= 0;
        }
        complete = complete && PyErr_CheckSignals() == 0;
    }
    return complete;
}

static bool
parse_tile_request(PyObject *const *args, struct tile_request *request)
{
    if (!level_argument(args[0], &request->level) ||
        PyObject_GetBuffer(args[1], &request->positions, PyBUF_C_CONTIGUOUS) <
            0) {
        return false;
    }
    const size_t pair = 2 * sizeof(int64_t);
    request->count = (size_t)request->positions.len / pair;
    if (request->positions.itemsize != sizeof(int64_t) ||
        request->count * pair != (size_t)request->positions.len) {
        PyErr_SetString(PyExc_ValueError,
                        "positions must be int64 (count, 2)");
        return false;
    }
    return true;
}

static uint32_t
narrowed(int64_t number)
{
    return number >= 0 && number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* The tiles that are asked for, or NULL with an exception set. */
static struct native_tile *
wanted_tiles(const struct tile_request *request)
{
    const int64_t *positions = request->positions.buf;
    struct native_tile *tiles = calloc(request->count + 1, sizeof *tiles);
    if (tiles == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    for (size_t i = 0; i < request->count; i++) {
        tiles[i].index = i;
        tiles[i].column = narrowed(positions[2 * i]);
        tiles[i].row = narrowed(positions[2 * i + 1]);
    }
    return tiles;
}

static PyObject *
read_tiles(const struct native_grid *grid, const struct tile_request *request,
           tile_maker *make)
{
    struct native_tile *tiles = wanted_tiles(request);
    PyObject *list =
        tiles == NULL ? NULL : PyList_New((Py_ssize_t)request->count);
    if (list != NULL) {
        struct native_reader reader;
        Py_BEGIN_ALLOW_THREADS
        reader =
            native_reader_of(grid, tiles, request->count, request->verifies);
        Py_END_ALLOW_THREADS
        if (!make_tiles(&reader, make, list)) {
            Py_CLEAR(list);
        }
        native_reader_close(&reader);
    }
    free(tiles);
    return list;
}

/* Methods */

/* What is asked of a grid. */
typedef PyObject *grid_answer(const struct native_grid *grid,
                              const struct tile_request *request);

/* The answer of the level's grid; a str that tells why it has none. */
static PyObject *
with_grid(SlideObject *slide, int32_t level, grid_answer *answer,
          const struct tile_request *request)
{
    struct slide_handle *handle = slide_acquire(slide);
    if (handle == NULL) {
        return NULL;
    }
    struct native_grid grid;
    const char *refusal = NULL;
    PyObject *result = NULL;
    if (openslide.get_error(handle->osr) == NULL) {
        BEGIN_LIBRARY_CALL
        refusal = find_compared_grid(slide, handle, level, &grid);
        END_LIBRARY_CALL
        result = refusal != NULL ? PyUnicode_FromString(refusal)
                                 : answer(&grid, request);
    }
    if (result == NULL && PyErr_Occurred() != NULL) {
        slide_give_back(slide, handle, false);
    } else if (!slide_release(slide, handle, "using")) {
        Py_CLEAR(result);
    }
    return result;
}

const char slide_native_grid_doc[] = PyDoc_STR(
    "native_grid($self, level, /)\n--\n\n"
    "How a level is stored as tiles of JPEG, or why it is not, a "
    "str.\n\n"
    "((tile width, tile height), (columns, rows), (x, y) and (width, "
    "height) of the\npixels that show, in those of the level, whether "
    "positions between "
    "pixels count as the pixel before,\nwhether samples are RGB, "
    "the tables that tiles share or None).");

PyObject *
slide_native_grid(PyObject *self, PyObject *argument)
{
    int32_t level;
    return level_argument(argument, &level)
               ? with_grid(slide_cast(self), level, make_grid, NULL)
               : NULL;
}

/* A byte for each tile: whether it is a hole. */
static PyObject *
make_holes(const struct native_grid *grid, const struct tile_request *request)
{
    struct native_tile *tiles = wanted_tiles(request);
    PyObject *holes =
        tiles == NULL
            ? NULL
            : PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)request->count);
    if (holes != NULL) {
        char *flags = PyByteArray_AsString(holes);
        Py_BEGIN_ALLOW_THREADS
        native_tiles_find(grid, tiles, request->count);
        for (size_t i = 0; i < request->count; i++) {
            flags[i] = tiles[i].is_hole;
        }
        Py_END_ALLOW_THREADS
    }
    free(tiles);
    return holes;
}

static PyObject *
make_streams(const struct native_grid *grid,
             const struct tile_request *request)
{
    return read_tiles(grid, request, make_stream);
}

static PyObject *
make_places(const struct native_grid *grid, const struct tile_request *request)
{
    return read_tiles(grid, request, make_place);
}

static PyObject *
answer_request(PyObject *self, PyObject *const *args, bool verifies,
               grid_answer *answer)
{
    PyObject *result = NULL;
    struct tile_request request = {.level = -1, .verifies = verifies};
    if (parse_tile_request(args, &request)) {
        result = with_grid(slide_cast(self), request.level, answer, &request);
    }
    if (request.positions.obj != NULL) {
        PyBuffer_Release(&request.positions);
    }
    return result;
}

const char slide_native_tiles_doc[] =
    PyDoc_STR("native_tiles($self, level, positions, verifies, /)\n--\n\n"
              "JPEG streams of tiles, read in the order of the file.\n\n"
              "positions is int64 (count, 2), columns and rows; verifies: "
              "decode each.\n"
              "Of each there is bytes, None where there is a hole, or a str "
              "that tells why it\ncannot be had.  Of a level that has no "
              "grid there is only that.");

PyObject *
slide_native_tiles(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3) {
        return raise_argument_count("native_tiles", 3, nargs);
    }
    int verifies = PyObject_IsTrue(args[2]);
    return verifies < 0
               ? NULL
               : answer_request(self, args, verifies != 0, make_streams);
}

const char slide_native_places_doc[] =
    PyDoc_STR("native_places($self, level, positions, /)\n--\n\n"
              "The same, but of each tile (path, offset, length, whether "
              "these bytes are the\nstream).");

PyObject *
slide_native_places(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return nargs == 2 ? answer_request(self, args, false, make_places)
                      : raise_argument_count("native_places", 2, nargs);
}

const char slide_native_holes_doc[] =
    PyDoc_STR("native_holes($self, level, positions, /)\n--\n\n"
              "A byte for each tile: 1 where there is a hole.  None of them "
              "is read.");

PyObject *
slide_native_holes(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return nargs == 2 ? answer_request(self, args, false, make_holes)
                      : raise_argument_count("native_holes", 2, nargs);
}
