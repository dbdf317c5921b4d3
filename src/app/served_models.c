#include "app/served_models.h"

#include <string.h>

#include "app/session.h"
#include "serve/models/model_source.h"

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
    *from = (alm_model_path){.env = &cli->env,
                             .threads = cli->threads,
                             .path = alm_arena_copy_text(cli->arena, path.data, path.size),
                             .category_codes = almi_option_flag(cli, "category-codes")};
    alm_model_source source = alm_model_source_path(from);
    ALM_TRY(alm_model_set_declare(set, name, ALM_STR(ALM_MODEL_FILE_VERSION), &source, error));
    return alm_model_set_load(set, name, ALM_STR(ALM_MODEL_FILE_VERSION), error);
}

/* ---- all ---- */

static alm_err declare_files(almi_cli *cli, alm_model_set *set, alm_error *error)
{
    const char *text = almi_option_text(cli, "model");
    for (alm_str rest = text ? alm_str_of(text) : (alm_str){NULL, 0}; rest.data;) {
        ALM_TRY(almi_served_models_add_file(cli, set, alm_str_split(&rest, ','), error));
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

alm_err almi_served_models_open(almi_cli *cli, size_t workers, almi_served_models *out,
                                alm_error *error)
{
    almi_served_models made = {0};
    ALM_TRY(alm_model_set_create(workers, &made.set, error));
    alm_err code = declare_files(cli, made.set, error);
    if (code == ALM_OK) {
        code = almi_served_releases_open(cli, made.set, &made.releases, error);
    }
    if (code != ALM_OK) {
        almi_served_models_close(&made);
        return code;
    }
    show_notices(cli, made.set);
    *out = made;
    return ALM_OK;
}

void almi_served_models_close(almi_served_models *models)
{
    almi_served_releases_close(models->releases);
    alm_model_set_destroy(models->set);
    *models = (almi_served_models){0};
}
