#include "http/endpoint/compute_request.h"

#include <math.h>
#include <stdio.h>

/* ---- schemas ---- */

static const alm_schema sold = {.kind = ALM_SCHEMA_NUMBER, .min = 0,
                                .max = ALM_EVENT_QUANTITY_MAX};
static const alm_schema number = {.kind = ALM_SCHEMA_NUMBER, .min = -ALM_EVENT_QUANTITY_MAX,
                                  .max = ALM_EVENT_QUANTITY_MAX};

static const alm_schema_member sale_members[] = {
    {"date", &alm_schema_date, true, "A day that is over."},
    {"value", &sold, true, "All that was sold on it."},
};
static const alm_schema sale = {.name = "DaySales", .doc = "Sales of one day.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(sale_members)};
static const alm_schema sales = {.kind = ALM_SCHEMA_ARRAY, .items = &sale,
                                 .count_max = ALM_OVERLAY_DAYS_MAX};

static const alm_schema_member planned_members[] = {
    {"column", &alm_schema_name, false, "Of the project's `series: columns`."},
    {"date", &alm_schema_date, true, "A day."},
    {"to", &alm_schema_date, false, "The last day with that value; default: `date`."},
    {"value", &number, false, "The column's; an event's is 1 when it is not said."},
};
static const alm_schema planned = {.name = "DayValue", .doc = "A column's value on some days.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(planned_members)};
const alm_schema almi_schema_planned = {.kind = ALM_SCHEMA_ARRAY, .items = &planned,
                                        .count_max = ALM_OVERLAY_DAYS_MAX};

static const alm_schema_member features_members[] = {
    {"historical_sales", &sales, false, "Replace or extend what the service knows."},
    {"price_data", &almi_schema_planned, false, "Prices, planned and past; `column` is `price` "
                                                "when it is not said."},
    {"events", &almi_schema_planned, false, "Promotions, holidays and other columns; each names "
                                            "its `column`."},
};
const alm_schema almi_schema_features = {.name = "Features",
                                         .doc = "What the caller knows beside the service.",
                                         .kind = ALM_SCHEMA_OBJECT,
                                         ALM_MEMBERS(features_members)};

static const alm_schema day = {.kind = ALM_SCHEMA_INTEGER, .min = 1, .max = 100000};
static const alm_schema units = {.kind = ALM_SCHEMA_NUMBER, .min = 0, .max = 1e15};
static const alm_schema_member receipt_members[] = {
    {"day", &day, true, "Day 1 is the first of the answer."},
    {"units", &units, true, "That arrive at its start."},
};
static const alm_schema receipt = {.name = "Receipt", .doc = "Units on order.",
                                   .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(receipt_members)};
const alm_schema almi_schema_receipts = {.kind = ALM_SCHEMA_ARRAY, .items = &receipt,
                                         .count_max = 400};

static const alm_schema position = {.kind = ALM_SCHEMA_NUMBER, .min = -1e15, .max = 1e15};
static const alm_schema_member stock_members[] = {
    {"on_hand", &position, false, "Now; below zero counts as nothing. Default: as the run saw it."},
    {"on_order", &almi_schema_receipts, false, "Receipts to come; default: as the run saw them."},
};
const alm_schema almi_schema_stock = {.name = "StockPosition",
                                      .doc = "A stock position to count the risk of.",
                                      .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(stock_members)};

static const alm_schema_member input_members[] = {
    {"input", &alm_schema_string, true, "`historical_sales`, or a column."},
    {"days", &alm_schema_integer, true, "That were said."},
    {"effect", &alm_schema_string, true, "What came of it."},
};
static const alm_schema input = {.name = "ComputationInput", .doc = "What was given.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(input_members)};
static const alm_schema inputs = {.kind = ALM_SCHEMA_ARRAY, .items = &input};
static const alm_schema date = {.kind = ALM_SCHEMA_DATE, .is_nullable = true};
static const alm_schema_member computation_members[] = {
    {"purpose", &alm_schema_string, true, "What it was asked for."},
    {"inputs", &inputs, true, "What was given; the rest is the service's own state."},
    {"last_day", &date, true, "The last day whose sales count; null: nothing was computed."},
    {"method", &almi_schema_text, true, "gbm, stat, the name of a statistical forecaster, or a "
                                        "blend: gbm+stat."},
    {"label", &almi_schema_text, true, "`not reconciled`: a run would have adjusted it to the "
                                       "forecasts of aggregates."},
};
const alm_schema almi_schema_computation = {.name = "Computation",
                                            .doc = "What was asked to be computed, and of what.",
                                            .kind = ALM_SCHEMA_OBJECT,
                                            ALM_MEMBERS(computation_members),
                                            .is_nullable = true};

/* ---- requests ---- */

typedef struct entry { /* of a list of values */
    alm_str column;
    alm_date first, last;
    double value;
} entry;

static alm_err read_entry(const alm_json *object, const almi_planned_rule *rule, entry *out,
                          alm_error *error)
{
    *out = (entry){.column = alm_str_of(rule->column), .first = ALM_DATE_NONE,
                   .last = ALM_DATE_NONE, .value = rule->value};
    almi_answer_text(object, "column", &out->column);
    almi_answer_date(object, "date", &out->first);
    almi_answer_date(object, "to", &out->last);
    almi_answer_double(object, "value", &out->value);
    out->last = out->last == ALM_DATE_NONE ? out->first : out->last;
    if (out->column.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: every entry names its `column`", rule->what);
    }
    if (isnan(out->value)) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: every entry has a `value`", rule->what);
    }
    if (out->last < out->first || (int64_t)out->last - out->first >= ALM_OVERLAY_DAYS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: `to` is a day from `date` on, and at most %d "
                        "days can be said", rule->what, ALM_OVERLAY_DAYS_MAX);
    }
    return ALM_OK;
}

/* Days that the list says of a column; stops counting above the bound. */
static size_t days_of(const entry *list, size_t count, alm_str column)
{
    size_t days = 0;
    for (size_t i = 0; i < count && days <= ALM_OVERLAY_DAYS_MAX; i++) {
        bool same = alm_str_equal(list[i].column, column);
        days += same ? (size_t)(list[i].last - list[i].first) + 1 : 0;
    }
    return days;
}

/* All entries of one column, as one change. */
static alm_err gather(const entry *list, size_t count, alm_str column, alm_arena *arena,
                      alm_changes *out, alm_error *error)
{
    size_t days = days_of(list, count, column);
    if (days > ALM_OVERLAY_DAYS_MAX || out->column_count == ALM_OVERLAY_COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "at most %d columns and %d days of each can be said",
                        ALM_OVERLAY_COLUMNS_MAX, ALM_OVERLAY_DAYS_MAX);
    }
    alm_day_value *value = ALM_NEW_ARRAY(arena, alm_day_value, days);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        for (alm_date d = list[i].first;
             alm_str_equal(list[i].column, column) && d <= list[i].last; d++) {
            value[used++] = (alm_day_value){d, list[i].value};
        }
    }
    alm_column_change *change = (alm_column_change *)out->column + out->column_count++; /* ours */
    *change = (alm_column_change){.column = column, .value = value, .count = used};
    return ALM_OK;
}

