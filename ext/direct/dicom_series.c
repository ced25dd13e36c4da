#include "dicom_series.h"

#include <stdlib.h>
#include <string.h>

static const char WHOLE_SLIDE_IMAGE[] = "1.2.840.10008.5.1.4.1.1.77.1.6";

struct search {
    const struct slide_handle *handle;
    const struct slide_file *own;
    size_t folder_length; /* how much of its path */
    char series[DICOM_TEXT_BYTES];
    struct dicom_level *levels;
};

/* The third value of an image type tells levels from pictures of the label or
   of the whole slide.  libopenslide looks at no other. */
static bool
is_volume(const struct dicom_file *dicom)
{
    static const char volume[] = "VOLUME";
    const char *value = strchr(dicom->image_type, '\\');
    value = value == NULL ? NULL : strchr(value + 1, '\\');
    return value != NULL &&
           strncmp(value + 1, volume, sizeof volume - 1) == 0 &&
           (value[sizeof volume] == '\\' || value[sizeof volume] == 0);
}

static bool
is_slide(const struct dicom_file *dicom)
{
    return strcmp(dicom->storage_class, WHOLE_SLIDE_IMAGE) == 0 &&
           dicom->series[0] != 0;
}

/* Whether a file stores a level, as libopenslide describes it. */
static bool
is_level(const struct dicom_file *dicom, const struct slide_handle *handle,
         int32_t number)
{
    int64_t width, height;
    const struct slide_level *level = &handle->levels[number];
    openslide.get_level_dimensions(handle->osr, number, &width, &height);
    return dicom->total_columns == width && dicom->total_rows == height &&
           dicom->columns == level->tile_width &&
           dicom->rows == level->tile_height;
}

/* What a file is in respect of a level that has files already. */
enum kinship {
    A_STRANGER,
    A_COPY,
    A_PART, /* of the same concatenation */
};

static enum kinship
kinship_of(const struct dicom_level *level, const struct dicom_file *dicom)
{
    enum kinship kinship =
        level->count == 0 || (dicom->whole_instance[0] != 0 &&
                              strcmp(dicom->whole_instance,
                                     level->dicoms[0].whole_instance) == 0)
            ? A_PART
            : A_STRANGER;
    for (size_t i = 0; i < level->count; i++) {
        if (dicom->instance[0] != 0 &&
            strcmp(dicom->instance, level->dicoms[i].instance) == 0) {
            kinship = A_COPY;
        }
    }
    return kinship;
}

/* One more file of a level, in its place among the parts of a concatenation:
   where these overlap, libopenslide takes the first. False where there is no
   memory. */
static bool
append_file(struct dicom_level *level, struct slide_file *file,
            const struct dicom_file *dicom)
{
    size_t count = level->count + 1;
    struct slide_file **files =
        realloc(level->files, count * sizeof *level->files);
    level->files = files == NULL ? level->files : files;
    struct dicom_file *dicoms =
        realloc(level->dicoms, count * sizeof *level->dicoms);
    level->dicoms = dicoms == NULL ? level->dicoms : dicoms;
    if (files == NULL || dicoms == NULL) {
        return false;
    }
    size_t place = level->count;
    for (; place > 0 && dicoms[place - 1].part > dicom->part; place--) {
        files[place] = files[place - 1];
        dicoms[place] = dicoms[place - 1];
    }
    files[place] = file;
    dicoms[place] = *dicom;
    level->count = count;
    return true;
}

/* Enter a file for the level that it stores.  False where there is none, and
   of a copy of one that was entered: libopenslide takes the first, too. */
static bool
enter(struct search *search, struct slide_file *file,
      const struct dicom_file *dicom)
{
    for (int32_t i = 0; i < search->handle->level_count; i++) {
        struct dicom_level *level = &search->levels[i];
        if (!is_level(dicom, search->handle, i)) {
            continue;
        }
        enum kinship kinship = kinship_of(level, dicom);
        if (kinship == A_PART && append_file(level, file, dicom)) {
            return true;
        }
        level->is_ambiguous |= kinship != A_COPY;
    }
    return false;
}

static bool
visit(const char *name, void *argument)
{
    struct search *search = argument;
    struct dicom_file dicom;
    if (strcmp(name, search->own->path + search->folder_length) == 0) {
        return true;
    }
    struct slide_file *file = slide_file_beside(search->own, name);
    if (file != NULL &&
        !(dicom_read(&dicom, &file->source) && is_slide(&dicom) &&
          strcmp(dicom.series, search->series) == 0 && is_volume(&dicom) &&
          enter(search, file, &dicom))) {
        slide_file_free(file);
    }
    return true;
}

static bool
search_folder(struct search *search)
{
    size_t length = search->folder_length;
    char *folder = malloc(length + sizeof ".");
    if (folder == NULL) {
        return false;
    }
    /* With a dot it is a folder's path on any system. */
    memcpy(folder, search->own->path, length);
    memcpy(folder + length, ".", sizeof ".");
    bool complete = platform_list_folder(folder, visit, search);
    free(folder);
    return complete;
}

bool
dicom_find_levels(struct dicom_level *levels,
                  const struct slide_handle *handle, struct slide_file *own)
{
    struct dicom_file dicom;
    if (!dicom_read(&dicom, &own->source) || !is_slide(&dicom)) {
        return false;
    }
    struct search search = {
        .handle = handle,
        .own = own,
        .folder_length = platform_folder_length(own->path),
        .levels = levels,
    };
    memcpy(search.series, dicom.series, sizeof search.series);
    /* libopenslide takes it before any other, so where it is the only level
       there is nothing to search for. */
    bool is_all = is_volume(&dicom) && enter(&search, own, &dicom) &&
                  handle->level_count == 1 && dicom.whole_instance[0] == 0;
    return is_all || search_folder(&search);
}
