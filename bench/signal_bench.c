/* Raw bars in, classes and confidences out: how long one answer takes, and how many rows a second.
 *
 *     signal_bench [repeats]
 *
 * 40 features of 31 declarations, 3 classes. `boosting`: XGBoost of 501 trees of depth 6 and
 * LightGBM of 501 trees of 31 leaves (167 rounds of 3 classes each), calibrated, voted. `full`:
 * these and an LSTM of 128 units over windows of 60 bars, calibrated, stacked.
 * `boosting_500_rounds` is the first with 500 rounds: 1500 trees each.
 *
 * A single prediction is an update with one raw bar (its 40 features) and the answer, of one
 * state. p50 and p99 are of the clock of the wall, so what else the machine does is in them;
 * p99_cpu of the thread's processor time, which leaves out what others took. Rows are
 * alm_signal_rows over one symbol, processor time, one thread. A figure is the median of the
 * repeats, each with its own percentiles. One JSON object a line. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "signal_models.h"
#include "signal/signal.h"

#define MINUTE INT64_C(60000000)
#define BARS 50000
#define WARM 400
#define REPEATS_MAX 99
#define SINGLE_BOOSTING 20000
#define SINGLE_FULL 3000
#define STEPS 60
#define UNITS 128

static const char *const texts[] = {
    "return(close, 1)",        "log_return(close, 5)",   "volatility(close, 20)",
    "realised_volatility(close, 30)", "zscore(close, 20)", "zscore(volume, 20)",
    "rsi(close, 14)",          "rsi(close, 6)",          "macd(close, 12, 26, 9)",
    "stochastic(14, 3, 3)",    "williams_r(14)",         "cci(20)",
    "mfi(14)",                 "aroon(25)",              "atr(14)",
    "adx(14)",                 "bollinger(close, 20, 2).width",
    "bollinger(close, 20, 2).percent_b", "donchian(20)", "keltner(close, 20, 10, 1.5).middle",
    "vwap(typical, 20)",       "momentum(close, 10)",    "roc(close, 10)",
    "ema(close, 50)",          "sma(close, 50)",         "obv()",
    "bar_of_session()",        "minutes_since_open()",   "weekday()",
    "wma(close, 20)",          "true_range()",
};
#define TEXT_COUNT (sizeof texts / sizeof *texts)

typedef struct bench {
    alm_arena *arena;
    alm_error error;
    alm_bar *bars;
    alm_bars_plan *plan;
    alm_str plan_text;
    double *features; /* BARS x width */
    size_t width;
    double *value;
} bench;

static void check(alm_err code, const alm_error *error)
{
    if (code != ALM_OK) {
        fprintf(stderr, "signal_bench: %s\n", error->message);
        exit(alm_err_exit_status(code));
    }
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, compare);
    return values[(size_t)(share * (double)(count - 1))];
}

static void print(const char *profile, const char *what, double *values, size_t count,
                  const char *unit)
{
    printf("{\"name\":\"ensemble_%s_%s\",\"value\":%.5g,\"unit\":\"%s\"}\n", profile, what,
           percentile(values, count, 0.5), unit);
}

/* A random walk in cents, 390 minutes a day. */
static void make_bars(bench *b)
{
    alm_rng rng = alm_rng_stream(ALM_RNG_BENCH, 1);
    int64_t cents = 10000;
    b->bars = ALM_NEW_ARRAY(b->arena, alm_bar, BARS);
    for (int64_t i = 0; i < BARS; i++) {
        int64_t open = cents;
        cents += (int64_t)alm_rng_next_below(&rng, 61) - 30;
        cents = cents < 1000 ? 1000 : cents;
        int64_t high = (open > cents ? open : cents) + (int64_t)alm_rng_next_below(&rng, 20);
        int64_t low = (open < cents ? open : cents) - (int64_t)alm_rng_next_below(&rng, 20);
        b->bars[i] = (alm_bar){(i / 390 * 1440 + 570 + i % 390) * MINUTE, (double)open / 100,
                               (double)high / 100, (double)low / 100, (double)cents / 100,
                               (double)alm_rng_next_below(&rng, 90000)};
    }
}

