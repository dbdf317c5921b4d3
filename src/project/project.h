/* project.h: almanac.yaml as typed structs.
 *
 * Parsing is strict: an unknown key, a wrong type, a value out of range or a dangling name is one
 * ALM_ERR_CONFIG message "almanac.yaml:LINE:COLUMN: ...". Everything lives in the project's arena
 * and is immutable after opening. */
#ifndef ALM_PROJECT_PROJECT_H
#define ALM_PROJECT_PROJECT_H

#include "base/fs.h"
#include "feature/bars/bars.h"
#include "feature/feature.h"
#include "project/deployment_spec.h"
#include "project/signal_spec.h"
#include "table/table.h"

typedef enum alm_duplicates { ALM_DUPLICATES_REFUSE, ALM_DUPLICATES_SUM } alm_duplicates;
typedef enum alm_missing_rule { ALM_MISSING_ZERO, ALM_MISSING_UNKNOWN } alm_missing_rule;

typedef struct alm_source_column {
    alm_str name;
    alm_type type;
    bool nullable;
    bool pseudonym;  /* replaced by a keyed hash before anything is stored */
    bool has_min, has_max;
    double min, max; /* a row outside is rejected with the reason */
    double missing_share_max; /* of the snapshot's rows; 1 = no check */
} alm_source_column;

typedef struct alm_source {
    alm_str name;
    const alm_str *files; /* relative to the project; .csv, .csv.gz or .parquet */
    size_t file_count;
    const alm_source_column *columns;
    size_t column_count;
    alm_str time;     /* event-time column (date or instant); empty: a static table */
    const alm_str *keys; /* with `time` unique */
    size_t key_count;
    bool known_in_advance; /* rows beyond the snapshot's end are kept (calendar, plan) */
    alm_duplicates duplicates;
    int32_t publication_delay; /* days after the event until the row is known */
    alm_str known_at;          /* column: when the row became known; empty: event + delay */
    double reject_share_max;   /* above this share of rejected rows the snapshot is refused */
    int32_t freshness_days_max; /* newest row at most so many days before the end; -1: no check */
} alm_source;

/* A panel column taken from a source: the series' own or another one, then shared by all series
 * when that source has no keys. It is known in advance when the source is and the column does not
 * say `observed`; otherwise it is observed, with the publication delay of its source. */
typedef struct alm_series_column {
    alm_str name;
    alm_str source;
    alm_str column;
    bool is_indicator; /* text column: 1 where not null and not empty, else 0 */
    bool observed;     /* declared: of a plan, only the days that are over count */
    bool is_optional;  /* declared: a day to come may have no value */
    bool own;          /* of the series' own source */
    bool known;        /* in advance */
    int32_t delay;     /* publication delay; 0 when known in advance */
} alm_series_column;

typedef struct alm_attribute { /* a static attribute of a series, from a static source */
    alm_str name;
    alm_str source;
    alm_str key;    /* column of that source that equals the series key of the same name */
    alm_str column;
    alm_str valid_from; /* optional date columns: effective-dated membership */
    alm_str valid_to;
} alm_attribute;

typedef enum alm_censored_rule { ALM_CENSORED_IMPUTE, ALM_CENSORED_MASK } alm_censored_rule;

typedef struct alm_series_spec {
    alm_str source;
    const alm_str *keys;
    size_t key_count;
    alm_str time;
    alm_str target;
    bool counts; /* the target is a count: base marginals are integers */
    alm_missing_rule missing;
    alm_str closed_source, closed_column; /* closed where the column is 0; empty: never closed */
    /* Out of stock where the column is 0 (source with the series' keys); empty: not known. */
    alm_str available_source, available_column;
    alm_censored_rule censored; /* what such a day counts as */
    const alm_series_column *columns;     /* besides the target */
    size_t column_count;
    const alm_attribute *attributes;
    size_t attribute_count;
    /* Group aggregates of the target as observed columns, "units@range": one per grouping. */
    const alm_str *group_columns; /* names of attributes or keys, or "total" */
    size_t group_count;
} alm_series_spec;

typedef struct alm_level_spec {
    alm_str name;
    const alm_str *by; /* attributes or series keys; none: the grand total */
    size_t by_count;
} alm_level_spec;

