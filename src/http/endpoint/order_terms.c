#include "http/endpoint/order_terms.h"

/* ---- schemas ---- */

const alm_schema almi_schema_lead_days = {.kind = ALM_SCHEMA_INTEGER, .min = 0,
                                          .max = ALM_COMMITTED_STEPS_MAX};
const alm_schema almi_schema_share = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1};
const alm_schema almi_schema_units = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1e15};
static const alm_schema_member lead_members[] = {
    {"days", &almi_schema_lead_days, true, "Until an order arrives."},
    {"probability", &almi_schema_share, true, "All of them sum to 1."},
};
static const alm_schema lead = {.name = "LeadTime", .doc = "One of several lead times.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(lead_members)};
const alm_schema almi_schema_leads = {.kind = ALM_SCHEMA_ARRAY, .items = &lead, .count_min = 1,
                                      .count_max = ALM_LEAD_TIMES_MAX};

/* ---- requests ---- */

static const char *const KEYS[] = {
    "lead_time_days", "lead_times", "review_days", "service_level", "fill_rate", "holding_cost",
    "shortage_cost",  "order_cost", "multiple",    "minimum",       "maximum",   "capacity",
    "lost_sales"};

static bool says_any(const alm_json *object)
{
    bool any = false;
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        any = any || alm_json_member(object, KEYS[i]);
    }
    return any;
}

static alm_err read_lead_time(const alm_json *object, alm_arena *arena, alm_replenish_terms *out,
                              alm_error *error)
{
    const alm_json *days = alm_json_member(object, "lead_time_days");
    const alm_json *list = alm_json_member(object, "lead_times");
    if (!days && !list) {
        return ALM_OK;
    }
    if (days && list) {
        return alm_fail(error, ALM_ERR_INVALID, "say lead_time_days, or lead_times for several "
                        "with their probabilities");
    }
    size_t count = days ? 1 : alm_json_count(list);
    alm_lead_time *times = ALM_NEW_ARRAY(arena, alm_lead_time, count);
    times[0].probability = 1;
    almi_answer_i32(object, "lead_time_days", &times[0].days);
    for (size_t i = 0; list && i < count; i++) {
        almi_answer_i32(alm_json_at(list, i), "days", &times[i].days);
        almi_answer_double(alm_json_at(list, i), "probability", &times[i].probability);
    }
    out->lead_time = times;
    out->lead_time_count = count;
    return ALM_OK;
}

static alm_err read_goal(const alm_json *object, almi_order_terms *out, alm_error *error)
{
    alm_replenish_terms *terms = &out->terms;
    bool cycle = alm_json_member(object, "service_level") != NULL;
    bool fill = alm_json_member(object, "fill_rate") != NULL;
    if (cycle && fill) {
        return alm_fail(error, ALM_ERR_INVALID, "service_level and fill_rate are two goals: say "
                        "one");
    }
    if (cycle || fill) {
        terms->goal = cycle ? ALM_SERVICE_CYCLE : ALM_SERVICE_FILL;
        almi_answer_double(object, cycle ? "service_level" : "fill_rate", &terms->service);
        out->has_goal = true;
    }
    almi_answer_double(object, "holding_cost", &terms->holding_cost);
    almi_answer_double(object, "shortage_cost", &terms->shortage_cost);
    almi_answer_double(object, "order_cost", &terms->order_cost);
    if (!out->has_goal) {
        terms->goal = ALM_SERVICE_COST;
    }
    return ALM_OK;
}

alm_err almi_order_terms_read(const alm_json *object, alm_arena *arena, almi_order_terms *out,
                              bool *says, alm_error *error)
{
    almi_order_terms made = *out;
    alm_replenish_terms *terms = &made.terms;
    if (!made.any) {
        terms->review = 1;
    }
    ALM_TRY(read_lead_time(object, arena, terms, error));
    ALM_TRY(read_goal(object, &made, error));
    almi_answer_i32(object, "review_days", &terms->review);
    almi_answer_double(object, "multiple", &terms->rules.multiple);
    almi_answer_double(object, "minimum", &terms->rules.minimum);
    almi_answer_double(object, "maximum", &terms->rules.maximum);
    almi_answer_double(object, "capacity", &terms->rules.capacity);
    const alm_json *lost = alm_json_member(object, "lost_sales");
    if (lost) {
        (void)alm_json_as_bool(lost, &terms->lost_sales);
    }
    *says = says_any(object);
    made.any = made.any || *says;
    *out = made;
    return ALM_OK;
}

alm_err almi_order_terms_check(const almi_order_terms *terms, alm_error *error)
{
    const alm_replenish_terms *t = &terms->terms;
    if (t->lead_time_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "say lead_time_days, or lead_times for several "
                        "with their probabilities");
    }
    if (!terms->has_goal && !(t->holding_cost > 0 && t->shortage_cost > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "a goal is needed: service_level or fill_rate, or "
                        "holding_cost and shortage_cost above zero for least cost");
    }
    return ALM_OK;
}

void almi_order_put_advice(const alm_replenish_advice *advice, double order, alm_str limited_by,
                           alm_json_writer *json)
{
    alm_json_put_double(json, "order", order);
    alm_json_put_text(json, "because", alm_order_reason_text(advice->reason));
    almi_answer_put_text(json, "limited", limited_by);
    alm_json_put_double(json, "reorder_point", advice->reorder_point);
    alm_json_put_double(json, "safety_stock", advice->safety_stock);
    alm_json_put_double(json, "order_up_to", advice->order_up_to);
}
