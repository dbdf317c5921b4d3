#include "http/endpoint/forecast_reply.h"

#include <math.h>

/* ---- schema ---- */

static const alm_schema_member interval_members[] = {
    {"low", &alm_schema_number, true, "Lower bound."},
    {"high", &alm_schema_number, true, "Upper bound."},
    {"low_level", &alm_schema_number, true, "Level of the lower quantile."},
    {"high_level", &alm_schema_number, true, "Level of the upper quantile."},
};
static const alm_schema interval = {.name = "Interval", .doc = "Between two stored quantiles.",
                                    .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(interval_members),
                                    .is_nullable = true};

static const alm_schema_member limited_members[] = {
    {"policy", &alm_schema_string, true, "The policy that changed a day."},
    {"before", &alm_schema_number, true, "The value before it did."},
};
static const alm_schema limited = {.name = "Limited", .doc = "A hard limit that held.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(limited_members),
                                   .is_nullable = true};

static const alm_schema quantiles = {.kind = ALM_SCHEMA_MAP, .items = &alm_schema_number,
                                     .is_nullable = true};

static const alm_schema_member line_members[] = {
    {"feature", &alm_schema_string, true, "What contributes."},
    {"contribution", &alm_schema_number, true, "Units."},
};
static const alm_schema line = {.name = "Contribution", .doc = "A line of an explanation.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(line_members)};
static const alm_schema lines = {.kind = ALM_SCHEMA_ARRAY, .items = &line};

static const alm_schema_member period_members[] = {
    {"timestamp", &alm_schema_date, true, "The first day."},
    {"last", &alm_schema_date, true, "The last day."},
    {"days", &alm_schema_integer, true, "Number of days."},
    {"is_whole", &alm_schema_boolean, true, "False: a week or month that the horizon cuts off."},
    {"value", &alm_schema_number, true, "Expected demand."},
    {"confidence_interval", &interval, true, "Null for several days of an aggregate of a run: "
                                             "quantiles do not add up."},
    {"quantiles", &quantiles, true, "By level; null as the interval, and of a rule."},
    {"stockout_probability", &almi_schema_number, true, "By the end of the last day."},
    {"expected_shortfall", &almi_schema_number, true, "Units, by the end of the last day."},
    {"limited", &limited, true, "Null: no policy changed it."},
    {"base_value", &almi_schema_number, false, "Before reconciliation."},
    {"explanation", &lines, false, "Lines that sum to the stored mean."},
};
static const alm_schema period = {.name = "Period", .doc = "A day, week or month.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(period_members)};
static const alm_schema periods = {.kind = ALM_SCHEMA_ARRAY, .items = &period};

static const alm_schema_member metric_members[] = {
    {"mape", &almi_schema_number, true, "Mean absolute percentage error."},
    {"rmse", &almi_schema_number, true, "Root mean squared error."},
    {"wape", &almi_schema_number, true, "Absolute errors over the demand."},
    {"bias", &almi_schema_number, true, "Errors over the demand."},
};
static const alm_schema metrics = {.name = "Metrics",
                                   .doc = "Of the release's backtest, at the level of the node.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(metric_members),
                                   .is_nullable = true};

static const alm_schema_member members[] = {
    {"node", &alm_schema_string, true, "The node."},
    {"level", &alm_schema_string, true, "Its level; `series` of the lowest."},
    {"predictions", &periods, true, "In the order of days."},
    {"model_metrics", &metrics, true, "Null where the release has none."},
    {"method", &almi_schema_text, false, "What made the base forecast."},
    {"fallback", &almi_schema_text, false, "Why the model did not answer in the run."},
    ALMI_COMPUTED_MEMBERS,
    ALMI_LABEL_MEMBERS,
};
const alm_schema almi_schema_forecast = {.name = "Forecast", .doc = "Demand of a node.",
                                         .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

/* ---- JSON ---- */

static void put_interval(const alm_demand_answer *answer, const alm_demand_period *p,
                         alm_json_writer *json)
{
    alm_json_key(json, "confidence_interval");
    if (isnan(p->low)) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    alm_json_put_double(json, "low", p->low);
    alm_json_put_double(json, "high", p->high);
    alm_json_put_double(json, "low_level", answer->low_level);
    alm_json_put_double(json, "high_level", answer->high_level);
    alm_json_close_object(json);
}

static void put_quantiles(const alm_demand_answer *answer, const alm_demand_period *p,
                          alm_json_writer *json)
{
    alm_json_key(json, "quantiles");
    if (!p->quantile) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    for (size_t q = 0; q < answer->quantiles; q++) {
        char level[32];
        alm_double_text(answer->quantile[q], level);
        if (!isnan(p->quantile[q])) { /* a level that this release does not have */
            alm_json_put_double(json, level, p->quantile[q]);
        }
    }
    alm_json_close_object(json);
}

static void put_limited(const alm_demand_period *p, alm_json_writer *json)
{
    alm_json_key(json, "limited");
    if (p->limited_by.size == 0) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    alm_json_put_str(json, "policy", p->limited_by);
    alm_json_put_double(json, "before", p->mean_before);
    alm_json_close_object(json);
}

/* What the run holds besides about the only day of period `i`. */
static void put_stored(const alm_demand_answer *answer, size_t i, alm_json_writer *json)
{
    alm_committed_line own[ALM_COMMITTED_LINES_MAX];
    int32_t step = answer->first_step + (int32_t)i;
    size_t count = alm_committed_explanation(answer->run, &answer->stored, step, own);
    alm_json_put_double(json, "base_value", answer->stored.base_mean[step - 1]);
    alm_json_key(json, "explanation");
    alm_json_open_array(json);
    for (size_t k = 0; k < count; k++) {
        alm_json_open_object(json);
        alm_json_put_str(json, "feature", own[k].feature);
        alm_json_put_double(json, "contribution", own[k].contribution);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
}

static void put_period(const alm_demand_answer *answer, size_t i, bool stored,
                       alm_json_writer *json)
{
    const alm_demand_period *p = &answer->period[i];
    alm_json_open_object(json);
    almi_answer_put_date(json, "timestamp", p->first);
    almi_answer_put_date(json, "last", p->last);
    alm_json_put_i64(json, "days", p->days);
    alm_json_put_bool(json, "is_whole", p->is_whole);
    alm_json_put_double(json, "value", p->mean);
    put_interval(answer, p, json);
    put_quantiles(answer, p, json);
    alm_json_put_double(json, "stockout_probability", p->stockout_probability);
    alm_json_put_double(json, "expected_shortfall", p->shortfall);
    put_limited(p, json);
    if (stored && answer->run) {
        put_stored(answer, i, json);
    }
    alm_json_close_object(json);
}

static void put_metrics(const almi_answering *answering, const alm_demand_answer *answer,
                        alm_json_writer *json)
{
    const alm_committed_release *release =
        alm_committed_set_release(answering->online.set, answer->label.model_version);
    alm_json_key(json, "model_metrics");
    for (size_t i = 0; release && i < release->metrics; i++) {
        const alm_committed_metric *m = &release->metric[i];
        if (alm_str_equal(m->level, answer->level)) {
            alm_json_open_object(json);
            alm_json_put_double(json, "mape", m->mape);
            alm_json_put_double(json, "rmse", m->rmse);
            alm_json_put_double(json, "wape", m->wape);
            alm_json_put_double(json, "bias", m->bias);
            alm_json_close_object(json);
            return;
        }
    }
    alm_json_null(json);
}

void almi_forecast_reply(const almi_answering *answering, const alm_demand_answer *answer,
                         const almi_computing *computing, alm_reply *reply)
{
    bool stored = !computing;
    alm_json_writer json = alm_json_writer_on(reply->body);
    reply->status = 200;
    reply->content_type = ALM_TYPE_JSON;
    alm_json_open_object(&json);
    alm_json_put_str(&json, "node", answer->node);
    alm_json_put_str(&json, "level", answer->level);
    alm_json_key(&json, "predictions");
    alm_json_open_array(&json);
    for (size_t i = 0; i < answer->periods; i++) {
        put_period(answer, i, stored, &json);
    }
    alm_json_close_array(&json);
    put_metrics(answering, answer, &json);
    if (stored && answer->run) {
        almi_answer_put_text(&json, "method", answer->stored.method);
        almi_answer_put_text(&json, "fallback", answer->stored.fallback);
    }
    almi_compute_put(computing, &answer->label, &json);
    almi_answer_put_label(&answer->label, &json);
    alm_json_close_object(&json);
}
