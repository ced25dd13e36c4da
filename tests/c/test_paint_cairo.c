#include "kernels/paint.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "library.h"
#include "paint_pictures.h"

/*
 * Painting beside cairo itself: the system's, which need not be the one that
 * libopenslide was built with. Premultiplied pixels only, and whole pictures,
 * for it has no others.
 */

/* cairo_operator_t, cairo_format_t */
enum { OPERATOR_OVER = 2, OPERATOR_SATURATE = 13 };
enum { FORMAT_ARGB32 = 0, FORMAT_RGB24 = 1 };

typedef struct surface surface;
typedef struct context context;

static struct {
    surface *(*image_surface_create_for_data)(unsigned char *data, int format,
                                              int width, int height,
                                              int stride);
    context *(*create)(surface *);
    void (*set_operator)(context *, int);
    void (*translate)(context *, double, double);
    void (*set_source_surface)(context *, surface *, double, double);
    void (*paint)(context *);
    int (*status)(context *);
    void (*destroy)(context *);
    void (*surface_flush)(surface *);
    void (*surface_destroy)(surface *);
} cairo;

static void
find(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);

    if (address == NULL) {
        printf("Bail out! cairo has no %s\n", name);
        exit(1);
    }
    memcpy(function, &address, sizeof(address));
}

static void
load_cairo(void)
{
    void *library = dlopen("libcairo.so.2", RTLD_NOW);

    if (library == NULL) {
        printf("1..0 # SKIP there is no libcairo.so.2\n");
        exit(SKIPPED);
    }
    find(library, "cairo_image_surface_create_for_data",
         &cairo.image_surface_create_for_data);
    find(library, "cairo_create", &cairo.create);
    find(library, "cairo_set_operator", &cairo.set_operator);
    find(library, "cairo_translate", &cairo.translate);
    find(library, "cairo_set_source_surface", &cairo.set_source_surface);
    find(library, "cairo_paint", &cairo.paint);
    find(library, "cairo_status", &cairo.status);
    find(library, "cairo_destroy", &cairo.destroy);
    find(library, "cairo_surface_flush", &cairo.surface_flush);
    find(library, "cairo_surface_destroy", &cairo.surface_destroy);
}

static surface *
surface_of(const uint32_t *words, int64_t width, int64_t height,
           enum paint_format format)
{
    return cairo.image_surface_create_for_data(
        (unsigned char *)words,
        format == PAINT_RGB24 ? FORMAT_RGB24 : FORMAT_ARGB32, (int)width,
        (int)height, (int)(4 * width));
}

static void
compose(surface *target, surface *source, int operator, double x, double y)
{
    context *cr = cairo.create(target);

    cairo.set_operator(cr, operator);
    cairo.translate(cr, x, y);
    cairo.set_source_surface(cr, source, 0, 0);
    cairo.paint(cr);
    CHECK(cairo.status(cr) == 0, "cairo's status is %d", cairo.status(cr));
    cairo.destroy(cr);
    cairo.surface_flush(target);
}

/* The tile row by row without gaps, and transparent where it is clipped. */
static uint32_t *
whole_tile(const struct paint_tile *tile)
{
    size_t count = (size_t)(tile->width * tile->height);
    uint32_t *words = calloc(count, sizeof(*words));
    bool clips = tile->format == PAINT_CLIPPED;
    int64_t width = clips ? tile->opaque_width : tile->width;
    int64_t height = clips ? tile->opaque_height : tile->height;

    if (words == NULL) {
        perror("calloc");
        exit(2);
    }
    for (int64_t y = 0; y < height; y++) {
        memcpy(words + y * tile->width, tile->words + y * tile->stride,
               4 * (size_t)width);
    }
    return words;
}

static void
compose_tile(uint32_t *words, int64_t width, int64_t height,
             const struct paint_tile *tile, int operator, double x, double y)
{
    uint32_t *whole = whole_tile(tile);
    surface *source =
        surface_of(whole, tile->width, tile->height, tile->format);
    surface *target = surface_of(words, width, height, PAINT_ARGB32);

    compose(target, source, operator, x, y);
    cairo.surface_destroy(target);
    cairo.surface_destroy(source);
    free(whole);
}

