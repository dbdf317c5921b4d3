/* project_schema.c: every key of almanac.yaml, once. */
#include "project/project_schema.h"

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(type, field) .offset = offsetof(type, field)
#define LIST_AT(type, field, count) \
    .kind = ALMI_TEXT_LIST, .offset = offsetof(type, field), .count_offset = offsetof(type, count)
#define OTHER .kind = ALMI_OTHER

static const char *const TYPE_NAMES[] = {"bool", "i64", "f64", "date", "instant", "text", NULL};
static const char *const DUPLICATES[] = {"refuse", "sum", NULL};
static const char *const MISSING[] = {"zero", "unknown", NULL};
static const char *const CENSORED[] = {"impute", "mask", NULL};
static const char *const FREQUENCIES[] = {"day", NULL};
static const char *const OBJECTIVES[] = {
#define OBJECTIVE_TEXT(name, text) text,
    ALM_OBJECTIVE_MAP(OBJECTIVE_TEXT)
#undef OBJECTIVE_TEXT
    NULL};
static const char *const METHODS[] = {"gbm", "statistical", NULL};
static const char *const MARGINALS[] = {"history", "quantile", NULL};
static const char *const RECONCILING[] = {
#define RECONCILING_NAME(name, text) text,
    ALM_RECONCILING_MAP(RECONCILING_NAME)
#undef RECONCILING_NAME
    NULL};
static const char *const OPERATORS[] = {
#define OPERATOR_NAME(name, revision, class) #name,
    ALM_FEATURE_OP_MAP(OPERATOR_NAME)
#undef OPERATOR_NAME
    NULL};

static const almi_key TOP[] = {
    {.key = "almanac", .kind = ALMI_I32, AT(almi_top, version), .required = true, .min = 1,
     .max = 1, .doc = "version of this format"},
    {.key = "name", .kind = ALMI_NAME, AT(almi_top, name), .required = true,
     .doc = "name of the project"},
    {.key = "pseudonym_key", .kind = ALMI_TEXT, AT(almi_top, pseudonym_key),
     .fallback = ".almanac/pseudonym.key",
     .doc = "file with the key of the pseudonyms, made when it is missing; keep it out of git"},
    {.key = "sources", OTHER, .required = true, .doc = "map of tables: see `sources.NAME`"},
    {.key = "series", OTHER, .doc = "what is forecast: see `series`. A file has it or `bars`"},
    {.key = "hierarchy", OTHER, .doc = "list of levels: see `hierarchy[]`"},
    {.key = "features", OTHER, .doc = "list of features: see `features[]`"},
    {.key = "models", OTHER, .doc = "map of models: see `models.NAME`"},
    {.key = "stock", OTHER, .doc = "stock position for stock-out risk: see `stock`"},
    {.key = "schedules", OTHER, .doc = "map of schedules: see `schedules.NAME`"},
    {.key = "bars", OTHER, .doc = "bars of open, high, low, close and volume: see `bars`"},
    {.key = "signals", OTHER, .doc = "map of what is learned from bars: see `signals.NAME`"},
    {.key = "policies", OTHER, .doc = "map of hard limits: see `policies.NAME`"},
    {.key = "deployments", OTHER, .doc = "map of routes: see `deployments.NAME`"},
};
const almi_section almi_top_section = {"almanac.yaml", "The file itself.", TOP, COUNT(TOP)};

