/* oip_write.c: replies and documents. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "http/protocol/oip.h"

#define VALUE_BYTES 8
static const char *const EXTENSIONS[] = {"binary_tensor_data", "model_repository",
                                         "model_repository(unload_dependents)", "statistics"};

/* ---- outputs of a model ---- */

typedef struct output {
    const char *name;
    bool is_integer;      /* INT64, else FP64 */
    bool is_per_class;
    const double *value;  /* of an answer; else NULL */
} output;

static size_t outputs_of(const alm_scorer_info *model, const alm_inference_answer *answer,
                         output out[3])
{
    const alm_inference_answer none = {0};
    answer = answer ? answer : &none;
    if (model->task == ALM_SCORER_VALUE) {
        out[0] = (output){"prediction", false, false, answer->value};
        return 1;
    }
    out[0] = (output){"class", true, false, answer->value};
    out[1] = (output){"probability", false, true, answer->probability};
    out[2] = (output){"confidence", false, false, answer->confidence};
    return 3;
}

static void put_int_list(alm_json_writer *json, const char *key, const int64_t *value, size_t count)
{
    alm_json_key(json, key);
    alm_json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        alm_json_i64(json, value[i]);
    }
    alm_json_close_array(json);
}

/* `rows` -1: any number. */
static void put_shape(alm_json_writer *json, const alm_scorer_info *model, const output *o,
                      int64_t rows)
{
    int64_t size[3] = {rows};
    size_t rank = 1;
    if (model->horizon_count > 1) {
        size[rank++] = (int64_t)model->horizon_count;
    }
    if (o->is_per_class) {
        size[rank++] = (int64_t)model->class_count;
    }
    put_int_list(json, "shape", size, rank);
}

static size_t count_of(const alm_inference_answer *a, const output *o)
{
    return a->rows * a->horizons * (o->is_per_class ? a->classes : 1);
}

/* ---- a reply ---- */

typedef struct chosen {
    output output;
    bool is_binary;
} chosen;

static alm_err fail_output(const output *known, size_t count, alm_str name, alm_error *error)
{
    char shown[64];
    size_t size = name.size < sizeof shown ? name.size : sizeof shown - 1;
    for (size_t i = 0; i < size; i++) {
        shown[i] = name.data[i];
        if (shown[i] < ' ' || shown[i] > '~') {
            shown[i] = '?';
        }
    }
    shown[size] = '\0';
    return alm_fail(error, ALM_ERR_INVALID, "there is no output '%s'; the outputs are: %s%s%s",
                    shown, known[0].name, count > 1 ? ", " : "",
                    count > 1 ? "probability, confidence" : "");
}

static alm_err choose(const alm_oip_request *q, const output *known, size_t all,
                      chosen out[ALM_OIP_OUTPUTS_MAX], size_t *count, alm_error *error)
{
    *count = q->output_count ? q->output_count : all;
    for (size_t i = 0; i < *count; i++) {
        size_t k = i;
        if (q->output_count) {
            for (k = 0; k < all && !alm_str_is(q->output[i].name, known[k].name);) {
                k++;
            }
            if (k == all) {
                return fail_output(known, all, q->output[i].name, error);
            }
        }
        out[i] = (chosen){known[k],
                          q->output_count ? q->output[i].is_binary : q->all_binary};
    }
    return ALM_OK;
}

static void put_data(alm_json_writer *json, const output *o, size_t count)
{
    if (!o->is_integer) {
        alm_json_put_doubles(json, "data", o->value, count);
        return;
    }
    alm_json_key(json, "data");
    alm_json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        alm_json_i64(json, (int64_t)o->value[i]);
    }
    alm_json_close_array(json);
}

static void put_output(alm_json_writer *json, const alm_scorer_info *model,
                       const alm_inference_answer *answer, const chosen *c)
{
    size_t count = count_of(answer, &c->output);
    alm_json_open_object(json);
    alm_json_put_text(json, "name", c->output.name);
    alm_json_put_text(json, "datatype", c->output.is_integer ? "INT64" : "FP64");
    put_shape(json, model, &c->output, (int64_t)answer->rows);
    if (c->is_binary) {
        alm_json_key(json, "parameters");
        alm_json_open_object(json);
        alm_json_put_i64(json, "binary_data_size", (int64_t)(count * VALUE_BYTES));
        alm_json_close_object(json);
    } else {
        put_data(json, &c->output, count);
    }
    alm_json_close_object(json);
}

static void append_binary(alm_buffer *out, const output *o, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = (uint64_t)(int64_t)(o->is_integer ? o->value[i] : 0);
        if (!o->is_integer) {
            memcpy(&bits, &o->value[i], sizeof bits);
        }
        alm_buffer_u64(out, bits);
    }
}

