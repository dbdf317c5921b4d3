/* live.h: what a service computes with while it runs: per route the bundle of the release in force
 * and the online state of its committed run, moved on by events that are durable.
 *
 * LINES. A line is a committed run with all that a forecast from it needs: the bundle of its
 * release, the online state opened from its snapshot up to its prediction date, and a workspace for
 * each worker. Every route has one for the run in force of its release, and where the route allows
 * `previous` one for that of the release promoted before; routes of the same run share it. Which
 * runs those are is told by alm_live_follow, after each refresh of the committed set. A new run is
 * opened beside the old one, which answers for its route and release until the new one is there.
 *
 * NOT THERE. A line is missing while it is being opened (seconds, in a thread of its own), where
 * the project says `online: false`, where memory does not allow it, where a feature cannot be
 * followed by events, and once the clock has passed what the run's calendar lets close. The reason
 * is text for the answer's ladder, and is logged once.
 *
 * THREADS. The writer: takes what is posted, asks the open states whether it can be counted, writes
 * it to the log in groups (one sync each), applies and publishes it, and only then tells; closes
 * days at midnight (UTC, of the env's clock). The opener: opens lines, with all events of the log.
 * Workers: post and read; they take a lock for the length of a list operation and wait for nothing.
 *
 * ORDER. posted -> checked -> durable -> applied -> published -> told. Who was told "stored" or
 * "duplicate" finds the event after every restart, once, and in every state opened from then on.
 * The answers depend on the set of events and the day alone, not on when a line was opened.
 *
 * THE LOG releases what no open line counts any more, and remembers the day since which it is whole
 * (`complete-since` beside its segments): a run whose data end before that day would miss events
 * that were released, so its line is not opened, and says so.
 *
 * Nothing here stops the committed predictions: without the log, or without memory, they go on. */
#ifndef ALM_SERVE_LIVE_H
#define ALM_SERVE_LIVE_H

#include "serve/committed/committed.h"
#include "serve/live/recompute.h"
#include "store/event_log.h"

#define ALM_LIVE_WORKERS_MAX (ALM_ONLINE_WORKERS_MAX - 1)
/* Events that wait for the writer; what comes then is refused, and may come again. */
#define ALM_LIVE_WAITING_MAX 65536
/* Days that a line can close, where the calendar reaches that far. */
#define ALM_LIVE_DAYS_MAX 35

typedef struct alm_live alm_live;

typedef struct alm_live_options { /* everything outlives the alm_live */
    const alm_env *env;         /* its clock and files; its pool is not used */
    const alm_project *project;
    alm_objects *objects;
    alm_fs *log_fs;             /* of the event log; NULL: the env's */
    const char *log_folder;     /* made when it is missing; one process at a time */
    size_t log_segment_bytes;   /* 0: the log's default */
    size_t workers;             /* 1 to ALM_LIVE_WORKERS_MAX */
    uint64_t memory_limit_bytes; /* of the lines and the committed runs together; 0: none */
    uint32_t retry_s;           /* until what could not be opened is tried again */
    /* A line about what happened; by both threads, which wait for it. NULL: nobody listens. */
    void (*note)(void *context, alm_log_level level, const char *message);
    void *context;
} alm_live_options;

/* Opens nothing yet. */
ALM_NODISCARD alm_err alm_live_create(const alm_live_options *options, alm_live **out,
                                      alm_error *error);
/* Starts both threads; the log is opened by the writer. A log that cannot be opened is no error:
 * everything then says why it is not there. A damaged one is not tried again. */
ALM_NODISCARD alm_err alm_live_start(alm_live *live, alm_error *error);
/* Of which runs there shall be lines; by the thread that refreshes the set. It is copied. */
void alm_live_follow(alm_live *live, const alm_committed_set *set);
/* Writes and tells what is posted, ends the threads and closes everything. Takes NULL; no worker
 * is inside, and nobody posts any more. */
void alm_live_destroy(alm_live *live);

/* ---- readers ---- */

typedef struct alm_live_view { /* everything borrowed until the leave */
    const alm_bundle *bundle;
    const alm_online_state *state;
    const alm_online_now *now;
    /* The worker's own; `results` is empty. It has forest scratches, so it can explain. */
    const alm_base_workspace *workspace;
    alm_str run_id;             /* of the committed run whose snapshot the state began with */
    alm_date prediction_date;   /* of that run: the first day that its snapshot does not have */
    void *line;                 /* the live's own */
} alm_live_view;

/* By route and model version (a release's name, as of alm_committed_release). One visit of a worker
 * at a time. ALM_ERR_UNAVAILABLE with the reason: it is not there, and nothing is to be left. */
ALM_NODISCARD alm_err alm_live_enter(alm_live *live, size_t worker, alm_str route,
                                     alm_str model_version, alm_live_view *out, alm_error *error);
void alm_live_leave(alm_live *live, size_t worker, const alm_live_view *view);

/* ---- events ---- */

typedef struct alm_live_event {
    alm_str id;
    alm_event event;  /* alm_event_check found nothing */
    alm_str content;  /* its canonical bytes: set by alm_live_post_events */
    /* When it is done. REFUSED: *error says why: ALM_ERR_CONFLICT (the id is known with other
     * content), ALM_ERR_NOT_FOUND (no open line knows the series), ALM_ERR_INVALID (the day),
     * ALM_ERR_UNAVAILABLE (no line is open, or the disk failed: it may be stored nevertheless, and
     * posting it again settles that), ALM_ERR_LIMIT (the log holds as many ids as it may). */
    alm_event_outcome outcome;
    uint64_t sequence;
    alm_error error;
    alm_event_append append; /* the live's own */
} alm_live_event;

typedef struct alm_live_post {
    alm_live_event *event; /* borrowed until `done`, with all that is in it */
    size_t count;
    /* By the writer, once, when every event of the post has its outcome and readers see those that
     * are stored; the post is the caller's again from its beginning on. */
    void (*done)(struct alm_live_post *post);
    void *context;
    alm_instant received;       /* the live's, as what follows */
    struct alm_live_post *next;
} alm_live_post;

/* Any thread. Content goes into `arena`. ALM_ERR_UNAVAILABLE: the log is not open (yet), with the
 * reason; ALM_ERR_LIMIT: too much is waiting. Nothing was taken then, and `done` is not called. */
ALM_NODISCARD alm_err alm_live_post_events(alm_live *live, alm_live_post *post, alm_arena *arena,
                                           alm_error *error);

/* ---- facts ---- */

typedef struct alm_live_facts {
    uint64_t next_sequence, oldest_sequence, ids; /* of the log; 0 while it is not open */
    size_t waiting;      /* events that are posted and not done */
    size_t lines;        /* open */
    size_t missing;      /* wanted and not open */
} alm_live_facts;

void alm_live_facts_of(alm_live *live, alm_live_facts *out); /* any thread */

#endif
