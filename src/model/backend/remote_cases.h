/* remote_cases.h: a server of the three protocols without its socket; for tests only.
 *
 * It knows one model, `line`, the function of tests/golden/onnx/linear.onnx on a row or on the last
 * step of a window, and speaks the protocol of the path that it is asked. It reads requests with
 * its own eyes: a request that does not say what the protocols ask for is a 400. */
#ifndef ALM_MODEL_BACKEND_REMOTE_CASES_H
#define ALM_MODEL_BACKEND_REMOTE_CASES_H

#include <stdio.h>
#include <string.h>

#include "base/http_memory.h"
#include "base/json.h"
#include "model/backend/remote_backend.h"

enum { LINE_COLUMNS = 3, LINE_OUTPUTS = 2 };

static inline bool line_answer(const alm_json *row, double out[LINE_OUTPUTS])
{
    double x[LINE_COLUMNS];
    while (alm_json_kind_of(row) == ALM_JSON_ARRAY && alm_json_count(row) > 0 &&
           alm_json_kind_of(alm_json_at(row, 0)) == ALM_JSON_ARRAY) {
        row = alm_json_at(row, alm_json_count(row) - 1); /* the last step */
    }
    if (alm_json_count(row) != LINE_COLUMNS || !alm_json_as_doubles(row, x)) {
        return false;
    }
    out[0] = 10 + x[0] - 2 * x[1] + 0.5 * x[2];
    out[1] = -4 + 0.25 * x[0] + 3 * x[1] - x[2];
    return true;
}

static inline int fake_bad(alm_buffer *out, const char *why)
{
    alm_buffer_clear(out);
    alm_buffer_printf(out, "{\"error\":\"%s\"}", why);
    return 400;
}

static inline int fake_kserve(const alm_json *root, alm_buffer *out)
{
    const alm_json *input = alm_json_at(alm_json_member(root, "inputs"), 0);
    const alm_json *shape = input ? alm_json_member(input, "shape") : NULL;
    const alm_json *data = input ? alm_json_member(input, "data") : NULL;
    alm_str name, type;
    int64_t count = 0, steps = 1, columns = 0;
    if (!shape || !data || !alm_json_as_str(alm_json_member(input, "name"), &name) ||
        !alm_json_as_str(alm_json_member(input, "datatype"), &type) ||
        !alm_str_is(name, "rows") || !alm_str_is(type, "FP32")) {
        return fake_bad(out, "inputs");
    }
    size_t rank = alm_json_count(shape);
    if (rank < 2 || rank > 3 || !alm_json_as_i64(alm_json_at(shape, 0), &count) ||
        (rank == 3 && !alm_json_as_i64(alm_json_at(shape, 1), &steps)) ||
        !alm_json_as_i64(alm_json_at(shape, rank - 1), &columns) || columns != LINE_COLUMNS ||
        alm_json_count(data) != (size_t)(count * steps * columns)) {
        return fake_bad(out, "shape");
    }
    alm_buffer_printf(out, "{\"model_name\":\"line\",\"outputs\":[{\"name\":\"y\",\"shape\":[%lld,"
                      "%d],\"datatype\":\"FP32\",\"data\":[", (long long)count, LINE_OUTPUTS);
    for (int64_t i = 0; i < count; i++) {
        double x[LINE_COLUMNS] = {0};
        for (int64_t k = 0; k < columns; k++) {
            size_t at = (size_t)(((i + 1) * steps - 1) * columns + k);
            (void)alm_json_as_double(alm_json_at(data, at), &x[k]);
        }
        alm_buffer_text(out, i ? "," : "");
        alm_buffer_double(out, 10 + x[0] - 2 * x[1] + 0.5 * x[2]);
        alm_buffer_text(out, ",");
        alm_buffer_double(out, -4 + 0.25 * x[0] + 3 * x[1] - x[2]);
    }
    alm_buffer_text(out, "]}]}");
    return 200;
}

/* `instances` or, with `columns`, `inputs`; tensors may have the names x and y. */
static inline int fake_lists(const alm_json *root, bool columns, alm_buffer *out)
{
    const alm_json *list = alm_json_member(root, columns ? "inputs" : "instances");
    bool named = columns && list && alm_json_kind_of(list) == ALM_JSON_OBJECT;
    list = named ? alm_json_member(list, "x") : list;
    if (!list) {
        return fake_bad(out, "no rows");
    }
    alm_buffer_printf(out, "{\"%s\":%s[", columns ? "outputs" : "predictions",
                      named ? "{\"y\":" : "");
    for (size_t i = 0; i < alm_json_count(list); i++) {
        const alm_json *row = alm_json_at(list, i);
        bool own_name = alm_json_kind_of(row) == ALM_JSON_OBJECT;
        double answer[LINE_OUTPUTS];
        row = own_name ? alm_json_member(row, "x") : row;
        if (!row || !line_answer(row, answer)) {
            return fake_bad(out, "row");
        }
        alm_buffer_printf(out, "%s%s[", i ? "," : "", own_name ? "{\"y\":" : "");
        alm_buffer_double(out, answer[0]);
        alm_buffer_text(out, ",");
        alm_buffer_double(out, answer[1]);
        alm_buffer_text(out, own_name ? "]}" : "]");
    }
    alm_buffer_text(out, named ? "]}}" : "]}");
    return 200;
}