static void prepare(bench *b)
{
    alm_str views[TEXT_COUNT];
    alm_buffer text = {0};
    const alm_bars_options options = {570};
    b->arena = alm_arena_create(0);
    make_bars(b);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        views[i] = alm_str_of(texts[i]);
    }
    check(alm_bars_plan_compile(views, TEXT_COUNT, &options, &b->plan, &b->error), &b->error);
    alm_bars_plan_write(b->plan, &text);
    b->plan_text = kept(b->arena, &text);
    b->width = alm_bars_plan_width(b->plan);
    alm_assert(b->width == 40);
    b->features = ALM_NEW_ARRAY(b->arena, double, BARS * b->width);
    check(alm_bars_rows(b->plan, b->bars, BARS, b->features, b->width, &b->error), &b->error);
    b->value = ALM_NEW_ARRAY(b->arena, double, BARS);
}

/* ---- the two profiles ---- */

/* "columns":[...] of the plan. */
static const char *column_list(const bench *b)
{
    alm_buffer out = {0};
    for (size_t i = 0; i < b->width; i++) {
        alm_buffer_printf(&out, "%s\"%s\"", i ? "," : "[", alm_bars_plan_name(b->plan, i));
    }
    alm_buffer_text(&out, "]");
    return kept(b->arena, &out).data;
}

/* Medians and quartiles would do the same: what matters is that there is one. */
static alm_str scaler_text(const bench *b)
{
    alm_buffer out = {0};
    for (int part = 0; part < 2; part++) {
        alm_buffer_text(&out, part ? ",\"scale\":" : "{\"center\":");
        for (size_t i = 0; i < b->width; i++) {
            double first = b->features[(BARS / 2) * b->width + i];
            alm_buffer_printf(&out, "%s%.6g", i ? "," : "[", part ? 1 + fabs(first) : first);
        }
        alm_buffer_text(&out, "]");
    }
    alm_buffer_text(&out, "}");
    return kept(b->arena, &out);
}

static alm_signal *open_profile(bench *b, size_t rounds, bool full)
{
    scorer_case w;
    alm_signal *signal = NULL;
    grower g = {.rows = b->features + WARM * b->width, .count = BARS - WARM, .width = b->width};
    const char *columns = column_list(b);
    scorer_case_init(&w);
    scorer_case_put(&w, "plan.json", b->plan_text);
    scorer_case_put(&w, "xgb.json", xgboost_model(w.arena, g, rounds, 1));
    scorer_case_put(&w, "lgb.txt", lightgbm_model(w.arena, g, rounds, 2));
    scorer_case_put(&w, "c.json", calibrator(w.arena));
    if (full) {
        alm_network_spec spec = {.feature_count = b->width, .layer_count = 1,
                                 .output_count = CLASSES, .head = ALM_HEAD_CLASSES,
                                 .layer = {{.kind = ALM_LAYER_LSTM, .units = UNITS}}};
        scorer_case_put(&w, "net.bin", scorer_case_net(w.arena, &spec, 7));
        scorer_case_put(&w, "s.json", scaler_text(b));
        scorer_case_put(&w, "k.json", stacker(w.arena, 3));
    }
    const char *net = full ? alm_arena_printf(w.arena, ",{\"name\":\"lstm\",\"model\":\"net.bin\","
                             "\"steps\":%d,\"columns\":%s,\"scaler\":\"s.json\",\"calibrator\":"
                             "\"c.json\"}", STEPS, columns) : "";
    scorer_case_put(&w, ALM_SCORER_DOCUMENT, alm_str_of(alm_arena_printf(w.arena,
        "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,0,1],\"bars\":\"plan.json\","
        "\"horizons\":[{\"name\":\"5\",\"members\":[{\"name\":\"xgb\",\"model\":\"xgb.json\","
        "\"columns\":%s,\"calibrator\":\"c.json\"},{\"name\":\"lgb\",\"model\":\"lgb.txt\","
        "\"columns\":%s,\"calibrator\":\"c.json\"}%s],\"combination\":{%s}}]}", columns, columns,
        net, full ? "\"kind\":\"stacker\",\"file\":\"k.json\"" : "\"kind\":\"soft_vote\"")));
    alm_scorer_source source = alm_scorer_memory(&w.table);
    check(alm_signal_read(&source, "bench", &signal, &b->error), &b->error);
    alm_arena_destroy(w.arena);
    return signal;
}

