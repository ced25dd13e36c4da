#include "vms_levels.h"

#include "formats/decimal.h"
#include "ndpi_levels.h"
#include "ngr_image.h"

#include <stdlib.h>
#include <string.h>

static const char NO_MEMORY[] = "there was no memory";
static const char ODD[] = "what the slide says of itself is unusual";
static const char NO_FILE[] = "a file of the slide cannot be opened";

/* A slide has a handful. */
enum { MAX_FILES = 1024 };

/* A record of the optimisation file: where a row of tiles starts, in the first
   bytes, little-endian.  They follow one another, file by file. */
enum { RECORD_BYTES = 40, START_BYTES = 8 };

/* Layer, column and row. */
enum { PLACES = 3 };

/* A slide being looked at. */
struct vms_reading {
    const struct slide_handle *handle;
    const struct slide_file *slide;
    uint32_t across, down; /* files of level 0 */
    /* Those, row by row, and the map behind them; NULL: not there. */
    struct slide_file **files;
    size_t file_count;
    struct slide_file *optimisation; /* NULL: there is none */
};

/* What libopenslide found in the text: properties */

static const char IMAGE_FILE[] = "hamamatsu.ImageFile";

/* A value with a backslash stands for another one. */
static const char *
vms_text(const struct vms_reading *reading, const char *name)
{
    const char *text =
        openslide.get_property_value(reading->handle->osr, name);
    return text == NULL || *text == '\0' || strchr(text, '\\') != NULL ? NULL
                                                                       : text;
}

/* The files in a row or column; 1 where that is not said, as in VMU. */
static uint32_t
file_count_of(const struct vms_reading *reading, const char *name)
{
    const char *text =
        openslide.get_property_value(reading->handle->osr, name);
    int32_t count = text == NULL ? 1 : decimal_digits(text);
    return count < 1 ? 0 : (uint32_t)count;
}

/*
 * The place of an image, of which its key says as much as need be: nothing,
 * (layer), (column,row) or (layer,column,row).
 */
static bool
read_image_place(const char *text, int32_t place[PLACES])
{
    char digits[PLACES][12];
    int count = 0;
    memset(place, 0, PLACES * sizeof *place);
    while (*text != '\0' && count < PLACES) {
        size_t length = strcspn(text + 1, ",)");
        if (*text != (count == 0 ? '(' : ',') || length >= sizeof *digits) {
            return false;
        }
        memcpy(digits[count], text + 1, length);
        digits[count++][length] = '\0';
        text += 1 + length;
        if (*text == ')') {
            text++;
            break;
        }
    }
    for (int i = 0; i < count; i++) {
        place[(count == 2) + i] = decimal_digits(digits[i]);
    }
    return *text == '\0' && place[0] >= 0 && place[1] >= 0 && place[2] >= 0;
}

/* Files */

static bool
open_image_file(struct vms_reading *reading, const char *property)
{
    int32_t place[PLACES];
    if (!read_image_place(property + strlen(IMAGE_FILE), place)) {
        return false;
    }
    if (place[0] != 0) { /* libopenslide shows the first layer alone */
        return true;
    }
    const char *name = vms_text(reading, property);
    size_t number = (size_t)place[2] * reading->across + (size_t)place[1];
    if (name == NULL || (uint32_t)place[1] >= reading->across ||
        (uint32_t)place[2] >= reading->down ||
        reading->files[number] != NULL) {
        return false;
    }
    reading->files[number] = slide_file_beside(reading->slide, name);
    return true;
}

static const char *
open_files(struct vms_reading *reading)
{
    const char *map = vms_text(reading, "hamamatsu.MapFile");
    const char *optimisation = vms_text(reading, "hamamatsu.OptimisationFile");
    const char *const *names =
        openslide.get_property_names(reading->handle->osr);
    bool is_usual = map != NULL;
    for (; is_usual && *names != NULL; names++) {
        if (strncmp(*names, IMAGE_FILE, strlen(IMAGE_FILE)) == 0) {
            is_usual = open_image_file(reading, *names);
        }
    }
    if (!is_usual) {
        return ODD;
    }
    reading->files[reading->file_count - 1] =
        slide_file_beside(reading->slide, map);
    for (size_t i = 0; i < reading->file_count; i++) {
        if (reading->files[i] == NULL) {
            return NO_FILE;
        }
    }
    if (optimisation != NULL) {
        reading->optimisation =
            slide_file_beside(reading->slide, optimisation);
    }
    return NULL;
}

