/* Golden values from hierarchicalforecast, and a dense reference: W, S and the normal equations as
 * the header states them, written out. */
#include "decide/reconcile_method.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "decide/reconcile_method_cases.h"
#include "num/cholesky.h"
#include "num/hierarchy_product.h"

/* ---- fixtures ---- */

typedef struct fixture {
    alm_arena *arena;
    alm_hierarchy hierarchy;
    size_t nodes, leaves, all, periods, width;
    double *actual; /* leaves x periods */
    double *errors; /* all x periods */
    double *base;   /* all x width */
    double *value;  /* all x width */
} fixture;

static double *numbers(fixture *f, size_t count)
{
    return ALM_NEW_ARRAY(f->arena, double, count);
}

static void build(fixture *f, const alm_str *names, uint32_t leaves, uint32_t levels)
{
    alm_str level_names[4] = {{0}};
    assert_int_equal(alm_hierarchy_build(level_names, levels, names, leaves, f->arena,
                                         &f->hierarchy, NULL), ALM_OK);
    f->nodes = f->hierarchy.node_count;
    f->leaves = leaves;
    f->all = f->nodes + leaves;
}

static void random_hierarchy(alm_rng *rng, bool is_tree, fixture *f)
{
    *f = (fixture){.arena = alm_arena_create(0)};
    uint32_t leaves = 1 + (uint32_t)alm_rng_next_below(rng, 25);
    uint32_t levels = 1 + (uint32_t)alm_rng_next_below(rng, 3);
    alm_str *names = ALM_NEW_ARRAY(f->arena, alm_str, (size_t)leaves * levels);
    for (uint32_t level = 0; level < levels; level++) {
        for (uint32_t i = 0; i < leaves; i++) {
            const char *above = level && is_tree ? names[i * levels + level - 1].data : "";
            int key = (int)alm_rng_next_below(rng, 1 + 2 * (uint64_t)level);
            names[i * levels + level] =
                alm_str_of(alm_arena_printf(f->arena, "%s/%d", above, key));
        }
    }
    build(f, names, leaves, levels);
}

/* A tree or not, with at least so many leaves. */
static void particular_hierarchy(alm_rng *rng, bool is_tree, size_t leaves_min, fixture *f)
{
    random_hierarchy(rng, is_tree, f);
    while (f->hierarchy.is_tree != is_tree || f->leaves < leaves_min) {
        alm_arena_destroy(f->arena);
        random_hierarchy(rng, is_tree, f);
    }
}

static bool belongs(const fixture *f, size_t node, size_t leaf)
{
    if (node >= f->nodes) {
        return node - f->nodes == leaf;
    }
    const uint32_t *own = f->hierarchy.node_of_leaf + leaf * f->hierarchy.level_count;
    for (size_t level = 0; level < f->hierarchy.level_count; level++) {
        if (own[level] == node) {
            return true;
        }
    }
    return false;
}

/* Errors have something in common, and a size of their own; forecasts lie around `level`. */
static void random_numbers(alm_rng *rng, double level, fixture *f)
{
    f->periods = 5 + alm_rng_next_below(rng, 30);
    f->width = 1 + alm_rng_next_below(rng, 5);
    f->actual = numbers(f, f->leaves * f->periods);
    f->errors = numbers(f, f->all * f->periods);
    f->base = numbers(f, f->all * f->width);
    f->value = numbers(f, f->all * f->width);
    for (size_t t = 0; t < f->periods; t++) {
        double common = alm_rng_next_normal(rng);
        for (size_t i = 0; i < f->all; i++) {
            double own = alm_rng_next_normal(rng);
            f->errors[i * f->periods + t] = (0.7 * common + own) * (1 + (double)(i % 5));
        }
        for (size_t i = 0; i < f->leaves; i++) {
            f->actual[i * f->periods + t] = (double)alm_rng_next_below(rng, 20);
        }
    }
    for (size_t i = 0; i < f->all * f->width; i++) {
        f->base[i] = level + 4 * alm_rng_next_normal(rng);
    }
}