static const almi_key SOURCE[] = {
    {.key = "files", LIST_AT(alm_source, files, file_count), .required = true,
     .doc = "`.csv`, `.csv.gz` or `.parquet`, relative to the project; read as one table"},
    {.key = "columns", OTHER, .required = true,
     .doc = "map of every column that is used: a type, or a map (see `sources.NAME.columns.NAME`)"},
    {.key = "time", .kind = ALMI_TEXT, AT(alm_source, time),
     .doc = "event-time column; without it the table is static"},
    {.key = "keys", LIST_AT(alm_source, keys, key_count),
     .doc = "columns that, with `time` (and `known_at`), name a row"},
    {.key = "known_in_advance", .kind = ALMI_BOOL, AT(alm_source, known_in_advance),
     .fallback = "false", .doc = "a calendar or a plan: rows behind the snapshot's end are kept"},
    {.key = "duplicates", .kind = ALMI_CHOICE, AT(alm_source, duplicates), .choices = DUPLICATES,
     .fallback = "refuse", .doc = "two rows with the same keys and time: refuse, or add them up"},
    {.key = "publication_delay", .kind = ALMI_I32, AT(alm_source, publication_delay), .max = 400,
     .fallback = "0", .doc = "days after the event day until its row is known"},
    {.key = "known_at", .kind = ALMI_TEXT, AT(alm_source, known_at),
     .doc = "column that says when a row became known; a restated row is a further row with a "
            "later value here"},
    {.key = "reject_share_max", .kind = ALMI_F64, AT(alm_source, reject_share_max), .max = 1,
     .fallback = "0", .doc = "above this share of rejected rows the snapshot is refused"},
    {.key = "freshness_days_max", .kind = ALMI_I32, AT(alm_source, freshness_days_max), .min = -1,
     .max = 36500, .fallback = "-1",
     .doc = "the newest row may be so many days before the snapshot's end; -1: not checked"},
};
const almi_section almi_source_section = {
    "sources.NAME", "A table that you own. A file may have more columns than are declared; those "
    "are not read.", SOURCE, COUNT(SOURCE)};

static const almi_key COLUMN[] = {
    {.key = "type", .kind = ALMI_CHOICE, AT(alm_source_column, type), .choices = TYPE_NAMES,
     .required = true, .doc = "a value that does not read as it rejects its row"},
    {.key = "nullable", .kind = ALMI_BOOL, AT(alm_source_column, nullable), .fallback = "false",
     .doc = "an empty value is allowed"},
    {.key = "pseudonym", .kind = ALMI_BOOL, AT(alm_source_column, pseudonym), .fallback = "false",
     .doc = "a person's key: replaced by a keyed hash before anything is stored (text only)"},
    {.key = "min", OTHER, .doc = "number: a smaller value rejects its row"},
    {.key = "max", OTHER, .doc = "number: a larger value rejects its row"},
    {.key = "missing_share_max", .kind = ALMI_F64, AT(alm_source_column, missing_share_max),
     .max = 1, .fallback = "1", .doc = "above this share of empty values the snapshot is refused"},
};
const almi_section almi_column_section = {
    "sources.NAME.columns.NAME", "A column: `units: i64` is short for `units: {type: i64}`.",
    COLUMN, COUNT(COLUMN)};

static const almi_key SERIES[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(alm_series_spec, source), .required = true,
     .doc = "source of the target"},
    {.key = "keys", LIST_AT(alm_series_spec, keys, key_count), .required = true,
     .doc = "the source's keys: one series per combination"},
    {.key = "time", .kind = ALMI_TEXT, AT(alm_series_spec, time),
     .doc = "the source's `time` column (may be left out)"},
    {.key = "frequency", .kind = ALMI_CHOICE, .offset = SIZE_MAX, .choices = FREQUENCIES,
     .fallback = "day", .doc = "one period"},
    {.key = "target", .kind = ALMI_TEXT, AT(alm_series_spec, target), .required = true,
     .doc = "column to forecast"},
    {.key = "counts", .kind = ALMI_BOOL, AT(alm_series_spec, counts), .fallback = "false",
     .doc = "the target counts things: forecasts of single series are whole numbers"},
    {.key = "missing", .kind = ALMI_CHOICE, AT(alm_series_spec, missing), .choices = MISSING,
     .required = true, .doc = "what a day without a row means: nothing sold, or not known"},
    {.key = "closed", OTHER, .doc = "where the calendar says that nothing can be sold"},
    {.key = "available", OTHER, .doc = "where a source says that nothing was in stock"},
    {.key = "censored", .kind = ALMI_CHOICE, AT(alm_series_spec, censored), .choices = CENSORED,
     .fallback = "impute",
     .doc = "what features, levels and labels take a day out of stock by `available` for: the mean "
            "of demand of at least what was sold, or not known"},
    {.key = "columns", OTHER, .doc = "map of further columns: see `series.columns.NAME`"},
    {.key = "attributes", OTHER, .doc = "map of static attributes: see `series.attributes.NAME`"},
    {.key = "groups", LIST_AT(alm_series_spec, group_columns, group_count),
     .doc = "attributes, keys or `total`: sums of the target over each, as columns `target@group`"},
};
const almi_section almi_series_section = {"series", "What is forecast.", SERIES, COUNT(SERIES)};