typedef struct alm_stock_spec { /* empty source: no stock, no stock-out risk */
    alm_str source;
    alm_str on_hand;
    alm_str receipts;
} alm_stock_spec;

/* X(name, text in the project file and in the inputs of a training) */
#define ALM_OBJECTIVE_MAP(X) \
    X(L2, "l2") X(POISSON, "poisson") X(TWEEDIE, "tweedie") X(QUANTILE, "quantile")

typedef enum alm_objective {
#define ALM_OBJECTIVE_ENUM(name, text) ALM_OBJECTIVE_##name,
    ALM_OBJECTIVE_MAP(ALM_OBJECTIVE_ENUM)
#undef ALM_OBJECTIVE_ENUM
} alm_objective;

typedef enum alm_marginals { ALM_MARGINALS_HISTORY, ALM_MARGINALS_QUANTILE } alm_marginals;

/* X(NAME, text): what makes the forecasts of a model add up. The first is the default, and the last
 * takes one of the others by what was known of the past (train/reconcile_choice.h); these have the
 * names of decide/reconcile_method.h. */
#define ALM_RECONCILING_MAP(X)                                              \
    X(AUTOMATIC, "automatic")                                               \
    X(BOTTOM_UP, "bottom_up")                                               \
    X(TOP_DOWN_AVERAGE_PROPORTIONS, "top_down_average_proportions")         \
    X(TOP_DOWN_PROPORTIONS_OF_AVERAGES, "top_down_proportions_of_averages") \
    X(TOP_DOWN_FORECAST_PROPORTIONS, "top_down_forecast_proportions")       \
    X(OLS, "ols")                                                           \
    X(WLS_STRUCTURAL, "wls_structural")                                     \
    X(WLS_VARIANCE, "wls_variance")                                         \
    X(MINT_SHRINK, "mint_shrink")                                           \
    X(BEST, "best")

typedef enum alm_reconciling {
#define ALM_RECONCILING_ENUM(name, text) ALM_RECONCILING_##name,
    ALM_RECONCILING_MAP(ALM_RECONCILING_ENUM)
#undef ALM_RECONCILING_ENUM
        ALM_RECONCILING_COUNT
} alm_reconciling;

const char *alm_reconciling_name(alm_reconciling reconciling);
/* Top-down: it splits the forecasts of a level. */
static inline bool alm_reconciling_splits(alm_reconciling r)
{
    return r >= ALM_RECONCILING_TOP_DOWN_AVERAGE_PROPORTIONS &&
           r <= ALM_RECONCILING_TOP_DOWN_FORECAST_PROPORTIONS;
}

typedef struct alm_gbm_spec {
    alm_objective objective; /* of the mean model */
    double tweedie_power;
    int32_t trees;
    int32_t leaves;
    double learning_rate;
    int32_t leaf_rows_min;
    double feature_fraction;
    double bagging_fraction;
    double lambda_l2;
    int32_t bins_max;
    int32_t rows_max;  /* training rows per model: more is refused before it starts */
    int32_t origin_stride;    /* days between training origins */
    int32_t steps_per_origin; /* steps drawn per series and training origin, counter-based */
    int32_t history_min;      /* days of history before the first training origin */
} alm_gbm_spec;

typedef enum alm_model_method { ALM_MODEL_GBM, ALM_MODEL_STATISTICAL } alm_model_method;

/* Names of statistical forecasters (model/statistical/forecaster_kinds.h), or `level`. */
typedef struct alm_kind_names {
    const alm_str *name;
    size_t count; /* 0: the usual ones of the class */
} alm_kind_names;

#define ALM_KIND_CANDIDATES_MAX 8

/* What the statistical part of a model chooses between, by class of series. */
typedef struct alm_kinds_spec {
    alm_kind_names smooth, erratic, intermittent, lumpy, aggregate;
} alm_kinds_spec;

typedef struct alm_backtest_spec {
    int32_t origins;           /* scored, at least 3 */
    int32_t selection_origins; /* earlier ones, for choice and calibration */
    int32_t origin_step;       /* days between origins */
    int32_t refit_every;       /* origins per refit */
} alm_backtest_spec;

#define ALM_QUANTILES_MAX 15