static alm_reconcile_request request_of(const fixture *f, alm_reconcile_method method)
{
    return (alm_reconcile_request){.method = method,
                                   .past = {f->periods, f->actual, f->errors}};
}

static alm_reconcile_outcome apply(fixture *f, const alm_reconcile_request *request)
{
    alm_reconciliation *r = NULL;
    alm_error error = {0};
    alm_reconcile_outcome outcome = {9, 9};
    if (alm_reconciliation_create(&f->hierarchy, request, &r, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    memcpy(f->value, f->base, f->all * f->width * sizeof(double));
    if (alm_reconciliation_apply(r, f->value, f->width, &outcome, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_reconciliation_destroy(r);
    return outcome;
}

static double at(const fixture *f, size_t node, size_t c)
{
    return f->value[node * f->width + c];
}

static void assert_coherent(const fixture *f)
{
    for (size_t a = 0; a < f->nodes; a++) {
        for (size_t c = 0; c < f->width; c++) {
            double sum = 0;
            double size = 0;
            for (size_t i = 0; i < f->leaves; i++) {
                sum += belongs(f, a, i) ? at(f, f->nodes + i, c) : 0;
                size += belongs(f, a, i) ? fabs(at(f, f->nodes + i, c)) : 0;
            }
            assert_true(fabs(at(f, a, c) - sum) <= 1e-13 * size);
        }
    }
}

/* ---- hierarchicalforecast ---- */

static void retail(bool is_crossed, fixture *f)
{
    *f = (fixture){.arena = alm_arena_create(0), .periods = 23, .width = CASE_STEPS};
    uint32_t levels = is_crossed ? 3 : 2;
    alm_str names[CASE_LEAVES * 3];
    for (uint32_t i = 0; i < CASE_LEAVES; i++) {
        names[i * levels] = alm_str_of("total");
        names[i * levels + 1] = alm_str_of(alm_arena_printf(f->arena, "state %u", i / 4));
        if (is_crossed) {
            names[i * levels + 2] = alm_str_of(alm_arena_printf(f->arena, "x %u", i % 4));
        }
    }
    build(f, names, CASE_LEAVES, levels);
    f->actual = numbers(f, f->leaves * f->periods);
    f->errors = numbers(f, f->all * f->periods);
    f->base = numbers(f, f->all * f->width);
    f->value = numbers(f, f->all * f->width);
    for (size_t a = 0; a < f->all; a++) {
        double y[CASE_MONTHS] = {0};
        for (size_t t = 0; t < CASE_MONTHS; t++) {
            for (size_t i = 0; i < f->leaves; i++) {
                y[t] += belongs(f, a, i) ? CASE_ACTUAL[i][t] : 0;
            }
        }
        for (size_t t = 13; t < CASE_MONTHS; t++) {
            f->errors[a * f->periods + t - 13] = y[t] - y[t - 12] * y[t - 1] / y[t - 13];
            if (a >= f->nodes) {
                f->actual[(a - f->nodes) * f->periods + t - 13] = y[t];
            }
        }
        for (size_t h = 0; h < CASE_STEPS; h++) {
            f->base[a * CASE_STEPS + h] = y[24 + h] * y[35] / y[23];
        }
    }
}

/* 1e-9 of the value. Where errors are weighed, hierarchicalforecast adds 2e-8 to variances of 10
 * and more, or to standard deviations: 1e-8. erm inverts a matrix with a condition of 1e5: 1e-8. */
static void it_equals_hierarchicalforecast(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof RECONCILE_CASES / sizeof *RECONCILE_CASES; k++) {
        const reconcile_case *expected = &RECONCILE_CASES[k];
        fixture f;
        retail(expected->is_crossed, &f);
        alm_reconcile_request request = request_of(&f, expected->method);
        request.from_level = expected->from_level;
        double close = expected->method >= ALM_RECONCILE_WLS_VARIANCE ? 1e-8 : 1e-9;
        for (request.dense_max = 0; request.dense_max < 2; request.dense_max++) {
            apply(&f, &request);
            assert_coherent(&f);
            for (size_t i = 0; i < CASE_LEAVES * CASE_STEPS; i++) {
                double e = expected->leaves[i];
                double own = f.value[f.nodes * CASE_STEPS + i];
                if (!(fabs(own - e) <= close * fabs(e))) {
                    fail_msg("%s, case %zu: %.12g is not %.12g",
                             alm_reconcile_method_name(expected->method), k, own, e);
                }
            }
        }
        alm_arena_destroy(f.arena);
    }
}

/* ---- the dense reference ---- */

/* The shrunk covariance, pair by pair as Schaefer and Strimmer write it. */
static void dense_shrunk(const fixture *f, double *w)
{
    size_t n = f->all;
    double t = (double)f->periods;
    double over = 0;
    double under = 0;
    double *mean = numbers((fixture *)(uintptr_t)f, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < f->periods; k++) {
            mean[i] += f->errors[i * f->periods + k] / t;
        }
    }
    for (size_t i = 0; i < n * n; i++) {
        w[i] = 0;
        for (size_t k = 0; k < f->periods; k++) {
            w[i] += (f->errors[i / n * f->periods + k] - mean[i / n]) *
                    (f->errors[i % n * f->periods + k] - mean[i % n]) / (t - 1);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double size = sqrt(w[i * n + i] * w[j * n + j]);
            double r = w[i * n + j] / size;
            for (size_t k = 0; k < f->periods && i != j; k++) {
                double product = (f->errors[i * f->periods + k] - mean[i]) *
                                 (f->errors[j * f->periods + k] - mean[j]) / size;
                double gap = product - r * (t - 1) / t;
                over += t / ((t - 1) * (t - 1) * (t - 1)) * gap * gap;
            }
            under += i != j ? r * r : 0;
        }
    }
    double intensity = over / under > 1 ? 1 : over / under;
    for (size_t i = 0; i < n * n; i++) {
        w[i] *= i / n == i % n ? 1 : 1 - intensity;
    }
}

static void dense_weights(const fixture *f, alm_reconcile_method method, double *w)
{
    size_t n = f->all;
    if (method == ALM_RECONCILE_MINT_SHRINK) {
        dense_shrunk(f, w);
        return;
    }
    memset(w, 0, n * n * sizeof *w);
    for (size_t i = 0; i < n; i++) {
        double *own = &w[i * n + i];
        for (size_t k = 0; k < f->leaves; k++) {
            *own += belongs(f, i, k) ? 1 : 0;
        }
        *own = method == ALM_RECONCILE_OLS ? 1 : *own;
        if (method == ALM_RECONCILE_WLS_VARIANCE) {
            *own = 0;
            for (size_t k = 0; k < f->periods; k++) {
                double e = f->errors[i * f->periods + k];
                *own += e * e / (double)f->periods;
            }
        }
    }
}

typedef struct reference {
    double *inverse; /* W^-1, all x all */
    double *normal;  /* S'W^-1 S, leaves x leaves */
    double *right;   /* S'W^-1 f, leaves x width */
} reference;

static reference reference_of(fixture *f, alm_reconcile_method method)
{
    size_t n = f->all;
    reference r = {numbers(f, n * n), numbers(f, f->leaves * f->leaves),
                   numbers(f, f->leaves * f->width)};
    double *w = numbers(f, n * n);
    dense_weights(f, method, w);
    for (size_t i = 0; i < n; i++) {
        r.inverse[i * n + i] = 1;
    }
    assert_int_equal(alm_cholesky_factor(w, n, NULL), ALM_OK);
    alm_cholesky_solve(w, n, r.inverse, n);
    for (size_t i = 0; i < f->leaves; i++) {
        for (size_t a = 0; a < n; a++) {
            for (size_t b = 0; b < n && belongs(f, a, i); b++) {
                double by = r.inverse[a * n + b];
                for (size_t j = 0; j < f->leaves; j++) {
                    r.normal[i * f->leaves + j] += belongs(f, b, j) ? by : 0;
                }
                for (size_t c = 0; c < f->width; c++) {
                    r.right[i * f->width + c] += by * f->base[b * f->width + c];
                }
            }
        }
    }
    return r;
}

static const alm_reconcile_method TRACES[] = {ALM_RECONCILE_OLS, ALM_RECONCILE_WLS_STRUCTURAL,
                                              ALM_RECONCILE_WLS_VARIANCE,
                                              ALM_RECONCILE_MINT_SHRINK};

/* Trees in two passes, crossed by Cholesky and by conjugate gradients, with and without a factor.
 * 1e-9 is what is promised. */
static void it_equals_the_dense_solve(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(80, 0);
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2, &f);
        random_numbers(&rng, 20, &f);
        for (int m = 0; m < 4; m++) {
            alm_reconcile_request request = request_of(&f, TRACES[m]);
            request.dense_max = i % 3 ? 0 : 1;
            apply(&f, &request);
            assert_coherent(&f);
            reference r = reference_of(&f, TRACES[m]);
            assert_int_equal(alm_cholesky_factor(r.normal, f.leaves, NULL), ALM_OK);
            alm_cholesky_solve(r.normal, f.leaves, r.right, f.width);
            for (size_t k = 0; k < f.leaves * f.width; k++) {
                double own = f.value[f.nodes * f.width + k];
                assert_true(fabs(own - r.right[k]) <= 1e-9 * (1 + fabs(r.right[k])));
            }
        }
        alm_arena_destroy(f.arena);
    }
}

