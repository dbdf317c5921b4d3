#include "http/endpoint/answer_record.h"

#include <string.h>

#include "http/endpoint/batch.h"
#include "serve/models/replay.h"

bool almi_record_wants(const alm_call *call)
{
    return alm_prediction_recorder_wants(call->service->recorder, call->request->id);
}

static alm_prediction_record record_of(const alm_call *call, alm_instant time)
{
    return (alm_prediction_record){.time = time,
                                   .request_id = call->request->id,
                                   .trace_id = alm_str_of(call->request->trace_id),
                                   .route = alm_str_of(call->route->path)};
}

static void put(const alm_call *call, const alm_prediction_record *record)
{
    alm_prediction_recorder_put(call->service->recorder, call->request->worker, record);
}

void almi_record_inference(const alm_call *call, const alm_served_info *model,
                           const alm_inference_input *input, const alm_inference_answer *answer)
{
    alm_prediction_record record = record_of(call, alm_env_now(call->service->env));
    if (!alm_digest_parse(alm_str_of(model->digest), &record.model_hash)) {
        return;
    }
    record.model = model->name;
    record.version = model->version;
    record.served_by = ALM_STR("model");
    record.column = input->name ? input->name : model->scorer->row_column;
    record.column_count = input->values ? input->column_count : 0;
    record.row_count = input->rows;
    record.value = input->values;
    record.steps = input->windows ? input->steps : 0;
    record.window_width = input->windows ? input->window_width : 0;
    record.window = input->windows;
    record.answer = alm_replay_outputs(answer, call->request->arena, &record.output_count);
    put(call, &record);
}

static void take_side(const alm_computation_side *side, alm_prediction_record *out)
{
    if (side->release.size == 0) {
        return;
    }
    alm_prediction_state *state = &out->state[out->state_count++];
    *state = (alm_prediction_state){.release = side->release, .end = ALM_DATE_NONE};
    if (side->source->run) {
        state->run = alm_committed_run_facts(side->source->run)->run_id;
    }
    if (side->seen.run_id.size > 0) {
        state->line = side->seen.run_id;
        state->end = side->seen.end;
        state->events = side->seen.events;
    }
}

/* What a model computed has its hash, and no committed run. */
static void take_computation(const alm_computation *computation, const alm_online_label *label,
                             alm_prediction_record *out)
{
    const alm_computation_side *side = alm_computation_answered(computation, &label->outcome);
    take_side(&computation->current, out);
    take_side(&computation->previous, out);
    if (side) {
        out->model_hash = side->seen.bundle;
    }
}

/* The item of a batch is on record as what it is: a request of the single route. */
static void take_item(const alm_call *call, alm_buffer *text, alm_prediction_record *out)
{
    alm_json_writer json = alm_json_writer_on(text);
    alm_json_copy(&json, call->body);
    out->request = alm_buffer_view(text);
    out->route.size -= strlen(ALMI_BATCH_SUFFIX);
}

void almi_record_answer(const almi_answering *answering, const alm_online_label *label,
                        const alm_computation *computation, const alm_reply *reply)
{
    const alm_call *call = answering->call;
    if (!almi_record_wants(call) || reply->status != 200 || reply->body->failed) {
        return;
    }
    alm_prediction_record record = record_of(call, answering->online.now);
    const alm_committed_release *release =
        alm_committed_set_release(answering->online.set, label->model_version);
    record.version = label->model_version;
    record.model = release ? release->model : (alm_str){0};
    record.served_by = alm_str_of(alm_ladder_by_text(label->outcome.by));
    record.reason = alm_str_of(alm_ladder_why_text(label->outcome.why));
    record.request = call->request->body;
    record.reply = alm_buffer_view(reply->body);
    if (label->run) {
        record.run = label->run->run_id;
        (void)alm_digest_parse(label->run->release_hash, &record.model_hash);
    }
    if (computation) {
        take_computation(computation, label, &record);
    }
    alm_buffer item = {0};
    if (call->route->request_line) {
        take_item(call, &item, &record);
    }
    put(call, &record);
    alm_buffer_deinit(&item);
}
