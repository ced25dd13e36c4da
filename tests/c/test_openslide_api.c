#include "slide/openslide_api.h"

#include "check.h"
#include "library.h"

#include <string.h>

static void
test_refuses_what_is_not_the_library(void)
{
    char error[256] = "";
    CHECK(!openslide_api_load("/nonexistent/libopenslide.so", error,
                              sizeof error),
          "loaded a file that does not exist");
    CHECK(strstr(error, "/nonexistent/libopenslide.so") != NULL, "said %s",
          error);
#ifdef __linux__
    CHECK(!openslide_api_load("libm.so.6", error, sizeof error),
          "took the mathematical library for libopenslide");
    CHECK(strstr(error, "openslide_get_version") != NULL, "said %s", error);
#endif
    CHECK(openslide.open == NULL, "a failure left something in the table");
}

static void
test_loads(void)
{
    load_library();
    const char *version = openslide.get_version();
    bool new = strcmp(version, "4.0.0") >= 0;
    CHECK(strlen(openslide_api_path()) > 0, "no path");
    CHECK(openslide_api_has("read_region"), "lacks read_region");
    CHECK(openslide_api_has("cache_create") == new, "version %s", version);
    CHECK(!openslide_api_has("no_such_function"), "has any function");
}

static void
test_keeps_the_first(void)
{
    char error[256];
    CHECK(openslide_api_load("/nonexistent", error, sizeof error),
          "loading again failed");
    CHECK(strcmp(openslide_api_path(), "/nonexistent") != 0, "path changed");
}

static void
test_knows_versions(void)
{
    CHECK(openslide_api_since("read_region") == NULL, "not required");
    CHECK(strcmp(openslide_api_since("set_cache"), "4.0.0") == 0, "since %s",
          openslide_api_since("set_cache"));
}

int
main(void)
{
    check_run("refuses what is not the library",
              test_refuses_what_is_not_the_library);
    check_run("loads", test_loads);
    check_run("keeps the first", test_keeps_the_first);
    check_run("knows versions", test_knows_versions);
    return check_finish();
}