static const almi_key CLOSED[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(almi_place, source), .required = true,
     .doc = "a source known in advance without keys"},
    {.key = "column", .kind = ALMI_TEXT, AT(almi_place, column), .required = true,
     .doc = "0 or false on closed days"},
};
const almi_section almi_closed_section = {"series.closed", "Days on which nothing can be sold.",
                                          CLOSED, COUNT(CLOSED)};

static const almi_key AVAILABLE[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(almi_place, source), .required = true,
     .doc = "a source with the series' keys and a time column"},
    {.key = "column", .kind = ALMI_TEXT, AT(almi_place, column), .required = true,
     .doc = "0 or less where the series was out of stock that day"},
};
const almi_section almi_available_section = {
    "series.available", "Days on which a series was out of stock: its sale is then a lower bound "
    "of the demand.", AVAILABLE, COUNT(AVAILABLE)};

static const almi_key SERIES_COLUMN[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(alm_series_column, source), .required = true,
     .doc = "the series' own source, a source known in advance, or another one (observed)"},
    {.key = "column", .kind = ALMI_TEXT, AT(alm_series_column, column),
     .doc = "column of that source; the same name when left out"},
    {.key = "indicator", .kind = ALMI_BOOL, AT(alm_series_column, is_indicator),
     .fallback = "false", .doc = "1 where the column has a text, else 0"},
    {.key = "observed", .kind = ALMI_BOOL, AT(alm_series_column, observed), .fallback = "false",
     .doc = "of a source known in advance, read as one that is not: a row counts once its day is "
            "over and `publication_delay` has passed"},
    {.key = "optional", .kind = ALMI_BOOL, AT(alm_series_column, is_optional), .fallback = "false",
     .doc = "of a source known in advance: a day to come may have no value; else a run refuses it"},
};
const almi_section almi_series_column_section = {
    "series.columns.NAME", "A column for features beside the target, by day. The source's keys "
    "are series keys; one without keys is shared by all series. A day without a row is missing.",
    SERIES_COLUMN, COUNT(SERIES_COLUMN)};

static const almi_key ATTRIBUTE[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(alm_attribute, source), .required = true,
     .doc = "a static source"},
    {.key = "key", .kind = ALMI_TEXT, AT(alm_attribute, key), .required = true,
     .doc = "series key that is also a column of that source"},
    {.key = "column", .kind = ALMI_TEXT, AT(alm_attribute, column),
     .doc = "column of that source; the same name when left out"},
    {.key = "valid_from", .kind = ALMI_TEXT, AT(alm_attribute, valid_from),
     .doc = "date column: first day of the row's validity"},
    {.key = "valid_to", .kind = ALMI_TEXT, AT(alm_attribute, valid_to),
     .doc = "date column: first day behind it; empty: open"},
};
const almi_section almi_attribute_section = {
    "series.attributes.NAME", "What does not change from day to day, and what a series belongs to.",
    ATTRIBUTE, COUNT(ATTRIBUTE)};

static const almi_key LEVEL[] = {
    {.key = "level", .kind = ALMI_NAME, AT(alm_level_spec, name), .required = true,
     .doc = "name of the level"},
    {.key = "by", LIST_AT(alm_level_spec, by, by_count), .required = true,
     .doc = "attributes or series keys; `[]` is the grand total"},
};
const almi_section almi_level_section = {
    "hierarchy[]", "One level of sums; the series themselves are the lowest level and are not "
    "listed. Levels may cross.", LEVEL, COUNT(LEVEL)};

