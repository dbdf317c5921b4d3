#include "serve/stockout_answer.h"

#include <math.h>
#include <stdlib.h>

const char *alm_severity_text(alm_severity severity)
{
    static const char *const TEXTS[] = {
#define TEXT(name, text) text,
        ALM_SEVERITY_MAP(TEXT)
#undef TEXT
    };
    return TEXTS[severity];
}

alm_severity alm_severity_of(const double *by_day, int32_t days)
{
    double p = by_day[days - 1];
    double soon = by_day[(days < ALM_SEVERITY_SOON_DAYS ? days : ALM_SEVERITY_SOON_DAYS) - 1];
    if (p >= 0.8 || soon >= 0.5) {
        return ALM_SEVERITY_CRITICAL;
    }
    return p >= 0.5    ? ALM_SEVERITY_HIGH
           : p >= 0.2  ? ALM_SEVERITY_MEDIUM
           : p >= 0.05 ? ALM_SEVERITY_LOW
                       : ALM_SEVERITY_NONE;
}

typedef struct work {
    const alm_stockout_request *request;
    alm_arena *arena;
    const alm_committed_run *run; /* that answered */
    alm_committed_node node;
    alm_stockout_answer *out;
} work;

/* ---- drivers ---- */

static int larger_first(const void *a, const void *b)
{
    const alm_stockout_driver *x = a;
    const alm_stockout_driver *y = b;
    double u = fabs(x->contribution);
    double v = fabs(y->contribution);
    return u != v ? (u < v) - (u > v) : alm_str_compare(x->feature, y->feature);
}

static void add_driver(alm_stockout_driver *driver, size_t *count, const alm_committed_line *line)
{
    size_t at = 0;
    while (at < *count && !alm_str_equal(driver[at].feature, line->feature)) {
        at++;
    }
    if (at == *count) {
        driver[(*count)++].feature = line->feature;
    }
    driver[at].contribution += line->contribution;
}

static void collect_drivers(work *w)
{
    alm_committed_line line[ALM_COMMITTED_LINES_MAX];
    alm_stockout_answer *out = w->out;
    size_t lines = 0;
    for (int32_t step = 1; step <= out->days; step++) {
        lines += alm_committed_explanation(w->run, &w->node, step, line);
    }
    alm_stockout_driver *driver = ALM_NEW_ARRAY(w->arena, alm_stockout_driver, lines);
    for (int32_t step = 1; step <= out->days; step++) {
        size_t count = alm_committed_explanation(w->run, &w->node, step, line);
        for (size_t i = 0; i < count; i++) {
            add_driver(driver, &out->drivers, &line[i]);
        }
    }
    if (out->drivers > 0) {
        qsort(driver, out->drivers, sizeof(*driver), larger_first);
    }
    out->driver = driver;
}

/* ---- the run that answers ---- */

static alm_step_result take(void *context, const alm_committed_run *run,
                            const alm_committed_node *node, alm_error *error)
{
    work *w = context;
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    int32_t days = w->request->horizon ? w->request->horizon : facts->steps;
    if (days > facts->steps) {
        (void)alm_fail(error, ALM_ERR_INVALID, "run " ALM_STR_FMT " has %d days, a horizon of %d "
                       "is beyond them", ALM_STR_ARG(facts->run_id), (int)facts->steps, (int)days);
        return ALM_STEP_CALLER;
    }
    if (!node->stockout_probability || isnan(node->stockout_probability[days - 1]) ||
        isnan(node->days_to_stockout[days - 1]) || isnan(node->shortfall[days - 1])) {
        (void)alm_fail(error, ALM_ERR_NOT_FOUND, "run " ALM_STR_FMT " has no stock position of "
                       "this node, so no risk", ALM_STR_ARG(facts->run_id));
        return ALM_STEP_CALLER;
    }
    w->run = run;
    w->node = *node;
    w->out->days = days;
    return ALM_STEP_ANSWERED;
}

/* ---- the operation ---- */

static void fill(work *w)
{
    alm_stockout_answer *out = w->out;
    const alm_committed_facts *facts = alm_committed_run_facts(w->run);
    int32_t end = out->days - 1;
    out->node = w->node.node;
    out->level = w->node.level;
    out->first = facts->prediction_date;
    out->last = facts->prediction_date + end;
    out->steps = facts->steps;
    out->by_day = w->node.stockout_probability;
    out->probability = out->by_day[end];
    out->expected_days = w->node.days_to_stockout[end];
    out->shortfall = w->node.shortfall[end];
    out->severity = alm_severity_of(out->by_day, out->days);
    for (int32_t day = out->days; day >= 1; day--) {
        out->median_day = out->by_day[day - 1] >= 0.5 ? day : out->median_day;
    }
    out->demand = w->node.mean[0];
    for (int32_t day = 1; day <= end; day++) {
        out->demand += w->node.mean[day];
    }
    collect_drivers(w);
}

alm_err alm_stockout(const alm_online *online, const alm_stockout_request *request,
                     alm_arena *arena, alm_stockout_answer *out, alm_error *error)
{
    alm_stockout_answer made = {0};
    work w = {.request = request, .arena = arena, .out = &made};
    if (request->horizon < 0) {
        return alm_fail(error, ALM_ERR_INVALID, "a horizon is at least 1");
    }
    ALM_TRY(alm_online_ask_runs(online, &request->ask, take, &w, &made.label, error));
    fill(&w);
    *out = made;
    return ALM_OK;
}
