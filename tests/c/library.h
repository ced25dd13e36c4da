#ifndef LIBRARY_H
#define LIBRARY_H

/*
 * Load libopenslide: the file named by OPENSLIDE_LIBRARY, else what the
 * system's loader finds. Exits with SKIPPED and the reason if there is none.
 */
void load_library(void);

/* What Meson takes as the exit status of a test that could not run. */
enum { SKIPPED = 77 };

#endif
