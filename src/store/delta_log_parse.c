/* delta_log_parse.c: one log entry, line by line. */
#include "store/delta_log.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define DATA_PREFIX "part-"
#define DATA_SUFFIX ".parquet"
#define DIGEST_DIGITS (ALM_DIGEST_TEXT_BYTES - 1)

typedef struct entry_parse {
    alm_arena *arena;
    alm_predictions_commit *commit;
    size_t file_capacity, remove_capacity;
    bool has_info, has_run_id, has_manifest, has_ledger_head;
    size_t transactions;
} entry_parse;

static alm_str keep(alm_arena *arena, alm_str text) {
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static void *grown(alm_arena *arena, const void *old, size_t count, size_t *capacity, size_t item) {
    *capacity = *capacity == 0 ? 8 : 2 * *capacity;
    void *memory = alm_arena_alloc_array(arena, *capacity, item);
    if (count > 0) {
        memcpy(memory, old, count * item);
    }
    return memory;
}

/* The member as text; empty when it is missing or no text. */
static alm_str text_member(const alm_json *object, const char *key, alm_arena *arena) {
    const alm_json *member = alm_json_member(object, key);
    alm_str text;
    if (member == NULL || !alm_json_as_str(member, &text)) {
        return ALM_STR("");
    }
    return keep(arena, text);
}

static bool digest_member(const alm_json *object, const char *key, alm_digest *out) {
    const alm_json *member = alm_json_member(object, key);
    alm_str text;
    return member != NULL && alm_json_as_str(member, &text) && alm_digest_parse(text, out);
}

static int64_t number_member(const alm_json *object, const char *key, int64_t missing) {
    const alm_json *member = alm_json_member(object, key);
    int64_t number = missing;
    return member != NULL && alm_json_as_i64(member, &number) ? number : missing;
}

static void parse_info(entry_parse *parse, const alm_json *info) {
    alm_predictions_commit *commit = parse->commit;
    alm_str run_id = text_member(info, "run_id", parse->arena);
    parse->has_info = true;
    commit->timestamp = number_member(info, "timestamp", 0) * 1000;
    commit->operation = text_member(info, "operation", parse->arena);
    parse->has_run_id = run_id.size > 0;
    commit->run_id = run_id;
    parse->has_manifest = digest_member(info, "userMetadata", &commit->manifest);
    parse->has_ledger_head = digest_member(info, "ledger_head", &commit->ledger_head);
}

static bool parse_data_name(alm_str path, alm_digest *out) {
    size_t start = path.size;
    while (start > 0 && path.data[start - 1] != '/') {
        start--;
    }
    alm_str name = {path.data + start, path.size - start};
    size_t expected = sizeof DATA_PREFIX - 1 + DIGEST_DIGITS + sizeof DATA_SUFFIX - 1;
    if (name.size != expected || !alm_str_starts_with(name, DATA_PREFIX) ||
        memcmp(name.data + sizeof DATA_PREFIX - 1 + DIGEST_DIGITS, DATA_SUFFIX,
               sizeof DATA_SUFFIX - 1) != 0) {
        return false;
    }
    return alm_digest_parse((alm_str){name.data + sizeof DATA_PREFIX - 1, DIGEST_DIGITS}, out);
}

/* Statistics are JSON inside JSON and optional; a reader must not stumble over them. */
static alm_err parse_rows(const alm_json *add, int64_t *rows, alm_error *error) {
    alm_str text;
    const alm_json *member = alm_json_member(add, "stats");
    alm_json_document *stats = NULL;
    *rows = -1;
    if (member == NULL || !alm_json_as_str(member, &text)) {
        return ALM_OK;
    }
    alm_err code = alm_json_parse(text, "stats", &stats, error);
    if (code == ALM_OK && alm_json_kind_of(alm_json_root(stats)) == ALM_JSON_OBJECT) {
        *rows = number_member(alm_json_root(stats), "numRecords", -1);
    }
    alm_json_document_destroy(stats);
    if (code != ALM_ERR_MEMORY) {
        alm_error_clear(error);
        code = ALM_OK;
    }
    return code;
}

static alm_err parse_add(entry_parse *parse, const alm_json *add, alm_error *error) {
    alm_predictions_commit *commit = parse->commit;
    alm_predictions_data data = {.is_live = true};
    const alm_json *values = NULL;
    int64_t size = 0;
    ALM_TRY(alm_json_get_str(add, "path", &data.path, error));
    ALM_TRY(alm_json_get_i64(add, "size", &size, error));
    ALM_TRY(alm_json_get(add, "partitionValues", ALM_JSON_OBJECT, &values, error));
    data.path = keep(parse->arena, data.path);
    data.size_bytes = size < 0 ? 0 : (uint64_t)size;
    data.prediction_date = text_member(values, "prediction_date", parse->arena);
    data.model_version = text_member(values, "model_version", parse->arena);
    data.forecast_horizon = text_member(values, "forecast_horizon", parse->arena);
    ALM_TRY(parse_rows(add, &data.rows, error));
    data.has_digest = parse_data_name(data.path, &data.digest);
    if (commit->files == parse->file_capacity) {
        commit->file = grown(parse->arena, commit->file, commit->files, &parse->file_capacity,
                             sizeof *commit->file);
    }
    commit->file[commit->files++] = data;
    commit->rows += data.rows > 0 ? data.rows : 0;
    return ALM_OK;
}

static int compare_texts(const void *a, const void *b) {
    return alm_str_compare(*(const alm_str *)a, *(const alm_str *)b);
}

/* "a=1;b=2;" sorted by key, so that equal configurations are equal texts. */
static alm_str configuration_text(const alm_json *configuration, alm_arena *arena) {
    size_t count = alm_json_count(configuration);
    alm_str *pair = ALM_NEW_ARRAY(arena, alm_str, count + 1);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        alm_str key;
        alm_str value = ALM_STR("");
        const alm_json *member = alm_json_member_at(configuration, i, &key);
        (void)alm_json_as_str(member, &value);
        char *text = alm_arena_printf(arena, ALM_STR_FMT "=" ALM_STR_FMT ";", ALM_STR_ARG(key),
                                      ALM_STR_ARG(value));
        pair[i] = alm_str_of(text);
        size += pair[i].size;
    }
    qsort(pair, count, sizeof *pair, compare_texts);
    char *joined = alm_arena_alloc(arena, size + 1);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(joined + at, pair[i].data, pair[i].size);
        at += pair[i].size;
    }
    return (alm_str){joined, size};
}

