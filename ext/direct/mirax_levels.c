#include "mirax_levels.h"

#include "codecs/deflate.h"
#include "formats/decimal.h"
#include "mirax_image.h"
#include "system/lengths.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger ones are no tiles but whole pictures. */
enum { MAX_IMAGE_SIDE = 4096 };

/* No slide has more. */
enum { MAX_JOINED = 1 << 20, MAX_FILES = 4096, MAX_RECORD_GROUPS = 64 };
static const int64_t MAX_IMAGES = 1 << 24;

static const char NO_MEMORY[] = "there was no memory";
static const char ODD[] = "what the slide says of itself is unusual";
static const char NO_INDEX[] = "the index of the slide cannot be read";

/* A slide being looked at. */
struct mirax_reading {
    const struct slide_handle *handle;
    const char *path; /* of the slide, whose folder has its name */
    size_t folder_length;
    struct slide_file *index_file;
    struct mirax_index index;
    struct mirax_scan *scan;
    int32_t file_count;    /* of data files */
    int32_t camera_pixels; /* of the camera in one of level 0, across */
};

/* What libopenslide found in the description: properties */

static const char *
text_of(const struct mirax_reading *reading, const char *group,
        const char *key)
{
    char name[256];
    int length = snprintf(name, sizeof name, "mirax.%s.%s", group, key);
    return length < 0 || (size_t)length >= sizeof name
               ? NULL
               : openslide.get_property_value(reading->handle->osr, name);
}

static int32_t
mirax_number_of(const struct mirax_reading *reading, const char *group,
                const char *key)
{
    return decimal_digits(text_of(reading, group, key));
}

/* One that is not negative and may have a fraction. */
static bool
fraction_of(const char *text, double *number)
{
    return text != NULL && decimal_read(text, strlen(text), number) &&
           *number >= 0;
}

/* The number of the first record of a group; -1 where there is no such group.
   Those before it have so many records each. */
static int32_t
find_group(const struct mirax_reading *reading, const char *name)
{
    char key[64];
    int32_t groups = mirax_number_of(reading, "HIERARCHICAL", "NONHIER_COUNT");
    int32_t record = 0;
    for (int32_t i = 0; i < groups && i < MAX_RECORD_GROUPS; i++) {
        snprintf(key, sizeof key, "NONHIER_%d_NAME", (int)i);
        const char *text = text_of(reading, "HIERARCHICAL", key);
        if (text != NULL && strcmp(text, name) == 0) {
            return record;
        }
        snprintf(key, sizeof key, "NONHIER_%d_COUNT", (int)i);
        int32_t count = mirax_number_of(reading, "HIERARCHICAL", key);
        if (count < 0) {
            return -1;
        }
        record += count;
    }
    return -1;
}

/* Files */

/* One of the slide's folder; NULL where there is none or no memory. */
static struct slide_file *
open_companion(const struct mirax_reading *reading, const char *name)
{
    size_t length = reading->folder_length, size = length + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL) {
        return NULL;
    }
    memcpy(path, reading->path, length);
    snprintf(path + length, size - length, "/%s", name);
    struct slide_file *file = slide_file_new(path);
    free(path);
    return file;
}

static struct slide_file *
open_data_file(const struct mirax_reading *reading, int32_t number)
{
    char key[64];
    snprintf(key, sizeof key, "FILE_%d", (int)number);
    const char *name = text_of(reading, "DATAFILE", key);
    return name == NULL ? NULL : open_companion(reading, name);
}

/* Photos */

/* The bytes of a record, to be freed; NULL where they cannot be read. */
static uint8_t *
read_record(const struct mirax_reading *reading,
            const struct mirax_place *place)
{
    struct slide_file *file = open_data_file(reading, (int32_t)place->file);
    uint8_t *bytes =
        file != NULL && source_has(&file->source, place->offset, place->length)
            ? malloc(place->length)
            : NULL;
    if (bytes != NULL &&
        !source_read(&file->source, place->offset, bytes, place->length)) {
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL) {
        slide_file_free(file);
    }
    return bytes;
}

/* What is in a record once it is deflated no longer, to be freed; NULL where
   that is not of the size. */
static uint8_t *
read_deflated(const struct mirax_reading *reading,
              const struct mirax_place *place, size_t size)
{
    /* No bytes become many more by being deflated. */
    uint8_t *deflated = place->length <= size + size / 16 + 1024
                            ? read_record(reading, place)
                            : NULL;
    uint8_t *bytes = deflated == NULL ? NULL : malloc(size);
    if (bytes != NULL &&
        !deflate_expand(deflated, place->length, bytes, size)) {
        free(bytes);
        bytes = NULL;
    }
    free(deflated);
    return bytes;
}

