#include "direct/recent_reads.h"

#include "check.h"

enum { REACH = 100 };

static bool
note(struct recent_reads *recent, int32_t level, int64_t column, int64_t row)
{
    const struct read_place place = {level, column, row};
    return recent_reads_note(recent, &place, REACH);
}

static void
test_neighbours(void)
{
    static const struct {
        struct read_place place;
        bool is_near;
    } cases[] = {
        {{2, 50, 1000}, true},
        {{2, 49, 1000}, true},
        {{2, 51, 900}, true},
        {{2, 50, 1100}, true},
        {{2, 52, 1000}, false},
        {{2, 48, 1000}, false},
        {{2, 50, 1101}, false},
        {{2, 50, 899}, false},
        {{1, 50, 1000}, false},
        {{3, 50, 1000}, false},
        {{2 + 256, 50, 1000}, false},
        {{2, 50 + (1 << 23), 1000}, false},
        {{2, 50, 1000 + ((int64_t)1 << 32)}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct recent_reads recent = {0};
        CHECK(!note(&recent, 2, 50, 1000), "a neighbour of none");
        CHECK(recent_reads_note(&recent, &cases[i].place, REACH) ==
                  cases[i].is_near,
              "case %d", (int)i);
    }
}

/* The first place of all is no other than none. */
static void
test_corners(void)
{
    static const struct read_place last = {255, (1 << 23) - 1, UINT32_MAX};
    struct recent_reads recent = {0};
    CHECK(!note(&recent, 0, 0, 0), "a neighbour of none");
    CHECK(note(&recent, 0, 0, 0), "the first place was not noted");
    CHECK(!recent_reads_note(&recent, &last, REACH), "the last one was");
    CHECK(recent_reads_note(&recent, &last, REACH), "it was not noted");
    for (int i = 0; i < 2; i++) {
        CHECK(!note(&recent, -1, 7, 7), "a level before the first");
        CHECK(!note(&recent, 0, -7, 5000), "a column before the first");
        CHECK(!note(&recent, 5, 7, -7), "a row before the first");
    }
}

static void
test_forgetting(void)
{
    struct recent_reads recent = {0};
    note(&recent, 0, 0, 0);
    for (int i = 1; i < RECENT_READS; i++) {
        CHECK(!note(&recent, 0, 10 * i, 0), "read %d", i);
    }
    CHECK(note(&recent, 0, 0, 0), "it was forgotten too early");
    for (int i = 0; i < RECENT_READS; i++) {
        note(&recent, 1, 10 * i, 0);
    }
    CHECK(!note(&recent, 0, 0, 0), "it was not forgotten");
}

int
main(void)
{
    check_run("neighbours of a read", test_neighbours);
    check_run("the first place and the last", test_corners);
    check_run("the oldest are forgotten", test_forgetting);
    return check_finish();
}