static const almi_key FEATURE[] = {
    {.key = "name", .kind = ALMI_NAME, AT(almi_feature_entry, name), .required = true,
     .doc = "unique"},
    {.key = "op", .kind = ALMI_CHOICE, AT(almi_feature_entry, op), .choices = OPERATORS,
     .required = true, .doc = "the operator"},
    {.key = "column", .kind = ALMI_TEXT, AT(almi_feature_entry, column),
     .doc = "target, column, `target@group`, attribute or key"},
    {.key = "age", .kind = ALMI_I32, AT(almi_feature_entry, age), .max = 36500,
     .doc = "periods before the newest known value (0 when neither `age` nor `lag` is there)"},
    {.key = "lag", .kind = ALMI_I32, AT(almi_feature_entry, lag), .max = 36500,
     .doc = "periods before the day that is forecast"},
    {.key = "window", .kind = ALMI_I32, AT(almi_feature_entry, window), .min = 1, .max = 36500,
     .doc = "periods of the window; occurrences for `seasonal_*`; the cap of `days_to` and "
            "`days_since`"},
    {.key = "season", .kind = ALMI_I32, AT(almi_feature_entry, season), .min = 1, .max = 36500,
     .doc = "periods of a season"},
    {.key = "alpha", .kind = ALMI_F64, AT(almi_feature_entry, alpha), .min = 1e-6, .max = 1e9,
     .doc = "`ewm`: weight of the newest value, at most 1; `target_encoding`: values of its own "
            "that the group counts for"},
    {.key = "level", .kind = ALMI_F64, AT(almi_feature_entry, level), .min = 0, .max = 1,
     .doc = "of a `quantile`, above 0 and below 1"},
    {.key = "scaled", .kind = ALMI_BOOL, AT(almi_feature_entry, scaled), .fallback = "false",
     .doc = "divided by the scale of the series, so that series of all sizes look alike"},
    {.key = "skip_closed", .kind = ALMI_BOOL, AT(almi_feature_entry, skip_closed),
     .fallback = "false", .doc = "the window counts open days only"},
    {.key = "steps_max", .kind = ALMI_I32, AT(almi_feature_entry, steps_max), .min = 1,
     .max = 400, .doc = "the feature is missing at later steps, so that its lag need be legal up "
                        "to this one only"},
};
const almi_section almi_feature_section = {
    "features[]", "One feature. One that would need a value not yet known at its horizon is "
    "refused.", FEATURE, COUNT(FEATURE)};

static const almi_key MODEL[] = {
    {.key = "horizon", .kind = ALMI_I32, AT(alm_model_spec, horizon), .required = true, .min = 1,
     .max = 400, .doc = "days ahead"},
    {.key = "blocks", OTHER,
     .doc = "list of `[first, last]` steps that share one direct model, at most 64; default: one "
            "block"},
    {.key = "quantiles", OTHER, .required = true, .doc = "rising list between 0 and 1, at most 15"},
    {.key = "features", LIST_AT(alm_model_spec, features, features_count),
     .doc = "names of the features that the model uses; default: all"},
    {.key = "method", .kind = ALMI_CHOICE, AT(alm_model_spec, method), .choices = METHODS,
     .fallback = "gbm",
     .doc = "`gbm`: forests over features, blended with a statistical part; `statistical`: that "
            "part alone, without features (docs/statistical-models.md)"},
    {.key = "candidates", LIST_AT(alm_model_spec, candidates, candidate_count),
     .doc = "what each class of series chooses between: `statistical`, `gbm`, `blend`; required "
            "with `method: gbm`"},
    {.key = "kinds", OTHER,
     .doc = "statistical forecasters that each class of series chooses between: see "
            "`models.NAME.kinds`; default: with `method: statistical` the usual ones, else `level` "
            "alone"},
    {.key = "marginals", .kind = ALMI_CHOICE, AT(alm_model_spec, marginals),
     .choices = MARGINALS, .fallback = "history",
     .doc = "where the spread around the mean comes from: each series' own history, or a quantile "
            "forest per level"},
    {.key = "reconcile", .kind = ALMI_CHOICE, AT(alm_model_spec, reconcile),
     .choices = RECONCILING, .fallback = "automatic",
     .doc = "what makes the forecasts of all levels add up: see docs/reconciliation.md"},
    {.key = "reconcile_from", .kind = ALMI_NAME, AT(alm_model_spec, reconcile_from),
     .doc = "`top_down_*`: the level whose forecasts are split; default: the first of "
            "`hierarchy`. From a level below it this is middle-out"},
    {.key = "gbm", OTHER, .doc = "see `models.NAME.gbm`"},
    {.key = "backtest", OTHER, .doc = "see `models.NAME.backtest`"},
    {.key = "season", .kind = ALMI_I32, AT(alm_model_spec, season), .min = 1, .max = 400,
     .fallback = "7", .doc = "periods of the season of the baselines"},
    {.key = "paths", .kind = ALMI_I32, AT(alm_model_spec, paths), .min = 1, .max = 10000,
     .fallback = "200", .doc = "sample paths of a run"},
    {.key = "recursive", .kind = ALMI_BOOL, AT(alm_model_spec, recursive), .fallback = "false",
     .doc = "one model of the next day, whose forecasts are fed back, instead of direct models "
            "per block"},
    {.key = "seed", .kind = ALMI_U64, AT(alm_model_spec, seed), .fallback = "1",
     .doc = "of every random number of training and runs"},
};
const almi_section almi_model_section = {"models.NAME", "A family of releases NAME-1, NAME-2, ...",
                                         MODEL, COUNT(MODEL)};

