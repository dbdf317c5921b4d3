/* online_internal.h: the inside of the online state, shared by its files.
 *
 * online_open.c reads the snapshot; online_cells.c says what events make of a cell; online_state.c
 * moves, publishes and lends. The grid of periods has `cap` places: those of the snapshot and one
 * for every day that may close. */
#ifndef ALM_SERVE_ONLINE_INTERNAL_H
#define ALM_SERVE_ONLINE_INTERNAL_H

#include "base/epoch.h"
#include "serve/live/online_state.h"

/* Where a column of the panel comes from. */
typedef enum almi_feed_kind {
    ALMI_FEED_NONE,    /* not read by the plan */
    ALMI_FEED_TARGET,
    ALMI_FEED_OWN,     /* events of sales say it */
    ALMI_FEED_ON_HAND, /* stock counts */
    ALMI_FEED_RECEIPTS,
    ALMI_FEED_KNOWN,   /* the snapshot says it in advance */
    ALMI_FEED_GROUP    /* a sum of the target */
} almi_feed_kind;

typedef struct almi_online_column {
    alm_panel_column panel; /* name and role */
    almi_feed_kind kind;
    bool shared;     /* one row for all series */
    size_t stride;
    double *values;  /* series x stride, or one row; of a group rows x cap */
    size_t said;     /* OWN: place among the values of an entry */
} almi_online_column;

typedef struct almi_change { /* of a cell, or of a sum (`series` is its row) */
    uint32_t series;
    uint32_t period;
} almi_change;

typedef struct almi_changes {
    almi_change *item;
    size_t count;
    size_t room;
} almi_changes;

/* Sums of the target: a group's column, or (column 0) the first level of the hierarchy. */
typedef struct almi_grouping {
    size_t column; /* 0: none */
    size_t rows;
    uint32_t *row_of_series;
    uint32_t *start;  /* rows + 1: members of row r are member[start[r]] .. */
    uint32_t *member; /* in the order of the series */
    const double *batch; /* while reading: the snapshot's sums, rows x periods */
    double *sums;     /* rows x cap */
    almi_changes dirty; /* (row, period) to add up again */
} almi_grouping;

/* What was said of a series and a day. */
typedef enum almi_entry_kind {
    ALMI_ENTRY_BASE, /* by the snapshot, kept when the first event comes */
    ALMI_ENTRY_OUT,  /* by the snapshot, of a day whose sales it does not have yet: out of stock */
    ALMI_ENTRY_EVENT
} almi_entry_kind;

typedef struct almi_entry {
    uint32_t period;
    uint8_t kind;
    uint8_t what; /* BASE: alm_period_state; EVENT: alm_event_kind */
    alm_instant known_at; /* or received */
    uint64_t order;
    double quantity;
    size_t said; /* first of `said_count` values; SIZE_MAX: none */
} almi_entry;

typedef struct almi_entries { /* by period, then what became known, then order */
    almi_entry *item;
    uint32_t count;
    uint32_t room;
} almi_entries;

/* A cell of a series, all columns that events say. */
typedef struct almi_cell {
    double target;
    uint8_t state;
    uint8_t raw; /* state without a word about stock: what sums are made of */
} almi_cell;

typedef struct almi_history { /* of one series; what lies before a reader's origin never changes */
    double *target; /* cap */
    uint8_t *states;
    uint8_t *raw;
} almi_history;

typedef struct almi_view { /* what a reader sees of a series */
    alm_online_series seen;
    alm_feature_state *state;
    almi_history history;
} almi_view;

/* What a publish replaces: freed with the table that showed it. */
typedef struct almi_dropped {
    void *memory;
    alm_feature_state *state;
} almi_dropped;

typedef struct almi_table { /* what is published */
    alm_online_now now;
    const alm_online_series **series;
    almi_dropped *dropped; /* the writer's; NULL while it is the newest table */
    size_t dropped_count;
} almi_table;

struct alm_online_state {
    alm_arena *arena;
    const alm_project *project;
    const alm_feature_plan *plan;
    alm_date start;
    size_t periods; /* of the snapshot */
    size_t cap;
    size_t future;  /* periods behind an origin of which a row sees what is known in advance */
    size_t delay;       /* publication delay of the target */
    size_t stock_delay; /* of the stock source's rows */
    size_t lag;         /* periods by which the feature state is behind the origin */
    bool target_known_at, stock_known_at; /* the source says when a row became known */
    bool stock_in_advance;
    bool unknown_gaps; /* a day without a row is missing, not zero */
    bool flags_stockouts; /* stock counts of 0 say "out of stock" */
    alm_instant known_until;
    uint64_t bytes; /* as check_memory counts them */
    size_t series_count;
    size_t key_count;
    const alm_str *keys; /* series x key_count */
    size_t static_count;
    const char *const *static_names;
    const double *statics;
    const uint32_t *first; /* first period of a series */
    uint8_t *closed;       /* cap + future; zeros: never */
    size_t column_count;
    almi_online_column *columns;
    size_t said_count;     /* columns of the kind OWN */
    almi_grouping *groupings;
    size_t grouping_count;
    almi_grouping *level;  /* the first level; NULL: no hierarchy */
    double *totals;        /* cap: the target of all series */

