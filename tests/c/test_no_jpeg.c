#include "codecs/jpeg.h"

#include "codecs/jpeg_encoder.h"

#include "check.h"

static void
test_everything_is_refused(void)
{
    const struct jpeg_format format = {8, 8, false, NULL, 0};
    uint8_t pixels[64 * 3];
    const struct jpeg_rows rows = {pixels, 8 * 3, JPEG_RGB};
    CHECK(!jpeg_is_available() && jpeg_version() == NULL, "there is one");
    CHECK(!jpeg_decode(&format, (const uint8_t *)"\xff\xd8", 2, &rows),
          "decoded");
    const struct jpeg_picture picture = {pixels, 8, 8};
    struct jpeg_file file;
    CHECK(!jpeg_encode(&picture, 80, &file), "encoded");
}

int
main(void)
{
    check_run("everything is refused", test_everything_is_refused);
    return check_finish();
}
