#include "decimal.h"

#include <string.h>

/* Every such number is a double, and so is every such power of ten; hence one
   divided by the other is rounded once. */
enum { MAX_DIGITS = 15 };

bool
decimal_read(const char *text, size_t length, double *number)
{
    double digits = 0, scale = 1;
    int count = 0;
    bool is_fraction = false;
    bool is_negative = length > 0 && text[0] == '-';
    for (size_t i = is_negative; i < length; i++) {
        if (text[i] == '.' && !is_fraction) {
            is_fraction = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || count++ == MAX_DIGITS) {
            return false;
        }
        digits = digits * 10 + (text[i] - '0');
        scale *= is_fraction ? 10 : 1;
    }
    *number = (is_negative ? -digits : digits) / scale;
    return count > 0;
}

int32_t
decimal_digits(const char *text)
{
    int32_t number = 0;
    size_t length = text == NULL ? 0 : strlen(text);
    if (length == 0 || length > 9 || strspn(text, "0123456789") != length) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        number = number * 10 + (text[i] - '0');
    }
    return number;
}
