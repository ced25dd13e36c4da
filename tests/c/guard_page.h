#ifndef GUARD_PAGE_H
#define GUARD_PAGE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory between two unmapped pages (POSIX only): a read or write before start
 * or at end and beyond ends the program with SIGSEGV. Lay a buffer against end
 * to catch overruns, against start to catch underruns.
 */
struct guarded {
    uint8_t *start;
    uint8_t *end;
};

/* At least size bytes, zero; ends the program if there is no memory. */
struct guarded guarded_alloc(size_t size);

void guarded_free(struct guarded memory);

#endif