alm_err almi_compute_read_planned(const alm_json *list, const almi_planned_rule *rule,
                                  alm_arena *arena, alm_changes *out, alm_error *error)
{
    size_t count = list ? alm_json_count(list) : 0;
    entry *entries = ALM_NEW_ARRAY(arena, entry, count);
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_entry(alm_json_at(list, i), rule, &entries[i], error));
    }
    for (size_t i = 0; i < count; i++) {
        if (days_of(entries, i, entries[i].column) == 0) {
            ALM_TRY(gather(entries, count, entries[i].column, arena, out, error));
        }
    }
    return ALM_OK;
}

void almi_compute_room(alm_arena *arena, alm_changes *out)
{
    out->column = ALM_NEW_ARRAY(arena, alm_column_change, ALM_OVERLAY_COLUMNS_MAX);
}

static void read_sales(const alm_json *list, alm_arena *arena, alm_changes *out)
{
    size_t count = list ? alm_json_count(list) : 0;
    alm_day_value *value = ALM_NEW_ARRAY(arena, alm_day_value, count);
    for (size_t i = 0; i < count; i++) {
        almi_answer_date(alm_json_at(list, i), "date", &value[i].day);
        almi_answer_double(alm_json_at(list, i), "value", &value[i].value);
    }
    out->sales = value;
    out->sales_count = count;
}

alm_err almi_compute_read(const alm_json *features, alm_arena *arena, alm_changes *out,
                          alm_error *error)
{
    const almi_planned_rule prices = {"price_data", "price", NAN};
    const almi_planned_rule events = {"events", NULL, 1};
    alm_changes made = {.sales = NULL};
    almi_compute_room(arena, &made);
    if (!features) {
        *out = made;
        return ALM_OK;
    }
    read_sales(alm_json_member(features, "historical_sales"), arena, &made);
    ALM_TRY(almi_compute_read_planned(alm_json_member(features, "price_data"), &prices, arena,
                                      &made, error));
    ALM_TRY(almi_compute_read_planned(alm_json_member(features, "events"), &events, arena, &made,
                                      error));
    *out = made;
    return ALM_OK;
}

