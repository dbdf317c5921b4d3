#include "http/serve_settings.h"

#include <stddef.h>
#include <string.h>

#include "monitor/line_sink.h"
#include "project/yaml_section.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define CONNECTING_MS 1000 /* nobody who asks waits for it */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef struct listen_entry {
    alm_str address;
    int32_t port, workers;
    bool realtime;
} listen_entry;

typedef struct limits_entry {
    int32_t body_mib, head_kib, headers, connections, connections_per_address, queue_ms,
        request_seconds, drain_seconds, memory_mib;
} limits_entry;

typedef struct tls_entry {
    alm_str certificate, key;
} tls_entry;

typedef struct predictions_entry {
    alm_str folder;
    double rate;
    int32_t file_mib, files_max, buffer_kib;
} predictions_entry;

typedef struct cache_entry {
    int32_t mib;
} cache_entry;

typedef struct shared_cache_entry {
    alm_str host, socket, user, password_file;
    int32_t port, database, lifetime_s, call_ms;
} shared_cache_entry;

static const almi_key TOP_KEYS[] = {
    {.key = "listen", .kind = ALMI_OTHER, .doc = "see `listen`"},
    {.key = "limits", .kind = ALMI_OTHER, .doc = "see `limits`"},
    {.key = "tls", .kind = ALMI_OTHER,
     .doc = "see `tls`; without it connections are not encrypted"},
    {.key = "access", .kind = ALMI_OTHER, .doc = "who may ask: see docs/access.md"},
    {.key = "predictions", .kind = ALMI_OTHER,
     .doc = "see `predictions`; without it no prediction is on record"},
    {.key = "cache", .kind = ALMI_OTHER, .doc = "see `cache`; without it no answer is kept"},
    {.key = "shared_cache", .kind = ALMI_OTHER,
     .doc = "see `shared_cache`; without it no answer is shared with other services"},
};

static const almi_key LISTEN_KEYS[] = {
    {.key = "address", .kind = ALMI_TEXT, .offset = offsetof(listen_entry, address),
     .fallback = "127.0.0.1", .doc = "an IPv4 or IPv6 address of this machine; `0.0.0.0`: all"},
    {.key = "port", .kind = ALMI_I32, .offset = offsetof(listen_entry, port), .min = 0,
     .max = 65535, .fallback = "3003", .doc = "0 takes a free one"},
    {.key = "workers", .kind = ALMI_I32, .offset = offsetof(listen_entry, workers), .min = 0,
     .max = 256, .fallback = "0", .doc = "event loops; 0: as many as threads"},
    {.key = "realtime", .kind = ALMI_BOOL, .offset = offsetof(listen_entry, realtime),
     .fallback = "false",
     .doc = "event loops go before every ordinary process of the machine: see above"},
};

#define LIMIT(field) .kind = ALMI_I32, .offset = offsetof(limits_entry, field)
static const almi_key LIMITS_KEYS[] = {
    {.key = "body_mib", LIMIT(body_mib), .min = 1, .max = 1024, .fallback = "16",
     .doc = "of a body, also when it is inflated"},
    {.key = "head_kib", LIMIT(head_kib), .min = 1, .max = 1024, .fallback = "16",
     .doc = "of the head of a request, address and fields"},
    {.key = "headers", LIMIT(headers), .min = 8, .max = 1000, .fallback = "64",
     .doc = "header fields of a request"},
    {.key = "connections", LIMIT(connections), .min = 1, .max = 1000000, .fallback = "4096",
     .doc = "open at a time; more wait until one ends"},
    {.key = "connections_per_address", LIMIT(connections_per_address), .min = 0, .max = 1000000,
     .fallback = "0", .doc = "of one address, of each event loop; 0: not bounded"},
    {.key = "queue_ms", LIMIT(queue_ms), .min = 0, .max = 60000, .fallback = "1000",
     .doc = "that a prediction may wait for others of its event loop, when the queue stays that "
            "long: then 503; 0: not bounded"},
    {.key = "request_seconds", LIMIT(request_seconds), .min = 1, .max = 3600, .fallback = "75",
     .doc = "to send a whole request, to take a reply, and of an idle connection"},
    {.key = "drain_seconds", LIMIT(drain_seconds), .min = 0, .max = 3600, .fallback = "30",
     .doc = "for what is at work when the server is told to stop"},
    {.key = "memory_mib", LIMIT(memory_mib), .min = 0, .max = 1 << 24, .fallback = "0",
     .doc = "of the committed runs and of what is followed by events together; 0: not bounded"},
};