#define KINDS_OF(class_name)                                                      \
    {.key = #class_name, LIST_AT(alm_kinds_spec, class_name.name, class_name.count), \
     .doc = "of that class; default: the usual ones"}
static const almi_key KINDS[] = {
    KINDS_OF(smooth),
    KINDS_OF(erratic),
    KINDS_OF(intermittent),
    KINDS_OF(lumpy),
    {.key = "aggregate", LIST_AT(alm_kinds_spec, aggregate.name, aggregate.count),
     .doc = "of the levels of the hierarchy; default: the usual ones of smooth series"},
};
const almi_section almi_kinds_section = {
    "models.NAME.kinds", "What the statistical part chooses between, by class of demand, and "
    "within a class for fast and slow movers apart: names of forecasters, at most 8, or `level`, "
    "the decayed level times the weekday profile. Which names there are, and which are usual, says "
    "docs/statistical-models.md.", KINDS, COUNT(KINDS)};

static const almi_key GBM[] = {
    {.key = "objective", .kind = ALMI_CHOICE, AT(alm_gbm_spec, objective), .choices = OBJECTIVES,
     .fallback = "l2", .doc = "of the mean model; `quantile` is refused there, see `marginals`"},
    {.key = "tweedie_power", .kind = ALMI_F64, AT(alm_gbm_spec, tweedie_power), .min = 1.01,
     .max = 1.99, .fallback = "1.3", .doc = "variance grows with the mean to this power"},
    {.key = "trees", .kind = ALMI_I32, AT(alm_gbm_spec, trees), .min = 1, .max = 10000,
     .fallback = "100", .doc = "trees per model"},
    {.key = "leaves", .kind = ALMI_I32, AT(alm_gbm_spec, leaves), .min = 2, .max = 4096,
     .fallback = "31", .doc = "leaves per tree"},
    {.key = "learning_rate", .kind = ALMI_F64, AT(alm_gbm_spec, learning_rate), .min = 1e-4,
     .max = 1, .fallback = "0.06", .doc = "weight of each tree"},
    {.key = "leaf_rows_min", .kind = ALMI_I32, AT(alm_gbm_spec, leaf_rows_min), .min = 1,
     .max = 1000000, .fallback = "100", .doc = "training rows in a leaf"},
    {.key = "feature_fraction", .kind = ALMI_F64, AT(alm_gbm_spec, feature_fraction), .min = 0.01,
     .max = 1, .fallback = "1", .doc = "share of the features that a tree may use"},
    {.key = "bagging_fraction", .kind = ALMI_F64, AT(alm_gbm_spec, bagging_fraction), .min = 0.01,
     .max = 1, .fallback = "1", .doc = "share of the rows that a tree sees"},
    {.key = "lambda_l2", .kind = ALMI_F64, AT(alm_gbm_spec, lambda_l2), .max = 1e6,
     .fallback = "1", .doc = "shrinks the values of the leaves"},
    {.key = "bins_max", .kind = ALMI_I32, AT(alm_gbm_spec, bins_max), .min = 2, .max = 65535,
     .fallback = "127", .doc = "bins per feature"},
    {.key = "rows_max", .kind = ALMI_I32, AT(alm_gbm_spec, rows_max), .min = 1000,
     .max = 2000000000, .fallback = "5000000",
     .doc = "training rows per model: more is refused before it starts"},
    {.key = "origin_stride", .kind = ALMI_I32, AT(alm_gbm_spec, origin_stride), .min = 1,
     .max = 400, .fallback = "13",
     .doc = "days between training origins; whole weeks would show one weekday only"},
    {.key = "steps_per_origin", .kind = ALMI_I32, AT(alm_gbm_spec, steps_per_origin), .min = 1,
     .max = 400, .fallback = "4", .doc = "steps drawn per series and training origin"},
    {.key = "history_min", .kind = ALMI_I32, AT(alm_gbm_spec, history_min), .min = 1,
     .max = 36500, .fallback = "56", .doc = "days of history before the first training origin"},
};
const almi_section almi_gbm_section = {"models.NAME.gbm", "Gradient boosted trees.", GBM,
                                       COUNT(GBM)};

