/* backtest_page.h: a backtest by itself as one self-contained HTML page: every method by level,
 * class and step, whether the differences are more than chance, coverage, importance.
 *
 * A pure function, as alm_report_render is (report.h): the same input gives the same bytes. */
#ifndef ALM_REPORT_BACKTEST_PAGE_H
#define ALM_REPORT_BACKTEST_PAGE_H

#include "base/str.h"

typedef struct alm_backtest_page_input {
    alm_str project;
    alm_str engine; /* name and version of the program */
    alm_str report; /* of the backtest, JSON (train.h) */
} alm_backtest_page_input;

/* ALM_ERR_CORRUPT when the report cannot be read; ALM_ERR_MEMORY. */
ALM_NODISCARD alm_err alm_backtest_page_render(const alm_backtest_page_input *input,
                                               alm_buffer *out, alm_error *error);

#endif