/* The record of positions says it in pixels of the camera. */
static bool
scale_positions(const struct mirax_reading *reading)
{
    struct mirax_scan *scan = reading->scan;
    for (size_t i = 0; i < scan->photo_count; i++) {
        int64_t x = (int64_t)scan->photos[i].x * reading->camera_pixels;
        int64_t y = (int64_t)scan->photos[i].y * reading->camera_pixels;
        scan->photos[i] = (struct mirax_position){(int32_t)x, (int32_t)y};
        if (x != (int32_t)x || y != (int32_t)y) {
            return false;
        }
    }
    return true;
}

static bool
read_positions(const struct mirax_reading *reading, int32_t record,
               bool is_deflated)
{
    struct mirax_scan *scan = reading->scan;
    struct mirax_place place;
    size_t size = scan->photo_count * MIRAX_POSITION_BYTES;
    if (!mirax_find_record(&reading->index, record, &place)) {
        return false;
    }
    uint8_t *bytes = NULL;
    if (is_deflated) {
        bytes = read_deflated(reading, &place, size);
    } else if (place.length == size) {
        bytes = read_record(reading, &place);
    }
    bool complete =
        bytes != NULL &&
        mirax_take_positions(bytes, scan->photos, scan->photo_count) &&
        scale_positions(reading);
    free(bytes);
    return complete;
}

/* Those of a stage that went from one to the next without fail. */
static bool
compute_positions(struct mirax_scan *scan, const struct mirax_level *first)
{
    double step_x =
        (double)scan->image_width * scan->divisions - first->overlap_x;
    double step_y =
        (double)scan->image_height * scan->divisions - first->overlap_y;
    for (size_t i = 0; i < scan->photo_count; i++) {
        double x = (double)(i % (size_t)scan->photos_across) * step_x;
        double y = (double)(i / (size_t)scan->photos_across) * step_y;
        if (!(fabs(x) < INT32_MAX) || !(fabs(y) < INT32_MAX)) {
            return false;
        }
        scan->photos[i] = (struct mirax_position){(int32_t)x, (int32_t)y};
    }
    return true;
}

static const char *
find_photos(const struct mirax_reading *reading,
            const struct mirax_level *first)
{
    struct mirax_scan *scan = reading->scan;
    int32_t plain = find_group(reading, "VIMSLIDE_POSITION_BUFFER");
    int32_t deflated = find_group(reading, "StitchingIntensityLayer");
    if (plain < 0 && deflated >= 0 && deflate_version() == NULL) {
        return "libdeflate is not built in";
    }
    if (plain >= 0 || deflated >= 0) {
        scan->is_cut = true;
        return read_positions(reading, plain >= 0 ? plain : deflated,
                              plain < 0)
                   ? NULL
                   : ODD;
    }
    scan->is_cut = first->overlap_x != 0 || first->overlap_y != 0;
    return compute_positions(scan, first) ? NULL : ODD;
}

/* Levels */

static enum codec
codec_named(const char *name)
{
    return name == NULL                 ? CODEC_OTHER
           : strcmp(name, "JPEG") == 0  ? CODEC_JPEG
           : strcmp(name, "PNG") == 0   ? CODEC_PNG
           : strcmp(name, "BMP24") == 0 ? CODEC_BMP
                                        : CODEC_OTHER;
}

/* What the description says of a level; `joined` is that of the level before,
   0 of the first. */
static const char *
describe_mirax_level(const struct mirax_reading *reading, int32_t number,
                     int32_t joined, struct mirax_level *level)
{
    char key[64];
    snprintf(key, sizeof key, "HIER_0_VAL_%d_SECTION", (int)number);
    const char *group = text_of(reading, "HIERARCHICAL", key);
    if (group == NULL) {
        return ODD;
    }
    int32_t factor = mirax_number_of(reading, group, "IMAGE_CONCAT_FACTOR");
    int32_t before = joined == 0 ? 1 : joined;
    *level = (struct mirax_level){
        .codec = codec_named(text_of(reading, group, "IMAGE_FORMAT")),
        .is_first = number == 0,
        .joined = factor >= 0 && factor <= 20 && before <= MAX_JOINED
                      ? before << factor
                      : 0,
        .width = mirax_number_of(reading, group, "DIGITIZER_WIDTH"),
        .height = mirax_number_of(reading, group, "DIGITIZER_HEIGHT"),
    };
    level->shrink = level->joined;
    const char *refusal = image_refusal(level->codec, true, 1, 1);
    if (refusal != NULL) {
        return refusal;
    }
    return level->joined >= 1 && level->joined <= MAX_JOINED &&
                   level->width >= 1 && level->width <= MAX_IMAGE_SIDE &&
                   level->height >= 1 && level->height <= MAX_IMAGE_SIDE &&
                   fraction_of(text_of(reading, group, "OVERLAP_X"),
                               &level->overlap_x) &&
                   fraction_of(text_of(reading, group, "OVERLAP_Y"),
                               &level->overlap_y)
               ? NULL
               : ODD;
}

