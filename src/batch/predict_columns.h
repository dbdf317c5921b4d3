/* predict_columns.h: which column of a file of rows is which of a model's, for predict_file.c only.
 *
 * Pure functions. */
#ifndef ALM_BATCH_PREDICT_COLUMNS_H
#define ALM_BATCH_PREDICT_COLUMNS_H

#include "base/error.h"
#include "base/str.h"

typedef struct almi_predict_columns {
    const char *name; /* of the file, for messages */
    const alm_str *header;
    size_t count;
    const alm_str *feature; /* the model's columns, in its order */
    size_t feature_count;
    bool made_up; /* their names, by the model's library: then they may go by position */
    bool bars;    /* they are columns of bars */
    const alm_str *answer; /* columns of the file that are none of the model's, by name */
    size_t answer_count;
} almi_predict_columns;

/* The place of a column in the header; blanks of it may be '_' in `feature`. SIZE_MAX: none. */
size_t almi_predict_column(const alm_str *header, size_t count, alm_str feature);

/* place: feature_count, of each of the model's columns in the header. By name where all are there;
 * by position where names are made up, when their number fits and none is called as the model
 * calls another one (model/position_names.h). Else ALM_ERR_INVALID, which says what is missing. */
ALM_NODISCARD alm_err almi_predict_place(const almi_predict_columns *columns, size_t *place,
                                         bool *by_position, alm_error *error);

#endif
