#include "http/endpoint/endpoints.h"
#include "http/endpoint/node_page.h"
#include "http/problem_schema.h"

static alm_err read_query(const alm_call *call, alm_node_query *out, alm_error *error)
{
    alm_str text = {0};
    ALM_TRY(almi_page_read(call, out, error));
    ALM_TRY(almi_page_parameter(call, "severity", &text, error));
    if (text.size > 0 && !alm_severity_parse(text, &out->severity)) {
        return alm_fail(error, ALM_ERR_INVALID, "'severity' is none, low, medium, high or "
                        "critical");
    }
    return ALM_OK;
}

static void put_page(const alm_node_page *page, alm_json_writer *json)
{
    int32_t steps = page->run->steps;
    alm_json_key(json, "stockouts");
    alm_json_open_array(json);
    for (size_t i = 0; i < page->rows; i++) {
        const alm_node_row *row = &page->row[i];
        alm_json_open_object(json);
        alm_json_put_str(json, "node", row->node.node);
        alm_json_put_str(json, "level", row->node.level);
        alm_json_put_text(json, "severity", alm_severity_text(row->severity));
        alm_json_put_double(json, "probability", row->probability);
        alm_json_put_double(json, "expected_days", row->expected_days);
        alm_json_put_double(json, "expected_shortfall", row->shortfall);
        alm_json_put_double(json, "demand", row->demand);
        alm_json_put_doubles(json, "probability_by_day", row->node.stockout_probability,
                             (size_t)steps);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    almi_answer_put_date(json, "first", page->run->prediction_date);
    almi_answer_put_date(json, "last", page->run->prediction_date + steps - 1);
    alm_json_put_i64(json, "days", steps);
    alm_json_put_i64(json, "series_with_stock", (int64_t)page->tree->risks);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_page_answer(call, read_query, alm_list_risks, put_page, reply);
}

static const alm_parameter parameters[] = {
    {"severity", &almi_schema_severity, false, false, "At least this one; default: all."},
    ALMI_PAGE_PARAMETERS,
};

static const alm_schema by_day = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_number};
static const alm_schema_member row_members[] = {
    {"node", &alm_schema_string, true, "The series."},
    {"level", &alm_schema_string, true, "`series`."},
    {"severity", &almi_schema_severity, true, "As of /api/v1/predictions/stockout, over all days "
                                              "of the run."},
    {"probability", &alm_schema_number, true, "Of running out by the end of the last day."},
    {"expected_days", &alm_schema_number, true, "Until it runs out, at most `days`."},
    {"expected_shortfall", &alm_schema_number, true, "Units not served by the last day."},
    {"demand", &alm_schema_number, true, "Expected demand over all days."},
    {"probability_by_day", &by_day, true, "Of running out by the end of each day."},
};
static const alm_schema row = {.name = "StockoutRow", .doc = "Stock-out risk of a series.",
                               .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(row_members)};
static const alm_schema rows = {.kind = ALM_SCHEMA_ARRAY, .items = &row};
static const alm_schema_member reply_members[] = {
    {"stockouts", &rows, true, "The most severe first, then the likeliest, then the soonest."},
    {"first", &alm_schema_date, true, "First day of the run."},
    {"last", &alm_schema_date, true, "Last day of the run."},
    {"days", &alm_schema_integer, true, "Number of days."},
    {"series_with_stock", &alm_schema_integer, true, "Series that have a stock position."},
    ALMI_PAGE_MEMBERS,
};
static const alm_schema reply_schema = {.name = "StockoutPage",
                                        .doc = "Series by their stock-out risk.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_list_stockouts = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/stockouts",
    .operation = "listStockouts",
    .tag = "Predictions",
    .summary = "Series of the run in force by their stock-out risk, the most at risk first",
    .scope = ALM_SCOPE_VIEWER,
    ALM_PARAMETERS(parameters),
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "A page."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route or release."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "The cursor is of a run that is not in force any more."}},
    .run = run,
};