static const almi_key BACKTEST[] = {
    {.key = "origins", .kind = ALMI_I32, AT(alm_backtest_spec, origins), .min = 3, .max = 1000,
     .fallback = "3", .doc = "origins that are scored"},
    {.key = "selection_origins", .kind = ALMI_I32, AT(alm_backtest_spec, selection_origins),
     .min = 1, .max = 1000, .fallback = "3",
     .doc = "earlier origins, for the choice per class and for calibration"},
    {.key = "origin_step", .kind = ALMI_I32, AT(alm_backtest_spec, origin_step), .min = 1,
     .max = 400, .fallback = "14", .doc = "days between origins"},
    {.key = "refit_every", .kind = ALMI_I32, AT(alm_backtest_spec, refit_every), .min = 1,
     .max = 1000, .fallback = "3", .doc = "origins per refit"},
};
const almi_section almi_backtest_section = {"models.NAME.backtest", "Rolling-origin backtest.",
                                            BACKTEST, COUNT(BACKTEST)};

static const almi_key STOCK[] = {
    {.key = "source", .kind = ALMI_TEXT, AT(alm_stock_spec, source), .required = true,
     .doc = "a source with the series' keys and a time column"},
    {.key = "on_hand", .kind = ALMI_TEXT, AT(alm_stock_spec, on_hand), .required = true,
     .doc = "stock at the close of the day"},
    {.key = "receipts", .kind = ALMI_TEXT, AT(alm_stock_spec, receipts), .required = true,
     .doc = "expected receipts of a future day"},
};
const almi_section almi_stock_section = {
    "stock", "The stock position; without it there is no stock-out risk.", STOCK, COUNT(STOCK)};

static const almi_key SCHEDULE[] = {
    {.key = "model", .kind = ALMI_NAME, AT(alm_schedule_spec, model), .required = true,
     .doc = "a model of this file"},
    {.key = "alias", .kind = ALMI_NAME, AT(alm_schedule_spec, alias), .required = true,
     .doc = "the release to run: an alias or a model version, never a silent newest"},
    {.key = "requires", LIST_AT(alm_schedule_spec, requires, requires_count),
     .doc = "sources that must be complete for the prediction date"},
    {.key = "beside", LIST_AT(alm_schedule_spec, beside, beside_count),
     .doc = "further releases that run beside it, so that a rollback finds fresh predictions; "
            "`previous` is the one promoted before"},
};
const almi_section almi_schedule_section = {"schedules.NAME", "A batch run.", SCHEDULE,
                                            COUNT(SCHEDULE)};

const char *alm_reconciling_name(alm_reconciling reconciling)
{
    alm_assert(reconciling < ALM_RECONCILING_COUNT);
    return RECONCILING[reconciling];
}

const almi_section *const almi_sections[] = {
    &almi_top_section,       &almi_source_section,        &almi_column_section,
    &almi_series_section,    &almi_closed_section,        &almi_available_section,
    &almi_series_column_section, &almi_attribute_section, &almi_level_section,
    &almi_feature_section,   &almi_model_section,         &almi_kinds_section,
    &almi_gbm_section,       &almi_backtest_section,      &almi_stock_section,
    &almi_schedule_section,  &almi_deployment_section,    &almi_shares_section,
    &almi_policy_section,    &almi_bars_section,          &almi_signal_section,
    &almi_lightgbm_section,  &almi_xgboost_section,       &almi_net_section};
const size_t almi_section_count = COUNT(almi_sections);