void almi_compute_read_stock(const alm_json *object, alm_arena *arena, alm_stock_given *out)
{
    const alm_json *list = alm_json_member(object, "on_order");
    if (alm_json_member(object, "on_hand")) {
        out->has_on_hand = true;
        almi_answer_double(object, "on_hand", &out->on_hand);
    }
    if (list) {
        size_t count = alm_json_count(list);
        alm_order_receipt *at = ALM_NEW_ARRAY(arena, alm_order_receipt, count);
        for (size_t i = 0; i < count; i++) {
            almi_answer_i32(alm_json_at(list, i), "day", &at[i].day);
            almi_answer_double(alm_json_at(list, i), "units", &at[i].units);
        }
        out->has_receipts = true;
        out->receipt = at;
        out->receipts = count;
    }
}

/* ---- computing ---- */

const alm_computing_source *almi_compute_source(const alm_call *call, alm_computing_live *live)
{
    const alm_service *service = call->service;
    if (service->computing) {
        return service->computing;
    }
    if (!service->live) {
        return NULL;
    }
    alm_computing_live_init(service->live, (size_t)call->request->worker, live);
    return &live->source;
}

bool almi_compute_is_asked(const alm_json *body)
{
    return alm_json_member(body, "features") != NULL;
}

alm_err almi_compute_begin(const almi_answering *answering, const alm_online_ask *ask,
                           const char *approved, bool explain, almi_computing *out,
                           alm_error *error)
{
    const alm_call *call = answering->call;
    alm_arena *arena = call->request->arena;
    const alm_json *features = alm_json_member(call->body, "features");
    *out = (almi_computing){.approved = {approved}};
    almi_answer_text(call->body, "purpose", &out->purpose);
    if (!features) {
        alm_online_target target;
        if (out->purpose.size == 0) {
            return ALM_OK;
        }
        ALM_TRY(alm_online_target_of(&answering->online, ask, &target, error));
        return alm_online_check_purpose(target.route->spec, out->purpose, out->approved, 1, error);
    }
    ALM_TRY(almi_compute_read(features, arena, &out->variant.changes, error));
    out->request = (alm_computation_request){
        .online = &answering->online, .ask = ask, .purpose = out->purpose,
        .approved = out->approved, .approved_count = 1, .variant = &out->variant, .variants = 1,
        .explain = explain, .source = almi_compute_source(call, &out->live),
        .breakers = call->service->breakers};
    return alm_computation_begin(&out->request, arena, &out->computation, error);
}

/* ---- replies ---- */

static void put_input(alm_str name, size_t days, const char *effect, alm_json_writer *json)
{
    alm_json_open_object(json);
    alm_json_put_str(json, "input", name);
    alm_json_put_i64(json, "days", (int64_t)days);
    alm_json_put_text(json, "effect", effect);
    alm_json_close_object(json);
}

void almi_compute_put_said(const almi_compute_said *said, alm_json_writer *json)
{
    static const char UNUSED[] = "not used: a committed run or a rule answered";
    const alm_changes *changes = said->changes;
    const alm_computed *computed = said->computed;
    alm_json_key(json, "computation");
    alm_json_open_object(json);
    alm_json_put_str(json, "purpose", said->purpose);
    alm_json_key(json, "inputs");
    alm_json_open_array(json);
    if (changes->sales_count > 0) {
        char text[80];
        if (computed) {
            snprintf(text, sizeof text, "%zu replaced, %zu added", computed->replaced,
                     computed->extended);
        }
        put_input(ALM_STR("historical_sales"), changes->sales_count, computed ? text : UNUSED,
                  json);
    }
    for (size_t i = 0; i < changes->column_count; i++) {
        put_input(changes->column[i].column, changes->column[i].count,
                  computed ? alm_change_reach_text(computed->reach[i]) : UNUSED, json);
    }
    alm_json_close_array(json);
    if (computed) {
        const alm_recomputed *f = &computed->forecast;
        almi_answer_put_date(json, "last_day", f->origin);
        alm_json_put_text(json, "method", f->method);
        almi_answer_put_text(json, "label", f->not_reconciled ? ALM_STR(ALM_RECOMPUTE_LABEL)
                                                              : (alm_str){0});
    } else {
        alm_json_key(json, "last_day");
        alm_json_null(json);
        almi_answer_put_text(json, "method", (alm_str){0});
        almi_answer_put_text(json, "label", (alm_str){0});
    }
    alm_json_close_object(json);
}

void almi_compute_put(const almi_computing *computing, const alm_online_label *label,
                      alm_json_writer *json)
{
    const alm_computation *c = computing ? computing->computation : NULL;
    if (!c) {
        alm_json_key(json, "computation");
        alm_json_null(json);
        return;
    }
    const alm_computation_side *side =
        label->is_computed ? alm_computation_answered(c, &label->outcome) : NULL;
    almi_compute_said said = {computing->purpose, &computing->variant.changes,
                              side ? &side->result[0] : NULL};
    almi_compute_put_said(&said, json);
}
