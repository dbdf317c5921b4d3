/* model_file.c: the table of formats, and what each of them says beside its trees. */
#include "model/model_file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "model/import/mlflow_folder.h"

#define SNIFF_BYTES 4096 /* a format must show within them */
#define DIGEST_SHOWN 12

struct alm_model_file {
    alm_arena *arena;
    alm_forest *forest;
    alm_model_file_info info;
};

/* ---- what a content is ---- */

static bool starts_with(alm_str content, const void *bytes, size_t size)
{
    return content.size >= size && memcmp(content.data, bytes, size) == 0;
}

static bool contains(alm_str content, const char *word)
{
    size_t size = content.size < SNIFF_BYTES ? content.size : SNIFF_BYTES;
    return memmem(content.data, size, word, strlen(word)) != NULL;
}

static bool is_lightgbm(alm_str content)
{
    return alm_str_is(content, "tree") || starts_with(content, "tree\n", 5) ||
           starts_with(content, "tree\r\n", 6);
}

static bool is_json(alm_str content)
{
    alm_str text = alm_str_trim(content);
    return text.size > 0 && text.data[0] == '{' && !memchr(text.data, 0, text.size);
}

static bool is_lightgbm_json(alm_str content)
{
    return is_json(content) && contains(content, "\"tree_info\"");
}

/* JSON, UBJ (an object whose first key has a binary length), or the format before 1.0. */
static bool is_xgboost(alm_str content)
{
    return (is_json(content) && contains(content, "\"learner\"")) ||
           (starts_with(content, "{L", 2) && contains(content, "learner")) ||
           starts_with(content, "binf", 4);
}

/* Keys of its JSON are sorted: statistics, if there are any, come before features_info. */
static bool is_catboost(alm_str content)
{
    return starts_with(content, "CBM1", 4) ||
           (is_json(content) &&
            (contains(content, "\"features_info\"") || contains(content, "\"ctr_data\"") ||
             contains(content, "\"oblivious_trees\"")));
}

/* A protocol buffer whose first field is a small integer: the version of the format. */
static bool is_onnx(alm_str content)
{
    bool versioned = content.size > 2 && content.data[0] == 8 && content.data[1] > 0 &&
                     content.data[1] < 32;
    /* A graph, its length and its first node; or the name of whoever wrote it. */
    return versioned && (contains(content, "onnx") || contains(content, "TreeEnsemble") ||
                         content.data[2] == 0x12 || content.data[2] == 0x3A);
}

/* The length of a header, which begins with a brace. */
static bool is_safetensors(alm_str content)
{
    uint64_t size = 0;
    for (size_t i = 0; i < 8 && content.size > 8; i++) {
        size |= (uint64_t)(uint8_t)content.data[i] << (8 * i);
    }
    return size > 1 && size <= content.size - 8 && content.data[8] == '{';
}

static bool is_pickle(alm_str content)
{
    return content.size > 1 && (unsigned char)content.data[0] == 0x80 && content.data[1] >= 2 &&
           content.data[1] <= 5;
}

static bool is_zip(alm_str content)
{
    return starts_with(content, "PK\x03\x04", 4);
}

static bool is_hdf(alm_str content)
{
    return starts_with(content, "\x89HDF", 4);
}

/* gzip, zlib (joblib's), bzip2, xz, zstd */
static bool is_compressed(alm_str content)
{
    return starts_with(content, "\x1f\x8b", 2) || starts_with(content, "x\x9c", 2) ||
           starts_with(content, "x\x5e", 2) || starts_with(content, "x\xda", 2) ||
           starts_with(content, "x\x01", 2) || starts_with(content, "BZh", 3) ||
           starts_with(content, "\xfd" "7zXZ", 5) || starts_with(content, "\x28\xb5\x2f\xfd", 4);
}

static bool is_parquet(alm_str content)
{
    return starts_with(content, "PAR1", 4);
}

/* ---- names ---- */

/* As the parser found them. */
static alm_err take_names(alm_model_file *file, alm_error *error)
{
    alm_model_file_info *info = &file->info;
    for (size_t i = 0; info->forest.feature_name && i < info->forest.feature_count; i++) {
        if (!alm_str_is_utf8(info->forest.feature_name[i], NULL)) {
            return alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT ": feature_names: name %zu is not "
                            "UTF-8", ALM_STR_ARG(info->name), i + 1);
        }
    }
    info->feature_names = info->forest.feature_name;
    return ALM_OK;
}