/* Karush, Kuhn and Tucker with the dense matrices: slopes are 0 where free and not negative where a
 * leaf is at 0. Judged by leaf, in units of the terms that make the slope: 1e-7, since conjugate
 * gradients go to 1e-13 and leaves and matrices differ by 1e5 or so in size. */
static void assert_optimal(const fixture *f, const reference *r)
{
    for (size_t i = 0; i < f->leaves; i++) {
        for (size_t c = 0; c < f->width; c++) {
            double slope = -r->right[i * f->width + c];
            double size = fabs(slope) + 1e-3;
            for (size_t j = 0; j < f->leaves; j++) {
                double term = r->normal[i * f->leaves + j] * at(f, f->nodes + j, c);
                slope += term;
                size += fabs(term);
            }
            double value = at(f, f->nodes + i, c);
            assert_true(value >= 0 && !signbit(value));
            assert_true(slope >= -1e-7 * size);
            assert_true(value == 0 || slope <= 1e-7 * size);
        }
    }
}

/* y'A y / 2 - r'y, for column c: the weighted distance but for a constant. */
static double distance(const fixture *f, const reference *r, const double *leaves, size_t c)
{
    double total = 0;
    for (size_t i = 0; i < f->leaves; i++) {
        for (size_t j = 0; j < f->leaves; j++) {
            total += leaves[i] * leaves[j] * r->normal[i * f->leaves + j] / 2;
        }
        total -= leaves[i] * r->right[i * f->width + c];
    }
    return total;
}