/* The status, and the body into `out`. */
static inline int fake_answer(alm_str path, alm_str body, alm_buffer *out)
{
    alm_json_document *document = NULL;
    int status = 404;
    if (alm_json_parse(body, "request", &document, NULL) != ALM_OK) {
        return fake_bad(out, "no JSON");
    }
    const alm_json *root = alm_json_root(document);
    if (alm_str_is(path, "/v2/models/line/infer") ||
        alm_str_is(path, "/v2/models/line/versions/3/infer")) {
        status = fake_kserve(root, out);
    } else if (alm_str_is(path, "/v1/models/line:predict") ||
               alm_str_is(path, "/v1/models/line/versions/3:predict")) {
        status = fake_lists(root, alm_json_member(root, "inputs") != NULL, out);
    } else if (alm_str_is(path, "/predictions/line") || alm_str_is(path, "/predictions/line/3")) {
        status = fake_lists(root, false, out);
    } else {
        alm_buffer_text(out, "{\"error\":\"no such model\"}");
    }
    alm_json_document_destroy(document);
    return status;
}

/* A machine under load may be slow, and that is not what is tested. */
#define FAKE_PATIENCE ",\"deadline_ms\":60000"

/* The documents that the server understands; %s is the URL. */
static const char *const FAKE_DOCUMENTS[] = {
    "{\"protocol\":\"kserve_v2\",\"url\":\"%s\",\"model\":\"line\",\"version\":null,"
    "\"input\":\"rows\",\"outputs\":2" FAKE_PATIENCE "}",
    "{\"protocol\":\"kserve_v2\",\"url\":\"%s\",\"model\":\"line\",\"version\":\"3\","
    "\"input\":\"rows\",\"output\":\"y\",\"outputs\":2" FAKE_PATIENCE "}",
    "{\"protocol\":\"tensorflow_serving\",\"url\":\"%s\",\"model\":\"line\",\"version\":\"3\","
    "\"outputs\":2" FAKE_PATIENCE "}",
    "{\"protocol\":\"tensorflow_serving\",\"url\":\"%s\",\"model\":\"line\",\"version\":null,"
    "\"input\":\"x\",\"output\":\"y\",\"outputs\":2,\"datatype\":\"FP64\"" FAKE_PATIENCE "}",
    "{\"protocol\":\"tensorflow_serving\",\"url\":\"%s\",\"model\":\"line\",\"version\":null,"
    "\"by_column\":true,\"outputs\":2" FAKE_PATIENCE "}",
    "{\"protocol\":\"tensorflow_serving\",\"url\":\"%s\",\"model\":\"line\",\"version\":null,"
    "\"by_column\":true,\"input\":\"x\",\"output\":\"y\",\"signature\":\"s\","
    "\"outputs\":2" FAKE_PATIENCE "}",
    "{\"protocol\":\"torchserve\",\"url\":\"%s\",\"model\":\"line\",\"version\":\"3\","
    "\"outputs\":2" FAKE_PATIENCE "}",
};
#define FAKE_DOCUMENT_COUNT (sizeof FAKE_DOCUMENTS / sizeof *FAKE_DOCUMENTS)

/* A backend of `document`, in which %s is `url`. */
static inline alm_err fake_open(const alm_env *env, const char *document, const char *url,
                                size_t steps, alm_backend **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_json_document *parsed = NULL;
    alm_remote_spec spec;
    const char *at = strstr(document, "%s");
    const char *text = at ? alm_arena_printf(arena, "%.*s%s%s", (int)(at - document), document,
                                             url, at + 2)
                          : document;
    alm_err code = alm_json_parse(alm_str_of(text), "remote", &parsed, error);
    if (code == ALM_OK) {
        code = alm_remote_spec_read(alm_json_root(parsed), arena, &spec, error);
    }
    if (code == ALM_OK) {
        alm_remote_options options = {&spec, LINE_COLUMNS, steps};
        code = alm_remote_backend_open(env, &options, out, error);
    }
    alm_json_document_destroy(parsed);
    alm_arena_destroy(arena);
    return code;
}

#endif
