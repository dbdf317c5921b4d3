#include "app/serve_scores.h"

#include "batch/prediction_table.h"

#define FIRST_NS 1000000000u         /* the first answers come before */
#define LOOK_NS UINT64_C(10000000000)
#define ENGINE_MEMORY ((uint64_t)256 << 20) /* of the table engine while it reads a run */
#define MEMORY_SHARE 4 /* of the limit, for the run that is compared */

typedef struct handles {
    alm_realised_options options;
    alm_realised_state seen;
} handles;

static void close_handles(handles *h)
{
    alm_predictions_close(h->options.stores.predictions);
    alm_objects_close(h->options.stores.objects);
    alm_registry_close(h->options.stores.registry);
}

static alm_err open_handles(almi_serve_scores *s, handles *h, alm_error *error)
{
    uint64_t limit = s->env.memory_limit_bytes / MEMORY_SHARE;
    *h = (handles){.options = {.env = &s->env,
                               .project = s->project,
                               .load = {.memory_limit_bytes = limit,
                                        .engine_memory_bytes = ENGINE_MEMORY},
                               .ends = &s->ends}};
    alm_run_stores *stores = &h->options.stores;
    ALM_TRY(alm_registry_open(s->registry, &stores->registry, error));
    ALM_TRY(alm_objects_folder_open(s->env.fs, s->objects, &stores->objects, error));
    return alm_prediction_table_open(&s->env, s->project, &stores->predictions, error);
}

static void publish(almi_serve_scores *s, alm_realised_report *report)
{
    if (alm_epoch_publish(s->service->epoch, &s->service->realised, report,
                          alm_realised_report_destroy, NULL) != ALM_OK) {
        alm_realised_report_destroy(report); /* what was there stays until the next news */
    }
}

static void compare(almi_serve_scores *s, handles *h)
{
    alm_arena *arena = alm_arena_create(0);
    alm_realised_report *report = ALM_NEW(arena, alm_realised_report);
    alm_error error;
    *report = (alm_realised_report){.arena = arena, .compared = alm_env_now(&s->env)};
    if (alm_realised_compute(&h->options, arena, &report->realised, &error) != ALM_OK) {
        report->problem = alm_str_of(alm_arena_printf(arena, "%s", error.message));
        h->seen = (alm_realised_state){0}; /* again at the next look */
        if (!s->has_problem && !atomic_load(&s->ends)) {
            alm_observer_log(s->service->observer, ALM_LOG_WARN,
                             "predictions cannot be compared with what happened: %s",
                             error.message);
        }
    }
    s->has_problem = report->problem.size > 0;
    publish(s, report);
}

static void look(almi_serve_scores *s, handles *h)
{
    bool changed = false;
    if (alm_realised_look(&h->options, &h->seen, &changed, NULL) == ALM_OK && changed) {
        compare(s, h);
    }
}

static bool waits(almi_serve_scores *s, uint64_t nanoseconds)
{
    alm_mutex_lock(&s->lock);
    if (!atomic_load(&s->ends)) {
        (void)alm_condition_wait_ns(&s->ending, &s->lock, nanoseconds);
    }
    alm_mutex_unlock(&s->lock);
    return !atomic_load(&s->ends);
}

static void scores_main(void *context)
{
    almi_serve_scores *s = context;
    handles h;
    alm_error error;
    if (!waits(s, FIRST_NS)) {
        return;
    }
    if (open_handles(s, &h, &error) == ALM_OK) {
        do {
            look(s, &h);
        } while (waits(s, LOOK_NS));
    } else {
        alm_observer_log(s->service->observer, ALM_LOG_WARN,
                         "predictions are not compared with what happens: %s", error.message);
    }
    close_handles(&h);
}

alm_err almi_serve_scores_start(almi_cli *cli, alm_service *service, almi_serve_scores *out,
                                alm_error *error)
{
    if (!service->committed) {
        return ALM_OK;
    }
    *out = (almi_serve_scores){.env = cli->env,
                               .project = cli->project,
                               .registry = almi_state_path(cli, "registry.db"),
                               .objects = almi_state_path(cli, "objects"),
                               .service = service};
    out->env.pool = NULL;
    alm_mutex_init(&out->lock);
    alm_condition_init(&out->ending);
    return alm_thread_start("scores", scores_main, out, &out->thread, error);
}

void almi_serve_scores_stop(almi_serve_scores *s)
{
    if (s->thread) {
        alm_mutex_lock(&s->lock);
        atomic_store(&s->ends, true);
        alm_condition_signal(&s->ending);
        alm_mutex_unlock(&s->lock);
        alm_thread_join(s->thread);
        alm_condition_deinit(&s->ending);
        alm_mutex_deinit(&s->lock);
        s->thread = NULL;
    }
}

void almi_serve_scores_close(almi_serve_scores *s)
{
    if (s->service) {
        alm_realised_report_destroy(atomic_exchange(&s->service->realised.current, NULL));
    }
}
