/*
 * Numbers in text, whatever the locale.
 */
#ifndef DIRECT_DECIMAL_H
#define DIRECT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number that the whole text is: up to 15 digits, among which there may be
 * a point, and a minus before them.  It is rounded exactly.  False where the
 * text is anything else.
 */
bool decimal_read(const char *text, size_t length, double *number);

/* A number of digits alone, at most 9 of them; -1 where the text is anything
   else, or NULL. */
int32_t decimal_digits(const char *text);

#endif