typedef struct alm_model_spec {
    alm_str name; /* [A-Za-z0-9._-]; releases are name-1, name-2, ... */
    int32_t horizon;
    const alm_horizon_block *blocks;
    size_t block_count;
    double quantiles[ALM_QUANTILES_MAX]; /* rising, in (0, 1) */
    size_t quantile_count;
    const alm_str *features; /* names; none: all of the project's */
    size_t features_count;
    alm_model_method method; /* STATISTICAL: no forest, and no feature but the step */
    const alm_str *candidates; /* statistical, gbm, blend */
    size_t candidate_count;
    bool has_kinds; /* else the statistical part is level x profile */
    alm_kinds_spec kinds;
    alm_marginals marginals; /* QUANTILE: a forest per level of `quantiles` gives the shape */
    alm_reconciling reconcile;
    alm_str reconcile_from; /* top-down: the level that is split; empty: the first */
    alm_gbm_spec gbm;
    alm_backtest_spec backtest;
    int32_t season;  /* 7 */
    int32_t paths;   /* sample paths per run */
    bool recursive;  /* the next day's forecast is fed back; one block */
    uint64_t seed;
} alm_model_spec;

typedef struct alm_schedule_spec {
    alm_str name;
    alm_str model;
    alm_str alias;           /* the release to run: an alias or a model version */
    const alm_str *requires; /* sources that must be complete for the prediction date */
    size_t requires_count;
    const alm_str *beside;   /* further releases to run beside it */
    size_t beside_count;
} alm_schedule_spec;

typedef struct alm_project {
    const char *directory; /* of almanac.yaml */
    const char *state;     /* directory/.almanac: objects, registry, predictions, scratch */
    const char *pseudonym_key; /* file with the key of the pseudonyms */
    alm_str name;
    alm_digest file_digest; /* SHA-256 of almanac.yaml as read */
    const alm_source *sources;
    size_t source_count;
    alm_series_spec series;
    const alm_level_spec *levels;
    size_t level_count;
    const alm_feature_spec *features;
    size_t feature_count;
    const alm_model_spec *models;
    size_t model_count;
    alm_stock_spec stock;
    const alm_schedule_spec *schedules;
    size_t schedule_count;
    const alm_deployment_spec *deployments; /* those of the file first, then derived ones */
    size_t deployment_count;
    const alm_policy_spec *policies;
    size_t policy_count;
    alm_bars_spec bars; /* or `series`: its source is empty in the other kind of project */
    const alm_signal_spec *signals;
    size_t signal_count;
    alm_arena *arena;
} alm_project;

/* `directory` holds almanac.yaml. ALM_ERR_NOT_FOUND names the folder and `almanac init`. */
ALM_NODISCARD alm_err alm_project_open(const alm_env *env, const char *directory,
                                       alm_project **out, alm_error *error);
void alm_project_close(alm_project *project); /* takes NULL */
/* The column of a source, or NULL. */
const alm_source_column *alm_source_find_column(const alm_source *source, alm_str name);
/* The tables of docs/project-file.md, from the tables that the parser reads by. */
void alm_project_write_reference(alm_buffer *out);
/* The features of one of the project's models compiled against a panel's schema. */
ALM_NODISCARD alm_err alm_project_plan(const alm_project *project, const alm_model_spec *model,
                                       const alm_feature_schema *schema, alm_feature_plan **out,
                                       alm_error *error);
/* The feature of that name, or NULL. */
const alm_feature_spec *alm_project_feature(const alm_project *project, alm_str name);
/* What a sold-out day counts as; MASKED without `available`. */
alm_sold_out_rule alm_project_sold_out(const alm_project *project);
const alm_source *alm_project_source(const alm_project *project, alm_str name);   /* or NULL */
const alm_model_spec *alm_project_model(const alm_project *project, alm_str name); /* or NULL */
const alm_schedule_spec *alm_project_schedule(const alm_project *project, alm_str name);
const alm_deployment_spec *alm_project_deployment(const alm_project *project, alm_str name);
const alm_signal_spec *alm_project_signal(const alm_project *project, alm_str name); /* or NULL */
/* The declarations of `bars`, compiled. */
ALM_NODISCARD alm_err alm_project_bars_plan(const alm_project *project, alm_bars_plan **out,
                                            alm_error *error);

#endif