/* The last of the lines counts, as in the Python package, which appends one when it saves. */
static bool lightgbm_categories(alm_str content)
{
    static const char KEY[] = "\npandas_categorical:";
    alm_str lists = {NULL, 0}, rest = content;
    const char *line; /* end of the one before it; from the end on, where it is */
    while (lists.data == NULL && rest.size > 0 &&
           (line = memrchr(rest.data, '\n', rest.size)) != NULL) {
        alm_str from = {line, content.size - (size_t)(line - content.data)};
        if (alm_str_starts_with(from, KEY)) {
            lists = (alm_str){line + sizeof KEY - 1, from.size - (sizeof KEY - 1)};
        }
        rest.size = (size_t)(line - rest.data);
    }
    if (!lists.data) {
        return false;
    }
    lists = alm_str_trim(alm_str_split(&lists, '\n'));
    return lists.size > 0 && !alm_str_is(lists, "null") && !alm_str_is(lists, "[]");
}

/* ---- the table ---- */

typedef struct format {
    const char *name; /* in messages: "is a NAME" */
    bool (*is)(alm_str content);
    /* NULL: known and not read; `refusal` says why, and what to do. */
    alm_err (*parse)(alm_str content, const char *name, alm_forest **out, alm_error *error);
    /* OPTIONAL: the same by several threads, while the content is read, whose first bytes then say
     * what it is. */
    alm_err (*read)(alm_pool *pool, alm_fs_content *content, bool hash, const char *name,
                    alm_forest **out, alm_error *error);
    alm_transform_library library;
    bool (*categories)(alm_str content); /* OPTIONAL: was it trained on pandas categories? */
    const char *category_remedy;         /* OPTIONAL: what to do then, behind the model's name */
    const char *generic; /* name of column 7 without its 7, where the library made it up */
    const char *refusal;
} format;

#define RUNS_CODE                                                                                \
    ", which can run any code when it is opened, so almanac never opens one; write the model "   \
    "itself: LightGBM booster.save_model('model.txt'), scikit-learn interface "                 \
    "model.booster_.save_model('model.txt')"
#define PANDAS_CODES                                                                             \
    " was trained on pandas categories: it knows a value only as its number in a list of the "   \
    "training data; put these numbers into the rows (frame[column].cat.codes) and say "          \
    "--category-codes"
#define HASHED_CODES                                                                             \
    " has categories, of which it knows hashes of texts, and a row can hold a number only (3 "   \
    "is the category '3'); say --category-codes if the categories of the training data were "    \
    "whole numbers, else train with such"

/* The first that fits. A format that is read has a parser instead of a refusal. */
static const format FORMATS[] = {
    {.name = "LightGBM", .is = is_lightgbm, .parse = alm_forest_parse_lightgbm,
     .read = alm_forest_read_lightgbm,
     .library = ALM_TRANSFORM_LIGHTGBM, .categories = lightgbm_categories,
     .category_remedy = PANDAS_CODES, .generic = "Column_"},
    {.name = "XGBoost", .is = is_xgboost, .parse = alm_forest_parse_xgboost,
     .library = ALM_TRANSFORM_XGBOOST, .category_remedy = PANDAS_CODES, .generic = "f"},
    {.name = "CatBoost", .is = is_catboost, .parse = alm_forest_parse_catboost,
     .library = ALM_TRANSFORM_CATBOOST, .category_remedy = HASHED_CODES, .generic = ""},
    {.name = "JSON dump of LightGBM", .is = is_lightgbm_json,
     .refusal = ", which lacks digits and keys; write booster.save_model('model.txt')"},
    {.name = "ONNX", .is = is_onnx, .parse = alm_forest_parse_onnx,
     .library = ALM_TRANSFORM_ONNX, .generic = "f"},
    {.name = "safetensors file", .is = is_safetensors,
     .refusal = ": the weights of a net, which is not scored on rows"},
    {.name = "Python pickle (or joblib file)", .is = is_pickle, .refusal = RUNS_CODE},
    {.name = "zip archive (PyTorch, Keras or NumPy)", .is = is_zip, .refusal = RUNS_CODE},
    {.name = "HDF5 file (Keras)", .is = is_hdf, .refusal = RUNS_CODE},
    {.name = "compressed file", .is = is_compressed,
     .refusal = "; unpack it first (a joblib file holds a pickle, which is never opened)"},
    {.name = "Parquet file", .is = is_parquet,
     .refusal = ": rows, not a model; the model goes behind --model"},
};

static const format *find_format(alm_str content)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (FORMATS[i].is(content)) {
            return &FORMATS[i];
        }
    }
    return NULL;
}