static alm_str column_list(const alm_json *columns, alm_arena *arena) {
    const char *joined = "";
    for (size_t i = 0; i < alm_json_count(columns); i++) {
        alm_str name = ALM_STR("?");
        (void)alm_json_as_str(alm_json_at(columns, i), &name);
        joined = alm_arena_printf(arena, "%s%s" ALM_STR_FMT, joined, i == 0 ? "" : ",",
                                  ALM_STR_ARG(name));
    }
    return alm_str_of(joined);
}

static alm_err parse_metadata(entry_parse *parse, const alm_json *metadata, alm_error *error) {
    alm_predictions_commit *commit = parse->commit;
    const alm_json *columns = NULL;
    alm_str schema_text;
    ALM_TRY(alm_json_get_str(metadata, "schemaString", &schema_text, error));
    ALM_TRY(alm_json_get(metadata, "partitionColumns", ALM_JSON_ARRAY, &columns, error));
    const alm_json *configuration = alm_json_member(metadata, "configuration");
    commit->has_metadata = true;
    commit->schema_text = keep(parse->arena, schema_text);
    commit->partition_columns = column_list(columns, parse->arena);
    commit->configuration =
        configuration == NULL ? ALM_STR("") : configuration_text(configuration, parse->arena);
    return ALM_OK;
}

static alm_err parse_protocol(entry_parse *parse, const alm_json *protocol, alm_error *error) {
    alm_predictions_commit *commit = parse->commit;
    ALM_TRY(alm_json_get_i64(protocol, "minReaderVersion", &commit->reader_version, error));
    ALM_TRY(alm_json_get_i64(protocol, "minWriterVersion", &commit->writer_version, error));
    commit->has_protocol = true;
    return ALM_OK;
}

static alm_err parse_transaction(entry_parse *parse, const alm_json *transaction,
                                 alm_error *error) {
    alm_str key;
    ALM_TRY(alm_json_get_str(transaction, "appId", &key, error));
    parse->commit->run_key = keep(parse->arena, key);
    parse->transactions++;
    return ALM_OK;
}