/* In front of the outputs. */
static void put_head(alm_json_writer *json, const alm_oip_request *q, const alm_served_info *model)
{
    alm_json_put_str(json, "model_name", model->name);
    alm_json_put_str(json, "model_version", model->version);
    if (q->id.size) {
        alm_json_put_str(json, "id", q->id);
    }
    alm_json_key(json, "parameters");
    alm_json_open_object(json);
    alm_json_put_bool(json, "approved", model->approved);
    if (!model->approved) {
        alm_json_put_str(json, "notice", model->notice);
    }
    alm_json_close_object(json);
}

alm_err alm_oip_write(const alm_oip_request *q, const alm_served_info *model,
                      const alm_inference_answer *answer, alm_buffer *out, size_t *json_bytes,
                      alm_error *error)
{
    output known[3];
    chosen list[ALM_OIP_OUTPUTS_MAX];
    size_t count = 0, before = out->size;
    bool binary = false;
    size_t all = outputs_of(model->scorer, answer, known);
    ALM_TRY(choose(q, known, all, list, &count, error));
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    put_head(&json, q, model);
    alm_json_key(&json, "outputs");
    alm_json_open_array(&json);
    for (size_t i = 0; i < count; i++) {
        put_output(&json, model->scorer, answer, &list[i]);
        binary = binary || list[i].is_binary;
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
    *json_bytes = binary ? out->size - before : 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].is_binary) {
            append_binary(out, &list[i].output, count_of(answer, &list[i].output));
        }
    }
    return alm_buffer_status(out, error);
}

/* ---- documents ---- */

void alm_oip_write_server(const alm_oip_server *server, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "name", server->name);
    alm_json_put_str(&json, "version", server->version);
    alm_json_key(&json, "extensions");
    alm_json_open_array(&json);
    for (size_t i = 0; i < sizeof EXTENSIONS / sizeof *EXTENSIONS; i++) {
        alm_json_text(&json, EXTENSIONS[i]);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
}

static void put_names(alm_json_writer *json, const char *key, const alm_str *name, size_t count)
{
    alm_json_key(json, key);
    alm_json_open_array(json);
    for (size_t i = 0; i < count; i++) {
        alm_json_str(json, name[i]);
    }
    alm_json_close_array(json);
}

static void put_input(alm_json_writer *json, const char *name, size_t steps, const alm_str *column,
                      size_t count)
{
    int64_t size[3] = {-1, (int64_t)steps, (int64_t)count};
    if (!steps) {
        size[1] = size[2];
    }
    alm_json_open_object(json);
    alm_json_put_text(json, "name", name);
    alm_json_put_text(json, "datatype", "FP64");
    put_int_list(json, "shape", size, steps ? 3 : 2);
    alm_json_key(json, "parameters");
    alm_json_open_object(json);
    put_names(json, "columns", column, count);
    alm_json_close_object(json);
    alm_json_close_object(json);
}

static void put_inputs(alm_json_writer *json, const alm_scorer_info *model)
{
    alm_json_key(json, "inputs");
    alm_json_open_array(json);
    if (model->row_column_count) {
        put_input(json, "input", 0, model->row_column, model->row_column_count);
    }
    if (model->window_column_count) {
        put_input(json, "windows", model->steps, model->window_column, model->window_column_count);
    }
    alm_json_close_array(json);
}

static void put_output_facts(alm_json_writer *json, const alm_scorer_info *model, const output *o)
{
    alm_json_open_object(json);
    alm_json_put_text(json, "name", o->name);
    alm_json_put_text(json, "datatype", o->is_integer ? "INT64" : "FP64");
    put_shape(json, model, o, -1);
    if (o->is_per_class || model->horizon_count > 1) {
        alm_json_key(json, "parameters");
        alm_json_open_object(json);
        if (o->is_per_class) {
            put_int_list(json, "labels", model->label, model->class_count);
        }
        if (model->horizon_count > 1) {
            alm_json_key(json, "horizons");
            alm_json_open_array(json);
            for (size_t i = 0; i < model->horizon_count; i++) {
                alm_json_str(json, model->horizon[i].name);
            }
            alm_json_close_array(json);
        }
        alm_json_close_object(json);
    }
    alm_json_close_object(json);
}

static void put_versions(alm_json_writer *json, const alm_model_snapshot *snapshot, alm_str name)
{
    alm_json_key(json, "versions");
    alm_json_open_array(json);
    for (size_t i = 0; i < snapshot->count; i++) {
        const alm_model_entry *e = &snapshot->entry[i];
        if (e->model && alm_str_equal(e->name, name)) {
            alm_json_str(json, e->version);
        }
    }
    alm_json_close_array(json);
}