static void
check_same(const uint32_t *words, const uint32_t *expected, int64_t width,
           int64_t height, const struct paint_tile *tile, double x, double y)
{
    for (int64_t i = 0; i < width * height; i++) {
        if (!CHECK(words[i] == expected[i],
                   "tile of %d x %d, format %d, at (%.17g, %.17g): "
                   "(%d, %d) of %d x %d is %08x, not %08x",
                   (int)tile->width, (int)tile->height, (int)tile->format, x,
                   y, (int)(i % width), (int)(i / width), (int)width,
                   (int)height, (unsigned)words[i], (unsigned)expected[i])) {
            return;
        }
    }
}

/* ---- tests ---- */

static struct paint_tile
random_whole_tile(const struct arena *arena)
{
    struct paint_tile tile = random_tile(arena, next_random() % 3);

    if (tile.format == PAINT_CLIPPED) {
        tile.width = tile.opaque_width + next_random() % 3;
        tile.height = tile.opaque_height + next_random() % 3;
    }
    return tile;
}

static unsigned modes; /* that were seen */

/* Tiles over another, for what is there already stays on top. */
static void
check_random_painting(const struct arena *arena, int64_t width, int64_t height)
{
    static uint32_t words[MAX_WIDTH * MAX_HEIGHT];
    struct paint_canvas canvas = whole_canvas(words, width, height);

    memset(words, 0, 4 * (size_t)(width * height));
    for (int i = 0; i < 4; i++) {
        struct paint_tile tile = random_whole_tile(arena);
        double x = random_place(tile.width, 0, width);
        double y = random_place(tile.height, 0, height);

        copy_out(&canvas, arena->expected);
        compose_tile(arena->expected, width, height, &tile, OPERATOR_SATURATE,
                     x, y);
        paint_tile_at(&canvas, &tile, x, y);
        modes |= paint_mode_at(width, height, &tile, x, y);
        check_same(words, arena->expected, width, height, &tile, x, y);
        memcpy(words, arena->expected, 4 * (size_t)(width * height));
    }
}

static void
test_paintings(void)
{
    struct arena arena = arena_alloc();

    modes = 0;
    for (int i = 0; i < 2000; i++) {
        bool is_small = i % 2;

        check_random_painting(&arena,
                              random_between(1, is_small ? 3 : MAX_WIDTH),
                              random_between(1, is_small ? 3 : MAX_HEIGHT));
    }
    CHECK(modes == PAINT_MODES, "modes %x alone were seen", modes);
    arena_free(arena);
}

static void
check_random_cut(const struct arena *arena)
{
    static uint32_t words[MAX_WIDTH * MAX_HEIGHT];
    struct paint_tile image = random_whole_tile(arena);
    int64_t width = random_between(1, image.width + 1);
    int64_t height = random_between(1, image.height + 1);
    double x, y;
    size_t count;

    width = width < MAX_WIDTH ? width : MAX_WIDTH;
    height = height < MAX_HEIGHT ? height : MAX_HEIGHT;
    count = (size_t)(width * height);
    x = -random_place(image.width, 0, width);
    y = -random_place(image.height, 0, height);
    memset(arena->expected, 0, 4 * count);
    compose_tile(arena->expected, width, height, &image, OPERATOR_OVER, -x,
                 -y);
    paint_cut(&image, x, y, width, height, words);
    check_same(words, arena->expected, width, height, &image, -x, -y);
}

static void
test_cuts(void)
{
    struct arena arena = arena_alloc();

    for (int i = 0; i < 4000; i++) {
        check_random_cut(&arena);
    }
    arena_free(arena);
}

int
main(void)
{
    load_cairo();
    check_run("tiles are painted as cairo paints them", test_paintings);
    check_run("parts of images are cut as cairo copies them", test_cuts);
    return check_finish();
}