static const almi_key TLS_KEYS[] = {
    {.key = "certificate", .kind = ALMI_TEXT, .offset = offsetof(tls_entry, certificate),
     .required = true, .doc = "file with the certificate and its chain (PEM)"},
    {.key = "key", .kind = ALMI_TEXT, .offset = offsetof(tls_entry, key), .required = true,
     .doc = "file with its private key (PEM)"},
};

static const almi_key PREDICTIONS_KEYS[] = {
    {.key = "folder", .kind = ALMI_TEXT, .offset = offsetof(predictions_entry, folder),
     .required = true, .doc = "where its files go; made when it is missing"},
    {.key = "rate", .kind = ALMI_F64, .offset = offsetof(predictions_entry, rate), .max = 1,
     .fallback = "0.01", .doc = "share of requests on record, chosen by a hash of their id"},
    {.key = "file_mib", .kind = ALMI_I32, .offset = offsetof(predictions_entry, file_mib),
     .min = 1, .max = 65536, .fallback = "64",
     .doc = "a file that is full is followed by the next"},
    {.key = "files_max", .kind = ALMI_I32, .offset = offsetof(predictions_entry, files_max),
     .min = 0, .max = ALM_LINE_FILES_MAX, .fallback = "16",
     .doc = "when there are more, the oldest are removed; 0: all are kept"},
    {.key = "buffer_kib", .kind = ALMI_I32, .offset = offsetof(predictions_entry, buffer_kib),
     .min = 16, .max = 1048576, .fallback = "1024",
     .doc = "what each event loop may have waiting for the disk; what is beyond is lost and "
            "counted"},
};

static const almi_key CACHE_KEYS[] = {
    {.key = "mib", .kind = ALMI_I32, .offset = offsetof(cache_entry, mib), .min = 1,
     .max = 1048576, .required = true, .doc = "memory of all answers that are kept"},
};

#define SHARED(field) .offset = offsetof(shared_cache_entry, field)
static const almi_key SHARED_CACHE_KEYS[] = {
    {.key = "host", .kind = ALMI_TEXT, SHARED(host), .fallback = "127.0.0.1",
     .doc = "name or address of Redis; `REDIS_HOST` wins over it"},
    {.key = "port", .kind = ALMI_I32, SHARED(port), .min = 1, .max = 65535, .fallback = "6379",
     .doc = "`REDIS_PORT` wins over it"},
    {.key = "socket", .kind = ALMI_TEXT, SHARED(socket),
     .doc = "path of a Unix socket, in place of host and port"},
    {.key = "user", .kind = ALMI_TEXT, SHARED(user),
     .doc = "who signs in; needs a password"},
    {.key = "password_file", .kind = ALMI_TEXT, SHARED(password_file),
     .doc = "file whose first line is the password"},
    {.key = "database", .kind = ALMI_I32, SHARED(database), .min = 0, .max = 1000000,
     .fallback = "0", .doc = "number of the database"},
    {.key = "lifetime_s", .kind = ALMI_I32, SHARED(lifetime_s), .min = 1, .max = 31536000,
     .fallback = "86400", .doc = "seconds after which an answer is gone"},
    {.key = "call_ms", .kind = ALMI_I32, SHARED(call_ms), .min = 1, .max = 10000,
     .fallback = "20", .doc = "how long an event loop waits for an answer of Redis"},
};

static const almi_section TOP = {
    .name = "serve.yaml", .doc = "Everything may be left out.", .keys = TOP_KEYS,
    .key_count = COUNT(TOP_KEYS)};
