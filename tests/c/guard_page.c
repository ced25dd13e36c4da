#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "guard_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t
page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

struct guarded
guarded_alloc(size_t size)
{
    size_t page = page_size();
    size_t inner = (size + page - 1) / page * page;
    uint8_t *map = mmap(NULL, inner + 2 * page, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED ||
        mprotect(map + page, inner, PROT_READ | PROT_WRITE) != 0) {
        perror("guarded_alloc");
        exit(2);
    }
    return (struct guarded){map + page, map + page + inner};
}

void
guarded_free(struct guarded memory)
{
    size_t page = page_size();

    munmap(memory.start - page,
           (size_t)(memory.end - memory.start) + 2 * page);
}