static size_t better_than_clipped(fixture *f, const reference *r,
                                  const alm_reconcile_request *request)
{
    double *bounded = numbers(f, f->all * f->width);
    memcpy(bounded, f->value, f->all * f->width * sizeof(double));
    alm_reconcile_request free_request = *request;
    free_request.non_negative = false;
    apply(f, &free_request);
    size_t better = 0;
    for (size_t c = 0; c < f->width; c++) {
        double own[32];
        double clipped[32];
        for (size_t i = 0; i < f->leaves; i++) {
            own[i] = bounded[(f->nodes + i) * f->width + c];
            double value = at(f, f->nodes + i, c);
            clipped[i] = value > 0 ? value : 0;
        }
        double ours = distance(f, r, own, c);
        double theirs = distance(f, r, clipped, c);
        assert_true(ours <= theirs + 1e-9 * fabs(theirs));
        better += ours < theirs - 1e-9 * fabs(theirs);
    }
    return better;
}

static void non_negative_is_optimal_and_better_than_clipping(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(81, 0);
    size_t better = 0;
    for (int i = 0; i < 200; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2, &f);
        random_numbers(&rng, (double)alm_rng_next_below(&rng, 3) - 1, &f);
        for (int m = 0; m < 4; m++) {
            alm_reconcile_request request = request_of(&f, TRACES[m]);
            request.non_negative = true;
            request.dense_max = i % 3 ? 0 : 1;
            alm_reconcile_outcome outcome = apply(&f, &request);
            assert_int_equal(outcome.unsettled, 0);
            assert_coherent(&f);
            reference r = reference_of(&f, TRACES[m]);
            assert_optimal(&f, &r);
            better += better_than_clipped(&f, &r, &request);
        }
        alm_arena_destroy(f.arena);
    }
    assert_true(better > 500);
}

