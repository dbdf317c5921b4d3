/* Scoring and explaining trained forests, ours beside the C libraries that trained them: one
 * thread, the same rows, buffers made before.
 *
 *     inference_bench [rounds] [libxgboost.so]
 *
 * Forests of 100, 500 and 1000 trees with 31, 64 and 255 leaves from LightGBM, and of depth 6 from
 * XGBoost, are trained here on generated rows with structure, so their shape is that of learned
 * ones. A round measures ours (each vector level) and theirs one after the other in processor
 * time; printed are medians over the rounds (slow ones: at least three) and medians of the rounds'
 * ratios, one JSON object a line. Rows come in the order of series; 500 trees also get rows in
 * random order. The last lines are the least ratios over the forests. Raw scores that differ are
 * counted bit for bit. */
#include "base/rng.h"
#include "bench_measure.h"
#include "inference_peers.h"
#include "model/forest/forest.h"
#include "train/learner/lightgbm.h"

#include <math.h>
#include <string.h>

#define COLUMNS 40
#define TRAIN_ROWS 20000
#define ROWS 4096
#define EXPLAIN_ROWS 512
#define EXPLAIN_ROWS_PEER 64 /* LightGBM: its time per row does not depend on their number */
#define SECONDS_ENOUGH 2.0   /* of one comparison; then three rounds have to do */
#define ROUNDS_LEAST 3
#define ROWS_PER_LOOK 128

/* ---- rows ---- */

/* In series neighbouring rows are alike, as the steps of one series are; floats, so that both
 * libraries see the same values. */
static double *make_rows(size_t count, bool in_series, alm_rng *rng, alm_arena *arena)
{
    double *rows = ALM_NEW_ARRAY(arena, double, count * COLUMNS);
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0; f < COLUMNS; f++) {
            double fresh = (double)(float)((double)alm_rng_next_below(rng, 100000) / 1000);
            bool again = in_series && i % 28 && f < COLUMNS - 4;
            rows[i * COLUMNS + f] = again ? rows[(i - 1) * COLUMNS + f] : fresh;
        }
    }
    return rows;
}

static double *make_labels(const double *rows, size_t count, alm_rng *rng, alm_arena *arena)
{
    double *label = ALM_NEW_ARRAY(arena, double, count);
    for (size_t i = 0; i < count; i++) {
        double y = (double)alm_rng_next_below(rng, 1000) / 20;
        for (size_t f = 0; f < COLUMNS; f++) {
            double v = rows[i * COLUMNS + f];
            y += f % 3 == 0 ? v : v > 50 ? (double)f : v * rows[i * COLUMNS + f / 2] / 100;
        }
        label[i] = y;
    }
    return label;
}

static float *to_floats(const double *values, size_t count, alm_arena *arena)
{
    float *out = ALM_NEW_ARRAY(arena, float, count);
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)values[i];
    }
    return out;
}

/* ---- what is measured ---- */

typedef struct bench {
    peer_lightgbm lightgbm;
    peer_xgboost xgboost;
    const double *train_rows, *train_labels, *rows, *random_rows;
    const float *float_rows, *random_float_rows;
    double *ours, *theirs;
    size_t mismatches;
    int rounds;
    alm_arena *arena;
} bench;

typedef enum work { SCORE, SCORE_SINGLE, EXPLAIN } work;

/* One forest and its peer's model, ready to be called. */
typedef struct subject {
    bench *b;
    alm_forest *forest;
    alm_forest_explainer *explainer;
    alm_forest_scratch *scratch;
    void *booster;  /* of the peer */
    void *fast;     /* LightGBM: the single row configuration */
    void *matrix;   /* XGBoost: the rows to be explained */
    bool is_xgboost;
    size_t trees;
} subject;

