/* Compiles only where our table agrees with openslide.h. */
#include "slide/openslide_api.h"

#include <openslide.h>

#define SAME(type, name, parameters)                                          \
    _Static_assert(                                                           \
        _Generic(&openslide_##name, type(*) parameters: 1, default: 0),       \
        "openslide_" #name " is declared otherwise");

OPENSLIDE_API_REQUIRED(SAME)
#ifdef HEADER_SINCE_4_0_0
OPENSLIDE_API_SINCE_4_0_0(SAME)
#endif

int
main(void)
{
    return 0;
}