static alm_err parse_remove(entry_parse *parse, const alm_json *removal, alm_error *error) {
    alm_predictions_commit *commit = parse->commit;
    alm_str path;
    ALM_TRY(alm_json_get_str(removal, "path", &path, error));
    if (commit->removes == parse->remove_capacity) {
        commit->removed = grown(parse->arena, commit->removed, commit->removes,
                                &parse->remove_capacity, sizeof *commit->removed);
    }
    commit->removed[commit->removes++] = keep(parse->arena, path);
    return ALM_OK;
}

/* An action is an object with one member, named by its kind. */
static alm_err parse_action(entry_parse *parse, const alm_json *action, alm_error *error) {
    if (alm_json_kind_of(action) != ALM_JSON_OBJECT || alm_json_count(action) == 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "a log line must be an object with an action");
    }
    alm_str kind;
    const alm_json *body = alm_json_member_at(action, 0, &kind);
    if (alm_json_kind_of(body) != ALM_JSON_OBJECT) {
        return ALM_OK; /* nothing that we know */
    }
    if (alm_str_is(kind, "commitInfo")) {
        parse_info(parse, body);
    } else if (alm_str_is(kind, "add")) {
        return parse_add(parse, body, error);
    } else if (alm_str_is(kind, "txn")) {
        return parse_transaction(parse, body, error);
    } else if (alm_str_is(kind, "metaData")) {
        return parse_metadata(parse, body, error);
    } else if (alm_str_is(kind, "protocol")) {
        return parse_protocol(parse, body, error);
    } else if (alm_str_is(kind, "remove")) {
        return parse_remove(parse, body, error);
    }
    return ALM_OK;
}

static alm_err parse_line(entry_parse *parse, alm_str line, const char *place, alm_error *error) {
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(line, place, &document, error));
    alm_err code = parse_action(parse, alm_json_root(document), error);
    if (code != ALM_OK) {
        code = alm_error_wrap(error, code, "%s", place);
    }
    alm_json_document_destroy(document);
    return code;
}

static alm_err parse_lines(entry_parse *parse, alm_str text, const char *path, alm_arena *scratch,
                           alm_error *error) {
    int number = 0;
    alm_str rest = text;
    while (rest.data != NULL) {
        alm_str line = alm_str_split(&rest, '\n');
        number++;
        if (alm_str_trim(line).size == 0) {
            continue;
        }
        ALM_TRY(
            parse_line(parse, line, alm_arena_printf(scratch, "%s line %d", path, number), error));
    }
    return ALM_OK;
}

alm_err almi_delta_parse(alm_str text, const char *path, int64_t version, alm_arena *arena,
                         alm_predictions_commit *out, alm_error *error) {
    alm_predictions_commit commit = {.version = version};
    entry_parse parse = {.arena = arena, .commit = &commit};
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = parse_lines(&parse, text, path, scratch, error);
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        /* Whatever the cause, what is wrong is the log (but for a lack of memory). */
        return code == ALM_ERR_MEMORY
                   ? code
                   : alm_error_wrap(error, ALM_ERR_CORRUPT, "the table's log is damaged");
    }
    if (!parse.has_info && commit.files == 0 && !commit.has_metadata) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%s: the log entry is empty or cut off", path);
    }
    commit.is_run = parse.has_run_id && parse.has_manifest && parse.has_ledger_head &&
                    parse.transactions == 1 && commit.removes == 0 && !commit.has_metadata &&
                    !commit.has_protocol;
    *out = commit;
    return ALM_OK;
}

alm_err almi_delta_read(alm_fs *fs, const char *log, int64_t version, alm_arena *arena,
                        alm_predictions_commit *out, alm_error *error) {
    alm_arena *scratch = alm_arena_create(0);
    const char *path = almi_delta_path(scratch, log, version);
    alm_str text;
    alm_err code = alm_fs_read_all(fs, path, ALMI_DELTA_ENTRY_BYTES_MAX, scratch, &text, error);
    if (code == ALM_OK) {
        code = almi_delta_parse(text, path, version, arena, out, error);
    }
    alm_arena_destroy(scratch);
    return code;
}
