#include "jpeg_encoder.h"

#ifdef HAVE_LIBJPEG_TURBO

#    include <setjmp.h>
#    include <stdio.h> /* for jpeglib.h */
#    include <stdlib.h>
#    include <string.h>

#    include <jpeglib.h>

enum {
    CHANNELS = 3,
    /* What a file has at first; most tiles fit.  Then it doubles. */
    FIRST_CAPACITY = 1 << 14,
};

struct encoder {
    struct jpeg_compress_struct info;
    struct jpeg_destination_mgr destination;
    struct jpeg_error_mgr errors;
    jmp_buf failure;
    uint8_t *bytes;
    size_t capacity;
};

/* libjpeg calls these, and must not come back from the first. */

static void
fail_encoding(j_common_ptr info)
{
    struct encoder *encoder = info->client_data;
    longjmp(encoder->failure, 1);
}

static void
say_nothing(j_common_ptr info, int level)
{
    (void)info;
    (void)level;
}

/* Make room for so many bytes in all, of which `used` are there. */
static void
make_output_room(struct encoder *encoder, size_t capacity, size_t used)
{
    uint8_t *bytes = realloc(encoder->bytes, capacity);
    if (bytes == NULL) {
        fail_encoding((j_common_ptr)&encoder->info);
    }
    encoder->bytes = bytes;
    encoder->capacity = capacity;
    encoder->destination.next_output_byte = bytes + used;
    encoder->destination.free_in_buffer = capacity - used;
}

static void
begin_file(j_compress_ptr info)
{
    make_output_room(info->client_data, FIRST_CAPACITY, 0);
}

/* It is full, whatever libjpeg has told the destination. */
static boolean
go_on_with_file(j_compress_ptr info)
{
    struct encoder *encoder = info->client_data;
    make_output_room(encoder, 2 * encoder->capacity, encoder->capacity);
    return TRUE;
}

static void
end_file(j_compress_ptr info)
{
    (void)info;
}

/* Encoding */

static void
create_encoder(struct encoder *encoder)
{
    encoder->info.err = jpeg_std_error(&encoder->errors);
    encoder->errors.error_exit = fail_encoding;
    encoder->errors.emit_message = say_nothing;
    encoder->info.client_data = encoder;
    jpeg_create_compress(&encoder->info);
    encoder->destination = (struct jpeg_destination_mgr){
        .init_destination = begin_file,
        .empty_output_buffer = go_on_with_file,
        .term_destination = end_file,
    };
    encoder->info.dest = &encoder->destination;
}

static void
describe(struct encoder *encoder, const struct jpeg_picture *picture,
         int quality)
{
    struct jpeg_compress_struct *info = &encoder->info;
    info->image_width = picture->width;
    info->image_height = picture->height;
    info->input_components = CHANNELS;
    info->in_color_space = JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
}

static void
write_lines(struct encoder *encoder, const struct jpeg_picture *picture)
{
    /* So many are subsampled and transformed together. */
    enum { LINES_AT_ONCE = 16 };
    struct jpeg_compress_struct *info = &encoder->info;
    size_t stride = CHANNELS * (size_t)picture->width;
    while (info->next_scanline < info->image_height) {
        JSAMPROW lines[LINES_AT_ONCE];
        JDIMENSION count = info->image_height - info->next_scanline;
        count = count < LINES_AT_ONCE ? count : LINES_AT_ONCE;
        for (JDIMENSION i = 0; i < count; i++) {
            size_t line = (size_t)info->next_scanline + i;
            lines[i] = (JSAMPROW)picture->pixels + line * stride;
        }
        jpeg_write_scanlines(info, lines, count);
    }
}

/* Nothing of it is lost by longjmp(), for the encoder is the caller's. */
static bool
encode(struct encoder *encoder, const struct jpeg_picture *picture,
       int quality)
{
    if (setjmp(encoder->failure) != 0) {
        return false;
    }
    create_encoder(encoder);
    describe(encoder, picture, quality);
    jpeg_start_compress(&encoder->info, TRUE);
    write_lines(encoder, picture);
    jpeg_finish_compress(&encoder->info);
    return true;
}

bool
jpeg_encode(const struct jpeg_picture *picture, int quality,
            struct jpeg_file *file)
{
    struct encoder encoder;
    /* So that it can be destroyed when it could not be created. */
    memset(&encoder.info, 0, sizeof encoder.info);
    encoder.bytes = NULL;
    bool encoded = encode(&encoder, picture, quality);
    jpeg_destroy_compress(&encoder.info);
    if (!encoded) {
        free(encoder.bytes);
        return false;
    }
    *file = (struct jpeg_file){
        encoder.bytes,
        encoder.capacity - encoder.destination.free_in_buffer,
    };
    return true;
}

#else

bool
jpeg_encode(const struct jpeg_picture *picture, int quality,
            struct jpeg_file *file)
{
    (void)picture;
    (void)quality;
    (void)file;
    return false;
}

#endif
