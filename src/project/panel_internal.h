/* panel_internal.h: the inside of a panel source (internal to project/).
 *
 * panel_open.c builds it; panel_source.c streams blocks and sums them up; panel_lookup.c asks other
 * sources about the series of one block. Per series it holds its key codes, attribute codes, node
 * numbers, row count and first period: 4 bytes each. */
#ifndef ALM_PROJECT_PANEL_INTERNAL_H
#define ALM_PROJECT_PANEL_INTERNAL_H

#include "project/panel_source.h"
#include "table/sql.h"

typedef struct almi_dictionary { /* texts sorted by bytes; code = place */
    const alm_str *texts;
    uint32_t count;
} almi_dictionary;

/* An attribute or a series key: codes per series, `count` of the dictionary = it has none. */
typedef struct almi_static {
    alm_str name;
    almi_dictionary dictionary;
    const uint32_t *codes;     /* one per series */
    const double *values;      /* per code: the number that the panel shows; [count] is NaN */
} almi_static;

typedef struct almi_group {    /* sums of the target over a grouping */
    const char *column;        /* "units@range" */
    const uint32_t *row_of_series;
    uint32_t rows;
    double *sums;              /* rows x periods; NaN where there is nothing to add */
    uint8_t *ranks;            /* rows x periods, while adding up */
} almi_group;

struct alm_panel_source {
    const alm_env *env;
    const alm_project *project;
    alm_objects *objects;
    const alm_snapshot *snapshot;
    alm_arena *arena;
    alm_sql *sql;              /* the leaf cursor lives here */
    alm_sql *lookup;           /* questions about one block */
    alm_date start, end, membership_date;
    size_t periods, future, block_series;
    size_t planned; /* of the future */
    int32_t delay;
    const alm_source *own;     /* source of the target */
    const char *own_path;
    const char **paths;         /* of the snapshot's sources, once they have been verified */

    size_t series_count;
    const uint32_t *row_counts; /* visible rows per series */
    const uint32_t *first;      /* first period with a row, per series */
    size_t static_count;        /* attributes, then keys */
    almi_static *statics;
    const char **static_names;
    alm_categories *categories;
    const uint32_t *zeros;      /* block_series zeros: everyone's row 0 */

    alm_hierarchy hierarchy;
    size_t group_count;
    almi_group *groups;
    double *nans;               /* periods + future */
    uint8_t *closed;            /* periods + future; NULL: never closed */
    double **shared; /* per series column: a value per period (known: and future one), or NULL */
    alm_feature_schema schema;
    alm_panel aggregates;

    alm_sql_cursor *cursor;     /* over the leaf rows; NULL: at the beginning */
    bool target_only;
    alm_arena *batch_arena;
    alm_table batch;
    size_t batch_at;
    size_t next_series;
};

/* The object of a source by name; ALM_ERR_NOT_FOUND when the snapshot does not have it. */
ALM_NODISCARD alm_err almi_panel_object(alm_panel_source *source, alm_str name, const char **path,
                                        alm_error *error);
/* "time >= ... AND known": rows of `spec` visible at the end, in [start, stop). */
char *almi_panel_visible(const alm_panel_source *source, const alm_source *spec, alm_date stop,
                         alm_arena *arena);
/* The SQL of a column's value as a double. */
char *almi_panel_value(alm_str column, bool indicator, alm_arena *arena);

/* panel_source.c: a block of leaves with the target alone or with all columns. */
ALM_NODISCARD alm_err almi_panel_sum_up(alm_panel_source *source, alm_error *error);

/* panel_lookup.c: columns of sources with keys, for the series of one block. */
ALM_NODISCARD alm_err almi_panel_keyed_column(alm_panel_source *source, const alm_panel *block,
                                              const alm_series_column *column, double *values,
                                              alm_error *error);
ALM_NODISCARD alm_err almi_panel_stockouts(alm_panel_source *source, const alm_panel *block,
                                           double *target, uint8_t *state, alm_error *error);

/* panel_plans.c: of a block with its columns. */
ALM_NODISCARD alm_err almi_panel_check_plans(const alm_panel_source *source,
                                             const alm_panel *panel, alm_error *error);

#endif
