/* node_page.h: pages of a run's nodes over HTTP, for the endpoints that list some. */
#ifndef ALM_HTTP_ENDPOINT_NODE_PAGE_H
#define ALM_HTTP_ENDPOINT_NODE_PAGE_H

#include "http/endpoint/answer.h"
#include "serve/answer/node_list.h"

/* Parameters of the query that all of them have. */
#define ALMI_PAGE_PARAMETERS                                                                       \
    {"route", &alm_schema_name, false, false, "The deployment; may be left out when there is "     \
                                              "one."},                                             \
    {"model_version", &alm_schema_name, false, false, "A model version or an alias; default: the " \
                                                      "route's."},                                 \
    {"search", &alm_schema_name, false, false, "A part of the name; ASCII letters match in "       \
                                               "either case."},                                    \
    {"limit", &almi_schema_page_limit, false, false, "Rows of a page, at most; default: 100."},    \
    {"cursor", &alm_schema_name, false, false, "`next` of the page before."}
extern const alm_schema almi_schema_page_limit;

ALM_NODISCARD alm_err almi_page_parameter(const alm_call *call, const char *name, alm_str *out,
                                          alm_error *error);
/* Those of ALMI_PAGE_PARAMETERS into `out`. */
ALM_NODISCARD alm_err almi_page_read(const alm_call *call, alm_node_query *out, alm_error *error);

/* Members that say which run a page is of, for the schema of a reply. */
#define ALMI_PAGE_MEMBERS                                                                         \
    {"next", &almi_schema_text, true, "Cursor of the next page, which may have rows even when "   \
                                      "this one has none; null: this was the last."},             \
    {"route", &alm_schema_string, true, "The deployment."},                                       \
    {"asked_release", &alm_schema_string, true, "The release as it was asked for."},              \
    {"model_version", &alm_schema_string, true, "The release whose run it is."},                  \
    {"age_days", &alm_schema_integer, true, "Days since the run's prediction date."},             \
    {"is_stale", &alm_schema_boolean, true, "It is older than the route lets answer."},           \
    {"problem", &almi_schema_text, true, "What is wrong with newer runs or the stores."},         \
    {"run", &almi_schema_run, true, "The committed run."}
void almi_page_put_run(const almi_answering *answering, const alm_node_page *page,
                       alm_json_writer *json);

/* Lists, and writes the reply: `put` writes what the page has besides its run. */
typedef alm_err (*almi_page_list)(const alm_online *online, const alm_node_query *query,
                                  alm_arena *arena, alm_node_page *out, alm_error *error);
typedef alm_err (*almi_page_query)(const alm_call *call, alm_node_query *out, alm_error *error);
typedef void (*almi_page_put)(const alm_node_page *page, alm_json_writer *json);
void almi_page_answer(const alm_call *call, almi_page_query query, almi_page_list list,
                      almi_page_put put, alm_reply *reply);

#endif