/* ---- time ---- */

/* One bar after the other, of one state; microseconds of each into `took`. */
static void time_single(bench *b, const alm_signal *signal, alm_signal_scratch *scratch,
                        size_t count, clockid_t clock, double *took)
{
    alm_signal_state *state = NULL;
    double value = 0, confidence = 0, probability[CLASSES];
    alm_scorer_output out = {.value = &value, .confidence = &confidence,
                             .probability = probability};
    check(alm_signal_state_create(signal, &state, &b->error), &b->error);
    for (size_t i = 0; i < WARM + count; i++) {
        double start = seconds_of(clock);
        check(alm_signal_update(state, &b->bars[i], &b->error), &b->error);
        if (i >= WARM) {
            check(alm_signal_predict(scratch, state, &out, &b->error), &b->error);
            took[i - WARM] = 1e6 * (seconds_of(clock) - start);
            alm_assert(!isnan(value) && confidence > 0);
        }
    }
    alm_signal_state_destroy(state);
}

static double rows_per_second(bench *b, alm_signal_scratch *scratch, size_t count)
{
    alm_scorer_output out = {.value = b->value};
    double start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    check(alm_signal_rows(scratch, b->bars, count, &out, &b->error), &b->error);
    return (double)count / (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start);
}

static void run_profile(bench *b, const char *name, size_t rounds, bool full, size_t repeats)
{
    static double middle[REPEATS_MAX], late[REPEATS_MAX], late_cpu[REPEATS_MAX],
        rows[REPEATS_MAX], took[SINGLE_BOOSTING];
    size_t count = full ? SINGLE_FULL : SINGLE_BOOSTING;
    alm_signal *signal = open_profile(b, rounds, full);
    alm_signal_scratch *scratch = NULL;
    check(alm_signal_scratch_create(signal, NULL, &scratch, &b->error), &b->error);
    for (size_t r = 0; r < repeats; r++) {
        time_single(b, signal, scratch, count, CLOCK_MONOTONIC, took);
        middle[r] = percentile(took, count, 0.5);
        late[r] = percentile(took, count, 0.99);
        time_single(b, signal, scratch, count, CLOCK_THREAD_CPUTIME_ID, took);
        late_cpu[r] = percentile(took, count, 0.99);
        rows[r] = rows_per_second(b, scratch, full ? SINGLE_FULL : BARS);
    }
    print(name, "p50_us", middle, repeats, "us");
    print(name, "p99_us", late, repeats, "us");
    print(name, "p99_cpu_us", late_cpu, repeats, "us");
    print(name, "rows_per_s", rows, repeats, "rows/s");
    alm_signal_scratch_destroy(scratch);
    alm_signal_destroy(signal);
}

int main(int argc, char **argv)
{
    size_t repeats = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
    bench b = {0};
    repeats = repeats < 1 ? 1 : repeats > REPEATS_MAX ? REPEATS_MAX : repeats;
    prepare(&b);
    run_profile(&b, "boosting", 167, false, repeats);
    run_profile(&b, "full", 167, true, repeats);
    run_profile(&b, "boosting_500_rounds", 500, false, repeats);
    alm_bars_plan_destroy(b.plan);
    alm_arena_destroy(b.arena);
    return 0;
}