    /* The writer's. */
    size_t end;    /* periods that are over */
    size_t pushed; /* periods that the feature states have seen */
    almi_entries *entries; /* by series */
    double *said;
    size_t said_used, said_room;
    uint64_t orders;
    uint64_t events;
    uint64_t mark;
    almi_changes dirty;    /* cells of days that are over, to look at again */
    almi_changes pending;  /* cells with something that is not visible yet */
    almi_view **draft;     /* by series; NULL: as published */
    almi_view **view;      /* by series, as published */
    double *values;        /* column_count */
    bool broken;
    alm_arena *scratch;

    alm_epoch *epoch;
    alm_epoch_cell table; /* an almi_table */
};

/* ---- online_cells.c ---- */

/* Adds an entry in its place. ALM_ERR_MEMORY: nothing has changed. */
ALM_NODISCARD alm_err almi_entries_add(almi_entries *entries, const almi_entry *entry,
                                       alm_error *error);
/* What the snapshot says of the cell, as an entry, before the first event of it changes it. */
ALM_NODISCARD alm_err almi_keep_base(alm_online_state *online, size_t series, uint32_t period,
                                     alm_error *error);
/* The cell as a panel that ends after `end` periods has it. Writes what events say of the own and
 * the stock columns into the columns. */
almi_cell almi_cell_of(alm_online_state *online, size_t series, size_t period, size_t end);
/* How many events of the cell such a panel shows, and how many there are. */
size_t almi_cell_shown(const alm_online_state *online, size_t series, size_t period, size_t end,
                       size_t *all);
/* The cell of a day that sold `total` (at least 0), and of one that nobody told of; without a word
 * about stock. */
almi_cell almi_cell_sold(const alm_online_state *online, size_t period, double total);
almi_cell almi_cell_untold(const alm_online_state *online, size_t period);
void almi_put_cell(const almi_history *history, size_t period, almi_cell cell);
/* Adds up one row of a grouping at a period, as a batch does; `true`: it has changed. */
bool almi_add_up(alm_online_state *online, almi_grouping *grouping, size_t row, size_t period);
void almi_add_up_total(alm_online_state *online, size_t period);
/* As the writer has it: of the draft, else of what is published. */
const almi_history *almi_history_of(const alm_online_state *online, size_t series);

ALM_NODISCARD alm_err almi_changes_add(almi_changes *changes, size_t series, size_t period,
                                       alm_error *error);
void almi_changes_sort(almi_changes *changes); /* and removes what is there twice */

/* Values of all columns at a period into online->values. */
void almi_values_at(alm_online_state *online, const almi_history *history, size_t series,
                    size_t period);
/* The state of a series at period to - 1, from the history. */
ALM_NODISCARD alm_err almi_replay_series(alm_online_state *online, const almi_history *history,
                                         size_t series, size_t to, alm_feature_state **out,
                                         alm_error *error);
ALM_NODISCARD alm_err almi_history_create(size_t cap, almi_history *out, alm_error *error);

/* ---- online_open.c ---- */

ALM_NODISCARD alm_err almi_online_read(alm_online_state *online, const alm_online_options *options,
                                       alm_error *error);

/* ---- online_state.c ---- */

/* Publishes the drafts. */
ALM_NODISCARD alm_err almi_online_show(alm_online_state *online, alm_error *error);
void almi_view_destroy(almi_view *view); /* takes NULL */

/* panel->imputed of the one series of a panel, by the rule of the online plan; in `arena`. */
void almi_impute_one(const alm_online_state *online, alm_panel *panel, alm_arena *arena);

typedef struct almi_span {
    size_t begin, end;
} almi_span;

/* Periods that the profile of an origin is made of. */
static inline almi_span almi_profile_span(const alm_online_state *online, size_t origin)
{
    size_t end = alm_published_end(origin, online->delay);
    return (almi_span){end > ALM_PROFILE_PERIODS ? end - ALM_PROFILE_PERIODS : 0, end};
}

static inline double *almi_column_cell(const alm_online_state *online, size_t column, size_t series,
                                       size_t period)
{
    const almi_online_column *c = &online->columns[column];
    return &c->values[(c->shared ? 0 : series) * c->stride + period];
}

#endif
