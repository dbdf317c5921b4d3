/* live_internal.h: the inside of live.h, shared by its files.
 *
 * live_table.c publishes which line answers for whom; live_open.c opens lines; live_writer.c has
 * the log, the events and the days. Who owns what: `lock` guards the lists between threads; lines
 * and the table are the writer's, a line that is being opened is the opener's until the writer has
 * taken it. */
#ifndef ALM_SERVE_LIVE_INTERNAL_H
#define ALM_SERVE_LIVE_INTERNAL_H

#include <stdatomic.h>

#include "base/thread.h"
#include "serve/live/live.h"

#define ALMI_LIVE_DAY INT64_C(86400000000)

/* One route and release that shall have a line. */
typedef struct almi_live_want {
    alm_str route, release;
    bool online;          /* the project allows it */
    alm_str run_id;       /* empty: there is no run, `problem` says why */
    alm_str problem;
    alm_digest manifest;  /* of the run */
    alm_date prediction_date;
    bool is_open;         /* the table has the line of this run; below the lock */
} almi_live_want;

/* What alm_live_follow was told last. */
typedef struct almi_live_wants {
    alm_arena *arena; /* holds the struct too */
    size_t references; /* below the lock */
    almi_live_want *want;
    size_t count;
    uint64_t committed_bytes; /* of the runs, beside the lines */
} almi_live_wants;

typedef struct almi_live_line {
    alm_arena *arena; /* holds the struct too */
    size_t uses;      /* by tables, the writer's */
    alm_str run_id;
    alm_date prediction_date;
    alm_bundle *bundle;
    alm_online_state *state;
    uint64_t bytes;
    alm_base_workspace *workspace; /* by worker; arenas are the live's, scratches the line's */
    size_t workers;
    uint64_t next_sequence; /* events below are applied */
    uint64_t first_needed;  /* the oldest event that counts in it; UINT64_MAX: none */
    bool is_touched;        /* something is applied and not published */
    bool has_failed;
    char problem[ALM_ERROR_MESSAGE_BYTES]; /* of a failure */
} almi_live_line;

/* Why there is no line of a run. */
typedef struct almi_live_refusal {
    struct almi_live_refusal *next;
    bool is_final;      /* not tried again */
    unsigned failures;
    alm_instant retry;  /* not before */
    char problem[ALM_ERROR_MESSAGE_BYTES];
    size_t run_id_size;
    char run_id[];
} almi_live_refusal;

typedef struct almi_live_entry {
    alm_str route, release;
    almi_live_line *line; /* NULL: `problem` says why */
    alm_str problem;
} almi_live_entry;

/* Immutable once published. */
typedef struct almi_live_table {
    alm_arena *arena; /* holds the struct too */
    almi_live_entry *entry;
    size_t count;
    almi_live_line **line; /* each once */
    size_t lines;
    size_t missing;   /* entries that the project wants and that have no line */
    bool is_complete; /* every entry has the line of its own run, or never will */
} almi_live_table;

struct alm_live {
    alm_live_options options;
    alm_env env; /* without a pool */
    alm_fs *fs;  /* of the log */
    alm_arena *arena;
    alm_epoch *epoch;
    alm_epoch_cell cell; /* almi_live_table */
    alm_base_workspace *workspace; /* by worker, without scratches */
    alm_thread *writer, *opener;

    alm_mutex lock;
    alm_condition work;  /* the writer waits */
    alm_condition wish;  /* the opener waits */
    bool is_ending;
    alm_live_post *first, **last; /* posted */
    size_t waiting;               /* events, until they are told */
    almi_live_wants *wants;
    bool wants_changed;           /* the writer's table is behind */
    almi_live_refusal *refusals;
    almi_live_line *opened;       /* handed over, not taken */
    bool is_opening;              /* the opener may be reading the log */
    bool is_releasing;            /* the writer removes segments */
    bool log_is_open;
    char log_problem[ALM_ERROR_MESSAGE_BYTES];
    alm_date complete_since;      /* of the log; ALM_DATE_NONE: from its beginning */
    alm_event_log_facts log_facts;
    uint64_t open_bytes;          /* of the lines */
    size_t open_lines, missing_lines;

    /* The writer's. */
    alm_event_log *log;
    bool log_is_damaged;
    bool log_has_failed; /* said once */
    alm_instant log_retry;
    alm_arena *scratch;
};

alm_date almi_live_today(const alm_live *live);
void almi_live_note(const alm_live *live, alm_log_level level, const char *format, ...)
    ALM_PRINTF(3, 4);

/* ---- wants and refusals; the lock is held ---- */

almi_live_wants *almi_live_take_wants(alm_live *live); /* NULL: told nothing yet */
void almi_live_drop_wants(almi_live_wants *wants);     /* takes NULL */
almi_live_refusal *almi_live_find_refusal(alm_live *live, alm_str run_id);
/* Keeps the reason, and says by is_new whether it is another one than before. */
void almi_live_refuse(alm_live *live, alm_str run_id, const alm_error *reason, bool *is_new);
void almi_live_forget_refusals(alm_live *live, const almi_live_wants *wants); /* NULL: all */

/* ---- live_table.c ---- */

/* Makes and publishes a table of what is wanted; `opened` (or NULL) is a new line, which is
 * destroyed when nobody wants it. */
void almi_live_publish(alm_live *live, almi_live_line *opened);
almi_live_table *almi_live_current(alm_live *live); /* the writer's thread; NULL: none yet */
/* Enters the state of the line; the worker leaves it. */
void almi_live_view_of(almi_live_line *line, size_t worker, alm_live_view *out);

/* ---- live_open.c ---- */

void almi_live_open_lines(void *live); /* the opener */
void almi_live_line_destroy(almi_live_line *line); /* takes NULL */
/* The line of a run, as its snapshot is, without events. `memory` that it may take; 0: any. */
ALM_NODISCARD alm_err almi_live_open_line(alm_live *live, const almi_live_want *wanted,
                                          uint64_t memory, almi_live_line **out, alm_error *error);
/* Does the log have all events that the run's snapshot has not? Else ALM_ERR_INCOMPLETE. */
ALM_NODISCARD alm_err almi_live_check_complete(const alm_live *live, const almi_live_want *wanted,
                                               alm_error *error);
/* Events of the log from line->next_sequence to `before`, applied and not published. *seen is the
 * sequence behind the last that the log had; NULL: nobody asks. */
ALM_NODISCARD alm_err almi_live_replay(alm_live *live, almi_live_line *line, uint64_t before,
                                       uint64_t *seen, alm_error *error);
ALM_NODISCARD alm_err almi_live_apply(almi_live_line *line, const alm_event *event,
                                      const alm_event_record *record, alm_error *error);

/* ---- live_writer.c ---- */

void almi_live_write(void *live); /* the writer */
/* Since which day the log is whole; ALM_DATE_NONE: from its beginning. */
ALM_NODISCARD alm_err almi_live_read_since(alm_live *live, alm_date *out, alm_error *error);

#endif
