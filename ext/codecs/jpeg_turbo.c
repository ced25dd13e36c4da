#include "jpeg_turbo.h"

#ifdef HAVE_LIBJPEG_TURBO

#    include <setjmp.h>
#    include <stdio.h> /* for jpeglib.h */
#    include <string.h>

#    include <jpeglib.h>

enum { COMPONENTS = 3, PRECISION = 8, LAST_COEFFICIENT = 63 };

/* libjpeg gives no more lines at once than the pixels that share a sample of
   colour are high, which is 4 at most. */
enum { LINES_AT_ONCE = 4 };

/* Made anew for each tile, so that no table is left over from another. */
struct decoder {
    struct jpeg_decompress_struct info;
    struct jpeg_source_mgr source;
    struct jpeg_error_mgr errors;
    unsigned denominator; /* of the size to decode at */
    jmp_buf refusal;
};

/* Refusing: libjpeg calls these and must not come back from them. */

static void
refuse(j_common_ptr info)
{
    struct decoder *decoder = info->client_data;
    longjmp(decoder->refusal, 1);
}

static void
refuse_warnings(j_common_ptr info, int level)
{
    if (level < 0) {
        refuse(info);
    }
}

static boolean
refuse_the_end(j_decompress_ptr info)
{
    refuse((j_common_ptr)info);
    return FALSE;
}

/* Reading from memory */

static void
do_nothing(j_decompress_ptr info)
{
    (void)info;
}

static void
skip_input(j_decompress_ptr info, long count)
{
    struct jpeg_source_mgr *source = info->src;
    if (count <= 0) {
        return;
    }
    if ((unsigned long)count > source->bytes_in_buffer) {
        refuse((j_common_ptr)info);
    }
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static void
set_input(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
    decoder->source.next_input_byte = bytes;
    decoder->source.bytes_in_buffer = size;
}

/* Decoding */

static void
create_decoder(struct decoder *decoder)
{
    decoder->info.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = refuse;
    decoder->errors.emit_message = refuse_warnings;
    decoder->info.client_data = decoder;
    jpeg_create_decompress(&decoder->info);
    decoder->source = (struct jpeg_source_mgr){
        .init_source = do_nothing,
        .fill_input_buffer = refuse_the_end,
        .skip_input_data = skip_input,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = do_nothing,
    };
    decoder->info.src = &decoder->source;
}

static bool
read_tables(struct decoder *decoder, const struct jpeg_format *format)
{
    if (format->tables == NULL) {
        return true;
    }
    set_input(decoder, format->tables, format->tables_size);
    return jpeg_read_header(&decoder->info, FALSE) == JPEG_HEADER_TABLES_ONLY;
}

/* Whether it is a baseline or extended sequential image of one scan, and of
   the right size.  Lossless ones have another range of coefficients. */
static bool
is_plain_jpeg(struct decoder *decoder, const struct jpeg_format *format)
{
    struct jpeg_decompress_struct *info = &decoder->info;
    return info->image_width == format->width &&
           info->image_height == format->height &&
           info->num_components == COMPONENTS &&
           info->data_precision == PRECISION && !info->progressive_mode &&
           !info->arith_code && !jpeg_has_multiple_scans(info) &&
           info->Ss == 0 && info->Se == LAST_COEFFICIENT;
}

/* The colours that lie in memory as the bytes of a word 0xffRRGGBB do. */
static J_COLOR_SPACE
colours_of_words(void)
{
    const uint32_t alpha = UINT32_C(0xff000000);
    unsigned char first;
    memcpy(&first, &alpha, 1);
    return first == 0 ? JCS_EXT_BGRA : JCS_EXT_ARGB;
}

static J_COLOR_SPACE
colours_of(enum jpeg_order order)
{
    switch (order) {
    case JPEG_RGBA:
        return JCS_EXT_RGBA;
    case JPEG_RGB:
        return JCS_EXT_RGB;
    default:
        return colours_of_words();
    }
}

static bool
read_lines(struct decoder *decoder, const struct jpeg_rows *rows)
{
    struct jpeg_decompress_struct *info = &decoder->info;
    while (info->output_scanline < info->output_height) {
        JSAMPROW lines[LINES_AT_ONCE];
        JDIMENSION count = info->output_height - info->output_scanline;
        count = count < LINES_AT_ONCE ? count : LINES_AT_ONCE;
        for (JDIMENSION i = 0; i < count; i++) {
            ptrdiff_t line = (ptrdiff_t)info->output_scanline + i;
            lines[i] = rows->first + line * rows->stride;
        }
        if (jpeg_read_scanlines(info, lines, count) == 0) {
            return false;
        }
    }
    return true;
}

/* What comes after the last line is not read, so it may be anything. */
static bool
read_whole_tile(struct decoder *decoder, const struct jpeg_format *format,
                const uint8_t *bytes, size_t size,
                const struct jpeg_rows *rows)
{
    set_input(decoder, bytes, size);
    if (jpeg_read_header(&decoder->info, TRUE) != JPEG_HEADER_OK ||
        !is_plain_jpeg(decoder, format)) {
        return false;
    }
    decoder->info.jpeg_color_space = format->is_rgb ? JCS_RGB : JCS_YCbCr;
    decoder->info.out_color_space = colours_of(rows->order);
    decoder->info.scale_num = 1;
    decoder->info.scale_denom = decoder->denominator;
    return jpeg_start_decompress(&decoder->info) && read_lines(decoder, rows);
}

/* Nothing of it is lost by longjmp(), for the decoder is the caller's. */
static bool
decode_with_turbo(struct decoder *decoder, const struct jpeg_format *format,
                  const uint8_t *bytes, size_t size,
                  const struct jpeg_rows *rows)
{
    if (setjmp(decoder->refusal) != 0) {
        return false;
    }
    create_decoder(decoder);
    return read_tables(decoder, format) &&
           read_whole_tile(decoder, format, bytes, size, rows);
}

bool
jpeg_turbo_decode_reduced(const struct jpeg_format *format,
                          const uint8_t *bytes, size_t size,
                          unsigned denominator, const struct jpeg_rows *rows)
{
    struct decoder decoder;
    decoder.denominator = denominator;
    /* So that it can be destroyed when it could not be created. */
    memset(&decoder.info, 0, sizeof decoder.info);
    bool decoded = decode_with_turbo(&decoder, format, bytes, size, rows);
    jpeg_destroy_decompress(&decoder.info);
    return decoded;
}

bool
jpeg_turbo_decode(const struct jpeg_format *format, const uint8_t *bytes,
                  size_t size, const struct jpeg_rows *rows)
{
    return jpeg_turbo_decode_reduced(format, bytes, size, 1, rows);
}

#    define TEXT(macro) TEXT_OF(macro)
#    define TEXT_OF(text) #text

const char *
jpeg_turbo_version(void)
{
    return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION);
}

#else

bool
jpeg_turbo_decode_reduced(const struct jpeg_format *format,
                          const uint8_t *bytes, size_t size,
                          unsigned denominator, const struct jpeg_rows *rows)
{
    (void)denominator;
    return jpeg_turbo_decode(format, bytes, size, rows);
}

bool
jpeg_turbo_decode(const struct jpeg_format *format, const uint8_t *bytes,
                  size_t size, const struct jpeg_rows *rows)
{
    (void)format;
    (void)bytes;
    (void)size;
    (void)rows;
    return false;
}

const char *
jpeg_turbo_version(void)
{
    return NULL;
}

#endif
