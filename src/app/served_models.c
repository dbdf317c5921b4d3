#include "app/served_models.h"

#include <string.h>

#include "app/session.h"
#include "batch/imported.h"
#include "serve/model_source.h"
#include "signal/signal_bundle.h"

/* A release, resolved when the server starts: an alias that moves later is another one. */
typedef struct served_release {
    const alm_env *env;
    alm_objects *objects;
    alm_release release;
    bool approved;
} served_release;

/* Several models may be loaded at a time, and a pool is one caller's. */
static const alm_env *loading_env(almi_cli *cli)
{
    alm_env *env = ALM_NEW(cli->arena, alm_env);
    *env = cli->env;
    env->pool = NULL;
    return env;
}

/* ---- files ---- */

/* "model" of "folder/model.txt"; characters that no name has become '_'. */
static alm_str name_of_path(almi_cli *cli, alm_str path)
{
    while (path.size > 1 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    for (size_t i = path.size; i > 0; i--) {
        if (path.data[i - 1] == '/') {
            path = (alm_str){path.data + i, path.size - i};
            break;
        }
    }
    for (size_t i = path.size; i > 1; i--) {
        if (path.data[i - 1] == '.') {
            path.size = i - 1;
            break;
        }
    }
    char *name = alm_arena_copy_text(cli->arena, path.data, path.size);
    for (size_t i = 0; i < path.size; i++) {
        alm_str one = {name + i, 1};
        name[i] = alm_str_is_safe_name(one) || (i > 0 && name[i] == '.') ? name[i] : '_';
    }
    return (alm_str){name, path.size};
}

alm_err almi_served_models_add_file(almi_cli *cli, alm_model_set *set, alm_str text,
                                    alm_error *error)
{
    alm_str path = text;
    alm_str name = alm_str_split(&path, '=');
    if (!path.data) { /* no '=' */
        path = text;
        name = name_of_path(cli, text);
    }
    if (path.size == 0) {
        return alm_fail(error, ALM_ERR_USAGE, "--model takes [NAME=]PATH, with commas between "
                        "several");
    }
    alm_model_path *from = ALM_NEW(cli->arena, alm_model_path);
    *from = (alm_model_path){.env = loading_env(cli),
                             .path = alm_arena_copy_text(cli->arena, path.data, path.size),
                             .category_codes = almi_option_flag(cli, "category-codes")};
    alm_model_source source = alm_model_source_path(from);
    ALM_TRY(alm_model_set_declare(set, name, ALM_STR(ALM_MODEL_FILE_VERSION), &source, error));
    return alm_model_set_load(set, name, ALM_STR(ALM_MODEL_FILE_VERSION), error);
}

/* ---- releases ---- */

static alm_err read_signal(const served_release *r, const alm_digest *bundle, alm_arena *arena,
                           alm_scorer **out, alm_error *error)
{
    alm_signal_bundle found;
    ALM_TRY(alm_signal_bundle_read(r->objects, bundle, arena, &found, error));
    alm_scorer_table table = {found.file, found.file_count};
    alm_scorer_source source = alm_scorer_memory(&table);
    return alm_scorer_read(&source, r->release.name.data, out, error);
}

static alm_err open_release(void *context, alm_str name, alm_arena *arena, alm_opened_model *out,
                            alm_error *error)
{
    const served_release *r = context;
    const alm_digest *bundle = &r->release.members[0].bundle;
    alm_arena *bytes = alm_arena_create(0); /* of files, which the scorer does not need */
    alm_scorer *scorer = NULL;
    bool is_signal = false;
    (void)name;
    alm_err code = alm_signal_bundle_is(r->objects, bundle, &is_signal, error);
    if (code == ALM_OK) {
        code = is_signal ? read_signal(r, bundle, bytes, &scorer, error)
                         : alm_imported_scorer(r->env, r->objects, bundle, bytes, &scorer, error);
    }
    alm_arena_destroy(bytes);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "release " ALM_STR_FMT, ALM_STR_ARG(r->release.name));
    }
    alm_opened_model_describe(scorer, arena, out);
    out->approved = r->approved;
    return ALM_OK;
}

alm_err almi_served_models_add_release(almi_cli *cli, alm_model_set *set, alm_str name,
                                       alm_error *error)
{
    served_release *r = ALM_NEW(cli->arena, served_release);
    alm_ledger_entry *entries = NULL;
    size_t approvals = 0;
    ALM_TRY(almi_open_state(cli, error));
    *r = (served_release){.env = loading_env(cli), .objects = cli->objects};
    ALM_TRY(alm_registry_resolve(cli->registry, name, cli->arena, &r->release, error));
    alm_ledger_filter filter = {.action = ALM_LEDGER_APPROVE, .subject = r->release.name};
    ALM_TRY(alm_ledger_list(cli->registry, &filter, cli->arena, &entries, &approvals, error));
    r->approved = approvals > 0;
    alm_model_source source = {open_release, r};
    ALM_TRY(alm_model_set_declare(set, r->release.model, r->release.name, &source, error));
    return alm_model_set_load(set, r->release.model, r->release.name, error);
}

/* ---- all ---- */

typedef alm_err (*declare)(almi_cli *cli, alm_model_set *set, alm_str text, alm_error *error);

static alm_err declare_list(almi_cli *cli, alm_model_set *set, const char *option, declare one,
                            alm_error *error)
{
    const char *text = almi_option_text(cli, option);
    for (alm_str rest = text ? alm_str_of(text) : (alm_str){NULL, 0}; rest.data;) {
        ALM_TRY(one(cli, set, alm_str_split(&rest, ','), error));
    }
    return ALM_OK;
}

/* Also with --quiet: the label belongs to the answers. */
static void show_notices(almi_cli *cli, alm_model_set *set)
{
    const alm_model_snapshot *s = alm_model_set_enter(set, 0);
    bool quiet = cli->quiet;
    cli->quiet = false;
    for (size_t i = 0; i < s->count; i++) {
        const alm_served_info *info = alm_served_model_describe(s->entry[i].model);
        if (!info->approved) {
            almi_note(cli, ALM_STR_FMT, ALM_STR_ARG(info->notice));
        }
    }
    cli->quiet = quiet;
    alm_model_set_leave(set, 0);
}

alm_err almi_served_models_open(almi_cli *cli, size_t workers, alm_model_set **out,
                                alm_error *error)
{
    alm_model_set *set = NULL;
    ALM_TRY(alm_model_set_create(workers, &set, error));
    alm_err code = declare_list(cli, set, "model", almi_served_models_add_file, error);
    if (code == ALM_OK) {
        code = declare_list(cli, set, "release", almi_served_models_add_release, error);
    }
    if (code != ALM_OK) {
        alm_model_set_destroy(set);
        return code;
    }
    show_notices(cli, set);
    *out = set;
    return ALM_OK;
}
