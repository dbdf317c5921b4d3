/* report_internal.h: the page's sections and what they share. */
#ifndef ALM_REPORT_REPORT_INTERNAL_H
#define ALM_REPORT_REPORT_INTERNAL_H

#include "base/json.h"
#include "report/html.h"
#include "report/report.h"

typedef struct almi_page {
    const alm_report_input *input;
    const alm_json *manifest;
    const alm_json *backtest; /* NULL: none */
    alm_arena *arena;
    alm_buffer *out;
} almi_page;

/* Sections in their order on the page. Those without content write nothing. */
void almi_page_cards(const almi_page *page);
void almi_page_fans(const almi_page *page);
void almi_page_stockouts(const almi_page *page);
void almi_page_accuracy(const almi_page *page);
void almi_page_ranks(const almi_page *page); /* of a backtest in detail, as the next one */
void almi_page_steps(const almi_page *page);
bool almi_page_has_steps(const almi_page *page);
void almi_page_coverage(const almi_page *page);
void almi_page_importance(const almi_page *page);
void almi_page_explanation(const almi_page *page);
void almi_page_methods(const almi_page *page);
void almi_page_lineage(const almi_page *page);

/* <section id=..><h2>title</h2><p class="lead">lead</p>; `lead` is markup. */
void almi_section_open(const almi_page *page, const char *id, const char *title,
                       const char *lead);
void almi_section_close(const almi_page *page);
/* A wide table scrolls inside its own frame, also by keyboard. `caption` is plain text. */
void almi_table_open(const almi_page *page, const char *class_name, const char *caption);
void almi_table_close(const almi_page *page);

/* The page's head with its title (plain text), up to the open body. */
void almi_page_head(alm_buffer *out, const char *title);
/* The footer and the script, to the end of the page. `promise`: what stands behind "Made by
 * ENGINE"; below, that of pages which are made from the stores alone. */
void almi_page_foot(alm_buffer *out, alm_str engine, const char *promise);
extern const char *const almi_page_of_stores;
/* A link of the lineage's chain: title and hash (may be empty), then what it says. */
void almi_link_open(const almi_page *page, const char *title, alm_str digest);
void almi_link_close(const almi_page *page);
void almi_link_text(const almi_page *page, const char *title, alm_str digest, const char *text);
void almi_ledger_table(const almi_page *page, const alm_ledger_entry *ledger, size_t count);

/* Members of the manifest or of the backtest: NULL, empty, 0 and NaN when absent or null; a NULL
 * object has none. */
const alm_json *almi_member(const alm_json *object, const char *key);
size_t almi_count(const alm_json *list);
alm_str almi_text_member(const alm_json *object, const char *key);
int64_t almi_i64_member(const alm_json *object, const char *key);
double almi_double_member(const alm_json *object, const char *key);

/* NaN for a null or when the column is not there. */
double almi_table_f64(const alm_table *table, const char *column, size_t row);
alm_str almi_table_text(const alm_table *table, const char *column, size_t row);
/* Decimals for a whole column, so that its numbers stand under each other. */
int almi_table_decimals(const alm_table *table, const char *column);
alm_date almi_table_date(const alm_table *table, const char *column, size_t row);

/* "exponential smoothing" for "ses"; the name itself when it is not known. */
alm_str almi_method_title(alm_str name);
/* "market" or, for the leaves, "series". */
const alm_json *almi_backtest_level(const almi_page *page, const char *level);
const alm_json *almi_backtest_method(const alm_json *level, const char *method);

/* ---- fan charts ---- */

typedef struct almi_fan {
    alm_date first; /* of the history */
    size_t history_count;
    const double *history; /* NaN: not known */
    const bool *sold_out;  /* of each day: its value is a lower bound of demand; NULL: none is */
    size_t sold_out_days;
    alm_date start; /* first day predicted */
    size_t steps;
    const double *mean;
    const double *q05, *q25, *q75, *q95; /* NULL: not in the store */
} almi_fan;

/* A view of one node's rows, in the page's arena; false when nothing is predicted for it. */
bool almi_fan_of(const almi_page *page, const alm_report_chart *chart, almi_fan *out);
void almi_fan_draw(const almi_page *page, const almi_fan *fan, double width, double height,
                   const char *label);

extern const char *const almi_style[]; /* the style sheet in pieces, NULL at the end */
extern const char almi_script[];       /* theme switch and series picker */

#endif