void alm_oip_write_model(const alm_model_snapshot *snapshot, const alm_served_model *model,
                         alm_buffer *out)
{
    const alm_served_info *info = alm_served_model_describe(model);
    output list[3];
    size_t count = outputs_of(info->scorer, NULL, list);
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "name", info->name);
    put_versions(&json, snapshot, info->name);
    alm_json_put_text(&json, "platform", "almanac");
    put_inputs(&json, info->scorer);
    alm_json_key(&json, "outputs");
    alm_json_open_array(&json);
    for (size_t i = 0; i < count; i++) {
        put_output_facts(&json, info->scorer, &list[i]);
    }
    alm_json_close_array(&json);
    alm_json_key(&json, "parameters");
    alm_json_open_object(&json);
    alm_json_put_str(&json, "version", info->version);
    alm_json_put_str(&json, "format", info->format);
    alm_json_put_text(&json, "sha256", info->digest);
    alm_json_put_bool(&json, "approved", info->approved);
    if (!info->approved) {
        alm_json_put_str(&json, "notice", info->notice);
    }
    alm_json_close_object(&json);
    alm_json_close_object(&json);
}

void alm_oip_write_index(const alm_model_snapshot *snapshot, bool ready, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_array(&json);
    for (size_t i = 0; i < snapshot->count; i++) {
        const alm_model_entry *e = &snapshot->entry[i];
        if (ready && e->state != ALM_MODEL_READY) {
            continue;
        }
        alm_json_open_object(&json);
        alm_json_put_str(&json, "name", e->name);
        alm_json_put_str(&json, "version", e->version);
        alm_json_put_text(&json, "state", alm_model_state_text(e->state));
        alm_json_put_str(&json, "reason", e->reason);
        alm_json_close_object(&json);
    }
    alm_json_close_array(&json);
}

/* ---- statistics ---- */

static void put_timing(alm_json_writer *json, const char *key, uint64_t count, uint64_t ns)
{
    alm_json_key(json, key);
    alm_json_open_object(json);
    alm_json_put_i64(json, "count", (int64_t)count);
    alm_json_put_i64(json, "ns", (int64_t)ns);
    alm_json_close_object(json);
}

static void put_statistics(alm_json_writer *json, const alm_model_entry *e)
{
    uint64_t c[ALM_MODEL_COUNTERS];
    alm_inference_counters(e->model, c);
    alm_json_open_object(json);
    alm_json_put_str(json, "name", e->name);
    alm_json_put_str(json, "version", e->version);
    alm_json_put_i64(json, "last_inference", (int64_t)c[ALM_MODEL_LAST_MS]);
    alm_json_put_i64(json, "inference_count", (int64_t)c[ALM_MODEL_INFERENCES]);
    alm_json_put_i64(json, "execution_count", (int64_t)c[ALM_MODEL_EXECUTIONS]);
    alm_json_key(json, "inference_stats");
    alm_json_open_object(json);
    put_timing(json, "success", c[ALM_MODEL_SUCCESSES], c[ALM_MODEL_SUCCESS_NS]);
    put_timing(json, "fail", c[ALM_MODEL_FAILURES], c[ALM_MODEL_FAILURE_NS]);
    put_timing(json, "queue", 0, 0);
    put_timing(json, "compute_input", c[ALM_MODEL_EXECUTIONS], c[ALM_MODEL_INPUT_NS]);
    put_timing(json, "compute_infer", c[ALM_MODEL_EXECUTIONS], c[ALM_MODEL_INFER_NS]);
    put_timing(json, "compute_output", c[ALM_MODEL_EXECUTIONS], c[ALM_MODEL_OUTPUT_NS]);
    put_timing(json, "cache_hit", c[ALM_MODEL_CACHE_HITS], c[ALM_MODEL_CACHE_HIT_NS]);
    put_timing(json, "cache_miss", c[ALM_MODEL_CACHE_MISSES], c[ALM_MODEL_CACHE_MISS_NS]);
    alm_json_close_object(json);
    alm_json_key(json, "batch_stats");
    alm_json_open_array(json);
    alm_json_close_array(json);
    alm_json_close_object(json);
}

void alm_oip_write_statistics(const alm_model_snapshot *snapshot, alm_str name, alm_str version,
                              alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_key(&json, "model_stats");
    alm_json_open_array(&json);
    for (size_t i = 0; i < snapshot->count; i++) {
        const alm_model_entry *e = &snapshot->entry[i];
        if (e->model && (name.size == 0 || alm_str_equal(e->name, name)) &&
            (version.size == 0 || alm_str_equal(e->version, version))) {
            put_statistics(&json, e);
        }
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
}
