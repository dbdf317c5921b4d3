#include "http/endpoint/serving.h"

#include "http/endpoint/answer_meters.h"
#include "http/endpoint/answer_record.h"

#define NOTICE_BYTES_MAX 400

/* The models that the caller may use; all of them where nobody is asked who he is. */
static const alm_model_snapshot *visible(const alm_call *call, const alm_model_snapshot *all)
{
    const alm_identity *identity = call->identity;
    alm_arena *arena = call->request->arena;
    if (identity->kind == ALM_IDENTITY_NONE || identity->every_model) {
        return all;
    }
    alm_model_entry *entry = ALM_NEW_ARRAY(arena, alm_model_entry, all->count);
    alm_model_snapshot *some = ALM_NEW(arena, alm_model_snapshot);
    *some = (alm_model_snapshot){.entry = entry, .number = all->number};
    for (size_t i = 0; i < all->count; i++) {
        if (alm_identity_may_use(identity, all->entry[i].name)) {
            entry[some->count++] = all->entry[i];
        }
    }
    return some;
}

almi_visit almi_visit_within(const alm_call *call, alm_reply *reply, const alm_model_snapshot *all)
{
    return (almi_visit){.call = call, .reply = reply, .snapshot = all ? visible(call, all) : NULL,
                        .begun_ns = alm_env_monotonic_ns(call->service->env)};
}

almi_visit almi_visit_begin(const alm_call *call, alm_reply *reply)
{
    alm_model_set *models = call->service->models;
    return almi_visit_within(call, reply, models ? alm_model_set_enter(
                                                       models, (size_t)call->request->worker)
                                                 : NULL);
}

void almi_visit_end(almi_visit *visit)
{
    if (visit->snapshot) {
        alm_model_set_leave(visit->call->service->models, (size_t)visit->call->request->worker);
        visit->snapshot = NULL;
    }
}

static alm_err check_models(const almi_visit *visit, alm_error *error)
{
    return visit->snapshot ? ALM_OK : alm_fail(error, ALM_ERR_NOT_FOUND, "no models are served");
}

alm_err almi_visit_entry(const almi_visit *visit, const alm_model_entry **out, alm_error *error)
{
    ALM_TRY(check_models(visit, error));
    return alm_model_snapshot_find(visit->snapshot, visit->call->value[0], visit->call->value[1],
                                   out, error);
}

alm_err almi_visit_model(almi_visit *visit, alm_error *error)
{
    ALM_TRY(check_models(visit, error));
    return alm_model_snapshot_ready(visit->snapshot, visit->call->value[0], visit->call->value[1],
                                    &visit->model, error);
}

alm_err almi_visit_only(almi_visit *visit, alm_error *error)
{
    const alm_model_entry *only = NULL;
    size_t names = 0;
    ALM_TRY(check_models(visit, error));
    for (size_t i = 0; i < visit->snapshot->count; i++) {
        const alm_model_entry *e = &visit->snapshot->entry[i];
        names += e->is_default;
        only = e->is_default ? e : only;
    }
    if (names != 1) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "%zu models are served, and this address names "
                        "none: ask for one at /v2/models/{model}/infer", names);
    }
    return alm_model_snapshot_ready(visit->snapshot, only->name, only->version, &visit->model,
                                    error);
}

alm_err almi_visit_run(almi_visit *visit, const alm_inference_input *input,
                       alm_inference_answer *out, alm_error *error)
{
    const alm_env *env = visit->call->service->env;
    visit->read_ns = alm_env_monotonic_ns(env);
    alm_cached_inference how = {.cache = visit->call->service->cache,
                                .share = visit->call->service->share, .model = visit->model,
                                .worker = (size_t)visit->call->request->worker,
                                .arena = visit->call->request->arena, .env = env};
    alm_err code = alm_inference_run_cached(&how, input, out, &visit->use, &visit->cache_ns, error);
    visit->answered_ns = alm_env_monotonic_ns(env);
    if (code == ALM_OK) {
        visit->rows = out->rows;
        visit->input = *input;
        visit->answer = *out;
    }
    return code;
}

/* A header is printable ASCII of one line; a path in the notice may be anything. */
static void put_notice(const almi_visit *visit, alm_str notice)
{
    alm_arena *arena = visit->call->request->arena;
    size_t size = notice.size < NOTICE_BYTES_MAX ? notice.size : NOTICE_BYTES_MAX;
    char *text = alm_arena_copy_text(arena, notice.data, size);
    for (size_t i = 0; i < size; i++) {
        text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    alm_reply_header(visit->reply, "X-Almanac-Notice", (alm_str){text, size});
}

/* RFC 9211; the cache is named as the program. */
static const char *cache_status(alm_cache_use use)
{
    static const char *const STATUS[] = {
        [ALM_CACHE_BYPASS] = "almanac; fwd=bypass",
        [ALM_CACHE_MISS] = "almanac; fwd=miss",
        [ALM_CACHE_STORED] = "almanac; fwd=miss; stored",
        [ALM_CACHE_HIT] = "almanac; hit",
        [ALM_CACHE_SHARED] = "almanac; hit; detail=shared",
    };
    return STATUS[use];
}

void almi_visit_reply(const almi_visit *visit, const char *content_type)
{
    const alm_served_info *info = visit->model ? alm_served_model_describe(visit->model) : NULL;
    visit->reply->status = 200;
    visit->reply->content_type = content_type;
    if (info && !info->approved) {
        put_notice(visit, info->notice);
    }
    if (visit->use != ALM_CACHE_NONE) {
        alm_reply_header(visit->reply, "Cache-Status", alm_str_of(cache_status(visit->use)));
    }
}

void almi_visit_fail(const almi_visit *visit, const alm_error *error)
{
    int status = error->code == ALM_ERR_INCOMPLETE    ? 503
                 : error->code == ALM_ERR_UNSUPPORTED ? 400
                                                      : alm_err_http_status(error->code);
    alm_problem problem = {.status = status, .detail = alm_str_of(error->message)};
    alm_reply_problem(visit->reply, visit->call->request, &problem);
    if (status == 503) {
        alm_reply_header(visit->reply, "Retry-After", ALM_STR("1"));
    }
}

void almi_visit_count(const almi_visit *visit)
{
    const alm_env *env = visit->call->service->env;
    uint64_t now = alm_env_monotonic_ns(env);
    alm_instant time = alm_env_now(env);
    alm_inference_times times = {.succeeded = visit->reply->status == 200, .rows = visit->rows,
                                 .now_ms = time > 0 ? (uint64_t)time / 1000 : 0};
    if (!visit->model) {
        return;
    }
    times.was_kept = visit->use == ALM_CACHE_HIT || visit->use == ALM_CACHE_SHARED;
    times.was_missed = visit->use == ALM_CACHE_MISS || visit->use == ALM_CACHE_STORED;
    times.cache_ns = visit->cache_ns;
    times.input_ns = (visit->read_ns ? visit->read_ns : now) - visit->begun_ns;
    if (visit->read_ns) {
        times.infer_ns = visit->answered_ns - visit->read_ns;
        times.output_ns = now - visit->answered_ns;
    }
    alm_inference_count(visit->model, (size_t)visit->call->request->worker, &times);
    if (times.succeeded && visit->rows > 0 && almi_record_wants(visit->call)) {
        almi_record_inference(visit->call, alm_served_model_describe(visit->model), &visit->input,
                              &visit->answer);
    }
    almi_count_inference(visit);
}