/* ---- sample paths ---- */

/* Every column alone gives the bits it has among others, whatever the method. */
static void paths_are_reconciled_one_by_one(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(82, 0);
    for (int i = 0; i < 150; i++) {
        fixture f;
        random_hierarchy(&rng, i % 2, &f);
        random_numbers(&rng, i % 3 ? 0 : 10, &f);
        for (int m = 0; m < ALM_RECONCILE_METHOD_COUNT; m++) {
            alm_reconcile_request request = request_of(&f, (alm_reconcile_method)m);
            request.non_negative = i % 4 < 2;
            request.dense_max = i % 5 ? 0 : 1;
            if (m == ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS) {
                request.from_level = f.hierarchy.is_tree ? 0 : f.hierarchy.level_count - 1;
            }
            apply(&f, &request);
            assert_coherent(&f);
            fixture alone = f;
            alone.width = 1;
            alone.base = numbers(&f, f.all);
            alone.value = numbers(&f, f.all);
            for (size_t c = 0; c < f.width; c++) {
                for (size_t a = 0; a < f.all; a++) {
                    alone.base[a] = f.base[a * f.width + c];
                }
                apply(&alone, &request);
                for (size_t a = 0; a < f.all; a++) {
                    assert_memory_equal(&alone.value[a], &f.value[a * f.width + c],
                                        sizeof(double));
                    assert_true(!request.non_negative || alone.value[a] >= 0);
                }
            }
        }
        alm_arena_destroy(f.arena);
    }
}

/* ---- by hand ---- */

/* total; a: leaves 0 and 1, b: leaf 2. */
static void small(fixture *f)
{
    static double actual[] = {1, 0, 3, 3, 0, 1, 4, 0, 2}; /* leaves x 3 periods */
    *f = (fixture){.arena = alm_arena_create(0), .periods = 3, .width = 2};
    alm_str names[] = {alm_str_of("total"), alm_str_of("a"), alm_str_of("total"),
                       alm_str_of("a"), alm_str_of("total"), alm_str_of("b")};
    build(f, names, 3, 2);
    static double base[] = {10, 20, /* a, b */ 6, 0, 2, 0, /* leaves */ 1, 0, 2, 0, 5, 1};
    static double value[12];
    f->actual = actual;
    f->base = base;
    f->value = value;
}

static void assert_leaves(const fixture *f, const double *expected)
{
    for (size_t i = 0; i < 6; i++) {
        assert_true(fabs(f->value[f->nodes * 2 + i] - expected[i]) < 1e-12);
    }
    assert_coherent(f);
}

