/* forest_lightgbm_list.h: lists of numbers as LightGBM writes most of them.
 *
 * Blanks are found 64 bytes at a time, so that a number's place does not wait for the one before it
 * to be read. What is written in another way, or lies too near the end of the text, is left to the
 * caller, number by number. */
#ifndef ALM_MODEL_FOREST_LIGHTGBM_LIST_H
#define ALM_MODEL_FOREST_LIGHTGBM_LIST_H

#include "base/str.h"

typedef struct almi_list {
    alm_str rest;         /* what is to be read; starts with a number, or the blank before it */
    const char *text_end; /* of what may be looked at, behind the list */
} almi_list;

/* Both read up to `most` numbers, each followed by a blank or the end of the list and separated by
 * one blank, and give how many they have read; the list goes on behind them. */

/* -1234567 .. 1234567: up to seven digits */
size_t almi_list_integers(almi_list *list, int32_t *out, size_t most);
/* whole numbers of up to seven digits, and the decimals of alm_str_plain_decimal */
size_t almi_list_doubles(almi_list *list, double *out, size_t most);

#endif
