/* env.h: the whole outside world in one struct, so that a simulation can own all of it.
 *
 * app/ builds one alm_env and passes it down; nothing below app/ reaches around it. The file
 * system is an interface with two implementations (fs.h: the real one; fs_memory.h: a twin that
 * loses un-fsynced data at a power cut). */
#ifndef ALM_BASE_ENV_H
#define ALM_BASE_ENV_H

#include "base/date.h"
#include "base/pool.h"

typedef struct alm_fs alm_fs;
typedef struct alm_http alm_http;

typedef enum alm_log_level {
    ALM_LOG_ERROR,
    ALM_LOG_WARN,
    ALM_LOG_INFO,
    ALM_LOG_DEBUG
} alm_log_level;

typedef struct alm_progress {
    const char *stage; /* "backtest" */
    uint64_t done;
    uint64_t total; /* 0 = not known */
    const char *unit; /* "origin": so few and long ones that each is told; NULL: many short ones */
    uint64_t left_ns; /* with a unit, about how long the rest takes; 0: not known */
} alm_progress;

typedef struct alm_env {
    alm_fs *fs;
    alm_pool *pool; /* NULL: everything in the caller's thread */
    alm_instant (*now)(void *context);
    /* Nanoseconds that only rise, for measuring and deadlines. May be NULL: then it is always 0. */
    uint64_t (*monotonic_ns)(void *context);
    void (*log)(void *context, alm_log_level level, const char *message);
    void (*progress)(void *context, const alm_progress *progress); /* may be NULL */
    void *context;
    uint64_t memory_limit_bytes; /* 0 = none: larger work is refused before it starts */
    alm_http *http; /* http_client.h; NULL: no network */
    /* A variable of the process's environment, or NULL. The slot may be NULL: none is set. */
    const char *(*variable)(void *context, const char *name);
} alm_env;

alm_instant alm_env_now(const alm_env *env);
uint64_t alm_env_monotonic_ns(const alm_env *env);
const char *alm_env_variable(const alm_env *env, const char *name); /* NULL: not set */
/* Only app/, http/ and batch/ log; a message is one line without a newline. */
void alm_env_log(const alm_env *env, alm_log_level level, const char *format, ...)
    ALM_PRINTF(3, 4);
void alm_env_progress(const alm_env *env, const char *stage, uint64_t done, uint64_t total);
void alm_env_tell(const alm_env *env, const alm_progress *progress);

#endif
