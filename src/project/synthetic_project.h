/* synthetic_project.h: a small made-up shop for the tests of the upper floors: 40 series, 160 days,
 * two crossed hierarchies, closed days, stock, and the series that go wrong: one that is new, one
 * that never sold, one of a single point, one that was discontinued. Only *_test.c include it.
 *
 * Everything is a function of the options, so two shops that differ in `poison_from` alone have the
 * same past. The numbers are frozen: tests/golden/bundle was scored on them. */
#ifndef ALM_PROJECT_SYNTHETIC_PROJECT_H
#define ALM_PROJECT_SYNTHETIC_PROJECT_H

#include "base/rng.h"
#include "project/project_fixture.h"
#include "store/registry.h"

enum {
    SYNTHETIC_SKUS = 10,
    SYNTHETIC_STORES = 4,
    SYNTHETIC_SERIES = SYNTHETIC_SKUS * SYNTHETIC_STORES,
    SYNTHETIC_DAYS = 160,
    SYNTHETIC_AHEAD = 28, /* days of calendar behind the window */
    SYNTHETIC_HORIZON = 14,
    /* numbers of the odd series: sku s, store 0 */
    SYNTHETIC_NEW = 0,
    SYNTHETIC_ZERO = 4,
    SYNTHETIC_POINT = 8,
    SYNTHETIC_DISCONTINUED = 12
};

#define SYNTHETIC_START "2023-01-02" /* a Monday */
#define SYNTHETIC_END "2023-06-11"   /* 160 days later */

typedef struct synthetic_options {
    int days;        /* of sales; 0: SYNTHETIC_DAYS */
    int poison_from; /* day from which observed values are replaced; 0: never */
    int delay;       /* publication delay of the sales */
    int paths;       /* 0: 20 */
    int rows_max;    /* 0: 200000 */
    bool calendar_short; /* the calendar ends with the sales */
    const char *objective; /* NULL: l2 */
    bool tree;             /* without the level that crosses the others */
    const char *model;     /* further lines, four blanks in front; NULL: none */
} synthetic_options;

/* %d delay, %s level, %d paths, %s lines of the model, %s objective, %d rows_max */
#define SYNTHETIC_YAML                                                                        \
    "almanac: 1\n"                                                                            \
    "name: synthetic\n"                                                                       \
    "sources:\n"                                                                              \
    "  sales:\n"                                                                              \
    "    files: sales.csv\n"                                                                  \
    "    time: date\n"                                                                        \
    "    keys: [sku, store]\n"                                                                \
    "    publication_delay: %d\n"                                                             \
    "    columns:\n"                                                                          \
    "      date: date\n"                                                                      \
    "      sku: text\n"                                                                       \
    "      store: text\n"                                                                     \
    "      units: {type: i64, min: 0}\n"                                                      \
    "      price: {type: f64, min: 0}\n"                                                      \
    "  calendar:\n"                                                                           \
    "    files: calendar.csv\n"                                                               \
    "    time: date\n"                                                                        \
    "    known_in_advance: true\n"                                                            \
    "    columns: {date: date, open: i64, event: {type: text, nullable: true}}\n"             \
    "  skus: {files: skus.csv, keys: [sku], columns: {sku: text, range: text}}\n"             \
    "  stores: {files: stores.csv, keys: [store], columns: {store: text, region: text}}\n"    \
    "  stock:\n"                                                                              \
    "    files: stock.csv\n"                                                                  \
    "    time: date\n"                                                                        \
    "    keys: [sku, store]\n"                                                                \
    "    known_in_advance: true\n"                                                            \
    "    columns: {date: date, sku: text, store: text, on_hand: {type: i64, nullable: true},\n" \
    "      receipts: {type: i64, min: 0}}\n"                                                  \
    "series:\n"                                                                               \
    "  source: sales\n"                                                                       \
    "  keys: [sku, store]\n"                                                                  \
    "  target: units\n"                                                                       \
    "  counts: true\n"                                                                        \
    "  missing: zero\n"                                                                       \
    "  closed: {source: calendar, column: open}\n"                                            \
    "  columns:\n"                                                                            \
    "    price: {source: sales}\n"                                                            \
    "    open: {source: calendar}\n"                                                          \
    "    event: {source: calendar, indicator: true}\n"                                        \
    "  attributes:\n"                                                                         \
    "    range: {source: skus, key: sku}\n"                                                   \
    "    region: {source: stores, key: store}\n"                                              \
    "  groups: [range, total]\n"                                                              \
    "hierarchy:\n"                                                                            \
    "  - {level: total, by: []}\n"                                                            \
    "  - {level: region, by: [region]}\n"                                                     \
    "  - {level: store, by: [store]}\n"                                                       \
    "%s"                                                                                      \
    "features:\n"                                                                             \
    "  - {name: mean_6, op: mean, column: units, window: 6, scaled: true, skip_closed: true}\n" \
    "  - {name: mean_24, op: mean, column: units, window: 24, scaled: true, skip_closed: true}\n" \
    "  - {name: level, op: ewm, column: units, alpha: 0.1, scaled: true, skip_closed: true}\n" \
    "  - {name: zeros_23, op: zero_share, column: units, window: 23, skip_closed: true}\n"    \
    "  - {name: since, op: since_nonzero, column: units}\n"                                   \
    "  - {name: total_change, op: ratio, column: units@total, window: 28}\n"                  \
    "  - {name: range_lag, op: lag, column: units@range, lag: 28}\n"                          \
    "  - {name: price, op: value, column: price}\n"                                           \
    "  - {name: event_in, op: days_to, column: event, window: 10}\n"                          \
    "  - {name: step, op: step}\n"                                                            \
    "  - {name: weekday, op: weekday}\n"                                                      \
    "  - {name: region, op: attribute, column: region}\n"                                     \
    "models:\n"                                                                               \
    "  demand:\n"                                                                             \
    "    horizon: 14\n"                                                                       \
    "    blocks: [[1, 14]]\n"                                                                 \
    "    quantiles: [0.05, 0.1, 0.5, 0.9, 0.95]\n"                                            \
    "    candidates: [statistical, gbm, blend]\n"                                             \
    "    season: 7\n"                                                                         \
    "    paths: %d\n"                                                                         \
    "    seed: 11\n%s"                                                                        \
    "    gbm:\n"                                                                              \
    "      objective: %s\n"                                                                   \
    "      trees: 12\n"                                                                       \
    "      leaves: 7\n"                                                                       \
    "      learning_rate: 0.1\n"                                                              \
    "      leaf_rows_min: 20\n"                                                               \
    "      feature_fraction: 1\n"                                                             \
    "      bagging_fraction: 1\n"                                                             \
    "      lambda_l2: 1\n"                                                                    \
    "      bins_max: 63\n"                                                                    \
    "      rows_max: %d\n"                                                                    \
    "      origin_stride: 7\n"                                                                \
    "      steps_per_origin: 3\n"                                                             \
    "      history_min: 42\n"                                                                 \
    "    backtest: {origins: 3, selection_origins: 2, origin_step: 7, refit_every: 3}\n"      \
    "stock: {source: stock, on_hand: on_hand, receipts: receipts}\n"                          \
    "schedules:\n"                                                                            \
    "  daily: {model: demand, alias: production, requires: [sales, calendar, stock]}\n"       \
    "policies: {}\n"                                                                          \
    "deployments: {}\n"