static const almi_section LISTEN = {
    .name = "listen", .doc = "Where.", .keys = LISTEN_KEYS, .key_count = COUNT(LISTEN_KEYS)};
static const almi_section LIMITS = {
    .name = "limits", .doc = "What a client may take up.", .keys = LIMITS_KEYS,
    .key_count = COUNT(LIMITS_KEYS)};
static const almi_section TLS = {
    .name = "tls", .doc = "Encrypted connections.", .keys = TLS_KEYS,
    .key_count = COUNT(TLS_KEYS)};

static const almi_section PREDICTIONS = {
    .name = "predictions", .doc = "Predictions on record, to be made again by `almanac replay`: "
                                  "see docs/prediction-log.md.",
    .keys = PREDICTIONS_KEYS, .key_count = COUNT(PREDICTIONS_KEYS)};
static const almi_section CACHE = {
    .name = "cache", .doc = "Answers of models that are given again to the same question.",
    .keys = CACHE_KEYS, .key_count = COUNT(CACHE_KEYS)};
static const almi_section SHARED_CACHE = {
    .name = "shared_cache", .doc = "Answers of models that several services keep in one Redis.",
    .keys = SHARED_CACHE_KEYS, .key_count = COUNT(SHARED_CACHE_KEYS)};

/* A section that may be left out: then its defaults. */
static alm_err read_section(const almi_section *section, const alm_yaml *top, alm_arena *arena,
                            void *out, alm_error *error)
{
    const alm_yaml none = {.kind = ALM_YAML_MAP, .file = ALM_SERVE_SETTINGS_FILE};
    const alm_yaml *map = top ? alm_yaml_member(top, section->name) : NULL;
    if (map) {
        ALM_TRY(almi_yaml_expect(map, ALM_YAML_MAP, section->name, error));
    }
    return almi_section_read(section, map ? map : &none, arena, out, error);
}

static const char *text_or_none(alm_str text)
{
    return text.size > 0 ? text.data : NULL;
}

static alm_err read_shared_cache(alm_fs *fs, const alm_yaml *top, alm_arena *arena,
                                 alm_serve_settings *out, alm_error *error)
{
    const alm_yaml *map = alm_yaml_member(top, SHARED_CACHE.name);
    shared_cache_entry e = {0};
    alm_str text = {NULL, 0};
    ALM_TRY(read_section(&SHARED_CACHE, top, arena, &e, error));
    out->has_redis = true;
    out->redis = (alm_redis_options){
        .socket = e.socket.size > 0 ? alm_path_join(arena, out->folder, e.socket.data) : NULL,
        .host = e.host.data, .port = (uint16_t)e.port, .user = text_or_none(e.user),
        .database = e.database, .lifetime_s = (uint32_t)e.lifetime_s,
        .call_ms = (uint32_t)e.call_ms, .connecting_ms = CONNECTING_MS};
    if (e.password_file.size > 0) {
        const char *path = alm_path_join(arena, out->folder, e.password_file.data);
        ALM_TRY(alm_fs_read_all(fs, path, FILE_BYTES_MAX, arena, &text, error));
        alm_str line = alm_str_trim(alm_str_split(&text, '\n'));
        if (line.size == 0) {
            return alm_yaml_fail(map, error, ALM_ERR_CONFIG, "%s has no password in its first "
                                 "line", path);
        }
        out->redis.password = alm_arena_copy_text(arena, line.data, line.size);
    } else if (e.user.size > 0) {
        return alm_yaml_fail(map, error, ALM_ERR_CONFIG, "a user needs a password_file");
    }
    return ALM_OK;
}

static alm_err read_pem(alm_fs *fs, const char *folder, alm_str name, alm_arena *arena,
                        alm_str *out, alm_error *error)
{
    /* NUL terminated behind its end, as the TLS library wants it. */
    return alm_fs_read_all(fs, alm_path_join(arena, folder, name.data), FILE_BYTES_MAX, arena, out,
                           error);
}

