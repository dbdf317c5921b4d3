/* cmd_serve.c: the online service; the work is http/ and what it stands on. */
#include <string.h>
#include <time.h>

#include "app/interrupt.h"
#include "app/serve_desk.h"
#include "app/serve_live.h"
#include "app/serve_records.h"
#include "app/serve_runs.h"
#include "app/serve_scores.h"
#include "app/served_models.h"
#include "app/session.h"
#include "app/settings_file.h"
#include "app/stderr_sink.h"
#include "base/build_info.h"
#include "base/thread.h"
#include "http/off_loop.h"
#include "http/serve_settings.h"
#include "http/service.h"
#include "monitor/log_line.h"

#define LOOK_NS 5000000 /* for what is new in the stores; a rollback shall be seen in 10 ms */
#define IDLE_NS 100000000 /* where nothing can be new */
#define CARE_NS 1000000000u
#define RING_BYTES ((size_t)1 << 20)

static const almi_option options[] = {
    {"settings", "FILE", "where to listen, limits, TLS, access (default: serve.yaml of the "
                         "project, where there is one)"},
    {"address", "IP", "where to listen (default: 127.0.0.1, this machine only)"},
    {"port", "N", "0 takes a free one (default: PORT of the environment, else 3003)"},
    {"workers", "N", "event loops (default: --threads)"},
    {"development", NULL, "nobody is asked who he is; on a loopback address only"},
    {"model", "FILES", "models to serve, each [NAME=]PATH as of 'almanac predict', with commas "
                       "between them; nobody approved them, and every answer says so"},
    {"release", "RELEASES", "imported releases or signals of the project, or aliases, with commas "
                            "between them"},
    {"batch", "MODELS", "names of models whose requests that an event loop finds at the same time "
                        "are answered by one call, with commas between them; for nets"},
    {"category-codes", NULL, "requests hold the numbers of categories (pandas codes, CatBoost)"},
};

/* Everything of one server, made in this order and unmade in the other. */
typedef struct serving {
    almi_cli *cli;
    alm_serve_settings settings;
    alm_buffer openapi, reference;
    alm_line_writer *writer;
    alm_service service;
    almi_serve_desk desk;
    almi_serve_runs runs;
    almi_serve_scores scores;
    almi_serve_records records;
    almi_served_models models;
    /* What is looked after while it serves. */
    alm_thread *carer;
    alm_mutex lock;
    alm_condition ending;
    bool is_ending;
} serving;

/* ---- settings ---- */

static alm_err read_port(const almi_cli *cli, uint16_t *out, alm_error *error)
{
    int64_t port = *out;
    const char *text = alm_env_variable(&cli->env, "PORT");
    if (text && text[0] && !alm_str_to_i64(alm_str_of(text), &port)) {
        return alm_fail(error, ALM_ERR_USAGE, "PORT is '%s', not a number", text);
    }
    ALM_TRY(almi_option_i64(cli, "port", &port, error));
    if (port < 0 || port > 65535) {
        return alm_fail(error, ALM_ERR_USAGE, "a port is 0 to 65535, not %lld", (long long)port);
    }
    *out = (uint16_t)port;
    return ALM_OK;
}

static alm_err read_settings(almi_cli *cli, alm_serve_settings *out, alm_error *error)
{
    const char *address = almi_option_text(cli, "address");
    const char *path = NULL;
    ALM_TRY(almi_settings_path(cli, &path, error));
    ALM_TRY(alm_serve_settings_read(cli->env.fs, path, cli->arena, out, error));
    int64_t workers = out->has_workers ? out->server.workers : cli->threads;
    out->server.address = address ? address : out->server.address;
    ALM_TRY(read_port(cli, &out->server.port, error));
    ALM_TRY(almi_option_i64(cli, "workers", &workers, error));
    if (workers < 1 || workers > 256) {
        return alm_fail(error, ALM_ERR_USAGE, "--workers takes 1 to 256, not %lld",
                        (long long)workers);
    }
    out->server.workers = (int)workers;
    return ALM_OK;
}

/* As many threads compute as there are event loops, unless that were more than a line takes. */
static void number_workers(alm_service *service, int loops)
{
    service->crew_worker = loops;
    service->workers = 2 * loops <= ALM_LIVE_WORKERS_MAX ? 2 * loops : ALM_LIVE_WORKERS_MAX;
}

