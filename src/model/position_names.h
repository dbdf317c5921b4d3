/* position_names.h: what the names of columns say where they go by position, because the model's
 * own names were made up by its library ("Column_0", "f0", "0"): a prefix and the number.
 *
 * Then any name will do, but for two that mean something else: a row of data that was taken for
 * the header, and a name of the model at another place. Pure functions, of linear time. */
#ifndef ALM_MODEL_POSITION_NAMES_H
#define ALM_MODEL_POSITION_NAMES_H

#include "base/str.h"

/* Every name is what stands in a cell: a number, nothing or a word for what is missing, infinity, a
 * flag. */
bool alm_names_are_values(const alm_str *name, size_t count);

/* They are 0, 1, ..., count - 1 in order, as pandas and MLflow number columns without names. */
bool alm_names_are_numbered(const alm_str *name, size_t count);

/* The first of the model's columns at whose place stands what the model calls another one (but for
 * blanks around it and capitals), or the plain number of another one; SIZE_MAX: none. `place`:
 * count, which given name stands for which column; NULL: all, in order. `made_up`: the model's. */
size_t alm_names_moved(const alm_str *given, const size_t *place, const alm_str *made_up,
                       size_t count);

#endif
