/*
 * Whatever a file holds, it is one of VMU or not; then its columns are whole.
 * Pixels are converted in place as elsewhere.
 */
#include "formats/ngr.h"

#include "fuzzing.h"
#include "memory_source.h"

static void
check_conversion(const uint8_t *bytes, size_t size)
{
    size_t count = size / NGR_PIXEL_BYTES;
    uint8_t *pixels = malloc(count * NGR_PIXEL_BYTES + 1);
    uint8_t *rgb = malloc(3 * count + 1);
    REQUIRE(pixels != NULL && rgb != NULL);
    memcpy(pixels, bytes, count * NGR_PIXEL_BYTES);
    ngr_convert(bytes, rgb, count);
    ngr_convert(pixels, pixels, count);
    REQUIRE(memcmp(pixels, rgb, 3 * count) == 0);
    free(pixels);
    free(rgb);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct memory_source memory = memory_source_of(bytes, size);
    struct ngr_file file;
    if (ngr_open(&file, &memory.source)) {
        REQUIRE(file.width > 0 && file.height > 0 && file.offset > 0);
        REQUIRE(file.column_width > 0 && file.width % file.column_width == 0);
    }
    check_conversion(bytes, size);
    REQUIRE(!memory.strayed);
    return 0;
}
