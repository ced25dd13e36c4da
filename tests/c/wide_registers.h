/*
 * Whether code has left something in the upper halves of the vector registers.
 * Every SSE instruction after it, libopenslide's among them, would then have
 * to carry these along, and run several times as long.
 */
#ifndef WIDE_REGISTERS_H
#define WIDE_REGISTERS_H

#include <stdbool.h>

/* NULL if this CPU tells, else why not. */
const char *wide_registers_unknown(void);

bool wide_registers_are_clean(void);

#endif