static void top_down_by_hand(void **state)
{
    (void)state;
    fixture f;
    small(&f);
    /* totals 8, 0, 6: the second period says nothing. */
    alm_reconcile_request request =
        request_of(&f, ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS);
    apply(&f, &request);
    assert_leaves(&f, (double[]){3.125, 6.25, 2.7083333333333335, 5.416666666666667,
                                 4.166666666666667, 8.333333333333334});
    request.method = ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES;
    apply(&f, &request);
    assert_leaves(&f, (double[]){10 * 4 / 14.0, 20 * 4 / 14.0, 10 * 4 / 14.0, 20 * 4 / 14.0,
                                 10 * 6 / 14.0, 20 * 6 / 14.0});
    /* Second step: nothing is forecast for a and b, so each of three leaves gets a third. */
    request.method = ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS;
    apply(&f, &request);
    assert_leaves(&f, (double[]){2.5, 20 / 3.0, 5, 20 / 3.0, 2.5, 20 / 3.0});
    request.from_level = 1; /* middle-out */
    apply(&f, &request);
    assert_leaves(&f, (double[]){2, 0, 4, 0, 2, 0});
    request.method = ALM_RECONCILE_BOTTOM_UP;
    apply(&f, &request);
    assert_leaves(&f, (double[]){1, 0, 2, 0, 5, 1});
    f.actual = ALM_NEW_ARRAY(f.arena, double, 9); /* a past of nothing */
    for (int m = ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS;
         m <= ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES; m++) {
        request = request_of(&f, (alm_reconcile_method)m);
        apply(&f, &request);
        assert_leaves(&f, (double[]){10 / 3.0, 20 / 3.0, 10 / 3.0, 20 / 3.0, 10 / 3.0, 20 / 3.0});
    }
    alm_arena_destroy(f.arena);
}

/* The days of five weeks from a Wednesday on, summed by week and by month (which cross) and in all:
 * a hierarchy over time is one like any other. Weeks and months expect a fifth more than the days,
 * which are drawn up, and all agree afterwards. */
static void days_weeks_and_months_agree(void **state)
{
    (void)state;
    enum { DAYS = 35 };
    fixture f = {.arena = alm_arena_create(0), .width = 1};
    alm_str names[DAYS * 3];
    for (int day = 0; day < DAYS; day++) {
        names[day * 3] = alm_str_of("all");
        names[day * 3 + 1] = alm_str_of(day < 10 ? "May" : "June");
        names[day * 3 + 2] = alm_str_of(alm_arena_printf(f.arena, "week %d", (day + 2) / 7));
    }
    build(&f, names, DAYS, 3);
    assert_false(f.hierarchy.is_tree);
    f.base = numbers(&f, f.all);
    f.value = numbers(&f, f.all);
    for (size_t a = 0; a < f.all; a++) {
        for (size_t day = 0; day < DAYS; day++) {
            double daily = day < 10 ? 9 : 10;
            f.base[a] += belongs(&f, a, day) ? daily : 0;
        }
        f.base[a] *= a < f.nodes ? 1.2 : 1; /* the aggregates have seen a fifth more coming */
    }
    alm_reconcile_request request = request_of(&f, ALM_RECONCILE_WLS_STRUCTURAL);
    apply(&f, &request);
    assert_coherent(&f);
    reference r = reference_of(&f, ALM_RECONCILE_WLS_STRUCTURAL);
    assert_int_equal(alm_cholesky_factor(r.normal, f.leaves, NULL), ALM_OK);
    alm_cholesky_solve(r.normal, f.leaves, r.right, 1);
    double weeks = 0;
    double months = 0;
    for (size_t level = 1; level < 3; level++) {
        for (uint32_t k = 0; k < f.hierarchy.levels[level].node_count; k++) {
            double value = f.value[f.hierarchy.levels[level].first_node + k];
            *(level == 1 ? &months : &weeks) += value;
        }
    }
    for (size_t day = 0; day < DAYS; day++) {
        assert_true(fabs(at(&f, f.nodes + day, 0) - r.right[day]) < 1e-9);
        assert_true(at(&f, f.nodes + day, 0) > f.base[f.nodes + day]);
    }
    assert_true(fabs(weeks - f.value[0]) < 1e-10 && fabs(months - f.value[0]) < 1e-10);
    alm_arena_destroy(f.arena);
}

/* Products over time: a day of all products, a week of one, and the whole. Every node of both sides
 * agrees, to the dense solution, also without negative values. */
