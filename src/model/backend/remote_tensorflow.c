/* remote_tensorflow.c: TensorFlow Serving's predict calls, and TorchServe's with a JSON envelope.
 *
 * Both answer `instances` with `predictions`; TensorFlow Serving also takes `inputs`, one tensor of
 * all rows, and answers with `outputs`. */
#include "model/backend/remote_protocol.h"

/* ---- paths ---- */

static void put_tensorflow_path(const alm_remote_spec *spec, alm_buffer *out)
{
    alm_buffer_printf(out, "/v1/models/" ALM_STR_FMT, ALM_STR_ARG(spec->model));
    if (spec->version.size > 0) {
        alm_buffer_printf(out, "/versions/" ALM_STR_FMT, ALM_STR_ARG(spec->version));
    }
    alm_buffer_text(out, ":predict");
}

static void put_torchserve_path(const alm_remote_spec *spec, alm_buffer *out)
{
    alm_buffer_printf(out, "/predictions/" ALM_STR_FMT, ALM_STR_ARG(spec->model));
    if (spec->version.size > 0) {
        alm_buffer_printf(out, "/" ALM_STR_FMT, ALM_STR_ARG(spec->version));
    }
}

/* ---- questions ---- */

static void put_key(alm_json_writer *out, alm_str key)
{
    alm_json_key(out, key.data); /* texts of a document end with a NUL */
}

/* Without a name [row, row], with one [{"name": row}, {"name": row}]. */
static void put_instances(const alm_remote_spec *spec, const almi_remote_rows *rows,
                          alm_json_writer *out)
{
    size_t width = rows->columns * (rows->steps ? rows->steps : 1);
    if (spec->input.size == 0) {
        almi_remote_put_rows(rows, out);
        return;
    }
    alm_json_open_array(out);
    for (size_t i = 0; i < rows->count; i++) {
        const double *row = rows->values + i * width;
        alm_json_open_object(out);
        put_key(out, spec->input);
        if (rows->steps) {
            /* A window is as many rows as it has steps. */
            almi_remote_rows window = {row, rows->steps, 0, rows->columns};
            almi_remote_put_rows(&window, out);
        } else {
            alm_json_open_array(out);
            for (size_t k = 0; k < rows->columns; k++) {
                alm_json_double(out, row[k]);
            }
            alm_json_close_array(out);
        }
        alm_json_close_object(out);
    }
    alm_json_close_array(out);
}

static void put_inputs(const alm_remote_spec *spec, const almi_remote_rows *rows,
                       alm_json_writer *out)
{
    if (spec->input.size > 0) {
        alm_json_open_object(out);
        put_key(out, spec->input);
    }
    almi_remote_put_rows(rows, out);
    if (spec->input.size > 0) {
        alm_json_close_object(out);
    }
}

static void put_body(const alm_remote_spec *spec, const almi_remote_rows *rows,
                     alm_json_writer *out)
{
    alm_json_open_object(out);
    if (spec->signature.size > 0) {
        alm_json_put_str(out, "signature_name", spec->signature);
    }
    alm_json_key(out, spec->by_column ? "inputs" : "instances");
    if (spec->by_column) {
        put_inputs(spec, rows, out);
    } else {
        put_instances(spec, rows, out);
    }
    alm_json_close_object(out);
}

/* ---- answers ---- */

/* {"name": value}, of which the named one is meant, or the value itself. */
static alm_err unwrap(const alm_remote_spec *spec, const alm_json *value, const alm_json **out,
                      alm_error *error)
{
    if (alm_json_kind_of(value) != ALM_JSON_OBJECT) {
        *out = value;
        return ALM_OK;
    }
    if (spec->output.size == 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the answer has named tensors; say which with "
                        "`output`");
    }
    *out = alm_json_member(value, spec->output.data);
    return *out ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "the answer has no tensor of the name "
                                    "that `output` says");
}

static alm_err take_predictions(const alm_remote_spec *spec, const alm_json *list, size_t count,
                                double *out, alm_error *error)
{
    if (alm_json_kind_of(list) != ALM_JSON_ARRAY || alm_json_count(list) != count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%zu rows were asked, and the answer has %zu",
                        count, alm_json_count(list));
    }
    for (size_t i = 0; i < count; i++) {
        const alm_json *value = NULL;
        alm_err code = unwrap(spec, alm_json_at(list, i), &value, error);
        code = code == ALM_OK ? almi_remote_take_row(value, spec->outputs,
                                                     out + i * spec->outputs, error)
                              : code;
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "answer %zu", i + 1);
        }
    }
    return ALM_OK;
}

static const alm_json *member_of(const alm_json *root, const char *key)
{
    return alm_json_kind_of(root) == ALM_JSON_OBJECT ? alm_json_member(root, key) : NULL;
}

static alm_err take_tensorflow(const alm_remote_spec *spec, const alm_json *root, size_t count,
                               double *out, alm_error *error)
{
    const char *key = spec->by_column ? "outputs" : "predictions";
    const alm_json *value = member_of(root, key);
    if (!value) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the answer has no `%s`", key);
    }
    if (spec->by_column) {
        ALM_TRY(unwrap(spec, value, &value, error));
        return almi_remote_take_rows(value, count, spec->outputs, out, error);
    }
    return take_predictions(spec, value, count, out, error);
}

/* A handler of one's own often answers with the bare list. */
static alm_err take_torchserve(const alm_remote_spec *spec, const alm_json *root, size_t count,
                               double *out, alm_error *error)
{
    const alm_json *list = member_of(root, "predictions");
    return take_predictions(spec, list ? list : root, count, out, error);
}

const almi_remote_protocol ALMI_REMOTE_TENSORFLOW = {"TensorFlow Serving", put_tensorflow_path,
                                                     put_body, take_tensorflow};
const almi_remote_protocol ALMI_REMOTE_TORCHSERVE = {"TorchServe", put_torchserve_path, put_body,
                                                     take_torchserve};
