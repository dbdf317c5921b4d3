/* online_fixture.h: a made-up shop whose later days arrive as events, for the tests of the online
 * state. Only *_test.c include it.
 *
 * Everything that happened is a list of facts (series, day, kind, quantity, when it became known).
 * Some are in the files from the start, the others are told as events. The files can be written
 * again at any time from the facts told so far, by rules of this file's own: what the online state
 * must agree with. */
#ifndef ALM_SERVE_ONLINE_FIXTURE_H
#define ALM_SERVE_ONLINE_FIXTURE_H

#include <math.h>

#include "base/rng.h"
#include "num/exact_sum.h"
#include "project/project_fixture.h"
#include "serve/live/online_state.h"

enum {
    SHOP_SKUS = 4,
    SHOP_STORES = 2,
    SHOP_SERIES = SHOP_SKUS * SHOP_STORES,
    SHOP_PERIODS = 75, /* of the first snapshot */
    SHOP_MORE = 7,     /* days that may close */
    SHOP_HORIZON = 7,
    SHOP_AHEAD = 12,   /* days of calendar behind all others */
    SHOP_DAYS = SHOP_PERIODS + SHOP_MORE,
    SHOP_FACTS_MAX = 20000
};

#define SHOP_START "2024-01-01" /* a Monday */
#define SHOP_DAY INT64_C(86400000000)

typedef struct shop_options {
    uint64_t seed;
    int delay;        /* of the sales */
    int stock_delay;
    bool known_at;    /* the sales say when a row became known */
    bool unknown;     /* a day without a row is missing, not zero */
    bool stockouts;   /* days without stock are flagged */
    bool finite;      /* no feature that looks at all of the past */
    bool recursive;
    bool stranger;    /* a feature reads what no event can tell */
    bool shelf;       /* out-of-stock flags come from another source */
} shop_options;

typedef struct shop_fact {
    int series, day;
    alm_event_kind kind;
    double quantity;
    double price;         /* NaN: not said */
    alm_instant known_at;
    int told_at;          /* told before that day closes; -1: in the files from the start */
    bool told;
} shop_fact;

typedef struct shop {
    fixture *f;
    shop_options o;
    alm_rng rng;
    shop_fact *fact;
    size_t facts;
    int first[SHOP_SERIES]; /* day */
} shop;

static inline bool shop_open_day(int day)
{
    return day % 7 != 6 && day != 60 && day != SHOP_PERIODS + 3;
}

static inline const char *shop_sku(int series)
{
    static const char *const NAMES[] = {"a1", "b2", "c3", "d4"};
    return NAMES[series / SHOP_STORES];
}

static inline const char *shop_store(int series)
{
    return series % SHOP_STORES ? "south" : "north";
}

static inline double shop_price(int series, int day)
{
    return 2 + series % 3 + (day % 11 > 6 ? 0.25 : 0);
}

/* ---- the facts ---- */

static inline shop_fact *shop_add(shop *s, int series, int day, alm_event_kind kind,
                                  double quantity)
{
    alm_assert(s->facts < SHOP_FACTS_MAX);
    shop_fact *fact = &s->fact[s->facts++];
    *fact = (shop_fact){.series = series, .day = day, .kind = kind, .quantity = quantity,
                        .price = NAN, .told_at = -1};
    /* Within the day, and no two facts at the same instant. */
    fact->known_at = alm_instant_of_date(fixture_date(SHOP_START) + day) + SHOP_DAY / 3 +
                     (alm_instant)s->facts;
    return fact;
}

/* Tenths, so that sums depend on the order in which they are rounded. */
static inline double shop_quantity(shop *s)
{
    return (double)alm_rng_next_below(&s->rng, 60) / 10;
}

/* Is the day's fact in the files from the start? */
static inline bool shop_is_published(const shop *s, int day, bool stock)
{
    int delay = stock ? s->o.stock_delay : s->o.known_at ? 0 : s->o.delay;
    return day < SHOP_PERIODS - delay;
}