static inline bool synthetic_open_day(int day)
{
    return day % 7 != 6 && day != 95 && day != 119 && day != 165;
}

/* Demand of a series on a day; -1: no row. */
static inline int synthetic_units(int series, int day)
{
    static const double WEEKDAY[6] = {0.8, 1, 1.1, 0.9, 1.2, 1.5};
    if (series == SYNTHETIC_ZERO) {
        return day % 10 == 0 ? 0 : -1;
    }
    if (series == SYNTHETIC_POINT) {
        return day == 100 ? 5 : -1;
    }
    bool off = (series == SYNTHETIC_NEW && day < SYNTHETIC_DAYS - 10) ||
               (series == SYNTHETIC_DISCONTINUED && day >= 90);
    if (off || !synthetic_open_day(day)) {
        return -1;
    }
    double rate = 0.4 + series * 7 % 13 * 0.45 + series % SYNTHETIC_STORES * 0.3;
    double u = alm_rng_uniform(2023, ALM_RNG_TEST, (uint64_t)series, (uint64_t)day);
    /* A long tail, and for slow series many days without a sale. */
    double units = rate * WEEKDAY[day % 7] * (u * u * 3) - 0.3;
    return units >= 0.5 ? (int)units + 1 : -1;
}

static inline const char *synthetic_sku(int series)
{
    static const char *const NAMES[] = {"s00", "s01", "s02", "s03", "s04",
                                        "s05", "s06", "s07", "s08", "s09"};
    return NAMES[series / SYNTHETIC_STORES];
}

static inline const char *synthetic_store(int series)
{
    static const char *const NAMES[] = {"n1", "n2", "w1", "w2"};
    return NAMES[series % SYNTHETIC_STORES];
}

static inline void synthetic_day_text(int day, char out[ALM_DATE_TEXT_BYTES])
{
    alm_date_text(fixture_date(SYNTHETIC_START) + day, out);
}

static inline void synthetic_write(fixture *f, const char *name, alm_buffer *text)
{
    alm_assert(alm_buffer_status(text, NULL) == ALM_OK);
    fixture_put_bytes(f, name, text->data, text->size);
    alm_buffer_deinit(text);
}

static inline void synthetic_write_sales(fixture *f, const synthetic_options *o)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "date,sku,store,units,price\n");
    int days = o->days ? o->days : SYNTHETIC_DAYS;
    for (int day = 0; day < days; day++) {
        char date[ALM_DATE_TEXT_BYTES];
        synthetic_day_text(day, date);
        for (int i = 0; i < SYNTHETIC_SERIES; i++) {
            int units = synthetic_units(i, day);
            bool poisoned = o->poison_from && day >= o->poison_from;
            if (poisoned) {
                units = 1000 + 17 * i + day;
            }
            if (units < 0) {
                continue;
            }
            double price = poisoned ? 1e6 : 2 + i % 5 + (day > 80 ? 0.5 : 0);
            alm_buffer_printf(&out, "%s,%s,%s,%d,%.2f\n", date, synthetic_sku(i),
                              synthetic_store(i), units, price);
        }
    }
    synthetic_write(f, "sales.csv", &out);
}