/* The table of a level's images being filled. */
struct filling {
    const struct mirax_reading *reading;
    const struct mirax_level *level;
    struct mirax_stored *places;
};

static bool
enter_image(int32_t number, const struct mirax_place *place, void *argument)
{
    struct filling *filling = argument;
    const struct mirax_scan *scan = filling->reading->scan;
    int32_t joined = filling->level->joined;
    int32_t x = number % scan->images_across;
    int32_t y = number / scan->images_across;
    if (number < 0 || y >= scan->images_down || x % joined != 0 ||
        y % joined != 0 ||
        place->file >= (uint32_t)filling->reading->file_count) {
        return false;
    }
    int64_t across = mirax_image_count(scan->images_across, joined);
    filling->places[y / joined * across + x / joined] = (struct mirax_stored){
        place->offset, place->length, (uint16_t)(place->file + 1)};
    return true;
}

static struct mirax_stored *
read_places(const struct mirax_reading *reading, int32_t number,
            const struct mirax_level *level)
{
    const struct mirax_scan *scan = reading->scan;
    size_t across =
        (size_t)mirax_image_count(scan->images_across, level->joined);
    size_t down = (size_t)mirax_image_count(scan->images_down, level->joined);
    struct mirax_stored *places = calloc(across * down, sizeof *places);
    struct filling filling = {reading, level, places};
    if (places != NULL &&
        !mirax_visit_images(&reading->index, number, enter_image, &filling)) {
        free(places);
        return NULL;
    }
    return places;
}

/* Open the data files that a level has images in, as sources by number.  What
   is in one that is missing is libopenslide's business. */
static void
open_data_files(const struct mirax_reading *reading,
                struct level_images *images, const struct mirax_stored *places,
                size_t place_count, const struct source **sources,
                bool *is_needed)
{
    for (size_t i = 0; i < place_count; i++) {
        if (places[i].file != 0) {
            is_needed[places[i].file - 1] = true;
        }
    }
    for (int32_t i = 0; i < reading->file_count; i++) {
        struct slide_file *file =
            is_needed[i] ? open_data_file(reading, i) : NULL;
        if (file != NULL) {
            sources[i] = &file->source;
            images->files[images->file_count++] = file;
        }
    }
}

static const char *
open_level(const struct mirax_reading *reading, int32_t number,
           const struct mirax_level *level, struct level_images *images)
{
    const struct mirax_scan *scan = reading->scan;
    size_t count =
        (size_t)mirax_image_count(scan->images_across, level->joined) *
        (size_t)mirax_image_count(scan->images_down, level->joined);
    struct mirax_stored *places = read_places(reading, number, level);
    const struct source **sources =
        calloc((size_t)reading->file_count, sizeof *sources);
    images->files = calloc((size_t)reading->file_count, sizeof *images->files);
    images->placements = calloc(1, sizeof *images->placements);
    bool *is_needed = calloc((size_t)reading->file_count, sizeof *is_needed);
    const char *refusal = NULL;
    if (places == NULL) {
        refusal = NO_INDEX;
    } else if (sources == NULL || is_needed == NULL || images->files == NULL ||
               images->placements == NULL) {
        refusal = NO_MEMORY;
    } else {
        open_data_files(reading, images, places, count, sources, is_needed);
    }
    free(is_needed);
    if (refusal != NULL) {
        free(places);
        free(sources);
        return refusal;
    }
    struct placement *placement = images->placements;
    images->count = 1;
    if (!mirax_image_open(&placement->image, reading->scan, level, places,
                          sources)) {
        return ODD;
    }
    placement->number = (uint32_t)number;
    placement->map = mirax_image_map(&placement->image);
    placement->advance_x = (int64_t)placement->map->advance_x;
    placement->advance_y = (int64_t)placement->map->advance_y;
    openslide.get_level_dimensions(reading->handle->osr, number,
                                   &placement->image.width,
                                   &placement->image.height);
    return NULL;
}

