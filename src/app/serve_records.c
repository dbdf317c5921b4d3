#include "app/serve_records.h"

#define FILE_NAME "predictions"

static alm_err open_recorder(almi_cli *cli, const alm_serve_settings *settings,
                             almi_serve_records *out, alm_error *error)
{
    const alm_serve_predictions *p = &settings->predictions;
    if (!p->folder) {
        return ALM_OK;
    }
    alm_line_files files = {cli->env.fs, p->folder, FILE_NAME, p->file_bytes, p->files_max};
    ALM_TRY(alm_line_sink_files(&files, &out->sink, error));
    alm_prediction_recorder_options options = {out->sink, p->rate, out->service->workers,
                                               p->ring_bytes};
    return alm_prediction_recorder_create(&options, &out->service->recorder, error);
}

static void forget_model(void *context, const alm_served_info *info)
{
    alm_digest digest;
    if (alm_digest_parse(alm_str_of(info->digest), &digest)) {
        alm_answer_cache_forget(context, &digest);
    }
}

static alm_err open_cache(const alm_serve_settings *settings, alm_service *service,
                          alm_error *error)
{
    uint64_t seed = 0;
    if (settings->cache_bytes == 0) {
        return ALM_OK;
    }
    alm_random_bytes(&seed, sizeof seed);
    ALM_TRY(alm_answer_cache_create(settings->cache_bytes, seed, &service->cache, error));
    alm_model_set_watch(service->models, forget_model, service->cache);
    return ALM_OK;
}

/* It is a help, never a need: a service without it computes. */
static void care_for_share(almi_serve_records *records)
{
    alm_error error = {0};
    const alm_service *service = records->service;
    if (!service->share) {
        return;
    }
    bool is_unshared = alm_shared_care(service->share, &error) != ALM_OK;
    if (is_unshared && !records->is_unshared) {
        alm_observer_log(service->observer, ALM_LOG_WARN, "answers are not shared: %s; tried "
                         "again every second", error.message);
    } else if (!is_unshared && records->is_unshared) {
        alm_observer_log(service->observer, ALM_LOG_INFO, "answers are shared again");
    }
    records->is_unshared = is_unshared;
}

/* The environment comes before the file. */
static alm_err take_environment(const almi_cli *cli, alm_redis_options *out, alm_error *error)
{
    const char *host = alm_env_variable(&cli->env, "REDIS_HOST");
    const char *text = alm_env_variable(&cli->env, "REDIS_PORT");
    int64_t port = out->port;
    if (text && text[0] &&
        (!alm_str_to_i64(alm_str_of(text), &port) || port < 1 || port > 65535)) {
        return alm_fail(error, ALM_ERR_USAGE, "REDIS_PORT is a port from 1 to 65535, not '%s'",
                        text);
    }
    if (host && host[0]) {
        out->host = host;
    }
    out->port = (uint16_t)port;
    return ALM_OK;
}

static alm_err open_share(almi_cli *cli, const alm_serve_settings *settings,
                          alm_service *service, alm_error *error)
{
    alm_redis_options options = settings->redis;
    size_t workers = (size_t)settings->server.workers;
    if (!settings->has_redis) {
        return ALM_OK;
    }
    ALM_TRY(take_environment(cli, &options, error));
    options.connections = workers < ALM_REDIS_CONNECTIONS_MAX ? workers
                                                              : ALM_REDIS_CONNECTIONS_MAX;
    return alm_shared_redis_create(&options, &cli->env, &service->share, error);
}

alm_err almi_serve_records_open(almi_cli *cli, const alm_serve_settings *settings,
                                alm_service *service, almi_serve_records *out, alm_error *error)
{
    *out = (almi_serve_records){.service = service};
    ALM_TRY(open_recorder(cli, settings, out, error));
    ALM_TRY(open_cache(settings, service, error));
    ALM_TRY(open_share(cli, settings, service, error));
    care_for_share(out);
    return ALM_OK;
}

static void care_for_recorder(almi_serve_records *records)
{
    alm_error error = {0};
    const alm_service *service = records->service;
    alm_prediction_recorder_counts c = alm_prediction_recorder_count(service->recorder);
    uint64_t lost = c.dropped + c.failed;
    if (lost > records->lost) {
        bool failed = alm_prediction_recorder_status(service->recorder, &error) != ALM_OK;
        alm_observer_log(service->observer, ALM_LOG_WARN,
                         "%llu predictions are not on record: %s",
                         (unsigned long long)(lost - records->lost),
                         failed ? error.message : "the disk does not keep up");
    }
    records->lost = lost;
}

void almi_serve_records_care(almi_serve_records *records)
{
    if (records->service && records->service->recorder) {
        care_for_recorder(records);
    }
    if (records->service) {
        care_for_share(records);
    }
}

void almi_serve_records_close(almi_serve_records *records)
{
    alm_error error = {0};
    alm_service *service = records->service;
    if (!service) {
        return;
    }
    if (service->recorder) {
        alm_prediction_recorder_flush(service->recorder);
        care_for_recorder(records);
        alm_prediction_recorder_destroy(service->recorder);
    }
    if (records->sink && records->sink->ops->close(records->sink, &error) != ALM_OK) {
        alm_observer_log(service->observer, ALM_LOG_ERROR,
                         "the last predictions may not be on record: %s", error.message);
    }
    alm_answer_cache_destroy(service->cache);
    alm_shared_destroy(service->share);
    service->recorder = NULL;
    service->cache = NULL;
    service->share = NULL;
}