static inline void synthetic_write_calendar(fixture *f, const synthetic_options *o)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "date,open,event\n");
    int days = (o->days ? o->days : SYNTHETIC_DAYS) + (o->calendar_short ? 0 : SYNTHETIC_AHEAD);
    for (int day = 0; day < days; day++) {
        char date[ALM_DATE_TEXT_BYTES];
        synthetic_day_text(day, date);
        alm_buffer_printf(&out, "%s,%d,%s\n", date, synthetic_open_day(day),
                          day % 45 == 40 ? "fair" : "");
    }
    synthetic_write(f, "calendar.csv", &out);
}

/* Stock at the close of every fifth day and of the last, and one receipt on order. */
static inline void synthetic_write_stock(fixture *f, const synthetic_options *o)
{
    alm_buffer out = {0};
    alm_buffer_text(&out, "date,sku,store,on_hand,receipts\n");
    int days = o->days ? o->days : SYNTHETIC_DAYS;
    char date[ALM_DATE_TEXT_BYTES];
    for (int i = 0; i < SYNTHETIC_SERIES; i++) {
        for (int day = 0; day < days && i % 5 != 4; day++) {
            if (day % 5 == 0 || day == days - 1) {
                bool poisoned = o->poison_from && day >= o->poison_from;
                synthetic_day_text(day, date);
                alm_buffer_printf(&out, "%s,%s,%s,%d,0\n", date, synthetic_sku(i),
                                  synthetic_store(i), poisoned ? 99999 : i * 2 + day % 3);
            }
        }
        synthetic_day_text(days + 4, date);
        alm_buffer_printf(&out, "%s,%s,%s,,%d\n", date, synthetic_sku(i), synthetic_store(i),
                          i % 4 * 5);
    }
    synthetic_write(f, "stock.csv", &out);
}

/* Writes the files and opens the project; with f->pool as it is. */
static inline void synthetic_open(fixture *f, const synthetic_options *options)
{
    synthetic_options o = options ? *options : (synthetic_options){0};
    synthetic_write_sales(f, &o);
    synthetic_write_calendar(f, &o);
    synthetic_write_stock(f, &o);
    alm_buffer out = {0};
    alm_buffer_text(&out, "sku,range\n");
    for (int i = 0; i < SYNTHETIC_SKUS; i++) {
        alm_buffer_printf(&out, "%s,r%d\n", synthetic_sku(i * SYNTHETIC_STORES), i % 3);
    }
    synthetic_write(f, "skus.csv", &out);
    fixture_put(f, "stores.csv", "store,region\nn1,north\nn2,north\nw1,west\nw2,west\n");
    fixture_open(f, alm_arena_printf(f->arena, SYNTHETIC_YAML, o.delay,
                                     o.tree ? "" : "  - {level: range, by: [range]}\n",
                                     o.paths ? o.paths : 20, o.model ? o.model : "",
                                     o.objective ? o.objective : "l2",
                                     o.rows_max ? o.rows_max : 200000));
}

/* A fixed clock: nothing that is stored may depend on it. */
static inline alm_instant synthetic_now(void *context)
{
    (void)context;
    return (alm_instant)1700000000000000;
}

static inline void synthetic_threads(fixture *f, int threads)
{
    alm_pool_destroy(f->pool);
    alm_assert(alm_pool_create(threads, &f->pool, &f->error) == ALM_OK);
    f->env.pool = f->pool;
}

static inline int synthetic_setup(void **state)
{
    int code = fixture_setup(state);
    fixture *f = *state;
    f->env.now = synthetic_now;
    synthetic_threads(f, 2);
    return code;
}

static inline alm_snapshot synthetic_take(fixture *f, const char *end)
{
    alm_snapshot snapshot = {0};
    alm_err code = fixture_take(f, SYNTHETIC_START, end, &snapshot);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    return snapshot;
}

/* state/registry.db, with the snapshot recorded as the command does. */
static inline alm_registry *synthetic_registry(fixture *f, const alm_snapshot *snapshot)
{
    alm_registry *registry = NULL;
    const char *path = alm_path_join(f->arena, f->project->state, "registry.db");
    alm_assert(alm_registry_open(path, &registry, &f->error) == ALM_OK);
    alm_snapshot_record record = {.manifest = snapshot->manifest,
                                  .sources = ALM_STR("{}"),
                                  .window_start = alm_instant_of_date(snapshot->start),
                                  .window_end = alm_instant_of_date(snapshot->end),
                                  .created = alm_env_now(&f->env)};
    alm_assert(alm_digest_parse(snapshot->id, &record.id));
    alm_assert(alm_registry_add_snapshot(registry, &record, &f->error) == ALM_OK);
    return registry;
}

#endif
