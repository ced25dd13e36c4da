#include "openslide_calls.h"

#include "system/slide_file.h"

/* How many files libopenslide has open at once, at most: for some formats it
   looks into one while it reads another, and several times over. */
enum { FILES_TO_OPEN = 4, FILES_TO_READ = 1 };

/* The library's own functions. */
static struct openslide_api library;

static const char *
guarded_detect_vendor(const char *filename)
{
    if (platform_file_is_special(filename)) {
        return NULL;
    }
    slide_file_leave_room(FILES_TO_OPEN);
    return library.detect_vendor(filename);
}

static openslide_t *
guarded_open(const char *filename)
{
    if (platform_file_is_special(filename)) {
        return NULL;
    }
    slide_file_leave_room(FILES_TO_OPEN);
    return library.open(filename);
}

static void
guarded_read_region(openslide_t *osr, uint32_t *dest, int64_t x, int64_t y,
                    int32_t level, int64_t w, int64_t h)
{
    slide_file_leave_room(FILES_TO_READ);
    library.read_region(osr, dest, x, y, level, w, h);
}

static void
guarded_read_associated_image(openslide_t *osr, const char *name,
                              uint32_t *dest)
{
    slide_file_leave_room(FILES_TO_READ);
    library.read_associated_image(osr, name, dest);
}

static void
guarded_read_icc_profile(openslide_t *osr, void *dest)
{
    slide_file_leave_room(FILES_TO_READ);
    library.read_icc_profile(osr, dest);
}

static void
guarded_read_associated_image_icc_profile(openslide_t *osr, const char *name,
                                          void *dest)
{
    slide_file_leave_room(FILES_TO_READ);
    library.read_associated_image_icc_profile(osr, name, dest);
}

void
openslide_calls_guard(struct openslide_api *table)
{
    library = *table;
    table->detect_vendor = guarded_detect_vendor;
    table->open = guarded_open;
    table->read_region = guarded_read_region;
    table->read_associated_image = guarded_read_associated_image;
    if (table->read_icc_profile != NULL) {
        table->read_icc_profile = guarded_read_icc_profile;
    }
    if (table->read_associated_image_icc_profile != NULL) {
        table->read_associated_image_icc_profile =
            guarded_read_associated_image_icc_profile;
    }
}
