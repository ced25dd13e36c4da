/*
 * Whatever a document holds, it is read or not, and what is read of it is
 * within bounds.
 */
#include "formats/ventana.h"

#include "fuzzing.h"

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct ventana_stitching stitching;
    if (!ventana_read(&stitching, (const char *)bytes, size, 32, 32)) {
        return 0;
    }
    REQUIRE(stitching.advance_x >= 1 && stitching.advance_y >= 1);
    REQUIRE(stitching.area_count > 0 &&
            stitching.area_count <= VENTANA_MAX_AREAS);
    for (size_t i = 0; i < stitching.area_count; i++) {
        const struct ventana_area *area = &stitching.areas[i];
        REQUIRE(area->across > 0 && area->down > 0);
        REQUIRE(area->column >= 0 && area->row >= 0);
        REQUIRE(area->y >= 0);
    }
    return 0;
}
