/* serve_settings.h: serve.yaml, what is the machine's and not the project's: where to listen,
 * limits, TLS, access, what is on record, the caches. Strict as almanac.yaml: an unknown key, a
 * wrong type or a value out of range is one ALM_ERR_CONFIG "serve.yaml:LINE:COLUMN: ...". Secrets
 * do not stand in it, only the names of files that hold them. */
#ifndef ALM_HTTP_SERVE_SETTINGS_H
#define ALM_HTTP_SERVE_SETTINGS_H

#include "base/fs.h"
#include "base/shared_redis.h"
#include "base/yaml.h"
#include "http/server.h"

#define ALM_SERVE_SETTINGS_FILE "serve.yaml"

typedef struct alm_serve_predictions { /* the prediction log */
    const char *folder; /* NULL: nothing is on record */
    double rate;        /* of requests */
    uint64_t file_bytes;
    uint32_t files_max; /* 0: all are kept */
    size_t ring_bytes;  /* of each worker */
} alm_serve_predictions;

typedef struct alm_serve_settings {
    alm_server_settings server; /* certificate and key are read in */
    bool has_workers;           /* said in the file */
    uint64_t memory_bytes;      /* of what is served of a project; 0: not bounded */
    const alm_yaml *access;     /* the map of http/access; NULL: there is none */
    alm_serve_predictions predictions;
    size_t cache_bytes;         /* of answers that are kept; 0: none are */
    bool has_redis;             /* answers are shared ... */
    alm_redis_options redis;    /* ... so; the password is read in, `connections` is 0 */
    const char *folder;         /* of the file: paths in it are relative to this */
} alm_serve_settings;

/* `path` may be NULL, or a file of blank lines and comments: the defaults. Everything lives in
 * `arena`. */
ALM_NODISCARD alm_err alm_serve_settings_read(alm_fs *fs, const char *path, alm_arena *arena,
                                              alm_serve_settings *out, alm_error *error);
/* Markdown tables of the keys, for docs/serving.md. */
void alm_serve_settings_document(alm_buffer *out);

#endif
