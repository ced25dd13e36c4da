#include "codecs/jpeg.h"

#include "codecs/jpeg/decoder.h"
#include "codecs/jpeg_turbo.h"

#include <stdatomic.h>
#include <string.h>

enum jpeg_choice {
    JPEG_BOTH,
    JPEG_OWN,
    JPEG_LIBJPEG,
};

static _Atomic(enum jpeg_choice) chosen = JPEG_BOTH;

bool
jpeg_choose(const char *name)
{
    static const char *const names[] = {
        [JPEG_BOTH] = "", [JPEG_OWN] = "own", [JPEG_LIBJPEG] = "libjpeg"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            atomic_store_explicit(&chosen, (enum jpeg_choice)i,
                                  memory_order_relaxed);
            return true;
        }
    }
    return false;
}

static enum jpeg_choice
get_choice(void)
{
    return atomic_load_explicit(&chosen, memory_order_relaxed);
}

bool
jpeg_decode_part(const struct jpeg_format *format, const uint8_t *bytes,
                 size_t size, const struct jpeg_area *area,
                 const struct jpeg_rows *rows)
{
    return get_choice() != JPEG_LIBJPEG &&
           jpeg_decode_area(format, bytes, size, area, rows,
                            instruction_set_in_use());
}

bool
jpeg_decode(const struct jpeg_format *format, const uint8_t *bytes,
            size_t size, const struct jpeg_rows *rows)
{
    const struct jpeg_area all = {0, 0, format->width, format->height};
    return jpeg_decode_part(format, bytes, size, &all, rows) ||
           (get_choice() != JPEG_OWN &&
            jpeg_turbo_decode(format, bytes, size, rows));
}

const char *
jpeg_own_decoder(void)
{
    return get_choice() == JPEG_LIBJPEG
               ? NULL
               : instruction_set_name(instruction_set_in_use());
}

const char *
jpeg_library(void)
{
    return get_choice() == JPEG_OWN ? NULL : jpeg_turbo_version();
}

bool
jpeg_is_available(void)
{
    return jpeg_own_decoder() != NULL || jpeg_library() != NULL;
}
