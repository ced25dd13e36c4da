#include "codecs/jpeg/scan.h"

#include <string.h>

enum { RST0 = 0xd0, RESTART_NUMBERS = 8 };

/* ---- blocks of a unit ---- */

static size_t
list_components(struct jpeg_scan *scan, const struct jpeg_header *header)
{
    size_t count = 0;
    for (int c = 0; c < JPEG_COMPONENTS; c++) {
        const struct jpeg_component *component = &header->components[c];
        for (int i = 0; i < component->across * component->down; i++) {
            scan->components[count++] = (uint8_t)c;
        }
    }
    return count;
}

static bool
list_blocks(struct jpeg_scan *scan, struct jpeg_state *state,
            const struct jpeg_header *header)
{
    const struct jpeg_codes *codes[JPEG_COMPONENTS];
    for (int c = 0; c < JPEG_COMPONENTS; c++) {
        const struct jpeg_component *component = &header->components[c];
        codes[c] = jpeg_state_codes(state, &header->tables.dc[component->dc],
                                    &header->tables.ac[component->ac]);
        if (codes[c] == NULL) {
            return false;
        }
    }
    size_t count = list_components(scan, header);
    for (size_t i = 0; i <= JPEG_BATCH_BLOCKS; i++) {
        int c = scan->components[i % count];
        scan->codes[i] =
            (struct jpeg_block_codes){&codes[c]->dc, &codes[c]->ac};
    }
    scan->block_count = count;
    return true;
}

/* ---- intervals ---- */

/*
 * Copy the bytes up to the next marker, without the zeros that are stuffed
 * behind each 0xff, to where nothing needs to be told apart any more.  That
 * there is a marker means that libjpeg, which reads ahead, does not run out of
 * bytes.  One 0xff behind another would be skipped by it in one place and not
 * in another.
 */
static bool
start_interval(struct jpeg_scan *scan)
{
    uint8_t *to = scan->memory->bytes;
    for (;;) {
        size_t left = (size_t)(scan->end - scan->at);
        const uint8_t *found = memchr(scan->at, 0xff, left);
        if (found == NULL || scan->end - found < 2 || found[1] == 0xff) {
            return false;
        }
        size_t count = (size_t)(found - scan->at);
        memcpy(to, scan->at, count);
        to += count;
        scan->at = found;
        if (found[1] != 0) {
            break;
        }
        *to++ = 0xff;
        scan->at += 2;
    }
    memset(to, 0, JPEG_ENTROPY_SLACK);
    jpeg_stream_start(&scan->stream, scan->memory->bytes,
                      (size_t)(to - scan->memory->bytes));
    memset(scan->predictions, 0, sizeof scan->predictions);
    scan->left = scan->interval;
    return true;
}

/* Of the interval that ends here no more than a part of a byte may be left,
   and the next marker must be the one that is due. */
static bool
restart(struct jpeg_scan *scan)
{
    ptrdiff_t bits = jpeg_stream_left(&scan->stream);
    unsigned marker = RST0 + scan->restarts % RESTART_NUMBERS;
    if (bits < 0 || bits >= 8 || scan->at[1] != marker) {
        return false;
    }
    scan->restarts++;
    scan->at += 2;
    return start_interval(scan);
}

bool
jpeg_scan_start(struct jpeg_scan *scan, struct jpeg_state *state,
                const struct jpeg_header *header, const uint8_t *bytes,
                size_t size, jpeg_entropy_kernel *decode)
{
    *scan = (struct jpeg_scan){
        .decode = decode,
        .memory = &state->entropy,
        .at = bytes + header->entropy_offset,
        .end = bytes + size,
        .interval = header->restart_interval == 0 ? UINT32_MAX
                                                  : header->restart_interval,
    };
    size_t room = size - header->entropy_offset + JPEG_ENTROPY_SLACK;
    return jpeg_memory_reserve(scan->memory, room) != NULL &&
           list_blocks(scan, state, header) && start_interval(scan);
}

/* ---- units ---- */

/* libjpeg cuts what does not fit into 16 bits, so this refuses it. */
static bool
add_differences(struct jpeg_scan *scan, int16_t *coefficients, size_t units)
{
    uint32_t beyond = 0;
    for (size_t unit = 0; unit < units; unit++) {
        for (size_t i = 0; i < scan->block_count; i++) {
            int32_t *prediction = &scan->predictions[scan->components[i]];
            *prediction += *coefficients;
            beyond |= (uint32_t)(*prediction - INT16_MIN);
            *coefficients = (int16_t)*prediction;
            coefficients += JPEG_BLOCK;
        }
    }
    return beyond <= UINT16_MAX;
}

bool
jpeg_scan_decode(struct jpeg_scan *scan, int16_t *coefficients, uint8_t *used,
                 size_t units)
{
    size_t count = units * scan->block_count * JPEG_BLOCK;
    memset(coefficients, 0,
           (count + JPEG_COEFFICIENT_SLACK) * sizeof *coefficients);
    while (units > 0) {
        if (scan->left == 0 && !restart(scan)) {
            return false;
        }
        size_t now = units < scan->left ? units : scan->left;
        size_t blocks = now * scan->block_count;
        if (!scan->decode(&scan->stream, scan->codes, coefficients, used,
                          blocks) ||
            !add_differences(scan, coefficients, now)) {
            return false;
        }
        coefficients += blocks * JPEG_BLOCK;
        used += blocks;
        units -= now;
        scan->left -= scan->interval == UINT32_MAX ? 0 : (uint32_t)now;
    }
    return true;
}

bool
jpeg_scan_finish(const struct jpeg_scan *scan)
{
    return jpeg_stream_left(&scan->stream) >= 0;
}
