#include "batch/predict_columns.h"

#include "model/position_names.h"

#define NAMES_SHOWN_BYTES 300

static bool same_with_blanks(alm_str column, alm_str feature)
{
    if (column.size != feature.size) {
        return false;
    }
    for (size_t i = 0; i < column.size; i++) {
        char c = column.data[i] == ' ' ? '_' : column.data[i];
        if (c != feature.data[i]) {
            return false;
        }
    }
    return true;
}

size_t almi_predict_column(const alm_str *header, size_t count, alm_str feature)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(header[i], feature)) {
            return i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (same_with_blanks(header[i], feature)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* By name; returns how many are missing, their names in `list`. */
static size_t find_columns(const almi_predict_columns *c, size_t *place, alm_buffer *list)
{
    size_t missing = 0, left_out = 0;
    for (size_t i = 0; i < c->feature_count; i++) {
        alm_str name = c->feature[i];
        place[i] = almi_predict_column(c->header, c->count, name);
        if (place[i] != SIZE_MAX) {
            continue;
        }
        missing++;
        if (list->size + name.size > NAMES_SHOWN_BYTES && missing > 1) {
            left_out++; /* a message has its bounds */
            continue;
        }
        alm_buffer_printf(list, "%s" ALM_STR_FMT, missing > 1 ? ", " : "", ALM_STR_ARG(name));
    }
    if (left_out) {
        alm_buffer_printf(list, " and %zu more", left_out);
    }
    return missing;
}

static bool is_answer(const almi_predict_columns *c, alm_str name)
{
    for (size_t i = 0; i < c->answer_count; i++) {
        if (alm_str_equal(c->answer[i], name)) {
            return true;
        }
    }
    return false;
}

/* Where the file has some of the model's names, it means them: in another order, the position
 * would take one column for another. */
static alm_err refuse_moved(const almi_predict_columns *c, const size_t *place, alm_error *error)
{
    size_t at = alm_names_moved(c->header, place, c->feature, c->feature_count);
    if (at == SIZE_MAX) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s has column " ALM_STR_FMT " where the model has "
                    ALM_STR_FMT ", and not all of the model's names (" ALM_STR_FMT " to "
                    ALM_STR_FMT "): name all of its columns so, or none of them", c->name,
                    ALM_STR_ARG(c->header[place[at]]), ALM_STR_ARG(c->feature[at]),
                    ALM_STR_ARG(c->feature[0]), ALM_STR_ARG(c->feature[c->feature_count - 1]));
}

static alm_err place_by_position(const almi_predict_columns *c, size_t *place, alm_error *error)
{
    size_t need = c->feature_count;
    size_t at = 0;
    if (alm_names_are_values(c->header, c->count)) { /* data, which would be lost as a header */
        return alm_fail(error, ALM_ERR_INVALID, "%s: the first row holds numbers: a header with "
                        "the column names is needed", c->name);
    }
    for (size_t i = 0; i < c->count; i++) {
        if (is_answer(c, c->header[i])) {
            continue;
        }
        if (at < need) {
            place[at] = i;
        }
        at++;
    }
    if (at != need) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s has %zu columns, the model takes %zu: it has no names for them, so "
                        "they go by position; leave out what it was not trained on, or name its "
                        "columns " ALM_STR_FMT " to " ALM_STR_FMT,
                        c->name, at, need, ALM_STR_ARG(c->feature[0]),
                        ALM_STR_ARG(c->feature[need - 1]));
    }
    return refuse_moved(c, place, error);
}

alm_err almi_predict_place(const almi_predict_columns *c, size_t *place, bool *by_position,
                           alm_error *error)
{
    alm_buffer list = {0};
    size_t missing = find_columns(c, place, &list);
    alm_err code = alm_buffer_status(&list, error);
    if (code == ALM_OK && missing && c->made_up) {
        code = place_by_position(c, place, error);
        *by_position = code == ALM_OK;
    } else if (code == ALM_OK && missing) {
        code = alm_fail(error, ALM_ERR_INVALID, "%s lacks %zu of the %s%zu columns%s: %s", c->name,
                        missing, c->bars ? "" : "model's ", c->feature_count,
                        c->bars ? " of bars" : "", list.data);
    }
    alm_buffer_deinit(&list);
    return code;
}