static void take_limits(const limits_entry *limits, alm_server_settings *out)
{
    out->body_bytes_max = (size_t)limits->body_mib << 20;
    out->head_bytes_max = (size_t)limits->head_kib << 10;
    out->headers_max = (uint32_t)limits->headers;
    out->connections_max = (uint32_t)limits->connections;
    out->connections_per_address_max = (uint32_t)limits->connections_per_address;
    out->queue_ns_max = (uint64_t)limits->queue_ms * 1000000;
    out->request_seconds = (uint32_t)limits->request_seconds;
    out->drain_seconds = (uint32_t)limits->drain_seconds;
}

/* What is off unless it is said. */
static alm_err read_further(alm_fs *fs, const alm_yaml *top, alm_arena *arena,
                            alm_serve_settings *out, alm_error *error)
{
    predictions_entry p;
    cache_entry cache;
    if (top && alm_yaml_member(top, "predictions")) {
        ALM_TRY(read_section(&PREDICTIONS, top, arena, &p, error));
        out->predictions = (alm_serve_predictions){
            .folder = alm_path_join(arena, out->folder, p.folder.data), .rate = p.rate,
            .file_bytes = (uint64_t)p.file_mib << 20, .files_max = (uint32_t)p.files_max,
            .ring_bytes = (size_t)p.buffer_kib << 10};
    }
    if (top && alm_yaml_member(top, "cache")) {
        ALM_TRY(read_section(&CACHE, top, arena, &cache, error));
        out->cache_bytes = (size_t)cache.mib << 20;
    }
    if (top && alm_yaml_member(top, "shared_cache")) {
        ALM_TRY(read_shared_cache(fs, top, arena, out, error));
    }
    return ALM_OK;
}

static alm_err read_top(alm_fs *fs, const alm_yaml *top, alm_arena *arena,
                        alm_serve_settings *out, alm_error *error)
{
    listen_entry listen;
    limits_entry limits;
    tls_entry tls;
    alm_server_settings *server = &out->server;
    ALM_TRY(read_section(&LISTEN, top, arena, &listen, error));
    ALM_TRY(read_section(&LIMITS, top, arena, &limits, error));
    *server = alm_server_defaults;
    server->address = listen.address.data;
    server->port = (uint16_t)listen.port;
    server->workers = listen.workers > 0 ? listen.workers : 1;
    out->has_workers = listen.workers > 0;
    server->is_realtime = listen.realtime;
    take_limits(&limits, server);
    out->memory_bytes = (uint64_t)limits.memory_mib << 20;
    if (top && alm_yaml_member(top, "tls")) {
        ALM_TRY(read_section(&TLS, top, arena, &tls, error));
        ALM_TRY(read_pem(fs, out->folder, tls.certificate, arena, &server->certificate, error));
        ALM_TRY(read_pem(fs, out->folder, tls.key, arena, &server->key, error));
    }
    out->access = top ? alm_yaml_member(top, "access") : NULL;
    return read_further(fs, top, arena, out, error);
}

alm_err alm_serve_settings_read(alm_fs *fs, const char *path, alm_arena *arena,
                                alm_serve_settings *out, alm_error *error)
{
    alm_serve_settings made = {.folder = path ? alm_path_directory(arena, path) : "."};
    alm_yaml *top = NULL;
    char unused;
    if (path) {
        alm_str text;
        ALM_TRY(alm_fs_read_all(fs, path, FILE_BYTES_MAX, arena, &text, error));
        if (!alm_yaml_is_blank(text)) {
            const char *slash = strrchr(path, '/'); /* messages call the file as it is called */
            ALM_TRY(alm_yaml_parse(text, slash ? slash + 1 : path, arena, &top, error));
            ALM_TRY(almi_section_read(&TOP, top, arena, &unused, error));
        }
    }
    ALM_TRY(read_top(fs, top, arena, &made, error));
    *out = made;
    return ALM_OK;
}

void alm_serve_settings_document(alm_buffer *out)
{
    static const almi_section *const sections[] = {&TOP, &LISTEN, &LIMITS, &TLS, &PREDICTIONS,
                                                   &CACHE, &SHARED_CACHE};
    for (size_t i = 0; i < COUNT(sections); i++) {
        almi_section_document(sections[i], out);
    }
}
