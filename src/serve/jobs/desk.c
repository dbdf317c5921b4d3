#include "serve/jobs/desk.h"

#include <string.h>

#include "base/json.h"
#include "project/project.h"
#include "store/ledger.h"

#define SNAPSHOT_DIGITS_MIN 4
#define SNAPSHOT_DIGITS_MAX 64

struct alm_desk {
    const alm_env *env;
    alm_desk_options options;
    alm_arena *arena;
    const char *registry; /* path */
    alm_jobs *jobs;
};

/* ---- training ---- */

static bool is_hexadecimal(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

/* The message names what can be trained. A project has models or signals. */
static alm_err fail_model(const alm_project *project, alm_str model, alm_error *error)
{
    alm_buffer known = {0};
    for (size_t i = 0; i < project->model_count; i++) {
        alm_buffer_text(&known, i > 0 ? ", " : "");
        alm_buffer_str(&known, project->models[i].name);
    }
    for (size_t i = 0; i < project->signal_count; i++) {
        alm_buffer_text(&known, i > 0 ? ", " : "");
        alm_buffer_str(&known, project->signals[i].name);
    }
    alm_err code = alm_fail(error, ALM_ERR_NOT_FOUND,
                            "the project has no model '" ALM_STR_FMT "'; it has %s",
                            ALM_STR_ARG(model), known.data ? known.data : "none");
    alm_buffer_deinit(&known);
    return code;
}

alm_err alm_desk_train(alm_desk *desk, alm_str model, alm_str snapshot, const alm_job_asker *asker,
                       alm_job *out, alm_error *error)
{
    const alm_project *project = desk->options.project;
    if (!alm_project_model(project, model) && !alm_project_signal(project, model)) {
        return fail_model(project, model, error);
    }
    if (snapshot.size < SNAPSHOT_DIGITS_MIN || snapshot.size > SNAPSHOT_DIGITS_MAX ||
        !is_hexadecimal(snapshot)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a snapshot is named by the first %d to %d hexadecimal digits of its id",
                        SNAPSHOT_DIGITS_MIN, SNAPSHOT_DIGITS_MAX);
    }
    /* With "=" and behind "--", no text can be taken for an option. */
    alm_arena *scratch = alm_arena_create(4096);
    const char *arguments[] = {
        "train",
        "--json",
        alm_arena_printf(scratch, "--project=%s", project->directory),
        alm_arena_printf(scratch, "--snapshot=" ALM_STR_FMT, ALM_STR_ARG(snapshot)),
        alm_arena_printf(scratch, "--who=%s", asker->who),
        alm_arena_printf(scratch, "--why=training over HTTP, request %s", asker->request_id),
        "--",
        alm_arena_copy_text(scratch, model.data, model.size),
    };
    alm_job_request request = {.kind = "train",
                               .model = model,
                               .object = model,
                               .asker = asker,
                               .argument = arguments,
                               .argument_count = sizeof arguments / sizeof arguments[0]};
    alm_err code = alm_jobs_add(desk->jobs, &request, out, error);
    alm_arena_destroy(scratch);
    return code;
}

/* ---- deploying ---- */

bool alm_release_model(alm_str release, alm_str *model)
{
    size_t digits = 0;
    while (digits < release.size && release.data[release.size - 1 - digits] >= '0' &&
           release.data[release.size - 1 - digits] <= '9') {
        digits++;
    }
    if (digits == 0 || digits + 1 >= release.size ||
        release.data[release.size - 1 - digits] != '-' || !alm_str_is_safe_name(release)) {
        return false;
    }
    *model = (alm_str){release.data, release.size - digits - 1};
    return true;
}

/* {"identity":"token","request_id":"r-1"} */
static alm_str detail_of(const alm_job_asker *asker, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "identity", asker->kind);
    alm_json_put_text(&json, "request_id", asker->request_id);
    alm_json_close_object(&json);
    return alm_buffer_view(out);
}

/* May it be? What cannot be said now without waiting is left to the job. */
static alm_err look(const alm_desk *desk, const alm_ledger_note *entry, alm_error *error)
{
    alm_registry *registry = NULL;
    if (!alm_fs_exists(desk->env->fs, desk->registry)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "the project has no release yet");
    }
    alm_err code = alm_registry_look(desk->registry, &registry, error);
    if (code == ALM_OK) {
        alm_arena *scratch = alm_arena_create(0);
        code = alm_ledger_check(registry, entry, scratch, error);
        alm_arena_destroy(scratch);
    }
    alm_registry_close(registry);
    bool is_verdict = code == ALM_ERR_DENIED || code == ALM_ERR_EXISTS ||
                      code == ALM_ERR_NOT_FOUND || code == ALM_ERR_INVALID;
    return is_verdict ? code : ALM_OK;
}