static inline void shop_tell_later(shop *s, shop_fact *fact, int latest)
{
    int earliest = fact->day > SHOP_PERIODS ? fact->day : SHOP_PERIODS;
    int late = (int)alm_rng_next_below(&s->rng, 4);
    late = late == 3 ? (int)alm_rng_next_below(&s->rng, 4) : 0;
    fact->told_at = earliest + late < latest ? earliest + late : latest;
    if (late > 0 && alm_rng_next_below(&s->rng, 2)) { /* it became known late, too */
        fact->known_at += late * SHOP_DAY;
    }
}

static inline void shop_sell(shop *s, int series, int day)
{
    bool later = !shop_is_published(s, day, false);
    int parts = later ? 1 + (int)alm_rng_next_below(&s->rng, 3) : 1;
    for (int part = 0; part < parts; part++) {
        shop_fact *fact = shop_add(s, series, day, ALM_EVENT_SALE, shop_quantity(s));
        fact->price = shop_price(series, day);
        if (later) {
            fact->price = alm_rng_next_below(&s->rng, 3) ? fact->price + part : NAN;
            shop_tell_later(s, fact, SHOP_DAYS - 1);
        }
    }
    if (later && alm_rng_next_below(&s->rng, 4) == 0) {
        shop_fact *fact = shop_add(s, series, day, ALM_EVENT_RETURN, shop_quantity(s));
        shop_tell_later(s, fact, SHOP_DAYS - 1);
    }
}

static inline void shop_stock(shop *s, int series, int day)
{
    bool later = !shop_is_published(s, day, true);
    double count = alm_rng_next_below(&s->rng, 3) ? 5 + shop_quantity(s) : 0;
    shop_fact *fact = shop_add(s, series, day, ALM_EVENT_STOCK_COUNT, count);
    if (later) {
        shop_tell_later(s, fact, SHOP_DAYS - 1);
    }
    if (alm_rng_next_below(&s->rng, 3) == 0) {
        fact = shop_add(s, series, day, ALM_EVENT_RECEIPT, shop_quantity(s));
        if (later) {
            shop_tell_later(s, fact, SHOP_DAYS - 1);
        }
    }
}

/* Of days that the first snapshot has, or not: what somebody finds out later. */
static inline void shop_correct(shop *s)
{
    for (int i = 0; i < 14; i++) {
        int series = (int)alm_rng_next_below(&s->rng, SHOP_SERIES);
        int day = i < 7 ? SHOP_PERIODS - 1 - (int)alm_rng_next_below(&s->rng, 30)
                        : s->first[series] + (int)alm_rng_next_below(&s->rng, SHOP_DAYS -
                                                                     s->first[series] - 1);
        day = day < s->first[series] ? s->first[series] : day;
        if (s->o.stockouts && day < SHOP_PERIODS && !shop_open_day(day)) {
            continue; /* what online_state.h says that a panel does not tell */
        }
        alm_event_kind kind = i % 3 == 0 ? ALM_EVENT_SALE : ALM_EVENT_CORRECTION;
        shop_fact *fact = shop_add(s, series, day, kind, shop_quantity(s));
        int earliest = day > SHOP_PERIODS ? day : SHOP_PERIODS;
        fact->told_at = earliest + (int)alm_rng_next_below(&s->rng, SHOP_DAYS - earliest);
        /* After the snapshot, or it would be in its files. */
        fact->known_at += (fact->told_at - day) * SHOP_DAY;
        fact->price = i % 2 ? 9 : NAN;
    }
}

static inline void shop_make_facts(shop *s)
{
    for (int series = 0; series < SHOP_SERIES; series++) {
        s->first[series] = series == 3 ? 50 : series == 5 ? SHOP_PERIODS - 5 : 0;
        for (int day = s->first[series]; day < SHOP_DAYS; day++) {
            bool must = day == s->first[series];
            bool opened = shop_open_day(day) || alm_rng_next_below(&s->rng, 8) == 0;
            if (must || (opened && alm_rng_next_below(&s->rng, 3))) {
                shop_sell(s, series, day);
            }
            if (alm_rng_next_below(&s->rng, 3) == 0) {
                shop_stock(s, series, day);
            }
        }
    }
    shop_correct(s);
    for (size_t i = 0; i < s->facts; i++) {
        s->fact[i].told = s->fact[i].told_at < 0;
    }
}

