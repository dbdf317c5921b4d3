/* jobs.h: work of the service that outlasts a request: training, and what must wait for a disk.
 *
 *   queued ──> running ──> done | failed | cancelled
 *      └─────────┴───────> interrupted   the service ended before the job did
 *
 * One thread looks after all jobs. A job is a child process (child.h) or a piece of work of a few
 * moments that this thread does itself; which, its kind says. Pieces of work do not wait behind
 * children.
 *
 * What a child says: its standard output is one JSON document, of which the kind's `result` member
 * is kept, or {"error":{"message":...}} of a failure; lines of its standard error that are JSON
 * with "stage", "done" and "total" are its progress (almanac writes them where ALMANAC_PROGRESS is
 * `json`), of other lines the last ones are kept as its last words. Its exit status decides; when a
 * signal ended it the job failed and says so.
 *
 * Cancelling asks the child to end (SIGTERM) and ends it by force after `grace_ns`.
 *
 * The list is kept in `jobs.json` of a folder, replaced durably before a job begins and when it
 * ended. A job that a file has as queued or running when the service starts was interrupted. Only
 * the newest `kept_max` jobs are remembered; of jobs that have not ended none is forgotten.
 *
 * Nothing but the jobs' thread waits for anything: the functions below take one lock, which is held
 * for copies of a few kilobytes. Thread safety: all functions from any thread, create and destroy
 * apart; turn (for tests) instead of the thread. */
#ifndef ALM_SERVE_JOBS_H
#define ALM_SERVE_JOBS_H

#include "base/fs.h"
#include "serve/jobs/child.h"

typedef struct alm_jobs alm_jobs;

/* X(name, text) */
#define ALM_JOB_STATE_MAP(X)      \
    X(QUEUED, "queued")           \
    X(RUNNING, "running")         \
    X(DONE, "done")               \
    X(FAILED, "failed")           \
    X(CANCELLED, "cancelled")     \
    X(INTERRUPTED, "interrupted")

typedef enum alm_job_state {
#define ALM_JOB_STATE_ENUM(name, text) ALM_JOB_##name,
    ALM_JOB_STATE_MAP(ALM_JOB_STATE_ENUM)
#undef ALM_JOB_STATE_ENUM
        ALM_JOB_STATE_COUNT
} alm_job_state;

const char *alm_job_state_text(alm_job_state state);
bool alm_job_state_parse(alm_str text, alm_job_state *out);
bool alm_job_has_ended(alm_job_state state);

#define ALM_JOB_ID_BYTES 24
#define ALM_JOB_KIND_BYTES 16
#define ALM_JOB_NAME_BYTES 128
#define ALM_JOB_WHO_BYTES 257
#define ALM_JOB_REQUEST_BYTES 65

/* Who wants something, as the audit record names him; NUL terminated. */
typedef struct alm_job_asker {
    char kind[ALM_JOB_KIND_BYTES]; /* "token", "api_key", "development" */
    char who[ALM_JOB_WHO_BYTES];
    char request_id[ALM_JOB_REQUEST_BYTES];
} alm_job_asker;

/* A value: nothing in it is borrowed. Texts are NUL terminated, UTF-8. */
typedef struct alm_job {
    int64_t number; /* from 1, never used again */
    char id[ALM_JOB_ID_BYTES]; /* "job-12" */
    char kind[ALM_JOB_KIND_BYTES];
    char model[ALM_JOB_NAME_BYTES];  /* what it is about: for who may see it */
    char object[ALM_JOB_NAME_BYTES]; /* a model, a release */
    alm_job_state state;
    bool is_cancelling; /* asked to end, and has not yet */
    char stage[ALM_JOB_NAME_BYTES];
    uint64_t done, total;                  /* of the stage; total 0: not known */
    char message[ALM_ERROR_MESSAGE_BYTES]; /* why it failed; empty: nothing to say */
    char result[ALM_JOB_NAME_BYTES];       /* such as a release; empty: none */
    alm_job_asker asker;
    alm_job_asker canceller;               /* empty: nobody */
    alm_instant queued, started, ended;    /* 0: not yet */
} alm_job;