static alm_err fail_unknown(alm_str content, const char *name, alm_error *error)
{
    if (content.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: the file is empty", name);
    }
    bool is_text = alm_str_is_utf8(content, NULL) && !memchr(content.data, 0, content.size);
    return alm_fail(error, ALM_ERR_INVALID,
                    "%s is no model that almanac knows: %s; LightGBM's text model begins with a "
                    "line 'tree', XGBoost's is JSON or UBJ, CatBoost's .cbm or JSON (save_model)",
                    name, is_text ? "a text of another kind" : "unknown binary data");
}

bool alm_model_file_is_onnx(alm_str content)
{
    return is_onnx(content);
}

/* ---- opening ---- */

/* All names are the library's invention. */
static bool is_generic(const alm_model_file_info *info, const char *prefix)
{
    for (size_t i = 0; info->feature_names && i < info->forest.feature_count; i++) {
        char made[64];
        (void)snprintf(made, sizeof made, "%s%zu", prefix ? prefix : "", i);
        if (!alm_str_is(info->feature_names[i], made)) {
            return false;
        }
    }
    return true;
}

static void make_up_names(alm_model_file *file, const char *prefix)
{
    size_t count = file->info.forest.feature_count;
    alm_str *names = ALM_NEW_ARRAY(file->arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = alm_str_of(alm_arena_printf(file->arena, "%s%zu", prefix ? prefix : "f", i));
    }
    file->info.feature_names = names;
}

static void describe(alm_model_file *file)
{
    alm_model_file_info *info = &file->info;
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&info->digest, digest);
    size_t trees = info->forest.tree_count;
    const char *shape = info->forest.is_linear
                            ? "linear"
                            : alm_arena_printf(file->arena, "%zu tree%s", trees,
                                               trees == 1 ? "" : "s");
    info->description = alm_str_of(alm_arena_printf(
        file->arena, ALM_STR_FMT " (%s, %s, sha256 %.*s)", ALM_STR_ARG(info->name), info->format,
        shape, DIGEST_SHOWN, digest));
}

static alm_err fill(alm_model_file *file, const format *kind, alm_fs_content *content,
                    alm_pool *pool, alm_error *error)
{
    alm_model_file_info *info = &file->info;
    const char *name = info->name.data;
    bool hash = content->digest == NULL;
    ALM_TRY(kind->read ? kind->read(pool, content, hash, name, &file->forest, error)
                       : kind->parse(content->bytes, name, &file->forest, error));
    info->digest = hash ? alm_hash_finish(&content->hash, content->bytes) : *content->digest;
    info->format = kind->name;
    info->forest = alm_forest_describe(file->forest);
    alm_transform_spec spec = {.library = kind->library,
                               .objective = info->forest.objective,
                               .averaged = info->forest.averaged,
                               .iteration_count = info->forest.iteration_count,
                               .output_count = info->forest.output_count};
    alm_err code = alm_transform_parse(&spec, &info->transform, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, ALM_STR_FMT, ALM_STR_ARG(info->name));
    }
    ALM_TRY(take_names(file, error));
    info->has_pandas_categories = info->forest.has_category_names ||
                                  (kind->categories && kind->categories(content->bytes));
    info->category_remedy = info->has_pandas_categories ? kind->category_remedy : NULL;
    info->is_generic = is_generic(info, kind->generic);
    if (!info->feature_names) {
        make_up_names(file, kind->generic);
    }
    describe(file);
    return ALM_OK;
}

/* A format that can be read while its bytes come, by the first of them; NULL: none. */
static const format *find_early(const alm_fs_content *content)
{
    size_t size = content->bytes.size < SNIFF_BYTES ? content->bytes.size : SNIFF_BYTES;
    bool there = alm_fs_read_on(content, size);
    for (size_t i = 0; there && i < sizeof FORMATS / sizeof *FORMATS; i++) {
        if (FORMATS[i].read && FORMATS[i].is((alm_str){content->bytes.data, size})) {
            return &FORMATS[i];
        }
    }
    return NULL;
}

static alm_err find_kind(alm_pool *pool, alm_fs_content *content, const char *name,
                         const format **out, alm_error *error)
{
    const format *kind = find_early(content);
    if (!kind) {
        ALM_TRY(alm_fs_read_hashing(pool, content, error));
        kind = find_format(content->bytes);
    }
    if (!kind) {
        return fail_unknown(content->bytes, name, error);
    }
    if (!kind->parse) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s is a %s%s", name, kind->name,
                        kind->refusal);
    }
    *out = kind;
    return ALM_OK;
}

alm_err alm_model_file_parse_content(alm_pool *pool, alm_fs_content *from, const char *name,
                                     alm_model_file **out, alm_error *error)
{
    const format *kind = NULL;
    ALM_TRY(find_kind(pool, from, name, &kind, error));
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(alm_model_file), &memory, error));
    alm_model_file *file = memory;
    file->arena = alm_arena_create(0);
    file->info.name = alm_str_of(alm_arena_copy_text(file->arena, name, strlen(name)));
    alm_err code = fill(file, kind, from, pool, error);
    if (code != ALM_OK) {
        alm_model_file_close(file);
        return code;
    }
    *out = file;
    return ALM_OK;
}