static void lightgbm_call(const subject *s, work what, const double *row, size_t n, double *out)
{
    int64_t length = 0;
    if (what == SCORE_SINGLE) {
        for (size_t i = 0; i < n; i++) {
            peer_check(s->b->lightgbm.fast(s->fast, row + i * COLUMNS, &length, out + i), "fast");
        }
        return;
    }
    peer_check(s->b->lightgbm.batch(s->booster, row, PEER_FLOAT64, (int32_t)n, COLUMNS,
                                    PEER_ROW_MAJOR, what == EXPLAIN ? PEER_CONTRIBUTION : PEER_RAW,
                                    0, -1, PEER_LIGHTGBM_PARAMETERS, &length, out),
               "LightGBM");
}

static void xgboost_dense(const subject *s, const float *row, size_t n, double *out)
{
    static const char *config = "{\"type\":1,\"iteration_begin\":0,\"iteration_end\":0,"
                                "\"strict_shape\":false,\"cache_id\":0,\"missing\":NaN}";
    char rows[160];
    const uint64_t *shape;
    uint64_t dimensions;
    const float *found;
    snprintf(rows, sizeof rows,
             "{\"data\":[%zu,true],\"shape\":[%zu,%d],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)row, n, COLUMNS);
    peer_check(s->b->xgboost.dense(s->booster, rows, config, NULL, &shape, &dimensions, &found),
               "XGBoost");
    for (size_t i = 0; i < n; i++) {
        out[i] = (double)found[i];
    }
}

static void xgboost_call(const subject *s, work what, size_t at, size_t n, double *out)
{
    const float *row = s->b->float_rows + at * COLUMNS;
    if (what == EXPLAIN) {
        const uint64_t *shape;
        uint64_t dimensions;
        const float *found;
        peer_check(s->b->xgboost.predict(s->booster, s->matrix,
                                         "{\"type\":2,\"iteration_begin\":0,\"iteration_end\":0,"
                                         "\"strict_shape\":false,\"training\":false}",
                                         &shape, &dimensions, &found),
                   "XGBoost");
    } else if (what == SCORE_SINGLE) {
        for (size_t i = 0; i < n; i++) {
            xgboost_dense(s, row + i * COLUMNS, 1, out + i);
        }
    } else {
        xgboost_dense(s, row, n, out);
    }
}

static void their_call(const subject *s, work what, size_t at, size_t n, double *out)
{
    if (s->is_xgboost) {
        xgboost_call(s, what, at, n, out);
    } else {
        lightgbm_call(s, what, s->b->rows + at * COLUMNS, n, out);
    }
}

static void our_call(const subject *s, work what, size_t at, size_t n, double *out)
{
    const double *row = s->b->rows + at * COLUMNS;
    if (what == EXPLAIN) {
        alm_forest_contributions(s->explainer, s->scratch, row, n, COLUMNS, out);
    } else if (what == SCORE_SINGLE) {
        for (size_t i = 0; i < n; i++) {
            alm_forest_score(s->forest, row + i * COLUMNS, 1, COLUMNS, out + i);
        }
    } else {
        alm_forest_score(s->forest, row, n, COLUMNS, out);
    }
}

typedef void caller(const subject *s, work what, size_t at, size_t n, double *out);

/* Calls of n rows each, over different rows, until the time is long enough to be measured;
 * seconds per row. The clock is read after many rows only: reading it takes as long as a row. */
static double time_of(const subject *s, caller *call, work what, size_t n, double *out)
{
    size_t at = 0, done = 0;
    double start = bench_seconds(), used = 0;
    while (used < BENCH_SECONDS_MIN) {
        size_t until = done + ROWS_PER_LOOK;
        for (; done < until; done += n) {
            call(s, what, at, n, out);
            at = at + 2 * n <= ROWS ? at + n : 0;
        }
        used = bench_seconds() - start;
    }
    return used / (double)done;
}

/* Medians in seconds per row, and of the ratio theirs / ours. */
typedef struct figures {
    double theirs, ours, ratio;
} figures;

static figures compare(const subject *s, work what, size_t n)
{
    double ours[BENCH_ROUNDS_MAX], theirs[BENCH_ROUNDS_MAX], ratio[BENCH_ROUNDS_MAX];
    int rounds = 0;
    double start = bench_seconds();
    for (; rounds < s->b->rounds; rounds++) {
        if (rounds >= ROUNDS_LEAST && bench_seconds() - start > SECONDS_ENOUGH) {
            break;
        }
        size_t m = what == EXPLAIN && !s->is_xgboost ? EXPLAIN_ROWS_PEER : n;
        ours[rounds] = time_of(s, our_call, what, n, s->b->ours);
        theirs[rounds] = time_of(s, their_call, what, m, s->b->theirs);
        ratio[rounds] = theirs[rounds] / ours[rounds];
    }
    return (figures){bench_median(theirs, rounds), bench_median(ours, rounds),
                     bench_median(ratio, rounds)};
}

/* All rows, in calls of n. */
static void count_mismatches(const subject *s, size_t n)
{
    bench *b = s->b;
    their_call(s, SCORE, 0, ROWS, b->theirs);
    for (size_t at = 0; at < ROWS; at += n) {
        size_t count = at + n <= ROWS ? n : ROWS - at;
        our_call(s, SCORE, at, count, b->ours + at);
    }
    for (size_t i = 0; i < ROWS; i++) {
        b->mismatches += memcmp(&b->ours[i], &b->theirs[i], sizeof(double)) != 0;
    }
}

/* ---- one forest ---- */

/* The least ratios over the forests of one kind; 0: none yet. */
typedef struct least {
    double batch, batch_half, single, single_half, any_size, shap;
} least;

static void take_least(double *to, double value)
{
    *to = *to == 0 || value < *to ? value : *to;
}

static void print_figures(const char *subject_name, const char *what, const char *level,
                          figures f, size_t trees)
{
    char name[120];
    double ns = 1e9 / (double)trees;
    snprintf(name, sizeof name, "%s_%s_%s_almanac", subject_name, what, level);
    bench_print(name, f.ours * ns, "ns/row/tree");
    snprintf(name, sizeof name, "%s_%s_%s_peer", subject_name, what, level);
    bench_print(name, f.theirs * ns, "ns/row/tree");
    snprintf(name, sizeof name, "%s_%s_%s_ratio", subject_name, what, level);
    bench_print(name, f.ratio, "x");
}

/* Every size at which a batch may be slower than the library: calls of few rows and many. */
static void run_sizes(const subject *s, const char *name, const char *level, least *to)
{
    static const size_t sizes[] = {1, 2, 3, 4, 8, 16, 32, 64, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char what[32];
        figures f = compare(s, SCORE, sizes[i]);
        snprintf(what, sizeof what, "size_%zu", sizes[i]);
        print_figures(name, what, level, f, s->trees);
        take_least(&to->any_size, f.ratio);
        count_mismatches(s, sizes[i]);
    }
}

static void swap_rows(bench *b)
{
    const double *rows = b->rows;
    const float *floats = b->float_rows;
    b->rows = b->random_rows;
    b->float_rows = b->random_float_rows;
    b->random_rows = rows;
    b->random_float_rows = floats;
}

/* Rows that have nothing in common with the one before. */
static void run_random(const subject *s, const char *name, const char *level, least *to)
{
    swap_rows(s->b);
    figures batch = compare(s, SCORE, ROWS);
    figures single = compare(s, SCORE_SINGLE, 1);
    count_mismatches(s, ROWS);
    count_mismatches(s, 1);
    swap_rows(s->b);
    print_figures(name, "batch_random", level, batch, s->trees);
    print_figures(name, "single_random", level, single, s->trees);
    take_least(&to->any_size, batch.ratio);
    take_least(&to->any_size, single.ratio);
}

static void run_level(const subject *s, const char *name, alm_vector_level level, least *to)
{
    static const char *const names[] = {"plain", "avx2", "avx512"};
    if (!alm_forest_use_vectors(s->forest, level)) {
        return;
    }
    figures batch = compare(s, SCORE, ROWS);
    count_mismatches(s, ROWS);
    figures single = compare(s, SCORE_SINGLE, 1);
    count_mismatches(s, 1);
    print_figures(name, "batch", names[level], batch, s->trees);
    print_figures(name, "single", names[level], single, s->trees);
    if (level == ALM_VECTORS_V3) {
        take_least(&to->batch_half, batch.ratio);
        take_least(&to->single_half, single.ratio);
    } else if (level == ALM_VECTORS_V4) {
        take_least(&to->batch, batch.ratio);
        take_least(&to->single, single.ratio);
    }
    if (s->trees == 500 && level != ALM_VECTORS_NONE) {
        run_sizes(s, name, names[level], to);
        run_random(s, name, names[level], to);
    }
}

static void run_shap(subject *s, const char *name, least *to)
{
    alm_error error = {0};
    char what[120];
    bench_check(alm_forest_explainer_create(s->forest, &s->explainer, &error), &error);
    bench_check(alm_forest_scratch_create(s->explainer, &s->scratch, &error), &error);
    figures f = compare(s, EXPLAIN, EXPLAIN_ROWS);
    snprintf(what, sizeof what, "%s_shap_almanac", name);
    bench_print(what, 1 / f.ours, "rows/s");
    snprintf(what, sizeof what, "%s_shap_peer", name);
    bench_print(what, 1 / f.theirs, "rows/s");
    snprintf(what, sizeof what, "%s_shap_ratio", name);
    bench_print(what, f.ratio, "x");
    take_least(&to->shap, f.ratio);
    alm_forest_scratch_destroy(s->scratch);
    alm_forest_explainer_destroy(s->explainer);
}

static void run_forest(subject *s, const char *name, bool explain, least *to)
{
    for (int level = ALM_VECTORS_V4; level >= ALM_VECTORS_NONE; level--) {
        run_level(s, name, (alm_vector_level)level, to);
    }
    if (explain) {
        run_shap(s, name, to);
    }
}

/* ---- LightGBM ---- */

static alm_err give_rows(void *context, size_t first, size_t count, double *out, alm_error *error)
{
    (void)error;
    memcpy(out, (const double *)context + first * COLUMNS, count * COLUMNS * sizeof(double));
    return ALM_OK;
}

/* The longest forest of one width; shorter ones are its beginnings. */
static void *train_lightgbm(bench *b, int leaves)
{
    alm_lightgbm_params params = alm_lightgbm_params_default();
    params.trees = 1000;
    params.leaves = leaves;
    params.learning_rate = 0.05;
    alm_lightgbm_data data = {.row_count = TRAIN_ROWS, .column_count = COLUMNS,
                              .rows = give_rows, .context = (void *)b->train_rows,
                              .label = b->train_labels};
    alm_lightgbm_result result;
    alm_error error = {0};
    alm_arena *arena = alm_arena_create(0);
    bench_check(alm_lightgbm_train(&params, &data, arena, &result, &error), &error);
    void *booster = NULL;
    int iterations = 0;
    char *text = alm_arena_copy_text(arena, result.text.data, result.text.size);
    peer_check(b->lightgbm.load(text, &iterations, &booster), "LightGBM");
    alm_arena_destroy(arena);
    return booster;
}

static double load_seconds(alm_str text, alm_forest **out)
{
    alm_error error = {0};
    double start = bench_seconds();
    bench_check(alm_forest_parse_lightgbm(text, "bench", out, &error), &error);
    return bench_seconds() - start;
}

static void run_lightgbm(bench *b, void *longest, int trees, int leaves, least *to)
{
    char name[40];
    int iterations = 0;
    int64_t size = 0;
    alm_arena *arena = alm_arena_create(0);
    peer_check(b->lightgbm.save(longest, 0, trees, 0, 0, &size, NULL), "save");
    char *text = ALM_NEW_ARRAY(arena, char, (size_t)size + 1);
    peer_check(b->lightgbm.save(longest, 0, trees, 0, size, &size, text), "save");
    subject s = {.b = b, .trees = (size_t)trees};
    double seconds = load_seconds(alm_str_of(text), &s.forest);
    peer_check(b->lightgbm.load(text, &iterations, &s.booster), "load");
    peer_check(b->lightgbm.fast_init(s.booster, PEER_RAW, 0, -1, PEER_FLOAT64, COLUMNS,
                                     PEER_LIGHTGBM_PARAMETERS, &s.fast), "fast_init");
    snprintf(name, sizeof name, "lightgbm_%dx%d", trees, leaves);
    if (trees == 1000 && leaves == 255) {
        bench_print("load_1000x255", seconds * 1e3, "ms");
    }
    run_forest(&s, name, trees == 500, to);
    peer_check(b->lightgbm.fast_free(s.fast), "free");
    peer_check(b->lightgbm.free_booster(s.booster), "free");
    alm_forest_destroy(s.forest);
    alm_arena_destroy(arena);
}

/* ---- XGBoost ---- */

static void *train_xgboost(bench *b, int trees)
{
    void *matrix = NULL, *booster = NULL;
    float *rows = to_floats(b->train_rows, (size_t)TRAIN_ROWS * COLUMNS, b->arena);
    float *labels = to_floats(b->train_labels, TRAIN_ROWS, b->arena);
    peer_check(b->xgboost.matrix(rows, TRAIN_ROWS, COLUMNS, NAN, &matrix), "XGBoost");
    peer_check(b->xgboost.set_info(matrix, "label", labels, TRAIN_ROWS), "XGBoost");
    peer_check(b->xgboost.create(&matrix, 1, &booster), "XGBoost");
    static const char *const settings[][2] = {
        {"max_depth", "6"}, {"eta", "0.05"}, {"nthread", "1"}, {"tree_method", "hist"},
        {"verbosity", "0"}, {"objective", "reg:squarederror"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        peer_check(b->xgboost.set(booster, settings[i][0], settings[i][1]), "XGBoost");
    }
    for (int i = 0; i < trees; i++) {
        peer_check(b->xgboost.update(booster, i, matrix), "XGBoost");
    }
    peer_check(b->xgboost.free_matrix(matrix), "XGBoost");
    return booster;
}

static void run_xgboost(bench *b, void *longest, int trees, least *to)
{
    char name[40];
    alm_error error = {0};
    uint64_t size = 0;
    const char *bytes = NULL;
    subject s = {.b = b, .trees = (size_t)trees, .is_xgboost = true};
    peer_check(b->xgboost.slice(longest, 0, trees, 1, &s.booster), "slice");
    peer_check(b->xgboost.set(s.booster, "nthread", "1"), "set");
    peer_check(b->xgboost.save(s.booster, "{\"format\":\"ubj\"}", &size, &bytes), "save");
    bench_check(alm_forest_parse_xgboost((alm_str){bytes, size}, "bench", &s.forest, &error),
                &error);
    peer_check(b->xgboost.matrix(b->float_rows, EXPLAIN_ROWS, COLUMNS, NAN, &s.matrix), "matrix");
    snprintf(name, sizeof name, "xgboost_%dxdepth6", trees);
    run_forest(&s, name, trees == 500, to);
    peer_check(b->xgboost.free_matrix(s.matrix), "free");
    peer_check(b->xgboost.free_booster(s.booster), "free");
    alm_forest_destroy(s.forest);
}

/* ---- the whole ---- */

static double smaller(double a, double b)
{
    return b == 0 || (a != 0 && a < b) ? a : b;
}

static void run_all(bench *b, const char *xgboost_path)
{
    static const int trees[] = {100, 500, 1000}, leaves[] = {31, 64, 255};
    least of[3] = {0}, xgboost = {0};
    for (size_t l = 0; l < 3; l++) {
        void *longest = train_lightgbm(b, leaves[l]);
        for (size_t t = 0; t < 3; t++) {
            run_lightgbm(b, longest, trees[t], leaves[l], &of[l]);
        }
        peer_check(b->lightgbm.free_booster(longest), "free");
    }
    if (peer_xgboost_open(xgboost_path, &b->xgboost)) {
        void *longest = train_xgboost(b, trees[2]);
        for (size_t t = 0; t < 3; t++) {
            run_xgboost(b, longest, trees[t], &xgboost);
        }
        peer_check(b->xgboost.free_booster(longest), "free");
        bench_print("forest_batch_vs_xgboost_depth6", xgboost.batch, "x");
        bench_print("forest_batch_vs_xgboost_depth6_avx2", xgboost.batch_half, "x");
        bench_print("forest_any_size_vs_xgboost_min", xgboost.any_size, "x");
        bench_print("shap_vs_xgboost_min", xgboost.shap, "x");
    }
    bench_print("forest_batch_vs_lightgbm_31_leaves", of[0].batch, "x");
    bench_print("forest_batch_vs_lightgbm_64_leaves", of[1].batch, "x");
    bench_print("forest_batch_vs_lightgbm_255_leaves", of[2].batch, "x");
    bench_print("forest_batch_vs_lightgbm_31_leaves_avx2", of[0].batch_half, "x");
    bench_print("forest_batch_vs_lightgbm_255_leaves_avx2", of[2].batch_half, "x");
    bench_print("forest_single_vs_lightgbm_fast_31_leaves", of[0].single, "x");
    bench_print("forest_single_vs_lightgbm_fast_255_leaves", of[2].single, "x");
    bench_print("forest_single_vs_lightgbm_fast_min",
                 smaller(of[0].single, smaller(of[1].single, of[2].single)), "x");
    bench_print("forest_any_size_vs_lightgbm_min",
                 smaller(of[0].any_size, smaller(of[1].any_size, of[2].any_size)), "x");
    bench_print("shap_vs_lightgbm_min", smaller(of[0].shap, smaller(of[1].shap, of[2].shap)),
                 "x");
    bench_print("raw_score_mismatches", (double)b->mismatches, "");
}

int main(int argc, char **argv)
{
    int64_t rounds = 5;
    if (argc > 3 || (argc > 1 && (!alm_str_to_i64(alm_str_of(argv[1]), &rounds) || rounds < 1 ||
                                  rounds > BENCH_ROUNDS_MAX))) {
        fprintf(stderr, "usage: inference_bench [rounds, 1 to %d] [libxgboost.so]\n",
                BENCH_ROUNDS_MAX);
        return alm_err_exit_status(ALM_ERR_USAGE);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(1, 1);
    bench b = {.rounds = (int)rounds, .arena = arena, .lightgbm = peer_lightgbm_open()};
    b.train_rows = make_rows(TRAIN_ROWS, true, &rng, arena);
    b.train_labels = make_labels(b.train_rows, TRAIN_ROWS, &rng, arena);
    b.rows = make_rows(ROWS, true, &rng, arena);
    b.random_rows = make_rows(ROWS, false, &rng, arena);
    b.float_rows = to_floats(b.rows, (size_t)ROWS * COLUMNS, arena);
    b.random_float_rows = to_floats(b.random_rows, (size_t)ROWS * COLUMNS, arena);
    b.ours = ALM_NEW_ARRAY(arena, double, (size_t)ROWS * (COLUMNS + 1));
    b.theirs = ALM_NEW_ARRAY(arena, double, (size_t)ROWS * (COLUMNS + 1));
    run_all(&b, argc > 2 ? argv[2] : NULL);
    alm_arena_destroy(arena);
    return 0;
}
