#include "model/position_names.h"

#include <stdio.h>

#define DIGITS_MAX 9 /* of a column's number: more is none */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_but_capitals(alm_str a, alm_str b)
{
    bool same = a.size == b.size;
    for (size_t i = 0; same && i < a.size; i++) {
        same = lower(a.data[i]) == lower(b.data[i]);
    }
    return same;
}

/* As tables write what is missing, beyond every number, or a flag, but for capitals. */
static bool is_word_of_cells(alm_str text)
{
    static const char *const WORD[] = {"",     "nan", "na",  "n/a",  "null",     "none",
                                       "true", "false", "inf", "-inf", "infinity", "-infinity"};
    for (size_t k = 0; k < sizeof WORD / sizeof *WORD; k++) {
        if (same_but_capitals(text, alm_str_of(WORD[k]))) {
            return true;
        }
    }
    return false;
}

bool alm_names_are_values(const alm_str *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_str text = alm_str_trim(name[i]);
        double number = 0;
        if (!alm_str_to_double(text, &number) && !is_word_of_cells(text)) {
            return false;
        }
    }
    return true;
}

bool alm_names_are_numbered(const alm_str *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char number[24];
        (void)snprintf(number, sizeof number, "%zu", i);
        if (!alm_str_is(alm_str_trim(name[i]), number)) {
            return false;
        }
    }
    return true;
}

/* The number at the end of a name, written without zeros in front; SIZE_MAX: none. */
static size_t number_behind(alm_str name, size_t *digits)
{
    size_t first = name.size, number = 0;
    while (first > 0 && name.data[first - 1] >= '0' && name.data[first - 1] <= '9') {
        first--;
    }
    *digits = name.size - first;
    if (*digits == 0 || *digits > DIGITS_MAX || (*digits > 1 && name.data[first] == '0')) {
        return SIZE_MAX;
    }
    for (size_t i = first; i < name.size; i++) {
        number = number * 10 + (size_t)(name.data[i] - '0');
    }
    return number;
}

size_t alm_names_moved(const alm_str *given, const size_t *place, const alm_str *made_up,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        alm_str name = alm_str_trim(given[place ? place[i] : i]);
        size_t digits = 0, number = number_behind(name, &digits);
        if (number < count && number != i &&
            (digits == name.size || same_but_capitals(name, made_up[number]))) {
            return i;
        }
    }
    return SIZE_MAX;
}