alm_err alm_desk_deploy(alm_desk *desk, const alm_desk_deployment *deployment,
                        const alm_job_asker *asker, alm_job *out, alm_error *error)
{
    alm_str model;
    if (!alm_release_model(deployment->release, &model)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "a release is named by model and number, such as demand-3");
    }
    if (deployment->reason.size > ALM_DESK_REASON_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "a reason has at most %d bytes",
                        ALM_DESK_REASON_BYTES_MAX);
    }
    alm_ledger_note entry = {.action = ALM_LEDGER_PROMOTE,
                             .subject = deployment->release,
                             .alias = deployment->alias,
                             .who = alm_str_of(asker->who),
                             .when = alm_env_now(desk->env),
                             .why = deployment->reason};
    ALM_TRY(look(desk, &entry, error));
    alm_arena *scratch = alm_arena_create(4096);
    const char *arguments[] = {
        alm_arena_copy_text(scratch, deployment->release.data, deployment->release.size),
        alm_arena_copy_text(scratch, deployment->alias.data, deployment->alias.size),
        alm_arena_copy_text(scratch, deployment->reason.data, deployment->reason.size),
    };
    alm_job_request request = {.kind = "deploy",
                               .model = model,
                               .object = deployment->release,
                               .asker = asker,
                               .argument = arguments,
                               .argument_count = sizeof arguments / sizeof arguments[0]};
    alm_err code = alm_jobs_add(desk->jobs, &request, out, error);
    alm_arena_destroy(scratch);
    return code;
}

/* On the jobs' thread: opens the registry, may wait for a lock, writes durably. */
static alm_err run_deploy(void *context, const alm_job *job, const char *const *argument,
                          char result[ALM_JOB_NAME_BYTES], alm_error *error)
{
    const alm_desk *desk = context;
    alm_registry *registry = NULL;
    alm_buffer detail = {0};
    ALM_TRY(alm_registry_open(desk->registry, &registry, error));
    alm_arena *scratch = alm_arena_create(0);
    alm_ledger_note entry = {.action = ALM_LEDGER_PROMOTE,
                             .subject = alm_str_of(argument[0]),
                             .alias = alm_str_of(argument[1]),
                             .detail = detail_of(&job->asker, &detail),
                             .who = alm_str_of(job->asker.who),
                             .when = alm_env_now(desk->env),
                             .why = alm_str_of(argument[2])};
    alm_ledger_entry written;
    alm_err code = alm_buffer_status(&detail, error);
    code = code == ALM_OK ? alm_ledger_append(registry, &entry, scratch, &written, error) : code;
    if (code == ALM_OK) { /* an alias is a safe name of at most 100 bytes */
        memcpy(result, argument[1], strlen(argument[1]) + 1);
    }
    alm_arena_destroy(scratch);
    alm_buffer_deinit(&detail);
    alm_registry_close(registry);
    return code;
}

/* ---- the desk ---- */

static alm_err note(void *context, alm_job_event event, const alm_job *job, alm_error *error)
{
    const alm_desk *desk = context;
    return desk->options.note ? desk->options.note(desk->options.context, event, job, error)
                              : ALM_OK;
}

alm_err alm_desk_create(const alm_env *env, const alm_desk_options *options, alm_desk **out,
                        alm_error *error)
{
    static const alm_job_kind kinds[] = {{.name = "train", .result = "release"},
                                         {.name = "deploy", .run = run_deploy}};
    alm_arena *arena = alm_arena_create(0);
    alm_desk *desk = ALM_NEW(arena, alm_desk);
    *desk = (alm_desk){.env = env, .options = *options, .arena = arena};
    desk->registry = alm_path_join(arena, options->project->state, "registry.db");
    alm_jobs_options jobs = {.folder = alm_path_join(arena, options->project->state, "jobs"),
                             .children = options->children,
                             .kind = kinds,
                             .kind_count = sizeof kinds / sizeof kinds[0],
                             .context = desk,
                             .note = note};
    alm_err code = alm_jobs_create(env, &jobs, &desk->jobs, error);
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return code;
    }
    *out = desk;
    return ALM_OK;
}

alm_err alm_desk_start(alm_desk *desk, alm_error *error)
{
    return alm_jobs_start(desk->jobs, error);
}

void alm_desk_destroy(alm_desk *desk)
{
    if (desk) {
        alm_jobs_destroy(desk->jobs);
        alm_arena_destroy(desk->arena);
    }
}

alm_jobs *alm_desk_jobs(alm_desk *desk)
{
    return desk->jobs;
}