/* ---- the files ---- */

static inline int shop_compare(const void *a, const void *b)
{
    const shop_fact *x = a, *y = b;
    if (x->series != y->series || x->day != y->day) {
        return x->series != y->series ? x->series - y->series : x->day - y->day;
    }
    return x->known_at < y->known_at ? -1 : x->known_at > y->known_at;
}

static inline void shop_head(alm_buffer *out, const shop_fact *fact)
{
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(fixture_date(SHOP_START) + fact->day, date);
    alm_buffer_printf(out, "%s,%s,%s,", date, shop_sku(fact->series), shop_store(fact->series));
}

static inline void shop_number(alm_buffer *out, double value, const char *end)
{
    if (!isnan(value)) {
        alm_buffer_double(out, value);
    }
    alm_buffer_text(out, end);
}

/* A row for the facts of a cell up to number `last`. */
static inline void shop_sales_row(const shop *s, const shop_fact *cell, size_t last,
                                  alm_buffer *out)
{
    alm_exact_sum sum;
    double price = NAN;
    alm_exact_sum_clear(&sum);
    for (size_t i = 0; i <= last; i++) {
        if (cell[i].kind == ALM_EVENT_CORRECTION) {
            alm_exact_sum_clear(&sum);
        }
        alm_exact_sum_add(&sum, cell[i].kind == ALM_EVENT_RETURN ? -cell[i].quantity
                                                                : cell[i].quantity);
        price = isnan(cell[i].price) ? price : cell[i].price;
    }
    double total = alm_exact_sum_value(&sum);
    shop_head(out, cell);
    shop_number(out, total > 0 ? total : 0, ",");
    shop_number(out, price, "");
    if (s->o.known_at) {
        char known[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text(cell[last].known_at, known);
        alm_buffer_printf(out, ",%s", known);
    }
    alm_buffer_text(out, "\n");
}

static inline void shop_stock_row(const shop_fact *cell, size_t count, alm_buffer *out)
{
    double on_hand = NAN;
    double receipts = NAN;
    for (size_t i = 0; i < count; i++) {
        if (cell[i].kind == ALM_EVENT_STOCK_COUNT) {
            on_hand = cell[i].quantity;
        } else {
            receipts = (isnan(receipts) ? 0 : receipts) + cell[i].quantity;
        }
    }
    shop_head(out, cell);
    shop_number(out, on_hand, ",");
    shop_number(out, receipts, "\n");
}

static inline void shop_put(const shop *s, const char *name, alm_buffer *text)
{
    alm_assert(alm_buffer_status(text, NULL) == ALM_OK);
    fixture_put_bytes(s->f, name, text->data, text->size);
    alm_buffer_deinit(text);
}

/* sales.csv and stock.csv of the facts told so far. */
static inline void shop_write(const shop *s)
{
    alm_buffer sales = {0};
    alm_buffer stock = {0};
    shop_fact *told = ALM_NEW_ARRAY(s->f->arena, shop_fact, s->facts);
    alm_buffer_printf(&sales, "date,sku,store,units,price%s\n", s->o.known_at ? ",known" : "");
    alm_buffer_text(&stock, "date,sku,store,on_hand,receipts\n");
    for (int of_stock = 0; of_stock < 2; of_stock++) {
        size_t count = 0;
        for (size_t i = 0; i < s->facts; i++) {
            bool is_stock = s->fact[i].kind == ALM_EVENT_STOCK_COUNT ||
                            s->fact[i].kind == ALM_EVENT_RECEIPT;
            if (s->fact[i].told && is_stock == (of_stock != 0)) {
                told[count++] = s->fact[i];
            }
        }
        qsort(told, count, sizeof *told, shop_compare);
        for (size_t i = 0, n; i < count; i += n) {
            for (n = 1; i + n < count && told[i + n].series == told[i].series &&
                        told[i + n].day == told[i].day;) {
                n++;
            }
            if (of_stock) {
                shop_stock_row(told + i, n, &stock);
                continue;
            }
            for (size_t last = s->o.known_at ? 0 : n - 1; last < n; last++) {
                shop_sales_row(s, told + i, last, &sales);
            }
        }
    }
    shop_put(s, "sales.csv", &sales);
    shop_put(s, "stock.csv", &stock);
}

static inline void shop_write_plans(const shop *s)
{
    alm_buffer calendar = {0};
    alm_buffer plan = {0};
    alm_buffer_text(&calendar, "date,open,event\n");
    alm_buffer_text(&plan, "date,sku,planned\n");
    for (int day = 0; day < SHOP_DAYS + SHOP_AHEAD; day++) {
        char date[ALM_DATE_TEXT_BYTES];
        alm_date_text(fixture_date(SHOP_START) + day, date);
        alm_buffer_printf(&calendar, "%s,%d,%s\n", date, shop_open_day(day),
                          day % 17 == 9 ? "fair" : "");
        for (int sku = 0; sku < SHOP_SKUS; sku++) {
            if ((day + sku) % 5) { /* the others are not planned */
                alm_buffer_printf(&plan, "%s,%s,%d.5\n", date, shop_sku(sku * SHOP_STORES),
                                  2 + (day / 9 + sku) % 4);
            }
        }
    }
    shop_put(s, "calendar.csv", &calendar);
    shop_put(s, "plan.csv", &plan);
    fixture_put(s->f, "visitors.csv", "date,visitors\n2024-01-02,5\n");
    fixture_put(s->f, "shelf.csv", "date,sku,store,left\n2024-01-02,a1,north,1\n");
    fixture_put(s->f, "skus.csv", "sku,range\na1,red\nb2,red\nc3,blue\n"); /* d4 has none */
}

/* %s known, %d delay, %d stock delay, %s missing, %s available, %s features, %s recursive */
#define SHOP_YAML                                                                                 \
    "almanac: 1\n"                                                                                \
    "name: shop\n"                                                                                \
    "sources:\n"                                                                                  \
    "  sales:\n"                                                                                  \
    "    files: sales.csv\n"                                                                      \
    "    time: date\n"                                                                            \
    "    keys: [sku, store]\n"                                                                    \
    "%s"                                                                                          \
    "    publication_delay: %d\n"                                                                 \
    "    columns: {date: date, sku: text, store: text, units: {type: f64, min: 0},\n"             \
    "      price: {type: f64, nullable: true}%s}\n"                                               \
    "  calendar:\n"                                                                               \
    "    files: calendar.csv\n"                                                                   \
    "    time: date\n"                                                                            \
    "    known_in_advance: true\n"                                                                \
    "    columns: {date: date, open: i64, event: {type: text, nullable: true}}\n"                 \
    "  plan: {files: plan.csv, time: date, keys: [sku], known_in_advance: true,\n"                \
    "    columns: {date: date, sku: text, planned: f64}}\n"                                       \
    "  skus: {files: skus.csv, keys: [sku], columns: {sku: text, range: text}}\n"                 \
    "  visitors: {files: visitors.csv, time: date, columns: {date: date, visitors: f64}}\n"       \
    "  shelf: {files: shelf.csv, time: date, keys: [sku, store],\n"                               \
    "    columns: {date: date, sku: text, store: text, left: f64}}\n"                             \
    "  stock:\n"                                                                                  \
    "    files: stock.csv\n"                                                                      \
    "    time: date\n"                                                                            \
    "    keys: [sku, store]\n"                                                                    \
    "    publication_delay: %d\n"                                                                 \
    "    columns: {date: date, sku: text, store: text, on_hand: {type: f64, nullable: true},\n"   \
    "      receipts: {type: f64, nullable: true}}\n"                                              \
    "series:\n"                                                                                   \
    "  source: sales\n"                                                                           \
    "  keys: [sku, store]\n"                                                                      \
    "  target: units\n"                                                                           \
    "  counts: false\n"                                                                           \
    "  missing: %s\n"                                                                             \
    "  closed: {source: calendar, column: open}\n"                                                \
    "%s"                                                                                          \
    "  columns:\n"                                                                                \
    "    price: {source: sales}\n"                                                                \
    "    event: {source: calendar, indicator: true}\n"                                            \
    "    planned: {source: plan}\n"                                                               \
    "    on_hand: {source: stock}\n"                                                              \
    "    receipts: {source: stock}\n"                                                             \
    "    visitors: {source: visitors}\n"                                                          \
    "  attributes:\n"                                                                             \
    "    range: {source: skus, key: sku}\n"                                                       \
    "  groups: [range, store, total]\n"                                                           \
    "hierarchy:\n"                                                                                \
    "  - {level: range, by: [range]}\n"                                                           \
    "  - {level: total, by: []}\n"                                                                \
    "features:\n"                                                                                 \
    "%s"                                                                                          \
    "models:\n"                                                                                   \
    "  demand:\n"                                                                                 \
    "    horizon: 7\n"                                                                            \
    "%s"                                                                                          \
    "    quantiles: [0.1, 0.5, 0.9]\n"                                                            \
    "    candidates: [statistical]\n"                                                             \
    "    season: 7\n"                                                                             \
    "    paths: 20\n"                                                                             \
    "    seed: 11\n"                                                                              \
    "    gbm: {objective: l2, trees: 2, leaves: 3, learning_rate: 0.1, leaf_rows_min: 20,\n"      \
    "      feature_fraction: 1, bagging_fraction: 1, lambda_l2: 1, bins_max: 63,\n"               \
    "      rows_max: 1000, origin_stride: 7, steps_per_origin: 3, history_min: 42}\n"             \
    "    backtest: {origins: 3, selection_origins: 2, origin_step: 7, refit_every: 3}\n"          \
    "stock: {source: stock, on_hand: on_hand, receipts: receipts}\n"                              \
    "schedules: {}\n"                                                                             \
    "policies: {}\n"                                                                              \
    "deployments: {}\n"

static const char SHOP_FINITE[] =
    "  - {name: mean_7, op: mean, column: units, window: 7, scaled: true, skip_closed: true}\n"
    "  - {name: mean_28, op: mean, column: units, window: 28, scaled: true}\n"
    "  - {name: sum_5, op: sum, column: units, window: 5}\n"
    "  - {name: std_9, op: std, column: units, window: 9}\n"
    "  - {name: median_9, op: median, column: units, window: 9, skip_closed: true}\n"
    "  - {name: zeros_10, op: zero_share, column: units, window: 10}\n"
    "  - {name: newest, op: lag, column: units, age: 0}\n"
    "  - {name: weekday_mean, op: seasonal_mean, column: units, window: 4, season: 7,\n"
    "     scaled: true, age: 0}\n"
    "  - {name: range_lag, op: lag, column: units@range, age: 1}\n"
    "  - {name: range_mean, op: mean, column: units@range, window: 7}\n"
    "  - {name: total_ratio, op: ratio, column: units@total, window: 7}\n"
    "  - {name: price, op: lag, column: price, age: 0}\n"
    "  - {name: price_max, op: max, column: price, window: 10}\n"
    "  - {name: planned, op: value, column: planned}\n"
    "  - {name: planned_mean, op: mean, column: planned, window: 4}\n"
    "  - {name: event_in, op: days_to, column: event, window: 5}\n"
    "  - {name: event_ago, op: days_since, column: event, window: 9}\n"
    "  - {name: cover, op: days_of_cover, column: on_hand, window: 7}\n"
    "  - {name: received, op: sum, column: receipts, window: 6}\n"
    "  - {name: weekday, op: weekday}\n"
    "  - {name: range, op: attribute, column: range}\n"
    "  - {name: store, op: attribute, column: store}\n";
static const char SHOP_ANCHORED[] =
    "  - {name: level, op: ewm, column: units, alpha: 0.1, scaled: true, skip_closed: true}\n"
    "  - {name: range_level, op: ewm, column: units@range, alpha: 0.2}\n"
    "  - {name: all_mean, op: expanding_mean, column: units}\n"
    "  - {name: all_std, op: expanding_std, column: units}\n"
    "  - {name: since, op: since_nonzero, column: units}\n"
    "  - {name: interval, op: mean_interval, column: units}\n"
    "  - {name: age, op: series_age, column: units}\n";
/* Only what a forecast of the target can go on with. */
static const char SHOP_RECURSIVE[] =
    "  - {name: lag_1, op: lag, column: units, lag: 1}\n"
    "  - {name: mean_7, op: mean, column: units, window: 7, scaled: true, skip_closed: true}\n"
    "  - {name: level, op: ewm, column: units, alpha: 0.1, scaled: true}\n"
    "  - {name: planned, op: value, column: planned}\n"
    "  - {name: weekday, op: weekday}\n";

static inline void shop_open(shop *s, fixture *f, const shop_options *options)
{
    *s = (shop){.f = f, .o = *options, .rng = alm_rng_stream(options->seed, 77)};
    s->fact = ALM_NEW_ARRAY(f->arena, shop_fact, SHOP_FACTS_MAX);
    shop_make_facts(s);
    shop_write(s);
    shop_write_plans(s);
    const shop_options *o = options;
    const char *features = alm_arena_printf(
        f->arena, "%s%s%s", o->recursive ? SHOP_RECURSIVE : SHOP_FINITE,
        o->recursive || o->finite ? "" : SHOP_ANCHORED,
        o->stranger ? "  - {name: visitors_age, op: lag, column: visitors, age: 0}\n" : "");
    const char *available = o->shelf       ? "  available: {source: shelf, column: left}\n"
                            : o->stockouts && o->seed % 4 == 3
                                ? "  available: {source: stock, column: on_hand}\n"
                                  "  censored: mask\n"
                            : o->stockouts ? "  available: {source: stock, column: on_hand}\n"
                                           : "";
    fixture_open(f, alm_arena_printf(
        f->arena, SHOP_YAML, o->known_at ? "    known_at: known\n" : "", o->delay,
        o->known_at ? ", known: instant" : "", o->stock_delay, o->unknown ? "unknown" : "zero",
        available, features,
        o->recursive ? "    recursive: true\n    blocks: [[1, 7]]\n" : "    blocks: [[1, 7]]\n"));
}

/* Panels of a snapshot of the files as they are, up to `end` (a day). */
static inline alm_panel_source *shop_panels(shop *s, int end, int more)
{
    char text[ALM_DATE_TEXT_BYTES];
    alm_snapshot *snapshot = ALM_NEW(s->f->arena, alm_snapshot);
    alm_panel_source *source = NULL;
    alm_panel_options options = {.start = ALM_DATE_NONE, .end = ALM_DATE_NONE,
                                 .future = SHOP_HORIZON + more, .membership_date = ALM_DATE_NONE,
                                 .block_series = 3};
    alm_date_text(fixture_date(SHOP_START) + end, text);
    alm_err code = fixture_take(s->f, SHOP_START, text, snapshot);
    code = code != ALM_OK ? code
                          : alm_panel_source_open(&s->f->env, s->f->project, s->f->objects,
                                                  snapshot, &options, &source, &s->f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", s->f->error.message);
    }
    alm_assert(code == ALM_OK);
    return source;
}

static inline alm_event shop_event(const shop *s, const shop_fact *fact, alm_str keys[2],
                                   alm_event_value *value)
{
    keys[0] = alm_str_of(shop_sku(fact->series));
    keys[1] = alm_str_of(shop_store(fact->series));
    *value = (alm_event_value){ALM_STR("price"), fact->price};
    (void)s;
    return (alm_event){.kind = fact->kind, .keys = keys, .key_count = 2,
                       .day = fixture_date(SHOP_START) + fact->day, .quantity = fact->quantity,
                       .known_at = fact->known_at, .values = value,
                       .value_count = isnan(fact->price) ? 0 : 1};
}

#endif