/* Open them one by one, for each is described by the one before. */
static const char *
open_mirax_levels(struct mirax_reading *reading, struct level_images *levels)
{
    struct mirax_level level;
    int32_t joined = 0;
    for (int32_t i = 0; i < reading->handle->level_count; i++) {
        const char *refusal = describe_mirax_level(reading, i, joined, &level);
        if (level.joined == 0) {
            return refusal;
        }
        joined = level.joined;
        if (i == 0) {
            reading->camera_pixels = joined;
            refusal = refusal == NULL ? find_photos(reading, &level) : refusal;
        }
        if (refusal == NULL && reading->handle->levels[i].downsample !=
                                   level.shrink / reading->camera_pixels) {
            refusal = ODD;
        }
        levels[i].refusal = refusal == NULL
                                ? open_level(reading, i, &level, &levels[i])
                                : refusal;
        if (i == 0 && levels[i].refusal != NULL) {
            /* It tells which photos the others show. */
            return levels[i].refusal;
        }
    }
    return NULL;
}

/* The whole slide */

static struct mirax_scan *
new_scan(const struct mirax_reading *reading)
{
    struct mirax_scan scan = {
        .references = 1,
        .images_across = mirax_number_of(reading, "GENERAL", "IMAGENUMBER_X"),
        .images_down = mirax_number_of(reading, "GENERAL", "IMAGENUMBER_Y"),
        .divisions =
            mirax_number_of(reading, "GENERAL", "CameraImageDivisionsPerSide"),
    };
    if (text_of(reading, "GENERAL", "CameraImageDivisionsPerSide") == NULL) {
        scan.divisions = 1;
    }
    if (scan.images_across < 1 || scan.images_down < 1 || scan.divisions < 1 ||
        (int64_t)scan.images_across * scan.images_down > MAX_IMAGES ||
        scan.images_across % scan.divisions != 0 ||
        scan.images_down % scan.divisions != 0) {
        return NULL;
    }
    scan.photos_across = scan.images_across / scan.divisions;
    scan.photo_count = (size_t)scan.photos_across *
                       (size_t)(scan.images_down / scan.divisions);
    struct mirax_scan *made = malloc(sizeof *made);
    scan.photos = calloc(scan.photo_count, sizeof *scan.photos);
    scan.is_shown = calloc(scan.photo_count, 1);
    if (made == NULL || scan.photos == NULL || scan.is_shown == NULL) {
        free(made);
        free(scan.photos);
        free(scan.is_shown);
        return NULL;
    }
    *made = scan;
    return made;
}

/* Images of level 0 have the size that all positions are counted in. */
static const char *
measure_images(struct mirax_reading *reading)
{
    struct mirax_level first;
    const char *refusal = describe_mirax_level(reading, 0, 0, &first);
    reading->scan->image_width = first.width;
    reading->scan->image_height = first.height;
    return refusal;
}

static const char *
open_index(struct mirax_reading *reading)
{
    const char *name = text_of(reading, "HIERARCHICAL", "INDEXFILE");
    const char *slide_id = text_of(reading, "GENERAL", "SLIDE_ID");
    reading->index_file = name == NULL ? NULL : open_companion(reading, name);
    return reading->index_file != NULL && slide_id != NULL &&
                   mirax_open(&reading->index, &reading->index_file->source,
                              slide_id)
               ? NULL
               : NO_INDEX;
}

static bool
is_described(const struct mirax_reading *reading)
{
    const char *name = text_of(reading, "HIERARCHICAL", "HIER_0_NAME");
    return name != NULL && strcmp(name, "Slide zoom level") == 0 &&
           mirax_number_of(reading, "HIERARCHICAL", "HIER_0_COUNT") ==
               reading->handle->level_count &&
           reading->file_count >= 1 && reading->file_count <= MAX_FILES;
}

const char *
mirax_find_levels(struct level_images *levels,
                  const struct slide_handle *handle, struct slide_file *file)
{
    static const char suffix[] = ".mrxs";
    size_t length = strlen(file->path), end = sizeof suffix - 1;
    struct mirax_reading reading = {.handle = handle, .path = file->path};
    if (length <= end || strcmp(file->path + length - end, suffix) != 0) {
        return ODD;
    }
    reading.folder_length = length - end;
    reading.file_count = mirax_number_of(&reading, "DATAFILE", "FILE_COUNT");
    reading.scan = is_described(&reading) ? new_scan(&reading) : NULL;
    const char *refusal = reading.scan == NULL ? ODD : open_index(&reading);
    if (refusal == NULL) {
        refusal = measure_images(&reading);
    }
    if (refusal == NULL) {
        refusal = open_mirax_levels(&reading, levels);
    }
    if (reading.index_file != NULL) {
        slide_file_free(reading.index_file);
    }
    if (reading.scan != NULL) {
        mirax_scan_release(reading.scan);
    }
    return refusal;
}