/* Levels */

/* The files of a level, from the first of these on; others of the same ones
   close them. */
static const char *
take_files(const struct vms_reading *reading, struct level_images *level,
           size_t first, size_t count, bool *are_taken)
{
    level->files = malloc(count * sizeof(struct slide_file *));
    if (level->files == NULL) {
        return NO_MEMORY;
    }
    memcpy(level->files, reading->files + first,
           count * sizeof(struct slide_file *));
    level->file_count = count;
    level->shares_files = *are_taken;
    *are_taken = true;
    return NULL;
}

/* VMS */

/* Of the file that has `before` rows of tiles in those before it; NULL where
   nothing is said of it. */
static const char *
read_row_starts(const struct vms_reading *reading, uint64_t before,
                struct ndpi_strip *strip)
{
    uint64_t down = ndpi_strip_grid(strip)->tiles_down;
    const struct source *source =
        reading->optimisation == NULL ? NULL : &reading->optimisation->source;
    uint64_t records =
        source == NULL ? 0 : (uint64_t)source->size / RECORD_BYTES;
    if (records <= before || down == 0) {
        return NULL;
    }
    uint64_t count = records - before < down ? records - before : down;
    uint64_t *rows = calloc((size_t)down, sizeof *rows);
    uint8_t *bytes = malloc((size_t)count * RECORD_BYTES);
    bool complete = rows != NULL && bytes != NULL &&
                    source_read(source, before * RECORD_BYTES, bytes,
                                (size_t)count * RECORD_BYTES);
    for (uint64_t row = 0; complete && row < count; row++) {
        for (unsigned i = START_BYTES; i-- > 0;) {
            rows[row] = rows[row] << 8 | bytes[row * RECORD_BYTES + i];
        }
        /* All bits stand for none, and no row starts at 0. */
        rows[row] = rows[row] == 0 ? 1 : rows[row] + (rows[row] == UINT64_MAX);
    }
    free(bytes);
    if (!complete) {
        free(rows);
        return "the optimisation file cannot be read";
    }
    ndpi_strip_take_rows(strip, rows);
    return NULL;
}

/* The strips of files side by side, and what they say of their rows. */
static const char *
open_strips(const struct vms_reading *reading, struct ndpi_strip **strips,
            size_t first, size_t count, bool has_rows)
{
    const char *refusal = NULL;
    uint64_t before = 0;
    for (size_t i = 0; refusal == NULL && i < count; i++) {
        refusal = ndpi_strip_open_file(&strips[i],
                                       &reading->files[first + i]->source);
        if (refusal == NULL && has_rows) {
            refusal = read_row_starts(reading, before, strips[i]);
        }
        if (refusal == NULL) {
            before += ndpi_strip_grid(strips[i])->tiles_down;
        }
    }
    for (size_t i = 0; refusal != NULL && i < count; i++) {
        if (strips[i] != NULL) {
            ndpi_strip_close(strips[i]);
        }
    }
    return refusal;
}

static const char *
open_mosaic(const struct vms_reading *reading, struct ndpi_mosaic **mosaic,
            size_t first, uint32_t across, uint32_t down, bool has_rows)
{
    size_t count = (size_t)across * down;
    struct ndpi_strip **strips = calloc(count, sizeof(struct ndpi_strip *));
    const char *refusal =
        strips == NULL ? NO_MEMORY
                       : open_strips(reading, strips, first, count, has_rows);
    if (refusal == NULL) {
        refusal = ndpi_mosaic_open(mosaic, strips, across, down);
    }
    free(strips);
    return refusal;
}

enum { BASE, MAP, MOSAICS };

static const char *
open_vms_levels(const struct vms_reading *reading, struct level_images *levels,
                struct ndpi_level *found, bool are_taken[MOSAICS])
{
    const char *refusal = NULL;
    for (int32_t i = 0; i < reading->handle->level_count; i++) {
        struct level_images *level = &levels[i];
        size_t base_count = reading->file_count - 1;
        bool is_map = found[i].mosaic == MAP;
        refusal = level_images_take_grid(level, &found[i].image, i)
                      ? NULL
                      : NO_MEMORY;
        if (refusal == NULL) {
            refusal = take_files(reading, level, is_map ? base_count : 0,
                                 is_map ? 1 : base_count,
                                 &are_taken[found[i].mosaic]);
        }
        level->refusal = refusal == NULL ? found[i].refusal : refusal;
    }
    return NULL;
}