static void products_over_time_agree(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(85, 0);
    for (int i = 0; i < 30; i++) {
        fixture f = {.arena = alm_arena_create(0)};
        alm_str levels[] = {alm_str_of("all"), alm_str_of("part")};
        alm_str names[24];
        alm_hierarchy products;
        alm_hierarchy days;
        for (int k = 0; k < 4; k++) {
            names[k * 2] = alm_str_of("all");
            names[k * 2 + 1] = alm_str_of(k % 2 ? "odd" : "even");
        }
        assert_int_equal(alm_hierarchy_build(levels, 2, names, 4, f.arena, &products, NULL),
                         ALM_OK);
        for (int day = 0; day < 6; day++) {
            names[day * 2] = alm_str_of(day < 2 ? "May" : "June");
            names[day * 2 + 1] = alm_str_of(day < 3 ? "week 1" : "week 2");
        }
        assert_int_equal(alm_hierarchy_build(levels, 2, names, 6, f.arena, &days, NULL), ALM_OK);
        assert_int_equal(
            alm_hierarchy_product(&products, &days, f.arena, &f.hierarchy, NULL), ALM_OK);
        f.nodes = f.hierarchy.node_count;
        f.leaves = f.hierarchy.leaf_count;
        f.all = f.nodes + f.leaves;
        random_numbers(&rng, i % 2 ? 0 : 20, &f);
        alm_reconcile_request request = request_of(&f, TRACES[i % 4]);
        request.non_negative = i % 2;
        request.dense_max = i % 3;
        apply(&f, &request);
        assert_coherent(&f);
        reference r = reference_of(&f, TRACES[i % 4]);
        if (request.non_negative) {
            assert_optimal(&f, &r);
        } else {
            assert_int_equal(alm_cholesky_factor(r.normal, f.leaves, NULL), ALM_OK);
            alm_cholesky_solve(r.normal, f.leaves, r.right, f.width);
            for (size_t k = 0; k < f.leaves * f.width; k++) {
                assert_true(fabs(f.value[f.nodes * f.width + k] - r.right[k]) <=
                            1e-9 * (1 + fabs(r.right[k])));
            }
        }
        alm_arena_destroy(f.arena);
    }
}

/* ---- refusals ---- */

static void assert_refused(const fixture *f, const alm_reconcile_request *request,
                           const char *message)
{
    alm_error error = {0};
    alm_reconciliation *r = NULL;
    size_t held = alm_heap_held_bytes();
    assert_int_equal(alm_reconciliation_create(&f->hierarchy, request, &r, &error),
                     ALM_ERR_INVALID);
    assert_null(r);
    assert_int_equal(alm_heap_held_bytes(), held);
    if (!strstr(error.message, message)) {
        fail_msg("'%s' lacks '%s'", error.message, message);
    }
}

static void what_a_method_lacks_is_named(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(83, 0);
    fixture f;
    particular_hierarchy(&rng, false, 1, &f);
    random_numbers(&rng, 0, &f);
    alm_reconcile_request request = request_of(&f, ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS);
    assert_refused(&f, &request, "goes down a tree, but the levels of this hierarchy cross");
    request.from_level = 7;
    assert_refused(&f, &request, "splits level 8, but the hierarchy has");
    request = request_of(&f, ALM_RECONCILE_MINT_SHRINK);
    f.errors[f.periods + 1] = (double)NAN;
    assert_refused(&f, &request, "the error of node 1 (aggregates first) in period 2 is not");
    request.past.errors = NULL;
    assert_refused(&f, &request, "mint_shrink needs errors");
    request = request_of(&f, ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS);
    request.past.periods = 0;
    assert_refused(&f, &request, "top_down_average_proportions needs the leaves' values");
    f.actual[0] = (double)INFINITY;
    request = request_of(&f, ALM_RECONCILE_TOP_DOWN_PROPORTIONS_OF_AVERAGES);
    assert_refused(&f, &request, "the value of node 0 (aggregates first) in period 1");
    alm_reconciliation_destroy(NULL);
    alm_arena_destroy(f.arena);
}

