/* delta_log.c: writing entries, and finding them. Reading is in delta_log_parse.c. */
#include "store/delta_log.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define VERSION_DIGITS 20
#define ENTRY_SUFFIX ".json"
#define UUID_TEXT_BYTES 37
#define NUMBER_TEXT_BYTES 24

/* JSON inside JSON: Delta keeps this list as text. */
#define PARTITION_BY "[\"prediction_date\",\"model_version\",\"forecast_horizon\"]"

const char *almi_delta_path(alm_arena *arena, const char *log, int64_t version) {
    return alm_arena_printf(arena, "%s/%0*lld" ENTRY_SUFFIX, log, VERSION_DIGITS,
                            (long long)version);
}

bool almi_delta_version(const char *name, int64_t *out) {
    if (strlen(name) != VERSION_DIGITS + sizeof ENTRY_SUFFIX - 1 ||
        strcmp(name + VERSION_DIGITS, ENTRY_SUFFIX) != 0 ||
        strspn(name, "0123456789") != VERSION_DIGITS) {
        return false;
    }
    const char *digits = name;
    while (digits + 1 < name + VERSION_DIGITS && *digits == '0') {
        digits++;
    }
    return alm_str_to_i64((alm_str){digits, (size_t)(name + VERSION_DIGITS - digits)}, out);
}

alm_err almi_delta_versions(alm_fs *fs, const char *log, alm_arena *arena, int64_t **out,
                            size_t *count, alm_error *error) {
    alm_fs_entry *entry = NULL;
    size_t entries = 0;
    ALM_TRY(fs->ops->list(fs, log, arena, &entry, &entries, error));
    int64_t *version = ALM_NEW_ARRAY(arena, int64_t, entries + 1);
    size_t used = 0;
    for (size_t i = 0; i < entries; i++) {
        /* Sorted names of equal length are sorted numbers. */
        used += almi_delta_version(entry[i].name, &version[used]) ? 1 : 0;
    }
    *out = version;
    *count = used;
    return ALM_OK;
}

const char *almi_delta_partition_path(alm_arena *arena,
                                      const alm_predictions_partition *partition) {
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(partition->prediction_date, date);
    return alm_arena_printf(
        arena, "prediction_date=%s/model_version=" ALM_STR_FMT "/forecast_horizon=%d", date,
        ALM_STR_ARG(partition->model_version), partition->forecast_horizon);
}

static void put_number_text(alm_json_writer *json, const char *key, int64_t number) {
    char text[NUMBER_TEXT_BYTES];
    snprintf(text, sizeof text, "%lld", (long long)number);
    alm_json_put_text(json, key, text);
}

static void put_digest(alm_json_writer *json, const char *key, const alm_digest *digest) {
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(digest, text);
    alm_json_put_text(json, key, text);
}

/* ---- entry 0 ---- */

static void write_type(alm_json_writer *json, alm_delta_type type) {
    static const char *const NAME[] = {
        [ALM_DELTA_STRING] = "string",       [ALM_DELTA_INTEGER] = "integer",
        [ALM_DELTA_LONG] = "long",           [ALM_DELTA_DOUBLE] = "double",
        [ALM_DELTA_BOOLEAN] = "boolean",     [ALM_DELTA_DATE] = "date",
        [ALM_DELTA_TIMESTAMP] = "timestamp",
    };
    alm_assert((size_t)type < sizeof NAME / sizeof *NAME);
    alm_json_text(json, NAME[type]);
}

/* Everything is nullable: non-null partition columns break predicate push-down in delta-kernel. */
static void open_field(alm_json_writer *json, const char *name) {
    alm_json_open_object(json);
    alm_json_put_text(json, "name", name);
    alm_json_key(json, "type");
}

static void close_field(alm_json_writer *json) {
    alm_json_put_bool(json, "nullable", true);
    alm_json_key(json, "metadata");
    alm_json_open_object(json);
    alm_json_close_object(json);
    alm_json_close_object(json);
}