static const char *
find_in_vms(const struct vms_reading *reading, struct level_images *levels,
            bool are_taken[MOSAICS])
{
    struct ndpi_mosaic *mosaics[MOSAICS] = {NULL, NULL};
    struct ndpi_level *found =
        calloc((size_t)reading->handle->level_count, sizeof *found);
    const char *refusal = found == NULL ? NO_MEMORY : NULL;
    if (refusal == NULL) {
        refusal = open_mosaic(reading, &mosaics[BASE], 0, reading->across,
                              reading->down, true);
    }
    if (refusal == NULL) {
        refusal = open_mosaic(reading, &mosaics[MAP], reading->file_count - 1,
                              1, 1, false);
    }
    if (refusal == NULL) {
        refusal = ndpi_offer_levels(found, reading->handle, mosaics, MOSAICS);
    }
    if (refusal == NULL) {
        refusal = open_vms_levels(reading, levels, found, are_taken);
    }
    for (int i = 0; i < MOSAICS; i++) {
        if (mosaics[i] != NULL) {
            ndpi_mosaic_release(mosaics[i]);
        }
    }
    free(found);
    return refusal;
}

/* VMU */

static bool
agrees(const struct vms_reading *reading, int32_t number,
       const struct image *image)
{
    const struct slide_level *level = &reading->handle->levels[number];
    int64_t width, height;
    openslide.get_level_dimensions(reading->handle->osr, number, &width,
                                   &height);
    return width == image->width && height == image->height &&
           level->tile_width == image->tile_width &&
           level->tile_height == image->tile_height;
}

static const char *
open_vmu_level(const struct vms_reading *reading, struct level_images *level,
               int32_t number, bool *is_taken)
{
    struct image image;
    const char *refusal =
        ngr_image_open(&image, &reading->files[(size_t)number]->source);
    if (refusal == NULL && !agrees(reading, number, &image)) {
        refusal = "the level is not a grid of tiles as expected";
    }
    const char *lack = NO_MEMORY;
    if (level_images_take_grid(level, &image, number)) {
        lack = take_files(reading, level, (size_t)number, 1, is_taken);
    }
    return refusal == NULL ? lack : refusal;
}

static const char *
find_in_vmu(const struct vms_reading *reading, struct level_images *levels,
            bool are_taken[MOSAICS])
{
    if (reading->handle->level_count != MOSAICS) {
        return ODD;
    }
    for (int32_t i = 0; i < MOSAICS; i++) {
        levels[i].refusal =
            open_vmu_level(reading, &levels[i], i, &are_taken[i]);
    }
    return NULL;
}

/* The whole slide */

static bool
is_vmu(const struct vms_reading *reading)
{
    uint8_t mark[2];
    return reading->file_count == MOSAICS &&
           source_read(&reading->files[0]->source, 0, mark, sizeof mark) &&
           mark[0] == 'G' && mark[1] == 'N';
}

/* Those of a mosaic that no level has taken. */
static void
close_files(const struct vms_reading *reading, const bool are_taken[MOSAICS])
{
    for (size_t i = 0; i < reading->file_count; i++) {
        bool is_taken = are_taken[i + 1 < reading->file_count ? BASE : MAP];
        if (reading->files[i] != NULL && !is_taken) {
            slide_file_free(reading->files[i]);
        }
    }
    if (reading->optimisation != NULL) {
        slide_file_free(reading->optimisation);
    }
    free(reading->files);
}

const char *
vms_find_levels(struct level_images *levels, const struct slide_handle *handle,
                struct slide_file *file)
{
    struct vms_reading reading = {.handle = handle, .slide = file};
    bool are_taken[MOSAICS] = {false, false};
    reading.across = file_count_of(&reading, "hamamatsu.NoJpegColumns");
    reading.down = file_count_of(&reading, "hamamatsu.NoJpegRows");
    uint64_t count = (uint64_t)reading.across * reading.down;
    if (count == 0 || count > MAX_FILES) {
        return ODD;
    }
    reading.file_count = (size_t)count + 1;
    reading.files = calloc(reading.file_count, sizeof(struct slide_file *));
    if (reading.files == NULL) {
        return NO_MEMORY;
    }
    const char *refusal = open_files(&reading);
    if (refusal == NULL) {
        refusal = (is_vmu(&reading) ? find_in_vmu : find_in_vms)(
            &reading, levels, are_taken);
    }
    close_files(&reading, are_taken);
    return refusal;
}
