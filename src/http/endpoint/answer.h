/* answer.h: what the endpoints of predictions share: where a request asks to look, and the members
 * by which every answer says where it comes from. */
#ifndef ALM_HTTP_ENDPOINT_ANSWER_H
#define ALM_HTTP_ENDPOINT_ANSWER_H

#include "http/service.h"
#include "serve/answer/online.h"

/* ---- requests ---- */

/* Members that name route, release and node, for the schema of a body. */
#define ALMI_ASK_MEMBERS                                                                          \
    {"product_id", &alm_schema_name, false, "Value of the first series key of the project."},     \
    {"warehouse_id", &alm_schema_name, false, "Value of the second series key, where there is "   \
                                              "one."},                                            \
    {"keys", &almi_schema_keys, false, "Values of all series keys by name, instead."},            \
    {"node", &alm_schema_name, false, "Name of a node, instead: a series or an aggregate."},      \
    {"level", &alm_schema_name, false, "Level of `node`, where several have the name."},          \
    {"route", &alm_schema_name, false, "The deployment; may be left out when there is one."},     \
    {"model_version", &alm_schema_name, false, "A model version or an alias; default: the "       \
                                               "route's."}
extern const alm_schema almi_schema_keys;

/* What is answered from, inside the epoch. */
typedef struct almi_answering {
    const alm_call *call;
    alm_online online;
} almi_answering;

/* Enters the epoch of the call's worker. False: this service has no committed runs, and the reply
 * says so; then there is nothing to leave. */
bool almi_answer_begin(const alm_call *call, almi_answering *out, alm_reply *reply);
void almi_answer_end(const almi_answering *answering);

/* Answers the prediction that a call asks for, or refuses it, inside the epoch. True: it was
 * answered by a lower step of the ladder than the first. Reply and memory are the call's, which may
 * be an item of a batch (batch.h). */
typedef bool (*almi_answer_one)(const almi_answering *answering, alm_reply *reply);
void almi_answer_run(const alm_call *call, almi_answer_one answer, alm_reply *reply);

/* A series by `keys`, or by product_id and warehouse_id, in the project's order: `out` has as many
 * as the project has keys, views into the body. ALM_ERR_INVALID names the project's. */
ALM_NODISCARD alm_err almi_answer_keys(const alm_project *project, const alm_json *body,
                                       alm_str *out, alm_error *error);
/* From a checked body. ALM_ERR_INVALID: not exactly one way of naming the node, or keys that are
 * not those of the project. */
ALM_NODISCARD alm_err almi_answer_ask(const almi_answering *answering, alm_online_ask *out,
                                      alm_error *error);
/* A text, a whole number, a date or a number of the body; untouched when it is not there. */
void almi_answer_text(const alm_json *body, const char *key, alm_str *out);
void almi_answer_i32(const alm_json *body, const char *key, int32_t *out);
void almi_answer_double(const alm_json *body, const char *key, double *out);
void almi_answer_date(const alm_json *body, const char *key, alm_date *out);

/* May the caller use this release? Patterns of his credentials are over names of releases. */
bool almi_answer_may_use(const almi_answering *answering, alm_str release);
/* ... both the one that was asked for and the one that answered: else ALM_ERR_DENIED. An answer
 * that may be given out is counted here. */
ALM_NODISCARD alm_err almi_answer_check_label(const almi_answering *answering,
                                              const alm_online_label *label, alm_error *error);

/* The problem of an operation's error; nothing can answer now: with Retry-After. */
void almi_answer_refuse(const almi_answering *answering, const alm_error *error, alm_reply *reply);

/* ---- replies ---- */

/* Members of the label, for the schema of a reply. */
#define ALMI_LABEL_MEMBERS                                                                        \
    {"served_by", &almi_schema_served_by, true, "The step of the ladder that answered."},         \
    {"reason", &almi_schema_reason, true, "Why the first step did not; `asked_for` when it did."}, \
    {"computed", &alm_schema_boolean, true, "By a model for this request; else committed."},      \
    {"degraded", &alm_schema_boolean, true, "Not the first step."},                               \
    {"late", &alm_schema_boolean, true, "It came after the time of its step."},                   \
    {"misses", &almi_schema_misses, true, "Steps that did not answer, in order."},                \
    {"route", &alm_schema_string, true, "The deployment."},                                       \
    {"asked_release", &alm_schema_string, true, "The release as it was asked for."},              \
    {"model_version", &almi_schema_text, true, "The release that answered."},                     \
    {"age_days", &alm_schema_integer, true, "Days since the run's prediction date."},             \
    {"age_s", &alm_schema_integer, true, "The same in seconds."},                                 \
    {"clamped", &alm_schema_integer, true, "Days that a policy changed."},                        \
    {"problem", &almi_schema_text, true, "What is wrong with newer runs or the stores."},         \
    {"run", &almi_schema_run, true, "The committed run that the numbers are of, or go by."}
extern const alm_schema almi_schema_served_by, almi_schema_reason, almi_schema_misses,
    almi_schema_run, almi_schema_text, almi_schema_severity;
/* A number or null. */
extern const alm_schema almi_schema_number;

void almi_answer_put_label(const alm_online_label *label, alm_json_writer *json);
void almi_answer_put_run(const alm_committed_facts *run, alm_json_writer *json); /* NULL: null */
void almi_answer_put_text(alm_json_writer *json, const char *key, alm_str value); /* "": null */
void almi_answer_put_date(alm_json_writer *json, const char *key, alm_date date);
void almi_answer_put_instant(alm_json_writer *json, const char *key, alm_instant instant);

#endif