static void write_field(alm_json_writer *json, const char *name, alm_delta_type type) {
    open_field(json, name);
    if (type == ALM_DELTA_CONTRIBUTIONS) {
        alm_json_open_object(json);
        alm_json_put_text(json, "type", "array");
        alm_json_key(json, "elementType");
        alm_json_open_object(json);
        alm_json_put_text(json, "type", "struct");
        alm_json_key(json, "fields");
        alm_json_open_array(json);
        write_field(json, "feature", ALM_DELTA_STRING);
        write_field(json, "contribution", ALM_DELTA_DOUBLE);
        alm_json_close_array(json);
        alm_json_close_object(json);
        alm_json_put_bool(json, "containsNull", true);
        alm_json_close_object(json);
    } else {
        write_type(json, type);
    }
    close_field(json);
}

void almi_delta_schema(alm_buffer *out, const alm_predictions_schema *schema) {
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_put_text(&json, "type", "struct");
    alm_json_key(&json, "fields");
    alm_json_open_array(&json);
    write_field(&json, "prediction_date", ALM_DELTA_DATE);
    write_field(&json, "model_version", ALM_DELTA_STRING);
    write_field(&json, "forecast_horizon", ALM_DELTA_INTEGER);
    for (size_t i = 0; i < schema->columns; i++) {
        write_field(&json, schema->column[i].name, schema->column[i].type);
    }
    alm_json_close_array(&json);
    alm_json_close_object(&json);
}

/* The table's id is derived, not drawn, so that the same project gives the same table (RFC 9562,
 * version 8: a UUID of our own making). */
static void table_id(const alm_predictions_schema *schema, alm_str schema_text,
                     char out[UUID_TEXT_BYTES]) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac prediction table"));
    alm_hash_update_str(&hash, alm_str_of(schema->name));
    alm_hash_update_str(&hash, schema_text);
    alm_hash_update_u64(&hash, (uint64_t)schema->created);
    alm_digest digest = alm_hash_final(&hash);
    uint8_t *b = digest.bytes;
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(out, UUID_TEXT_BYTES,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
}

static void write_metadata(alm_json_writer *json, const alm_predictions_schema *schema,
                           alm_str schema_text) {
    char id[UUID_TEXT_BYTES];
    table_id(schema, schema_text, id);
    alm_json_put_text(json, "id", id);
    alm_json_put_text(json, "name", schema->name);
    alm_json_key(json, "format");
    alm_json_open_object(json);
    alm_json_put_text(json, "provider", "parquet");
    alm_json_key(json, "options");
    alm_json_open_object(json);
    alm_json_close_object(json);
    alm_json_close_object(json);
    alm_json_put_str(json, "schemaString", schema_text);
    alm_json_key(json, "partitionColumns");
    alm_json_open_array(json);
    alm_str rest = ALM_STR(ALMI_DELTA_PARTITION_COLUMNS);
    while (rest.data != NULL) {
        alm_json_str(json, alm_str_split(&rest, ','));
    }
    alm_json_close_array(json);
    alm_json_key(json, "configuration");
    alm_json_open_object(json);
    alm_json_put_text(json, "delta.appendOnly", "true");
    /* Other engines delete history after 30 days unless told not to. */
    alm_json_put_text(json, "delta.enableExpiredLogCleanup", "false");
    alm_json_put_text(json, "delta.logRetentionDuration", "interval 36500 days");
    alm_json_close_object(json);
    alm_json_put_i64(json, "createdTime", schema->created / 1000);
}

static alm_json_writer open_action(alm_buffer *out, const char *name) {
    alm_json_writer json = alm_json_writer_on(out);
    alm_json_open_object(&json);
    alm_json_key(&json, name);
    alm_json_open_object(&json);
    return json;
}

static void close_action(alm_json_writer *json) {
    alm_json_close_object(json);
    alm_json_close_object(json);
    alm_buffer_text(json->buffer, "\n");
}