static alm_err open_crew(alm_service *service, alm_error *error)
{
    /* They do not step back: a request waits for each. */
    const alm_crew_options crew = {.name = "computing",
                                   .members = service->workers - service->crew_worker,
                                   .waiting_max = ALM_OFF_LOOP_WAITING_MAX};
    return service->live && crew.members > 0
               ? alm_crew_create(&crew, &service->crew, error)
               : ALM_OK;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* ---- access ---- */

static alm_err open_access(serving *s, alm_error *error)
{
    almi_cli *cli = s->cli;
    bool is_local = is_loopback(s->settings.server.address);
    /* A model file can be tried on this machine as it is: every answer says that nobody approved
     * it. A project has answers that somebody may rely on, so there it has to be said. */
    bool is_trial = almi_option_text(cli, "model") && !cli->project && is_local;
    bool is_off = almi_option_flag(cli, "development") || (is_trial && !s->settings.access);
    alm_yaml *off = NULL;
    alm_access_settings access;
    if (!s->settings.access && !is_off) {
        return alm_fail(error, ALM_ERR_CONFIG,
                        "nobody has access: name tokens or API keys below 'access' in %s "
                        "(docs/access.md), or try it on this machine with --development",
                        ALM_SERVE_SETTINGS_FILE);
    }
    if (is_off) {
        ALM_TRY(alm_yaml_parse(ALM_STR("development: true\n"), "--development", cli->arena, &off,
                               error));
    }
    ALM_TRY(alm_access_settings_read(is_off ? off : s->settings.access, s->settings.folder,
                                     cli->arena, &access, error));
    /* One more than event loops: the thread that hashes. */
    int workers = s->settings.server.workers;
    ALM_TRY(alm_access_create(&cli->env, &access, is_local, workers + 1, &s->service.access,
                              error));
    return access.api_keys.is_set
               ? alm_key_checker_create(s->service.access, workers, &s->service.keys, error)
               : ALM_OK;
}

/* ---- what is looked after ---- */

static void care(serving *s)
{
    alm_error error;
    bool tokens = false;
    bool keys = false;
    alm_observer *observer = s->service.observer;
    almi_serve_records_care(&s->records);
    if (alm_access_refresh(s->service.access, alm_env_monotonic_ns(&s->cli->env), &tokens, &keys,
                           &error) != ALM_OK) {
        alm_observer_log(observer, ALM_LOG_WARN, "access: %s; the keys before stay in force",
                         error.message);
    }
    if (tokens || keys) {
        alm_observer_log(observer, ALM_LOG_INFO, "access: %s read again",
                         tokens && keys ? "token and API keys" : tokens ? "token keys"
                                                                        : "API keys");
    }
}

static void care_until_the_end(void *context)
{
    serving *s = context;
    alm_mutex_lock(&s->lock);
    while (!s->is_ending) {
        (void)alm_condition_wait_ns(&s->ending, &s->lock, CARE_NS);
        if (!s->is_ending) {
            alm_mutex_unlock(&s->lock);
            care(s);
            alm_mutex_lock(&s->lock);
        }
    }
    alm_mutex_unlock(&s->lock);
}

static void end_care(serving *s)
{
    alm_mutex_lock(&s->lock);
    s->is_ending = true;
    alm_condition_signal(&s->ending);
    alm_mutex_unlock(&s->lock);
    alm_thread_join(s->carer);
}

/* ---- the service ---- */

static alm_err open_observer(serving *s, alm_error *error)
{
    almi_cli *cli = s->cli;
    int workers = s->settings.server.workers;
    alm_log_level level = cli->quiet ? ALM_LOG_ERROR : ALM_LOG_INFO;
    const char *text = alm_env_variable(&cli->env, "LOG_LEVEL"); /* a known one: session.c */
    (void)alm_log_level_parse(alm_str_of(text), &level);
    ALM_TRY(alm_service_meters_create(workers, &s->service.meters, error));
    ALM_TRY(alm_line_writer_create(almi_stderr_sink(cli->arena), workers, RING_BYTES, &s->writer,
                                   error));
    s->service.writer = s->writer;
    alm_observer_options observed = {
        .env = &cli->env, .meters = s->service.meters, .writer = s->writer, .level = level};
    return alm_observer_create(&observed, &s->service.observer, error);
}

static alm_err open_serving(serving *s, alm_error *error)
{
    alm_openapi_write(&s->openapi);
    alm_reference_write(&s->reference);
    s->service.env = &s->cli->env;
    s->service.version = ALM_ENGINE_VERSION;
    s->service.memory_limit_bytes = s->settings.memory_bytes;
    s->service.started = alm_env_now(&s->cli->env);
    s->service.openapi = &s->openapi;
    s->service.reference = &s->reference;
    alm_heap_return_large();
    ALM_TRY(open_observer(s, error));
    ALM_TRY(open_access(s, error));
    ALM_TRY(almi_served_models_open(s->cli, (size_t)s->settings.server.workers, &s->models,
                                    error));
    s->service.models = s->models.set;
    number_workers(&s->service, s->settings.server.workers);
    ALM_TRY(almi_serve_records_open(s->cli, &s->settings, &s->service, &s->records, error));
    const char *joined = almi_option_text(s->cli, "batch");
    if (joined) {
        ALM_TRY(alm_joins_create(alm_str_of(joined), s->settings.server.workers,
                                 &s->service.joins, error));
    }
    ALM_TRY(almi_serve_runs_open(s->cli, s->service.workers, &s->runs, &s->service, error));
    ALM_TRY(almi_serve_desk_open(s->cli, &s->service, &s->desk, error));
    ALM_TRY(almi_serve_live_open(s->cli, s->service.workers, s->desk.lock > 0, &s->service,
                                 error));
    ALM_TRY(open_crew(&s->service, error));
    almi_serve_runs_follow(&s->runs);
    return ALM_OK;
}

static void close_serving(serving *s)
{
    alm_crew_destroy(s->service.crew);
    almi_serve_live_close(&s->service);
    almi_serve_desk_close(&s->desk, &s->service);
    almi_serve_scores_close(&s->scores);
    almi_serve_runs_close(&s->runs);
    alm_joins_destroy(s->service.joins);
    almi_served_models_close(&s->models);
    almi_serve_records_close(&s->records);
    alm_key_checker_destroy(s->service.keys);
    alm_access_destroy(s->service.access);
    alm_observer_destroy(s->service.observer);
    alm_line_writer_destroy(s->writer);
    alm_meters_destroy(s->service.meters);
    alm_buffer_deinit(&s->openapi);
    alm_buffer_deinit(&s->reference);
}

/* Until SIGINT or SIGTERM; meanwhile what is served is renewed. */
static void wait_for_the_end(serving *s)
{
    bool follows = s->runs.committed || s->models.releases;
    while (!almi_interrupted()) {
        const alm_committed_set *set = almi_serve_runs_renew(&s->runs);
        almi_served_releases_renew(s->models.releases, set, s->service.observer);
        struct timespec pause = {.tv_nsec = follows ? LOOK_NS : IDLE_NS};
        (void)nanosleep(&pause, NULL); /* ends at once with a signal */
    }
}

static alm_err serve(serving *s, alm_error *error)
{
    almi_cli *cli = s->cli;
    alm_server_handler handler = alm_service_handler(&s->service);
    const alm_server_settings *settings = &s->settings.server;
    alm_server *server = NULL;
    almi_interrupt_be_patient();
    ALM_TRY(alm_server_start(&cli->env, settings, &handler, &server, error));
    atomic_store(&s->service.server, server);
    alm_err code = s->service.desk ? alm_desk_start(s->service.desk, error) : ALM_OK;
    if (code == ALM_OK) {
        code = almi_serve_scores_start(cli, &s->service, &s->scores, error);
    }
    if (code == ALM_OK) {
        code = alm_thread_start("care", care_until_the_end, s, &s->carer, error);
    }
    code = code == ALM_OK ? almi_serve_live_start(&s->service, error) : code;
    if (code == ALM_OK) {
        bool is_ip6 = strchr(settings->address, ':') != NULL;
        atomic_store(&s->service.is_ready, true);
        almi_note(cli, "listening at %s://%s%s%s:%u, its interface at /reference; Ctrl-C stops",
                  settings->key.size > 0 ? "https" : "http", is_ip6 ? "[" : "", settings->address,
                  is_ip6 ? "]" : "", (unsigned)alm_server_port(server));
        wait_for_the_end(s);
        /* Not ready first, so that whoever sends requests here stops before the socket closes. */
        atomic_store(&s->service.is_ready, false);
        almi_note(cli, "stopping; %llu requests are at work",
                  (unsigned long long)alm_server_count(server).requests);
        end_care(s);
    }
    almi_serve_scores_stop(&s->scores);
    alm_server_stop(server);
    return code;
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    serving s = {.cli = cli};
    ALM_TRY(read_settings(cli, &s.settings, error));
    alm_mutex_init(&s.lock);
    alm_condition_init(&s.ending);
    alm_err code = open_serving(&s, error);
    code = code == ALM_OK ? serve(&s, error) : code;
    close_serving(&s);
    alm_condition_deinit(&s.ending);
    alm_mutex_deinit(&s.lock);
    return code;
}

const almi_command almi_cmd_serve = {
    .name = "serve",
    .summary = "answer over HTTP until it is told to stop",
    .text = "Listens on this machine only unless --address or the settings say otherwise. Who may "
            "ask is said below 'access' of the settings; docs/serving.md and docs/access.md have "
            "every key. Its log is lines of JSON on standard error, from LOG_LEVEL on (default: "
            "info, which has refused requests; debug has all).\n"
            "Models answer by the Open Inference Protocol (/v2, as Triton and KServe speak it), by "
            "KServe's v1, and, when one is served, by MLflow's /invocations; "
            "docs/serving-protocols.md has examples. A model file outside of a project is served "
            "on this machine as it is; else access is set up, or --development given.\n"
            "In a project it trains and deploys when it is asked to: docs/jobs.md.\n"
            "SIGTERM and Ctrl-C end it gracefully: it is not ready any more, takes no new "
            "connections, and answers what is at work; a second one ends it at once.",
    .example = "almanac serve --model model.txt\n"
               "almanac serve --model demand=model.txt,direction=FOLDER --port 8080\n"
               "almanac serve --settings serve.yaml --address 0.0.0.0 --port 8080",
    ALMI_OPTIONS(options),
    .run = run,
};
