/*
 * Whatever a tile holds, it becomes a stream of the planned size, or none; the
 * stream needs nothing more, and decodes to the pixels of the tile.
 */
#include "codecs/jpeg_interchange.h"

#include "fuzz_tile.h"

#include <string.h>

static uint32_t *
decode_words(const struct jpeg_format *format, const uint8_t *bytes,
             size_t size)
{
    size_t stride = format->width * sizeof(uint32_t);
    uint32_t *words = malloc(stride * format->height);
    REQUIRE(words != NULL);
    const struct jpeg_rows rows = {(uint8_t *)words, (ptrdiff_t)stride,
                                   JPEG_WORDS};
    if (!jpeg_decode(format, bytes, size, &rows)) {
        free(words);
        return NULL;
    }
    return words;
}

static void
check_stream(const struct fuzz_tile *tile, const struct jpeg_interchange *plan)
{
    const struct jpeg_format *format = &tile->format;
    struct jpeg_format alone = *format;
    struct jpeg_interchange again;
    uint8_t *stream = malloc(plan->size);
    REQUIRE(stream != NULL);
    alone.tables = NULL;
    jpeg_interchange_write(plan, format, tile->bytes, stream);
    REQUIRE(jpeg_interchange_plan(&again, &alone, stream, plan->size) == NULL);
    REQUIRE(again.is_stored && again.size == plan->size);
    uint32_t *words = decode_words(format, tile->bytes, tile->size);
    uint32_t *others = decode_words(&alone, stream, plan->size);
    REQUIRE(words == NULL ||
            (others != NULL && memcmp(words, others,
                                      (size_t)format->width * format->height *
                                          sizeof *words) == 0));
    free(words);
    free(others);
    free(stream);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_tile tile;
    struct jpeg_interchange plan;
    if (fuzz_tile_take(&tile, bytes, size)) {
        if (jpeg_interchange_plan(&plan, &tile.format, tile.bytes,
                                  tile.size) == NULL) {
            check_stream(&tile, &plan);
        }
        fuzz_tile_free(&tile);
    }
    return 0;
}
