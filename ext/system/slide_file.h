/*
 * A file that direct reads take tiles from: positional reads through
 * descriptors that are opened when needed.  At most SLIDE_FILE_DESCRIPTORS of
 * them are open in the process, for thousands of slides may be.  A forked
 * child has none of its parent's.
 */
#ifndef SLIDE_FILE_H
#define SLIDE_FILE_H

#include "platform.h"
#include "source.h"

enum { SLIDE_FILE_DESCRIPTORS = 64 };

struct slide_file {
    struct source source; /* to read from, by several threads */
    struct platform_file_identity identity;
    char path[];
};

/* The file that has this path now; NULL where there is none or no memory. */
struct slide_file *slide_file_new(const char *path);

/* The file of this name in the folder of another one, or in one below. */
struct slide_file *slide_file_beside(const struct slide_file *file,
                                     const char *name);

/* Whether it can be opened now: that may fail for a while. */
bool slide_file_can_be_read(const struct slide_file *file);

/* Nobody may be reading from it. */
void slide_file_free(struct slide_file *file);

/*
 * To be called before somebody else opens files, at most PLATFORM_FEW_FILES at
 * once: where the process may not have so many more, close those that nobody
 * is reading from.
 */
void slide_file_leave_room(int files);

/* Whether the path still leads to the file as it was. */
bool slide_file_is_unchanged(const struct slide_file *file);

#endif
