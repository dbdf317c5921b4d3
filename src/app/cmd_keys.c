/* cmd_keys.c: API keys of the service, made, listed and taken out; the work is http/access. */
#include <sys/stat.h>

#include "app/session.h"
#include "app/settings_file.h"
#include "http/access/access.h"
#include "http/access/api_keys.h"
#include "http/access/secret.h"
#include "http/serve_settings.h"

#define FILE_OPTION {"file", "FILE", "the file of keys (default: the one that serve.yaml names)"}
#define SETTINGS_OPTION \
    {"settings", "FILE", "the serve.yaml that names it (default: the project's)"}

static const almi_option add_options[] = {
    {"role", "ROLE,...", "what it may: viewer, predictor, trainer, approver, admin"},
    {"model", "PATTERN,...", "only models with such names; * stands for any text (default: all)"},
    {"expires", "DATE", "the first day on which it does not work any more (default: never)"},
    {"note", "TEXT", "whom it is for; at most 200 bytes"},
    FILE_OPTION,
    SETTINGS_OPTION,
};
static const almi_option file_options[] = {FILE_OPTION, SETTINGS_OPTION};

/* --file, else what the settings name. */
static alm_err keys_path(almi_cli *cli, const char **out, alm_error *error)
{
    const char *file = almi_option_text(cli, "file");
    if (file && file[0]) {
        *out = file;
        return ALM_OK;
    }
    const char *path = NULL;
    alm_access_settings access = {0};
    ALM_TRY(almi_settings_path(cli, &path, error));
    if (path) {
        alm_serve_settings settings;
        ALM_TRY(alm_serve_settings_read(cli->env.fs, path, cli->arena, &settings, error));
        if (settings.access) {
            ALM_TRY(alm_access_settings_read(settings.access, settings.folder, cli->arena, &access,
                                             error));
        }
    }
    if (!access.api_keys.is_set) {
        return alm_fail(error, ALM_ERR_USAGE,
                        "no file of keys: give --file FILE, or name it below access: api_keys: in "
                        "%s (docs/access.md)",
                        path ? path : ALM_SERVE_SETTINGS_FILE);
    }
    *out = access.api_keys.file.data;
    return ALM_OK;
}

/* ---- keys add ---- */

/* "a,b" as texts. */
static alm_str *split_list(almi_cli *cli, const char *text, size_t *count)
{
    size_t most = 1;
    for (const char *at = text; *at; at++) {
        most += *at == ',';
    }
    alm_str *parts = ALM_NEW_ARRAY(cli->arena, alm_str, most);
    *count = 0;
    for (alm_str rest = alm_str_of(text); rest.data;) {
        parts[(*count)++] = alm_str_trim(alm_str_split(&rest, ','));
    }
    return parts;
}

static alm_err read_roles(almi_cli *cli, alm_api_key_request *out, alm_error *error)
{
    alm_str text;
    size_t count = 0;
    ALM_TRY(almi_option_require(cli, "role", &text, error));
    const alm_str *names = split_list(cli, text.data, &count);
    alm_role *roles = ALM_NEW_ARRAY(cli->arena, alm_role, count);
    for (size_t i = 0; i < count; i++) {
        if (!alm_role_parse(names[i], &roles[i])) {
            return alm_fail(error, ALM_ERR_USAGE,
                            "--role takes viewer, predictor, trainer, approver and admin, "
                            "separated by commas, not '" ALM_STR_FMT "'",
                            ALM_STR_ARG(names[i]));
        }
    }
    out->roles = roles;
    out->role_count = count;
    return ALM_OK;
}

static alm_err read_request(almi_cli *cli, alm_api_key_request *out, alm_error *error)
{
    alm_date last = ALM_DATE_NONE;
    const char *models = almi_option_text(cli, "model");
    *out = (alm_api_key_request){.every_model = models == NULL,
                                 .created = alm_env_now(&cli->env),
                                 .expires = INT64_MAX,
                                 .note = alm_str_of(almi_option_text(cli, "note"))};
    ALM_TRY(read_roles(cli, out, error));
    if (models) {
        out->models = split_list(cli, models, &out->model_count);
    }
    ALM_TRY(almi_option_date(cli, "expires", &last, error));
    if (last != ALM_DATE_NONE) {
        out->expires = alm_instant_of_date(last);
    }
    return ALM_OK;
}

static void show_key(almi_cli *cli, const char *key)
{
    if (!cli->json) {
        alm_buffer_printf(&cli->out, "%s\n", key);
        return;
    }
    alm_str id;
    alm_json_writer json = alm_json_writer_on(&cli->out);
    bool is_one = alm_api_key_is_one(alm_str_of(key), &id);
    alm_assert(is_one);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "id", id);
    alm_json_put_text(&json, "key", key);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
}

/* What this process makes from here on, nobody else may read: hashes of keys. The file is written
 * anew each time, so one that others could read is closed to them. */
static void write_for_owner(void)
{
    (void)umask(S_IRWXG | S_IRWXO);
}