void almi_delta_write_create(alm_buffer *out, const alm_predictions_schema *schema) {
    alm_json_writer json = open_action(out, "commitInfo");
    alm_json_put_i64(&json, "timestamp", schema->created / 1000);
    alm_json_put_text(&json, "operation", "CREATE TABLE");
    alm_json_key(&json, "operationParameters");
    alm_json_open_object(&json);
    alm_json_put_text(&json, "partitionBy", PARTITION_BY);
    alm_json_close_object(&json);
    alm_json_put_text(&json, "engineInfo", schema->engine);
    close_action(&json);

    json = open_action(out, "protocol");
    alm_json_put_i64(&json, "minReaderVersion", ALMI_DELTA_READER_VERSION);
    alm_json_put_i64(&json, "minWriterVersion", ALMI_DELTA_WRITER_VERSION);
    close_action(&json);

    alm_buffer schema_text = {0};
    almi_delta_schema(&schema_text, schema);
    json = open_action(out, "metaData");
    write_metadata(&json, schema, alm_buffer_view(&schema_text));
    close_action(&json);
    out->failed = out->failed || schema_text.failed;
    alm_buffer_deinit(&schema_text);
}

/* ---- the entry of a run ---- */

static void write_commit_info(alm_buffer *out, const alm_predictions_request *request,
                              const almi_delta_add *add, int64_t version, int64_t timestamp_ms) {
    uint64_t rows = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < request->files; i++) {
        rows += add[i].file->rows;
        bytes += add[i].size_bytes;
    }
    alm_json_writer json = open_action(out, "commitInfo");
    alm_json_put_i64(&json, "timestamp", timestamp_ms);
    alm_json_put_text(&json, "operation", "WRITE");
    alm_json_key(&json, "operationParameters");
    alm_json_open_object(&json);
    alm_json_put_text(&json, "mode", "Append");
    alm_json_put_text(&json, "partitionBy", PARTITION_BY);
    alm_json_close_object(&json);
    alm_json_put_i64(&json, "readVersion", version - 1);
    alm_json_put_text(&json, "isolationLevel", "Serializable");
    alm_json_put_bool(&json, "isBlindAppend", true);
    alm_json_key(&json, "operationMetrics");
    alm_json_open_object(&json);
    put_number_text(&json, "numFiles", (int64_t)request->files);
    put_number_text(&json, "numOutputRows", (int64_t)rows);
    put_number_text(&json, "numOutputBytes", (int64_t)bytes);
    alm_json_close_object(&json);
    /* The one field of ours that every engine's history shows. */
    put_digest(&json, "userMetadata", &request->manifest);
    alm_json_put_text(&json, "engineInfo", request->engine);
    alm_json_put_str(&json, "run_id", request->run_id);
    put_digest(&json, "ledger_head", &request->ledger_head);
    close_action(&json);
}

static void write_add(alm_buffer *out, const almi_delta_add *add, int64_t timestamp_ms) {
    const alm_predictions_file *file = add->file;
    char date[ALM_DATE_TEXT_BYTES];
    char stats[64];
    alm_date_text(file->partition.prediction_date, date);
    snprintf(stats, sizeof stats, "{\"numRecords\":%llu}", (unsigned long long)file->rows);
    alm_json_writer json = open_action(out, "add");
    alm_json_put_text(&json, "path", add->path);
    alm_json_key(&json, "partitionValues");
    alm_json_open_object(&json);
    alm_json_put_text(&json, "prediction_date", date);
    alm_json_put_str(&json, "model_version", file->partition.model_version);
    put_number_text(&json, "forecast_horizon", file->partition.forecast_horizon);
    alm_json_close_object(&json);
    alm_json_put_i64(&json, "size", (int64_t)add->size_bytes);
    alm_json_put_i64(&json, "modificationTime", timestamp_ms);
    alm_json_put_bool(&json, "dataChange", true);
    alm_json_put_str(&json, "stats", file->stats.size > 0 ? file->stats : alm_str_of(stats));
    close_action(&json);
}

void almi_delta_write_run(alm_buffer *out, const alm_predictions_request *request,
                          const almi_delta_add *add, int64_t version, int64_t timestamp_ms) {
    write_commit_info(out, request, add, version, timestamp_ms);
    alm_json_writer json = open_action(out, "txn");
    alm_json_put_str(&json, "appId", request->run_key);
    alm_json_put_i64(&json, "version", 1);
    alm_json_put_i64(&json, "lastUpdated", timestamp_ms);
    close_action(&json);
    for (size_t i = 0; i < request->files; i++) {
        write_add(out, &add[i], timestamp_ms);
    }
}
