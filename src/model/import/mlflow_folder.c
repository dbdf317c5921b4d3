/* mlflow_folder.c: see mlflow_folder.h. */
#include "model/import/mlflow_folder.h"

#include "base/yaml.h"

#define MLMODEL_BYTES_MAX ((size_t)1 << 20)
#define FLAVOURS_SHOWN 6

/* The first of these that the folder has. */
static const char *const FLAVOURS[] = {"lightgbm", "xgboost", "catboost", "onnx"};

static alm_err fail_unknown(const alm_yaml *flavours, const char *name, alm_error *error)
{
    alm_buffer list = {0};
    for (size_t i = 0; i < flavours->count && i < FLAVOURS_SHOWN; i++) {
        alm_str key = flavours->child[i].key;
        alm_buffer_printf(&list, "%s%.*s", i ? ", " : "", (int)(key.size < 40 ? key.size : 40),
                          key.data);
    }
    alm_err code = alm_fail(error, ALM_ERR_UNSUPPORTED,
                            "%s: the flavours are %s; lightgbm, xgboost, catboost and onnx are "
                            "read", name, list.size > 0 ? list.data : "not there");
    alm_buffer_deinit(&list);
    return code;
}

/* Names of folders and at last of a file, downwards only. */
static bool stays_inside(alm_str path)
{
    if (path.size == 0) {
        return false;
    }
    for (alm_str rest = path; rest.data != NULL;) {
        alm_str part = alm_str_split(&rest, '/');
        if (part.size == 0 || alm_str_is(part, ".") || alm_str_is(part, "..")) {
            return false;
        }
    }
    return true;
}

alm_err alm_mlflow_folder_parse(alm_str text, const char *name, alm_arena *arena,
                                alm_mlflow_folder *out, alm_error *error)
{
    alm_yaml *root = NULL;
    const char *file = alm_path_join(arena, name, "MLmodel");
    alm_err code = alm_yaml_parse(text, file, arena, &root, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code == ALM_ERR_CONFIG ? ALM_ERR_CORRUPT : code,
                              "MLflow model");
    }
    const alm_yaml *flavours = root->kind == ALM_YAML_MAP ? alm_yaml_member(root, "flavors") : NULL;
    if (flavours == NULL || flavours->kind != ALM_YAML_MAP) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s has no map `flavors`", file);
    }
    for (size_t i = 0; i < sizeof FLAVOURS / sizeof *FLAVOURS; i++) {
        const alm_yaml *flavour = alm_yaml_member(flavours, FLAVOURS[i]);
        if (flavour == NULL) {
            continue;
        }
        const alm_yaml *data =
            flavour->kind == ALM_YAML_MAP ? alm_yaml_member(flavour, "data") : NULL;
        if (data == NULL || data->kind != ALM_YAML_SCALAR || !stays_inside(data->scalar)) {
            return alm_yaml_fail(data != NULL ? data : flavour, error, ALM_ERR_CORRUPT,
                                 "`data` of the flavour %s must be the path of a file inside the "
                                 "folder", FLAVOURS[i]);
        }
        *out = (alm_mlflow_folder){FLAVOURS[i], alm_arena_copy_text(arena, data->scalar.data,
                                                                    data->scalar.size)};
        return ALM_OK;
    }
    return fail_unknown(flavours, name, error);
}

/* What an entry of a folder is; a link is OTHER. */
static alm_err find_entry(alm_fs *fs, const char *folder, alm_str name, alm_arena *arena,
                          alm_fs_kind *out, alm_error *error)
{
    alm_fs_entry *entry = NULL;
    size_t count = 0;
    ALM_TRY(fs->ops->list(fs, folder, arena, &entry, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (alm_str_is(name, entry[i].name)) {
            *out = entry[i].kind;
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_NOT_FOUND, "%s has no '" ALM_STR_FMT "'", folder,
                    (int)(name.size < 100 ? name.size : 100), name.data);
}

/* Every part of the path as it lies in its folder, so that no link leads out of it. */
static alm_err check_path(alm_fs *fs, const char *path, const char *data, alm_arena *arena,
                          alm_error *error)
{
    const char *folder = path;
    for (alm_str rest = alm_str_of(data); rest.data != NULL;) {
        alm_str part = alm_str_split(&rest, '/');
        alm_fs_kind kind = ALM_FS_OTHER;
        ALM_TRY(find_entry(fs, folder, part, arena, &kind, error));
        if (kind != (rest.data != NULL ? ALM_FS_DIRECTORY : ALM_FS_FILE)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%s: '" ALM_STR_FMT "' is a link, or not a %s",
                            folder, (int)(part.size < 100 ? part.size : 100), part.data,
                            rest.data != NULL ? "folder" : "file");
        }
        folder = alm_path_join(arena, folder, alm_arena_copy_text(arena, part.data, part.size));
    }
    return ALM_OK;
}

alm_err alm_mlflow_folder_read(alm_fs *fs, const char *path, const char *name, alm_arena *arena,
                               alm_mlflow_folder *out, alm_error *error)
{
    alm_str text;
    alm_mlflow_folder found;
    const char *file = alm_path_join(arena, path, "MLmodel");
    if (!alm_fs_exists(fs, file)) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "%s is a folder without the file MLmodel, so it "
                        "is no MLflow model", name);
    }
    ALM_TRY(alm_fs_read_all(fs, file, MLMODEL_BYTES_MAX, arena, &text, error));
    ALM_TRY(alm_mlflow_folder_parse(text, name, arena, &found, error));
    ALM_TRY(check_path(fs, path, found.data, arena, error));
    *out = found;
    return ALM_OK;
}
