#include "codecs/jpeg/colours.h"
#include "codecs/jpeg/entropy.h"
#include "codecs/jpeg/transform.h"

#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "kernel_tests.h"

static uint32_t
next_random(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static int
random_between(int first, int last)
{
    return first + (int)(next_random() % (uint32_t)(last - first + 1));
}

/* ---- transforms ---- */

enum { MOST = JPEG_MAX_BLOCKS_AT_ONCE, STRIDE = 8 * MOST + 5 };

static int16_t blocks[MOST][JPEG_BLOCK];
static uint16_t quantization[JPEG_BLOCK];

/* As many coefficients as a kernel has shortcuts for, small and large. */
static unsigned
random_blocks(void)
{
    static const int largest[] = {1, 8, 60, 1023, 2047};
    static const int factors[] = {1, 4, 16, 255};
    unsigned used = 1 + next_random() % JPEG_BLOCK;
    int factor = factors[next_random() % 4];

    memset(blocks, 0, sizeof(blocks));
    for (int i = 0; i < JPEG_BLOCK; i++) {
        quantization[i] = (uint16_t)random_between(0, factor);
    }
    for (int k = 0; k < MOST; k++) {
        int limit = largest[next_random() % 5];

        for (unsigned i = 0; i < used; i++) {
            limit = i > 3 && next_random() % 8 != 0 ? 1 : limit;
            blocks[k][i] = (int16_t)random_between(-limit, limit);
        }
    }
    return used;
}

/* One block after another, with the scalar kernel. */
static bool
transform_by_definition(unsigned used, size_t count, uint8_t *samples)
{
    bool in_range = true;

    for (size_t k = 0; k < count; k++) {
        const int16_t *block[] = {blocks[k]};

        in_range = jpeg_transform_kernels[SCALAR].transform(
                       block, used, quantization, samples + 8 * k, STRIDE) &&
                   in_range;
    }
    return in_range;
}

static bool
transform_tested(unsigned used, uint8_t *samples)
{
    const int16_t *all[MOST] = {blocks[0], blocks[1], blocks[2], blocks[3]};

    return jpeg_transform_kernels[tested].transform(all, used, quantization,
                                                    samples, STRIDE);
}

static void
test_transform(void)
{
    size_t count = jpeg_transform_kernels[tested].blocks;
    int in_range = 0;

    CHECK(count >= 1 && count <= MOST, "%d blocks", (int)count);
    for (int i = 0; i < 20000; i++) {
        uint8_t expected[8 * STRIDE], samples[8 * STRIDE];
        unsigned used = random_blocks();
        bool is_expected, is_in_range;

        memset(expected, 0x5a, sizeof(expected));
        memset(samples, 0x5a, sizeof(samples));
        is_expected = transform_by_definition(used, count, expected);
        is_in_range = transform_tested(used, samples);
        CHECK(is_in_range == is_expected, "%u coefficients: %s", used,
              is_expected ? "refused" : "accepted");
        CHECK(!is_in_range || memcmp(samples, expected, sizeof(samples)) == 0,
              "%u coefficients: other samples", used);
        in_range += is_in_range;
    }
    CHECK(in_range > 1000, "%d in range", in_range);
}

/* The last product and the last sample that are in range, on either side. */
static void
test_ranges(void)
{
    static const struct {
        int coefficient, factor;
        bool is_in_range;
    } cases[] = {
        {4091, 1, true},   {4092, 1, false},   {-4100, 1, true},
        {-4101, 1, false}, {8191, 1, false},   {-8192, 1, false},
        {257, 255, false}, {-257, 255, false}, {1023, 4, false},
        {32767, 2, false}, {-32768, 2, false}, {32767, 255, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t samples[8 * STRIDE];

        memset(blocks, 0, sizeof(blocks));
        for (int k = 0; k < MOST; k++) {
            blocks[k][0] = (int16_t)cases[i].coefficient;
        }
        quantization[0] = (uint16_t)cases[i].factor;
        CHECK(transform_tested(1, samples) == cases[i].is_in_range,
              "%d times %d", cases[i].coefficient, cases[i].factor);
    }
}

/* ---- colours ---- */

enum { WIDEST = 150 };

static const enum jpeg_order orders[] = {JPEG_WORDS, JPEG_RGBA, JPEG_RGB};

/* A row with chroma of its own, which may be halved in one or two directions.
 */
struct ycc {
    uint8_t luma[WIDEST + JPEG_ROW_SLACK];
    uint32_t near[WIDEST + 2 + JPEG_ROW_SLACK];
    uint32_t far[WIDEST + 2 + JPEG_ROW_SLACK];
};

static struct ycc ycc;

static uint32_t
random_pair(void)
{
    return (next_random() & 0xff) | (next_random() & 0xff) << 16;
}

static void
fill_row(void)
{
    for (size_t i = 0; i < sizeof(ycc.luma); i++) {
        ycc.luma[i] = (uint8_t)next_random();
    }
    for (size_t i = 0; i < WIDEST + 2; i++) {
        ycc.near[i] = random_pair();
        ycc.far[i] = random_pair();
    }
}

static void
convert(enum instruction_set set, const struct jpeg_ycc_row *row, size_t width,
        enum jpeg_order order, uint8_t *pixels)
{
    jpeg_colour_kernels[set].convert_ycc(row, pixels, width, order);
}

/* Into memory that ends with the row. */
static void
check_row(const struct jpeg_ycc_row *row, size_t width, enum jpeg_order order,
          const char *name)
{
    size_t size = width * jpeg_pixel_size(order);
    struct guarded memory = guarded_alloc(size);
    uint8_t expected[WIDEST * 4];

    convert(SCALAR, row, width, order, expected);
    convert(tested, row, width, order, memory.end - size);
    CHECK(memcmp(memory.end - size, expected, size) == 0,
          "%s, %d pixels, order %d", name, (int)width, order);
    guarded_free(memory);
}

static void
test_rows(void)
{
    for (size_t width = 1; width <= WIDEST; width++) {
        for (int i = 0; i < 3; i++) {
            struct jpeg_ycc_row row = {ycc.luma, ycc.near + 1, NULL, false};

            fill_row();
            check_row(&row, width, orders[i], "4:4:4");
            row.is_halved = true;
            check_row(&row, width, orders[i], "4:2:2");
            row.far = ycc.far + 1;
            check_row(&row, width, orders[i], "4:2:0");
        }
    }
}

/* Factors of 16 bits instead of 17: every sample of chroma, beside a luma that
   leaves its colours unclamped, and beside one that does not. */
static void
test_every_colour(void)
{
    static const uint8_t lumas[] = {0, 1, 100, 128, 254, 255};

    for (int blue = 0; blue < 256; blue++) {
        for (int start = 0; start < 256; start += 128) {
            struct jpeg_ycc_row row = {ycc.luma, ycc.near + 1, NULL, false};

            for (int i = 0; i < 128; i++) {
                ycc.near[1 + i] = (uint32_t)blue | (uint32_t)(start + i) << 16;
            }
            for (int k = 0; k < (int)sizeof(lumas); k++) {
                memset(ycc.luma, lumas[k], sizeof(ycc.luma));
                check_row(&row, 128, JPEG_WORDS, "a colour");
            }
        }
    }
}

static void
test_pairs(void)
{
    uint8_t blue[WIDEST + JPEG_ROW_SLACK], red[WIDEST + JPEG_ROW_SLACK];
    uint32_t pairs[WIDEST + JPEG_ROW_SLACK];
    int wrong = 0;

    for (size_t i = 0; i < sizeof(blue); i++) {
        blue[i] = (uint8_t)next_random();
        red[i] = (uint8_t)next_random();
    }
    for (size_t count = 1; count <= WIDEST; count++) {
        memset(pairs, 0, sizeof(pairs));
        jpeg_colour_kernels[tested].pair(blue, red, pairs, count);
        for (size_t i = 0; i < count; i++) {
            wrong += pairs[i] != (blue[i] | (uint32_t)red[i] << 16);
        }
    }
    CHECK(wrong == 0, "%d pairs", wrong);
}

static void
test_rgb(void)
{
    uint8_t samples[3][WIDEST + JPEG_ROW_SLACK];
    const uint8_t *all[] = {samples[0], samples[1], samples[2]};

    for (int c = 0; c < 3; c++) {
        for (size_t i = 0; i < sizeof(samples[c]); i++) {
            samples[c][i] = (uint8_t)next_random();
        }
    }
    for (size_t width = 1; width <= WIDEST; width++) {
        for (int i = 0; i < 3; i++) {
            size_t size = width * jpeg_pixel_size(orders[i]);
            struct guarded memory = guarded_alloc(size);
            uint8_t expected[WIDEST * 4];

            jpeg_colour_kernels[SCALAR].convert_rgb(all, expected, width,
                                                    orders[i]);
            jpeg_colour_kernels[tested].convert_rgb(all, memory.end - size,
                                                    width, orders[i]);
            CHECK(memcmp(memory.end - size, expected, size) == 0,
                  "%d pixels, order %d", (int)width, orders[i]);
            guarded_free(memory);
        }
    }
}

/* ---- entropy ---- */

enum { BLOCKS = 40, BYTES = 4000 };

/* A code of symbols of all kinds: as many of each length as fit. */
static void
make_code(struct jpeg_code *code, const uint8_t *symbols, int count)
{
    memset(code, 0, sizeof(*code));
    memcpy(code->symbols, symbols, (size_t)count);
    for (int length = 1, room = 2; length <= JPEG_CODE_BITS && count > 0;
         length++, room *= 2) {
        int take = length == JPEG_CODE_BITS ? room - 1 : room / 2 - 1;

        take = length < 3 ? length - 1 : take;
        take = take < count ? take : count;
        code->counts[length - 1] = (uint8_t)take;
        room -= take;
        count -= take;
    }
}

static const uint8_t dc_symbols[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const uint8_t ac_symbols[] = {
    0x01, 0x00, 0x02, 0x11, 0x03, 0x21, 0x12, 0x31, 0x04, 0x22, 0x05, 0xf0,
    0x06, 0x51, 0x13, 0x07, 0x71, 0xa1, 0x08, 0x09, 0x0a, 0xe2, 0xf3, 0x15,
};

/* Any bits at all, of which most lead to a refusal sooner or later. */
static void
test_entropy(void)
{
    static struct jpeg_codes codes;
    static struct jpeg_block_codes block_codes[BLOCKS + 1];
    struct jpeg_code dc, ac;
    struct guarded memory = guarded_alloc(BYTES + JPEG_ENTROPY_SLACK);
    uint8_t *bytes = memory.end - BYTES - JPEG_ENTROPY_SLACK;
    int decoded = 0;

    make_code(&dc, dc_symbols, sizeof(dc_symbols));
    make_code(&ac, ac_symbols, sizeof(ac_symbols));
    CHECK(jpeg_build_codes(&codes, &dc, &ac), "the codes are refused");
    for (int i = 0; i <= BLOCKS; i++) {
        block_codes[i] = (struct jpeg_block_codes){&codes.dc, &codes.ac};
    }
    for (int round = 0; round < 3000; round++) {
        static int16_t a[BLOCKS * JPEG_BLOCK + JPEG_COEFFICIENT_SLACK];
        static int16_t b[BLOCKS * JPEG_BLOCK + JPEG_COEFFICIENT_SLACK];
        uint8_t used_a[BLOCKS], used_b[BLOCKS];
        struct jpeg_stream stream_a, stream_b;
        size_t count = 1 + next_random() % (1 + next_random() % BLOCKS);
        size_t size = next_random() % 3 == 0 ? next_random() % 30 : BYTES;
        bool is_a, is_b;

        for (size_t i = 0; i < size; i++) {
            bytes[BYTES - size + i] = (uint8_t)next_random();
        }
        memset(a, 0, sizeof(a));
        memset(b, 0, sizeof(b));
        jpeg_stream_start(&stream_a, bytes + BYTES - size, size);
        jpeg_stream_start(&stream_b, bytes + BYTES - size, size);
        is_a = jpeg_entropy_kernels[SCALAR](&stream_a, block_codes, a, used_a,
                                            count);
        is_b = jpeg_entropy_kernels[tested](&stream_b, block_codes, b, used_b,
                                            count);
        CHECK(is_a == is_b, "round %d: another verdict", round);
        CHECK(!is_a ||
                  (memcmp(a, b, sizeof(a)) == 0 &&
                   memcmp(used_a, used_b, count) == 0 &&
                   jpeg_stream_left(&stream_a) == jpeg_stream_left(&stream_b)),
              "round %d: other coefficients", round);
        decoded += is_a;
    }
    CHECK(decoded > 100, "%d decoded", decoded);
    guarded_free(memory);
}

/* ---- registers ---- */

static void
test_registers(void)
{
    uint8_t samples[8 * STRIDE];
    uint32_t words[WIDEST];
    struct jpeg_ycc_row row = {ycc.luma, ycc.near + 1, ycc.far + 1, true};

    memset(blocks, 0, sizeof(blocks));
    transform_tested(1, samples);
    CHECK(wide_registers_are_clean(), "transform");
    convert(tested, &row, WIDEST, JPEG_RGBA, (uint8_t *)words);
    CHECK(wide_registers_are_clean(), "convert_ycc");
    jpeg_colour_kernels[tested].pair(ycc.luma, ycc.luma, words, WIDEST / 2);
    CHECK(wide_registers_are_clean(), "pair");
}

static const struct kernel_test tests[] = {
    {"transform", test_transform}, {"ranges", test_ranges},
    {"rows", test_rows},           {"every colour", test_every_colour},
    {"pairs", test_pairs},         {"RGB", test_rgb},
    {"entropy", test_entropy},
};

int
main(void)
{
    kernel_tests_run(tests, sizeof(tests) / sizeof(*tests), test_registers);
    return check_finish();
}
