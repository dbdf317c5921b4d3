/* cmd_serve.c: the online service; the work is http/ and what it stands on. */
#include <string.h>
#include <time.h>

#include "app/interrupt.h"
#include "app/session.h"
#include "base/build_info.h"
#include "http/service.h"

#define LOOK_NS 50000000 /* for a signal that came just before the wait began */

static const almi_option options[] = {
    {"address", "IP", "where to listen (default: 127.0.0.1, this machine only)"},
    {"port", "N", "0 takes a free one (default: PORT of the environment, else 3003)"},
    {"workers", "N", "event loops (default: --threads)"},
};

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

static alm_err read_settings(const almi_cli *cli, alm_server_settings *out, alm_error *error)
{
    int64_t workers = cli->threads;
    const char *address = almi_option_text(cli, "address");
    *out = alm_server_defaults;
    out->address = address ? address : out->address;
    ALM_TRY(read_port(cli, &out->port, error));
    ALM_TRY(almi_option_i64(cli, "workers", &workers, error));
    if (workers < 1 || workers > 256) {
        return alm_fail(error, ALM_ERR_USAGE, "--workers takes 1 to 256, not %lld",
                        (long long)workers);
    }
    out->workers = (int)workers;
    return ALM_OK;
}

/* Until SIGINT or SIGTERM. */
static void wait_for_the_end(void)
{
    while (!almi_interrupted()) {
        struct timespec pause = {.tv_nsec = LOOK_NS};
        (void)nanosleep(&pause, NULL); /* ends at once with a signal */
    }
}

/* Not ready first, so that whoever sends requests here stops before the socket closes. */
static void stop(almi_cli *cli, alm_service *service, alm_server *server)
{
    atomic_store(&service->is_ready, false);
    alm_server_counts counts = alm_server_count(server);
    almi_note(cli, "stopping; %llu requests are at work", (unsigned long long)counts.requests);
    alm_server_stop(server);
}

static alm_err run(almi_cli *cli, alm_error *error)
{
    alm_server_settings settings;
    alm_server *server = NULL;
    alm_buffer openapi = {0};
    alm_buffer reference = {0};
    ALM_TRY(read_settings(cli, &settings, error));
    alm_openapi_write(&openapi);
    alm_reference_write(&reference);
    alm_service service = {.env = &cli->env,
                           .version = ALM_ENGINE_VERSION,
                           .started = alm_env_now(&cli->env),
                           .openapi = &openapi,
                           .reference = &reference};
    alm_server_handler handler = alm_service_handler(&service);
    almi_interrupt_be_patient();
    alm_err code = alm_server_start(&cli->env, &settings, &handler, &server, error);
    if (code == ALM_OK) {
        atomic_store(&service.is_ready, true);
        almi_note(cli, "listening at http://%s:%u, its interface at /reference; Ctrl-C stops",
                  settings.address, (unsigned)alm_server_port(server));
        wait_for_the_end();
        stop(cli, &service, server);
    }
    alm_buffer_deinit(&openapi);
    alm_buffer_deinit(&reference);
    return code;
}

const almi_command almi_cmd_serve = {
    .name = "serve",
    .summary = "answer over HTTP until it is told to stop",
    .text = "Listens on this machine only unless --address says otherwise. SIGTERM and Ctrl-C end "
            "it gracefully: it is not ready any more, takes no new connections, and answers what "
            "is at work; a second one ends it at once.",
    .example = "almanac serve --port 8080",
    ALMI_OPTIONS(options),
    .run = run,
};
