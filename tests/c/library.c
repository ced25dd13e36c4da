#include "library.h"

#include "slide/openslide_api.h"

#include <stdio.h>
#include <stdlib.h>

void
load_library(void)
{
    const char *chosen = getenv("OPENSLIDE_LIBRARY");
    const char *const names[] = {chosen, "libopenslide.so.1",
                                 "libopenslide.so.0", "libopenslide.1.dylib"};
    char error[1024];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL &&
            openslide_api_load(names[i], error, sizeof error)) {
            return;
        }
    }
    printf("1..0 # SKIP no libopenslide; name it in OPENSLIDE_LIBRARY\n");
    exit(SKIPPED);
}