/* A kind of jobs; static data. */
typedef struct alm_job_kind {
    const char *name;
    const char *result; /* member of a child's document that is the job's result */
    /* A piece of work of moments, on the jobs' thread. `result` is empty. NULL: a child, whose
     * arguments the request gives. */
    alm_err (*run)(void *context, const alm_job *job, const char *const *argument,
                   char result[ALM_JOB_NAME_BYTES], alm_error *error);
} alm_job_kind;

typedef enum alm_job_event { ALM_JOB_BEGINS, ALM_JOB_IS_CANCELLED, ALM_JOB_ENDS } alm_job_event;

typedef struct alm_jobs_options {
    const char *folder; /* of jobs.json; made when it is not there */
    alm_children *children; /* borrowed */
    const alm_job_kind *kind;
    size_t kind_count;
    void *context; /* of `run` and `note` */
    /* Called on the jobs' thread; it may wait for a disk. When it fails at BEGINS the job fails and
     * nothing is done; at IS_CANCELLED and ENDS the job's message tells. NULL: none. */
    alm_err (*note)(void *context, alm_job_event event, const alm_job *job, alm_error *error);
    size_t at_once;    /* children; 0: 1 */
    size_t queued_max; /* 0: 16 */
    size_t kept_max;   /* 0: 256; at least queued_max + at_once + 1 */
    uint64_t grace_ns; /* 0: 10 s */
} alm_jobs_options;

#define ALM_JOBS_KEPT_MAX 4096

/* Reads the folder. ALM_ERR_CORRUPT: jobs.json is not what was written. `options` is copied, what
 * it names is not. */
ALM_NODISCARD alm_err alm_jobs_create(const alm_env *env, const alm_jobs_options *options,
                                      alm_jobs **out, alm_error *error);
ALM_NODISCARD alm_err alm_jobs_start(alm_jobs *jobs, alm_error *error); /* the thread */
/* Ends children as by a cancel, which takes `grace_ns` at most; jobs that had not ended are
 * interrupted. Takes NULL. */
void alm_jobs_destroy(alm_jobs *jobs);

typedef struct alm_job_request {
    const char *kind; /* one of the options; an error of the programmer otherwise */
    alm_str model, object;
    const alm_job_asker *asker;
    const char *const *argument; /* copied */
    size_t argument_count;       /* at most ALM_CHILD_ARGUMENTS_MAX */
} alm_job_request;

/* ALM_ERR_LIMIT: too many are queued; ALM_ERR_INVALID: a name that is too long. */
ALM_NODISCARD alm_err alm_jobs_add(alm_jobs *jobs, const alm_job_request *request, alm_job *out,
                                   alm_error *error);
ALM_NODISCARD alm_err alm_jobs_get(alm_jobs *jobs, alm_str id, alm_job *out, alm_error *error);
/* The newest first; at most `max` into `out`. Returns how many. */
size_t alm_jobs_list(alm_jobs *jobs, alm_job *out, size_t max);
size_t alm_jobs_kept_max(const alm_jobs *jobs);
/* Asks only: the job is cancelled when its state says so. Again is fine. ALM_ERR_NOT_FOUND;
 * ALM_ERR_CONFLICT: it has ended, or it is no child. */
ALM_NODISCARD alm_err alm_jobs_cancel(alm_jobs *jobs, alm_str id, const alm_job_asker *asker,
                                      alm_job *out, alm_error *error);

/* What the thread does again and again: begins, listens, ends, records. For how long there is
 * nothing to do unless somebody asks, in ns; UINT64_MAX: for good. */
uint64_t alm_jobs_turn(alm_jobs *jobs);

#endif
