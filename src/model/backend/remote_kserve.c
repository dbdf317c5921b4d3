/* remote_kserve.c: the Open Inference Protocol v2 (KServe, Triton, MLServer) with JSON tensors. */
#include "model/backend/remote_protocol.h"

static void put_path(const alm_remote_spec *spec, alm_buffer *out)
{
    alm_buffer_printf(out, "/v2/models/" ALM_STR_FMT, ALM_STR_ARG(spec->model));
    if (spec->version.size > 0) {
        alm_buffer_printf(out, "/versions/" ALM_STR_FMT, ALM_STR_ARG(spec->version));
    }
    alm_buffer_text(out, "/infer");
}

static void put_body(const alm_remote_spec *spec, const almi_remote_rows *rows,
                     alm_json_writer *out)
{
    size_t values = rows->count * (rows->steps ? rows->steps : 1) * rows->columns;
    alm_json_open_object(out);
    alm_json_key(out, "inputs");
    alm_json_open_array(out);
    alm_json_open_object(out);
    alm_json_put_str(out, "name", spec->input);
    alm_json_key(out, "shape");
    alm_json_open_array(out);
    alm_json_i64(out, (int64_t)rows->count);
    if (rows->steps) {
        alm_json_i64(out, (int64_t)rows->steps);
    }
    alm_json_i64(out, (int64_t)rows->columns);
    alm_json_close_array(out);
    alm_json_put_text(out, "datatype", spec->is_double ? "FP64" : "FP32");
    alm_json_put_doubles(out, "data", rows->values, values);
    alm_json_close_object(out);
    alm_json_close_array(out);
    if (spec->output.size > 0) {
        alm_json_key(out, "outputs");
        alm_json_open_array(out);
        alm_json_open_object(out);
        alm_json_put_str(out, "name", spec->output);
        alm_json_close_object(out);
        alm_json_close_array(out);
    }
    alm_json_close_object(out);
}

/* A name that the server says must be the one that was asked. */
static alm_err check_said(const alm_json *root, const char *key, alm_str asked, alm_error *error)
{
    alm_str said;
    const alm_json *value = alm_json_member(root, key);
    if (!value || asked.size == 0 || alm_json_kind_of(value) == ALM_JSON_NULL) {
        return ALM_OK;
    }
    if (!alm_json_as_str(value, &said) || !alm_str_equal(said, asked)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` of the answer is not the one that was asked",
                        key);
    }
    return ALM_OK;
}

static alm_err find_output(const alm_remote_spec *spec, const alm_json *root, const alm_json **out,
                           alm_error *error)
{
    const alm_json *list = NULL, *found = NULL;
    size_t count = 0;
    ALM_TRY(alm_json_get(root, "outputs", ALM_JSON_ARRAY, &list, error));
    for (size_t i = 0; i < alm_json_count(list); i++) {
        const alm_json *one = alm_json_at(list, i);
        alm_str name;
        ALM_TRY(alm_json_get_str(one, "name", &name, error));
        if (spec->output.size == 0 || alm_str_equal(name, spec->output)) {
            found = one;
            count++;
        }
    }
    if (count != 1) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the answer has %zu tensors%s instead of one%s",
                        count, spec->output.size ? " of that name" : "",
                        spec->output.size ? "" : "; name it with `output`");
    }
    *out = found;
    return ALM_OK;
}

/* N x k, or N where k is 1. */
static alm_err check_shape(const alm_json *tensor, size_t count, size_t width, alm_error *error)
{
    const alm_json *shape = NULL;
    int64_t first = -1, second = 1;
    ALM_TRY(alm_json_get(tensor, "shape", ALM_JSON_ARRAY, &shape, error));
    size_t rank = alm_json_count(shape);
    bool fits = rank >= 1 && rank <= 2 && alm_json_as_i64(alm_json_at(shape, 0), &first) &&
                (rank == 1 || alm_json_as_i64(alm_json_at(shape, 1), &second));
    if (!fits || first != (int64_t)count || second != (int64_t)width) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`shape` of the answer has rank %zu and is %lld x "
                        "%lld instead of %zu x %zu", rank, (long long)first, (long long)second,
                        count, width);
    }
    return ALM_OK;
}

static alm_err check_datatype(const alm_json *tensor, alm_error *error)
{
    static const char *const KNOWN[] = {"FP32", "FP64", "INT32", "INT64"};
    alm_str type;
    ALM_TRY(alm_json_get_str(tensor, "datatype", &type, error));
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (alm_str_is(type, KNOWN[i])) {
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_CORRUPT, "`datatype` of the answer is none of FP32, FP64, INT32 "
                    "and INT64");
}

static alm_err take_answer(const alm_remote_spec *spec, const alm_json *root, size_t count,
                           double *out, alm_error *error)
{
    const alm_json *tensor = NULL, *data = NULL;
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the answer is no object");
    }
    ALM_TRY(check_said(root, "model_name", spec->model, error));
    ALM_TRY(check_said(root, "model_version", spec->version, error));
    ALM_TRY(find_output(spec, root, &tensor, error));
    ALM_TRY(check_shape(tensor, count, spec->outputs, error));
    ALM_TRY(check_datatype(tensor, error));
    ALM_TRY(alm_json_get(tensor, "data", ALM_JSON_ARRAY, &data, error));
    const alm_json *first = alm_json_at(data, 0);
    if (first && alm_json_kind_of(first) == ALM_JSON_ARRAY) {
        return almi_remote_take_rows(data, count, spec->outputs, out, error);
    }
    if (alm_json_count(data) != count * spec->outputs || !alm_json_as_doubles(data, out)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`data` of the answer has %zu values; %zu numbers "
                        "are expected", alm_json_count(data), count * spec->outputs);
    }
    return ALM_OK;
}

const almi_remote_protocol ALMI_REMOTE_KSERVE = {"KServe v2", put_path, put_body, take_answer};