alm_err alm_model_file_parse_by(alm_pool *pool, alm_str content, const char *name,
                                alm_model_file **out, alm_error *error)
{
    alm_fs_content from = {.bytes = content};
    return alm_model_file_parse_content(pool, &from, name, out, error);
}

alm_err alm_model_file_parse(alm_str content, const char *name, alm_model_file **out,
                             alm_error *error)
{
    return alm_model_file_parse_by(NULL, content, name, out, error);
}

/* Where a model lies: a file, or the one of an MLflow folder. */
typedef struct place {
    const char *path, *name;
    const char *flavour; /* what the folder says of it; NULL: no folder */
} place;

static alm_err find_place(alm_fs *fs, const char *path, const char *name, alm_arena *arena,
                          place *out, alm_error *error)
{
    alm_fs_stat stat;
    alm_mlflow_folder folder;
    *out = (place){path, name, NULL};
    if (fs->ops->stat(fs, path, &stat, NULL) != ALM_OK || stat.kind != ALM_FS_DIRECTORY) {
        return ALM_OK; /* what is not there is said by whoever reads it */
    }
    ALM_TRY(alm_mlflow_folder_read(fs, path, name, arena, &folder, error));
    *out = (place){alm_path_join(arena, path, folder.data), alm_path_join(arena, name, folder.data),
                   folder.flavour};
    return ALM_OK;
}

/* What is in the file of a folder must be what the folder says. */
static alm_err open_place(const alm_env *env, const place *at, alm_arena *arena, alm_str *content,
                          alm_model_file **out, alm_error *error)
{
    alm_model_file *file = NULL;
    alm_fs_content read;
    ALM_TRY(alm_fs_read_begin(env->fs, at->path, ALM_MODEL_FILE_BYTES_MAX, arena, &read, error));
    alm_err code = alm_model_file_parse_content(env->pool, &read, at->name, &file, error);
    if (code != ALM_OK) {
        alm_fs_read_abandon(&read);
        return code;
    }
    *content = read.bytes;
    if (at->flavour != NULL && strcasecmp(file->info.format, at->flavour) != 0) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "%s: MLmodel says %s, but this is a model "
                                "of %s", at->name, at->flavour, file->info.format);
        alm_model_file_close(file);
        return code;
    }
    *out = file;
    return ALM_OK;
}

alm_err alm_model_file_open(const alm_env *env, const char *path, const char *name,
                            alm_model_file **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    place at;
    alm_str content;
    alm_err code = find_place(env->fs, path, name, arena, &at, error);
    if (code == ALM_OK) {
        code = open_place(env, &at, arena, &content, out, error);
    }
    alm_arena_destroy(arena);
    return code;
}

alm_err alm_model_file_load(const alm_env *env, const char *path, alm_arena *arena,
                            alm_model_bytes *bytes, alm_model_file **out, alm_error *error)
{
    place at;
    ALM_TRY(find_place(env->fs, path, path, arena, &at, error));
    ALM_TRY(open_place(env, &at, arena, &bytes->content, out, error));
    bytes->name = at.name;
    return ALM_OK;
}

alm_err alm_model_file_read(alm_fs *fs, const char *path, alm_arena *arena, alm_model_bytes *out,
                            alm_error *error)
{
    alm_fs_content content;
    const char *name = NULL;
    ALM_TRY(alm_model_file_begin(fs, path, arena, &content, &name, error));
    ALM_TRY(alm_fs_read_end(&content, error));
    *out = (alm_model_bytes){content.bytes, name};
    return ALM_OK;
}

alm_err alm_model_file_begin(alm_fs *fs, const char *path, alm_arena *arena, alm_fs_content *out,
                             const char **name, alm_error *error)
{
    place at;
    ALM_TRY(find_place(fs, path, path, arena, &at, error));
    ALM_TRY(alm_fs_read_begin(fs, at.path, ALM_MODEL_FILE_BYTES_MAX, arena, out, error));
    *name = at.name;
    return ALM_OK;
}

void alm_model_file_close(alm_model_file *file)
{
    if (!file) {
        return;
    }
    alm_forest_destroy(file->forest);
    alm_arena_destroy(file->arena);
    alm_heap_free(file);
}

const alm_model_file_info *alm_model_file_describe(const alm_model_file *file)
{
    return &file->info;
}

const alm_forest *alm_model_file_forest(const alm_model_file *file)
{
    return file->forest;
}
