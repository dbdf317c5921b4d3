#include "http/protocol/kserve_v1.h"

#include "http/protocol/row_block.h"

enum { INSTANCES, INPUTS, SIGNATURE };

static alm_err read_signature(almi_json_reader *r, alm_error *error)
{
    alm_str name;
    ALM_TRY(almi_json_read_str(r, &name, error));
    return alm_str_is(name, "serving_default")
               ? ALM_OK : almi_json_fail(r, error, "the only signature is 'serving_default'");
}

static alm_err read_member(almi_json_reader *r, size_t index, alm_inference_input *out,
                           alm_error *error)
{
    if (index == SIGNATURE) {
        return read_signature(r, error);
    }
    if (index == INPUTS && almi_json_next_kind(r) == ALM_JSON_OBJECT) {
        return almi_rows_read_columns(r, out, error);
    }
    return index == INPUTS ? almi_rows_read_lists(r, 0, out, error)
                           : almi_rows_read_instances(r, out, error);
}

alm_err alm_kserve_v1_read(alm_str body, alm_arena *arena, alm_inference_input *out,
                           bool *columnar, alm_error *error)
{
    almi_json_reader r = almi_json_reader_on(body, "the body", arena);
    alm_inference_input made = {0};
    uint32_t seen = 0;
    size_t index = 0;
    bool more = false;
    ALM_TRY(almi_json_open(&r, '{', error));
    for (;;) {
        ALM_TRY(almi_json_more(&r, '{', &more, error));
        if (!more) {
            break;
        }
        ALM_TRY(almi_json_known(&r, "instances inputs signature_name", &seen, &index, error));
        if ((seen & 3) == 3) {
            break;
        }
        ALM_TRY(read_member(&r, index, &made, error));
    }
    if ((seen & 3) == 0 || (seen & 3) == 3) {
        return almi_json_fail(&r, error, "either `instances` or `inputs` is needed");
    }
    ALM_TRY(almi_json_finish(&r, error));
    *out = made;
    *columnar = (seen & 2) != 0;
    return ALM_OK;
}

void alm_kserve_v1_write(const alm_served_info *model, const alm_inference_answer *answer,
                         bool columnar, alm_buffer *out)
{
    alm_buffer_text(out, columnar ? "{\"outputs\":" : "{\"predictions\":");
    alm_mlflow_write_predictions(model, answer, out);
    alm_buffer_text(out, "}");
}

static void put_version(alm_json_writer *json, const alm_model_entry *e)
{
    /* START, LOADING, AVAILABLE, UNLOADING and END are the states that its clients know. */
    static const char *const STATE[] = {"END", "LOADING", "AVAILABLE"};
    alm_json_open_object(json);
    alm_json_put_str(json, "version", e->version);
    alm_json_put_text(json, "state", STATE[e->state]);
    alm_json_key(json, "status");
    alm_json_open_object(json);
    alm_json_put_text(json, "error_code", e->model || e->state == ALM_MODEL_LOADING
                                              ? "OK" : "UNAVAILABLE");
    alm_json_put_str(json, "error_message", e->reason);
    alm_json_close_object(json);
    alm_json_close_object(json);
}

void alm_kserve_v1_write_status(const alm_model_snapshot *snapshot, const alm_model_entry *entry,
                                bool all_versions, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "name", entry->name);
    alm_json_put_bool(&json, "ready", entry->model != NULL);
    alm_json_key(&json, "model_version_status");
    alm_json_open_array(&json);
    for (size_t i = 0; i < snapshot->count; i++) {
        const alm_model_entry *e = &snapshot->entry[i];
        if (e == entry || (all_versions && alm_str_equal(e->name, entry->name))) {
            put_version(&json, e);
        }
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
}
