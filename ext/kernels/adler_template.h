/*
 * The vector kernels' one body, in GNU C vector arithmetic. Include it once
 * per instruction set, having defined
 *
 *   SUFFIX        end of every name, for instance _avx2
 *   TARGET        attribute that turns the instruction set on in a function
 *   VECTOR        native vector type of integers
 *   VECTOR_BYTES  its size
 *
 * and, with that suffix, widen(bytes): as many bytes as a VECTOR has lanes of
 * 32 bits, one in each of these. It defines adler with the suffix, and
 * undefines the parameters.
 */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(name, SUFFIX)

#define LANES (VECTOR_BYTES / 4)

/* So many bytes of each lane cannot exceed 32 bits: 255 * 4096 * 4097 / 2. */
#define MOST_STEPS 4096

typedef uint32_t NAME(sums) __attribute__((vector_size(VECTOR_BYTES)));

#define SUMS NAME(sums)

/*
 * Byte i counts in the second sum as often as there are bytes from it on. In
 * lane j those of a step are LANES * (steps from it on) - j.
 */
static TARGET void
NAME(adler_steps)(struct adler *sum, const uint8_t *bytes, size_t steps)
{
    SUMS firsts = {0}, seconds = {0};
    uint64_t first = 0, second = (uint64_t)sum->first * steps * LANES;

    for (size_t i = 0; i < steps; i++, bytes += LANES) {
        firsts += (SUMS)NAME(widen)(bytes);
        seconds += firsts;
    }
    for (unsigned j = 0; j < LANES; j++) {
        first += firsts[j];
        second += (uint64_t)seconds[j] * LANES - (uint64_t)firsts[j] * j;
    }
    sum->first = (uint32_t)((sum->first + first) % MODULUS);
    sum->second = (uint32_t)((sum->second + second) % MODULUS);
}

static TARGET void
NAME(adler)(struct adler *sum, const uint8_t *bytes, size_t count)
{
    while (count >= LANES) {
        size_t steps = count / LANES;

        steps = steps < MOST_STEPS ? steps : MOST_STEPS;
        NAME(adler_steps)(sum, bytes, steps);
        bytes += steps * LANES;
        count -= steps * LANES;
    }
    adler_scalar(sum, bytes, count);
}

#undef SUMS
#undef MOST_STEPS
#undef LANES
#undef NAME
#undef JOIN
#undef JOIN_
#undef VECTOR_BYTES
#undef VECTOR
#undef TARGET
#undef SUFFIX
