#include "http/endpoint/node_page.h"

#define ROWS_DEFAULT 100

const alm_schema almi_schema_page_limit = {
    .kind = ALM_SCHEMA_INTEGER, .min = 1, .max = ALM_NODE_ROWS_MAX};

alm_err almi_page_parameter(const alm_call *call, const char *name, alm_str *out, alm_error *error)
{
    bool found = false;
    return alm_request_parameter(call->request, name, out, &found, error);
}

alm_err almi_page_read(const alm_call *call, alm_node_query *out, alm_error *error)
{
    alm_str limit = {0};
    int64_t rows = ROWS_DEFAULT;
    ALM_TRY(almi_page_parameter(call, "route", &out->ask.route, error));
    ALM_TRY(almi_page_parameter(call, "model_version", &out->ask.release, error));
    ALM_TRY(almi_page_parameter(call, "search", &out->search, error));
    ALM_TRY(almi_page_parameter(call, "cursor", &out->cursor, error));
    ALM_TRY(almi_page_parameter(call, "limit", &limit, error));
    if (limit.size > 0 &&
        (!alm_str_to_i64(limit, &rows) || rows < 1 || rows > ALM_NODE_ROWS_MAX)) {
        return alm_fail(error, ALM_ERR_INVALID, "'limit' is a whole number from 1 to %d",
                        ALM_NODE_ROWS_MAX);
    }
    out->limit = (int32_t)rows;
    return ALM_OK;
}

void almi_page_put_run(const almi_answering *answering, const alm_node_page *page,
                       alm_json_writer *json)
{
    const alm_online *online = &answering->online;
    const alm_committed_set *set = online->set;
    alm_str problem = page->source->problem.size ? page->source->problem : set->problem;
    almi_answer_put_text(json, "next", page->next);
    alm_json_put_str(json, "route", page->route->spec->name);
    alm_json_put_str(json, "asked_release", page->asked_release);
    alm_json_put_str(json, "model_version", page->run->model_version);
    alm_json_put_i64(json, "age_days", alm_online_age_days(online, page->source->run));
    alm_json_put_bool(json, "is_stale", alm_online_is_stale(online, page->route,
                                                            page->source->run));
    almi_answer_put_text(json, "problem", problem);
    almi_answer_put_run(page->run, json);
}

void almi_page_answer(const alm_call *call, almi_page_query query, almi_page_list list,
                      almi_page_put put, alm_reply *reply)
{
    almi_answering answering;
    alm_node_query asked = {0};
    alm_node_page page;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    alm_err code = query(call, &asked, &error);
    if (code == ALM_OK) {
        code = list(&answering.online, &asked, call->request->arena, &page, &error);
    }
    if (code == ALM_OK && !almi_answer_may_use(&answering, page.run->model_version)) {
        code = alm_fail(&error, ALM_ERR_DENIED, "these credentials are not for this release");
    }
    if (code == ALM_OK) {
        alm_json_writer json = alm_json_writer_on(reply->body);
        reply->status = 200;
        reply->content_type = ALM_TYPE_JSON;
        alm_json_open_object(&json);
        put(&page, &json);
        almi_page_put_run(&answering, &page, &json);
        alm_json_close_object(&json);
    } else {
        almi_answer_refuse(&answering, &error, reply);
    }
    almi_answer_end(&answering);
}