static void names_are_read_back(void **state)
{
    (void)state;
    for (int m = 0; m < ALM_RECONCILE_METHOD_COUNT; m++) {
        alm_reconcile_method found = ALM_RECONCILE_METHOD_COUNT;
        const char *name = alm_reconcile_method_name((alm_reconcile_method)m);
        assert_true(alm_reconcile_method_parse(alm_str_of(name), &found));
        assert_int_equal(found, m);
    }
    alm_reconcile_method found = ALM_RECONCILE_OLS;
    assert_false(alm_reconcile_method_parse(alm_str_of("mint"), &found));
    assert_int_equal(found, ALM_RECONCILE_OLS);
}

/* Without aggregates, without leaves. */
static void hierarchies_of_little(void **state)
{
    (void)state;
    for (int m = 0; m < ALM_RECONCILE_METHOD_COUNT; m++) {
        fixture f = {.arena = alm_arena_create(0), .width = 2, .periods = 3};
        build(&f, NULL, 2, 0);
        f.errors = (double[]){1, 2, 3, 4, 5, 4};
        f.actual = (double[]){3, 1, 2, 2, 5, 5};
        f.base = (double[]){1, -2, 3, 4};
        f.value = numbers(&f, 4);
        alm_reconcile_request request = request_of(&f, (alm_reconcile_method)m);
        bool goes_down = m >= ALM_RECONCILE_TOP_DOWN_AVERAGE_PROPORTIONS &&
                         m <= ALM_RECONCILE_TOP_DOWN_FORECAST_PROPORTIONS;
        if (goes_down) {
            assert_refused(&f, &request, "the hierarchy has 0 levels");
        } else if (m != ALM_RECONCILE_ERM) {
            apply(&f, &request);
            for (int i = 0; i < 4; i++) {
                assert_true(fabs(f.value[i] - f.base[i]) < 1e-14);
            }
        }
        alm_arena_destroy(f.arena);
    }
}

static void failing_allocations(void **state)
{
    (void)state;
    alm_rng rng = alm_rng_stream(84, 0);
    for (int m = 0; m < 2 * ALM_RECONCILE_METHOD_COUNT; m++) {
        fixture f;
        particular_hierarchy(&rng, m % 2, 20, &f);
        random_numbers(&rng, 0, &f);
        alm_reconcile_request request = request_of(&f, (alm_reconcile_method)(m / 2));
        request.non_negative = true;
        request.from_level = f.hierarchy.level_count - 1;
        size_t held = alm_heap_held_bytes();
        alm_err code = ALM_ERR_MEMORY;
        for (uint64_t failures = 0; code != ALM_OK; failures++) {
            alm_reconciliation *r = NULL;
            memcpy(f.value, f.base, f.all * f.width * sizeof(double));
            alm_heap_fail_at(failures + 1);
            code = alm_reconciliation_create(&f.hierarchy, &request, &r, NULL);
            if (code == ALM_OK) {
                code = alm_reconciliation_apply(r, f.value, f.width, NULL, NULL);
            }
            alm_heap_fail_at(0);
            assert_true(code == ALM_OK || code == ALM_ERR_MEMORY);
            alm_reconciliation_destroy(r);
            assert_int_equal(alm_heap_held_bytes(), held);
        }
        assert_coherent(&f);
        alm_arena_destroy(f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_equals_hierarchicalforecast),
        cmocka_unit_test(it_equals_the_dense_solve),
        cmocka_unit_test(non_negative_is_optimal_and_better_than_clipping),
        cmocka_unit_test(paths_are_reconciled_one_by_one),
        cmocka_unit_test(top_down_by_hand),
        cmocka_unit_test(days_weeks_and_months_agree),
        cmocka_unit_test(products_over_time_agree),
        cmocka_unit_test(what_a_method_lacks_is_named),
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(hierarchies_of_little),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
