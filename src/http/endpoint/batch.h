/* batch.h: many predictions in one request, in the two forms of a batch route.
 *
 *   application/json       {"requests":[...],"defaults":{...}}
 *                          -> {"results":[{"index":0,"answer":{...}},...],"answered":...}
 *   application/x-ndjson   a request per line -> a line {"line":1,"answer":{...}} for each, and
 *                          one with the counts, which says that it is whole
 *
 * An item is a request of the single route, answered by the same function, or refused with its own
 * problem: {"index":3,"problem":{...}}. All of them are answered from one set of committed runs, so
 * they agree, whatever is committed or promoted meanwhile.
 *
 * Both replies are made in pieces as the client takes them (exchange.h): a piece is some dozens of
 * kilobytes or two milliseconds of work, so that other requests of the event loop do not wait for a
 * batch, and the epoch is left between pieces. Where something is to be computed, pieces are made
 * off the event loop (off_loop.h) while its line has room. What is in memory is the body, the items
 * of a JSON array as parsed, one item and one piece.
 *
 * Of the limits of a client an item counts as 1 / `items_per_request` of the route. */
#ifndef ALM_HTTP_ENDPOINT_BATCH_H
#define ALM_HTTP_ENDPOINT_BATCH_H

#include "http/endpoint/answer.h"

#define ALMI_BATCH_SUFFIX "/batch" /* of the path, behind that of the single route */
#define ALMI_BATCH_ITEMS_MAX 1000                 /* of an array; lines are not bounded */
#define ALMI_BATCH_LINE_BYTES_MAX ((size_t)64 << 10)

/* Sets the reply to the batch that the call holds; `answer` is that of the single route, `request`
 * the schema of its body. */
void almi_batch_run(const alm_call *call, const alm_schema *request, almi_answer_one answer,
                    alm_reply *reply);

extern const alm_schema almi_schema_batch_index, almi_schema_batch_count;

/* The schemas batch_request, batch_reply and batch_line of a route, `title` a text before the names
 * of their components, from those of the single one. */
#define ALMI_BATCH_SCHEMAS(title, request_schema, reply_schema)                                   \
    static const alm_schema batch_requests = {.kind = ALM_SCHEMA_ARRAY,                           \
                                              .items = &(request_schema),                         \
                                              .is_tolerant = true,                                \
                                              .count_min = 1,                                     \
                                              .count_max = ALMI_BATCH_ITEMS_MAX};                 \
    static const alm_schema_member batch_request_members[] = {                                    \
        {"requests", &batch_requests, true, "Answered in this order, each for itself."},          \
        {"defaults", &(request_schema), false, "Members for all items that do not have them."},   \
    };                                                                                            \
    static const alm_schema batch_request = {.name = title "BatchRequest",                        \
                                             .doc = "Many requests at once.",                     \
                                             .kind = ALM_SCHEMA_OBJECT,                           \
                                             ALM_MEMBERS(batch_request_members)};                 \
    static const alm_schema_member batch_result_members[] = {                                     \
        {"index", &almi_schema_batch_index, true, "Of the request in the array, from 0."},        \
        {"answer", &(reply_schema), false, "The answer, or"},                                     \
        {"problem", &almi_problem_schema, false, "why there is none."},                           \
    };                                                                                            \
    static const alm_schema batch_result = {.name = title "BatchResult",                          \
                                            .doc = "What became of one request.",                 \
                                            .kind = ALM_SCHEMA_OBJECT,                            \
                                            ALM_MEMBERS(batch_result_members)};                   \
    static const alm_schema batch_results = {.kind = ALM_SCHEMA_ARRAY, .items = &batch_result};   \
    static const alm_schema_member batch_reply_members[] = {                                      \
        {"results", &batch_results, true, "In the order of the requests."},                       \
        {"answered", &almi_schema_batch_count, true, "How many have an answer."},                 \
        {"refused", &almi_schema_batch_count, true, "How many have a problem."},                  \
        {"degraded", &almi_schema_batch_count, true, "How many answers are not from the first "   \
                                                     "step of the ladder."},                      \
    };                                                                                            \
    static const alm_schema batch_reply = {.name = title "Batch", .doc = "What became of all.",   \
                                           .kind = ALM_SCHEMA_OBJECT,                             \
                                           ALM_MEMBERS(batch_reply_members)};                     \
    static const alm_schema_member batch_line_members[] = {                                       \
        {"line", &almi_schema_batch_index, false, "Of the request in the body, from 1."},         \
        {"answer", &(reply_schema), false, "The answer, or"},                                     \
        {"problem", &almi_problem_schema, false, "why there is none."},                           \
        {"answered", &almi_schema_batch_count, false, "In the last line, which has the counts "   \
                                                      "alone."},                                  \
        {"refused", &almi_schema_batch_count, false, "The same."},                                \
        {"degraded", &almi_schema_batch_count, false, "The same."},                               \
    };                                                                                            \
    static const alm_schema batch_line = {.name = title "BatchLine",                              \
                                          .doc = "A line of the reply.",                          \
                                          .kind = ALM_SCHEMA_OBJECT,                              \
                                          ALM_MEMBERS(batch_line_members)}

/* What the routes have in common. */
#define ALMI_BATCH_TEXT                                                                           \
    "As JSON (up to 1000 requests, with defaults) or as lines of JSON (application/x-ndjson, as " \
    "many as a body may hold), of which each is a request. Every item is answered or refused on " \
    "its own, in order, and all from the same committed runs. The reply comes in pieces while it "\
    "is made; lines end with one that has the counts. docs/batch-forms.md has examples."
#define ALMI_BATCH_ROUTE                                                                          \
    .tag = "Predictions", .text = ALMI_BATCH_TEXT, .scope = ALM_SCOPE_PREDICTOR,                  \
    .request = &batch_request, .request_line = &request_schema,                                   \
    .response = {{200, ALM_TYPE_JSON, &batch_reply, "What became of each item."},                 \
                 {200, ALM_TYPE_LINES, &batch_line, "The same by lines."}}

#endif