static alm_err run_add(almi_cli *cli, alm_error *error)
{
    alm_api_key_request request;
    const char *path = NULL;
    char key[ALM_API_KEY_TEXT_BYTES];
    ALM_TRY(read_request(cli, &request, error));
    ALM_TRY(keys_path(cli, &path, error));
    write_for_owner();
    ALM_TRY(alm_api_keys_add(cli->env.fs, path, &request, key, error));
    show_key(cli, key);
    alm_secret_wipe(key, sizeof key);
    alm_err code = almi_flush(cli, error);
    if (cli->out.data) {
        alm_secret_wipe(cli->out.data, cli->out.capacity);
    }
    ALM_TRY(code);
    almi_note(cli, "this is the only time that the key is shown; %s holds its hash", path);
    return ALM_OK;
}

/* ---- keys list ---- */

static const almi_grid_column columns[] = {
    {.key = "id", .title = "ID"},
    {.key = "roles", .title = "ROLES"},
    {.key = "models", .title = "MODELS", .wrap = true},
    {.key = "created", .title = "CREATED"},
    {.key = "expires", .title = "EXPIRES", .optional = true},
    {.key = "expired", .title = NULL},
    {.key = "note", .title = "NOTE", .wrap = true, .optional = true},
};

/* "a, b"; "*" for every model, "-" for none. */
static const char *models_of(almi_cli *cli, const alm_identity *identity)
{
    if (identity->every_model) {
        return "*";
    }
    const char *all = identity->model_count ? "" : "-";
    for (size_t i = 0; i < identity->model_count; i++) {
        all = alm_arena_printf(cli->arena, "%s%s" ALM_STR_FMT, all, i > 0 ? ", " : "",
                               ALM_STR_ARG(identity->models[i]));
    }
    return all;
}

static alm_err run_list(almi_cli *cli, alm_error *error)
{
    const char *path = NULL;
    alm_str text;
    alm_api_keys *keys = NULL;
    ALM_TRY(keys_path(cli, &path, error));
    ALM_TRY(alm_fs_read_all(cli->env.fs, path, ALM_API_KEYS_BYTES_MAX, cli->arena, &text, error));
    ALM_TRY(alm_secret_start(error));
    ALM_TRY(alm_api_keys_parse(text, path, &keys, error));
    almi_grid *grid = almi_grid_create(cli->arena, columns, sizeof columns / sizeof columns[0]);
    alm_instant now = alm_env_now(&cli->env);
    for (size_t i = 0; i < alm_api_keys_count(keys); i++) {
        char roles[ALM_ROLES_TEXT_BYTES];
        const alm_api_key *key = alm_api_keys_at(keys, i);
        almi_grid_str(grid, key->identity.subject);
        almi_grid_text(grid, alm_roles_text(key->identity.roles, roles));
        almi_grid_text(grid, models_of(cli, &key->identity));
        almi_grid_instant(grid, key->created);
        if (key->identity.expires == INT64_MAX) {
            almi_grid_none(grid);
        } else {
            almi_grid_instant(grid, key->identity.expires);
        }
        almi_grid_bool(grid, key->identity.expires <= now);
        almi_grid_optional(grid, key->note);
    }
    alm_api_keys_destroy(keys);
    almi_show_rows(cli, grid, "keys", "there are no keys; 'almanac keys add' makes one");
    return ALM_OK;
}

/* ---- keys remove ---- */

static alm_err run_remove(almi_cli *cli, alm_error *error)
{
    const char *path = NULL;
    ALM_TRY(keys_path(cli, &path, error));
    write_for_owner();
    ALM_TRY(alm_api_keys_remove(cli->env.fs, path, alm_str_of(cli->argument[0]), error));
    almi_note(cli, "taken out of %s; a running service refuses it when it has looked at the file "
              "again (access: api_keys: refresh_seconds)", path);
    return ALM_OK;
}

const almi_command almi_cmd_keys_add = {
    .name = "keys add",
    .summary = "make an API key for the service",
    .text = "Prints the key, which a program then sends as X-API-Key. It is shown this once: the "
            "file holds only a hash of it, and is its owner's alone (mode 0600): run this as "
            "the user that the service runs as. The service takes the key up by itself. One "
            "process at a time may write the file.",
    .example = "almanac keys add --role predictor --model 'demand*' --note 'warehouse 7'\n"
               "almanac keys add --file keys.json --role trainer,approver --expires 2027-01-01",
    ALMI_OPTIONS(add_options),
    .run = run_add,
};

const almi_command almi_cmd_keys_list = {
    .name = "keys list",
    .summary = "list the API keys, without what is secret",
    .text = "The id of a key is no secret: logs and records name it. Neither keys nor hashes are "
            "shown.",
    .example = "almanac keys list",
    ALMI_OPTIONS(file_options),
    .run = run_list,
};

const almi_command almi_cmd_keys_remove = {
    .name = "keys remove",
    .arguments = "ID",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "take an API key out",
    .text = "The key stops working as soon as the service has looked at the file again.",
    .example = "almanac keys remove 0123456789ab",
    ALMI_OPTIONS(file_options),
    .run = run_remove,
};
