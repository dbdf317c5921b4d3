/* network_attribution_test.c: integrated gradients beside PyTorch's, the double net beside the
 * formulas and finite differences, what must hold for every net, and what is refused. */
#include "model/sequence/network_attribution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/import/torch_network.h"
#include "model/sequence/network_cases.h"
#include "model/sequence/network_double.h"

enum { SIZE = CASE_STEPS * CASE_FEATURES };

static alm_network *make(const alm_network_spec *spec, uint64_t seed)
{
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_create(spec, seed, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    case_shake(network, seed + 100);
    return network;
}

static alm_network_explainer *explain(const alm_network *network)
{
    alm_network_explainer *explainer = NULL;
    alm_error error = {0};
    if (alm_network_explainer_create(network, &explainer, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    return explainer;
}

static void attribute(const alm_network_explainer *explainer,
                      const alm_attribution_request *request, double *out,
                      alm_attribution_facts *facts)
{
    alm_error error = {0};
    if (alm_network_attribute(explainer, request, out, facts, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

static double sum(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += values[i];
    }
    return total;
}

static double magnitude(const double *values, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += fabs(values[i]);
    }
    return total;
}

/* Inputs as the net sees them. */
static void float_windows(uint64_t seed, size_t count, double *out)
{
    case_windows(seed, count, out);
    for (size_t i = 0; i < count; i++) {
        out[i] = (double)(float)out[i];
    }
}

/* ---- the net in double ---- */

typedef struct doubled {
    alm_arena *arena;
    almi_double_net *net;
    almi_double_run run;
} doubled;

static doubled make_double(const alm_network *network, size_t steps)
{
    doubled d = {.arena = alm_arena_create(0)};
    d.net = ALM_NEW(d.arena, almi_double_net);
    almi_double_net_place(network, ALM_NEW_ARRAY(d.arena, double, almi_double_net_size(network)),
                          d.net);
    size_t size = almi_double_run_size(d.net, steps);
    almi_double_run_place(d.net, steps, ALM_NEW_ARRAY(d.arena, double, size), &d.run);
    return d;
}

static void double_net_is_the_formulas(void **state)
{
    (void)state;
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network_spec spec = case_spec(number, ALM_HEAD_VALUES);
        alm_network *network = make(&spec, 3);
        doubled d = make_double(network, CASE_STEPS);
        double window[SIZE], raw[CASE_OUTPUTS], want[CASE_OUTPUTS];
        for (uint64_t i = 0; i < 20; i++) {
            float_windows(40 + i, SIZE, window);
            almi_double_forward(&d.run, window, raw);
            case_reference(&spec, d.net->parameter, window, CASE_STEPS, want);
            for (size_t k = 0; k < CASE_OUTPUTS; k++) {
                assert_true(fabs(raw[k] - want[k]) < 2e-14); /* sums of about 100 terms of size 1 */
            }
        }
        alm_arena_destroy(d.arena);
        alm_network_destroy(network);
    }
}

/* Central differences of the same net: their own error is about h^2 and 1e-16 / h. A relu may
 * switch within h, for which windows are many and the worst tenth is left out. */
static void gradient_is_that_of_finite_differences(void **state)
{
    (void)state;
    const double h = 1e-5;
    for (int number = 0; number < CASE_STACKS; number++) {
        alm_network_spec spec = case_spec(number, ALM_HEAD_VALUES);
        alm_network *network = make(&spec, 5);
        doubled d = make_double(network, CASE_STEPS);
        size_t far = 0, all = 0;
        for (uint64_t i = 0; i < 10; i++) {
            double window[SIZE], gradient[SIZE], up[CASE_OUTPUTS], down[CASE_OUTPUTS];
            double direction[CASE_OUTPUTS] = {0.5, -1, 2};
            float_windows(60 + i, SIZE, window);
            almi_double_forward(&d.run, window, up);
            almi_double_backward(&d.run, direction, gradient);
            for (size_t k = 0; k < SIZE; k++, all++) {
                double at = window[k], want = 0;
                window[k] = at + h;
                almi_double_forward(&d.run, window, up);
                window[k] = at - h;
                almi_double_forward(&d.run, window, down);
                window[k] = at;
                for (size_t o = 0; o < CASE_OUTPUTS; o++) {
                    want += direction[o] * (up[o] - down[o]) / (2 * h);
                }
                far += fabs(gradient[k] - want) > 1e-8 * (1 + fabs(want)) ? 1 : 0;
            }
        }
        bool smooth = number != 4 && number != 6;
        assert_true(smooth ? far == 0 : far * 10 < all);
        alm_arena_destroy(d.arena);
        alm_network_destroy(network);
    }
}

/* ---- PyTorch ---- */

static alm_str fixture(alm_arena *arena, const char *name, const char *ending)
{
    alm_fs *fs = NULL;
    alm_error error;
    alm_str bytes;
    assert_int_equal(alm_fs_real_create(&fs, &error), ALM_OK);
    const char *path = alm_arena_printf(arena, "tests/golden/torch/%s.%s", name, ending);
    if (alm_fs_read_all(fs, path, 1 << 20, arena, &bytes, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_fs_destroy(fs);
    return bytes;
}

static size_t numbers(alm_str *rest, double *out, size_t limit)
{
    alm_str line = alm_str_split(rest, '\n');
    size_t count = 0;
    while (line.size > 0) {
        assert_true(count < limit);
        assert_true(alm_str_to_double(alm_str_split(&line, ' '), &out[count++]));
    }
    return count;
}

enum { GOLDEN_WINDOWS = 12, GOLDEN_SIZE = 80 };

static void read_windows(alm_arena *arena, const char *name, double *out)
{
    alm_str text = fixture(arena, name, "txt");
    double line[GOLDEN_SIZE];
    (void)alm_str_split(&text, '\n');
    for (size_t i = 0; i < GOLDEN_WINDOWS; i++) {
        (void)numbers(&text, out + i * GOLDEN_SIZE, GOLDEN_SIZE);
        (void)numbers(&text, line, GOLDEN_SIZE);
        (void)numbers(&text, line, GOLDEN_SIZE);
    }
}

static void check_golden(const char *name, bool smooth)
{
    alm_arena *arena = alm_arena_create(0);
    alm_network *network = NULL;
    alm_error error = {0};
    if (alm_network_import_torch(fixture(arena, name, "safetensors"), fixture(arena, name, "json"),
                                 name, &network, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_network_explainer *explainer = explain(network);
    double windows[GOLDEN_WINDOWS * GOLDEN_SIZE], shape[3], head[6];
    double want[GOLDEN_SIZE], out[GOLDEN_SIZE];
    read_windows(arena, name, windows);
    alm_str text = fixture(arena, name, "attribution");
    assert_int_equal(numbers(&text, shape, 3), 3);
    size_t size = (size_t)(shape[0] * shape[1]);
    for (size_t i = 0; i < (size_t)shape[2]; i++) {
        assert_int_equal(numbers(&text, head, 6), 6);
        assert_int_equal(numbers(&text, want, GOLDEN_SIZE), size);
        alm_network_windows window = {windows + (size_t)head[0] * GOLDEN_SIZE, 1, (size_t)shape[1]};
        alm_attribution_request request = {
            .windows = &window,
            .baseline = head[1] < 0 ? NULL : windows + (size_t)head[1] * GOLDEN_SIZE,
            .output = (size_t)head[2],
            .after_head = head[3] > 0,
            .tolerance = smooth ? 1e-9 : 3e-3};
        alm_attribution_facts facts;
        attribute(explainer, &request, out, &facts);
        /* Both in double; a kink costs the generator a part of the path, of 8192 of them. */
        double bound = (smooth ? 2e-9 : 3.1e-3) * magnitude(want, size), error_sum = 0;
        for (size_t k = 0; k < size; k++) {
            error_sum += fabs(out[k] - want[k]);
        }
        print_message("%s: %.2g of the magnitudes from PyTorch, %zu gradients\n", name,
                      error_sum / magnitude(want, size), facts.evaluations);
        assert_true(error_sum <= bound);
        assert_true(fabs(facts.value - head[4]) < 1e-14);
        assert_true(fabs(facts.baseline_value - head[5]) < 1e-14);
    }
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
    alm_arena_destroy(arena);
}

static void attributions_are_those_of_pytorch(void **state)
{
    (void)state;
    check_golden("lstm", true);
    check_golden("plain", true);
    check_golden("gru", false); /* its quantiles are sorted */
    check_golden("tcn", false);
    check_golden("mixed", false);
}

/* ---- what holds for every net ---- */

static void attributions_are_complete(void **state)
{
    (void)state;
    static const alm_network_head HEAD[] = {ALM_HEAD_VALUES, ALM_HEAD_QUANTILES, ALM_HEAD_CLASSES};
    for (int number = 0; number < CASE_STACKS; number++) {
        for (size_t h = 0; h < 3; h++) {
            alm_network_spec spec = case_spec(number, HEAD[h]);
            alm_network *network = make(&spec, 7);
            alm_network_explainer *explainer = explain(network);
            double values[2 * SIZE], baseline[SIZE], out[2 * SIZE], answer[2 * CASE_OUTPUTS];
            float_windows(8, 2 * SIZE, values);
            float_windows(9, SIZE, baseline);
            alm_network_windows windows = {values, 2, CASE_STEPS};
            alm_arena *arena = alm_arena_create(0);
            alm_error error = {0};
            assert_int_equal(alm_network_predict(network, &windows, arena, answer, &error), ALM_OK);
            for (size_t o = 0; o < CASE_OUTPUTS; o++) {
                alm_attribution_facts facts[2];
                alm_attribution_request request = {.windows = &windows, .baseline = baseline,
                                                   .output = o, .after_head = true,
                                                   .tolerance = 3e-3};
                attribute(explainer, &request, out, facts);
                for (size_t i = 0; i < 2; i++) {
                    const double *one = out + i * SIZE;
                    double gap = sum(one, SIZE) - (facts[i].value - facts[i].baseline_value);
                    assert_true(fabs(gap) <= 3e-3 * magnitude(one, SIZE));
                    assert_true(gap == facts[i].gap);
                    /* the net's own answer is a float's */
                    assert_true(fabs(facts[i].value - answer[i * CASE_OUTPUTS + o]) < 2e-5);
                }
            }
            alm_arena_destroy(arena);
            alm_network_explainer_destroy(explainer);
            alm_network_destroy(network);
        }
    }
}

/* Weights and inputs above zero, so that no relu ever acts. */
static void a_linear_net_is_explained_exactly(void **state)
{
    (void)state;
    enum { UNITS = 2, KERNEL = 2 };
    alm_network_spec spec = {.feature_count = CASE_FEATURES, .layer_count = 1, .output_count = 1,
                             .layer = {{ALM_LAYER_TCN, UNITS, KERNEL, 1, false, false}}};
    alm_network *network = make(&spec, 1);
    size_t count = 0;
    float *parameter = alm_network_parameters(network, &count);
    for (size_t i = 0; i < count; i++) {
        parameter[i] = fabsf(parameter[i]);
    }
    alm_network_explainer *explainer = explain(network);
    doubled d = make_double(network, CASE_STEPS);
    double window[SIZE], baseline[SIZE], out[SIZE], raw, gradient[SIZE], one = 1;
    float_windows(2, SIZE, window);
    for (size_t i = 0; i < SIZE; i++) {
        window[i] = fabs(window[i]);
        baseline[i] = 0.25 * (double)(i % 3);
    }
    alm_network_windows windows = {window, 1, CASE_STEPS};
    alm_attribution_request request = {.windows = &windows, .baseline = baseline};
    alm_attribution_facts facts;
    attribute(explainer, &request, out, &facts);
    almi_double_forward(&d.run, window, &raw);
    almi_double_backward(&d.run, &one, gradient);
    for (size_t i = 0; i < SIZE; i++) {
        double want = gradient[i] * (window[i] - baseline[i]);
        assert_true(fabs(out[i] - want) <= 1e-14 * magnitude(out, SIZE));
        /* two convolutions of two steps reach three back, the shortcut none */
        assert_true(i < SIZE - 3 * CASE_FEATURES ? out[i] == 0 : true);
    }
    assert_int_equal(facts.evaluations, 15); /* nothing was cut twice */
    alm_arena_destroy(d.arena);
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
}

/* Weights of feature 1 are 0, and feature 2 is as in the baseline: neither adds anything. */
static void a_dummy_adds_nothing(void **state)
{
    (void)state;
    for (int number = 0; number < 4; number++) {
        alm_network_spec spec = case_spec(number, ALM_HEAD_CLASSES);
        alm_network *network = make(&spec, 11);
        size_t count = 0, width = (number < 2 ? 4 : 3) * spec.layer[0].units;
        float *parameter = alm_network_parameters(network, &count);
        memset(parameter + width, 0, width * sizeof *parameter);
        alm_network_explainer *explainer = explain(network);
        double window[SIZE], baseline[SIZE], out[SIZE];
        float_windows(12, SIZE, window);
        float_windows(13, SIZE, baseline);
        for (size_t t = 0; t < CASE_STEPS; t++) {
            baseline[t * CASE_FEATURES + 2] = window[t * CASE_FEATURES + 2];
        }
        alm_network_windows windows = {window, 1, CASE_STEPS};
        alm_attribution_request request = {.windows = &windows, .baseline = baseline, .output = 1,
                                           .after_head = true};
        attribute(explainer, &request, out, NULL);
        for (size_t t = 0; t < CASE_STEPS; t++) {
            assert_true(out[t * CASE_FEATURES] != 0);
            assert_true(out[t * CASE_FEATURES + 1] == 0 && out[t * CASE_FEATURES + 2] == 0);
        }
        alm_network_explainer_destroy(explainer);
        alm_network_destroy(network);
    }
}

static void equal_ends_have_nothing_to_explain(void **state)
{
    (void)state;
    alm_network_spec spec = case_spec(5, ALM_HEAD_CLASSES);
    alm_network *network = make(&spec, 1);
    alm_network_explainer *explainer = explain(network);
    double window[SIZE], out[SIZE];
    float_windows(3, SIZE, window);
    alm_network_windows windows = {window, 1, CASE_STEPS};
    alm_attribution_request request = {.windows = &windows, .baseline = window, .after_head = true};
    alm_attribution_facts facts;
    attribute(explainer, &request, out, &facts);
    assert_true(magnitude(out, SIZE) == 0 && facts.gap == 0 && facts.value == facts.baseline_value);
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
}

/* ---- bits ---- */

static void threads_and_neighbours_do_not_matter(void **state)
{
    (void)state;
    enum { COUNT = 5 };
    alm_network_spec spec = case_spec(6, ALM_HEAD_QUANTILES);
    alm_network *network = make(&spec, 21);
    alm_network_explainer *explainer = explain(network);
    static double values[COUNT * SIZE], alone[COUNT * SIZE], pooled[COUNT * SIZE], one[SIZE];
    float_windows(22, COUNT * SIZE, values);
    alm_network_windows windows = {values, COUNT, CASE_STEPS};
    alm_attribution_request request = {.windows = &windows, .output = 1, .after_head = true,
                                       .tolerance = 3e-3};
    alm_error error = {0};
    attribute(explainer, &request, alone, NULL);
    assert_int_equal(alm_pool_create(3, &request.pool, &error), ALM_OK);
    attribute(explainer, &request, pooled, NULL);
    alm_pool_destroy(request.pool);
    request.pool = NULL;
    assert_memory_equal(alone, pooled, sizeof alone);
    for (size_t i = 0; i < COUNT; i++) {
        windows = (alm_network_windows){values + i * SIZE, 1, CASE_STEPS};
        attribute(explainer, &request, one, NULL);
        assert_memory_equal(one, alone + i * SIZE, sizeof one);
    }
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
}

/* ---- what is refused ---- */

static void refused(const alm_network_explainer *explainer, const alm_attribution_request *request,
                    alm_err code, const char *words)
{
    double out[2 * SIZE];
    alm_attribution_facts facts[2] = {{.gap = 42}};
    alm_error error = {0};
    memset(out, 7, sizeof out);
    assert_int_equal(alm_network_attribute(explainer, request, out, facts, &error), code);
    if (!strstr(error.message, words)) {
        fail_msg("%s", error.message);
    }
    for (size_t i = 0; i < sizeof out; i++) {
        assert_int_equal(((const unsigned char *)out)[i], 7);
    }
    assert_true(facts[0].gap == 42);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    alm_network_spec spec = case_spec(6, ALM_HEAD_VALUES);
    alm_network *network = make(&spec, 41);
    alm_network_explainer *explainer = explain(network);
    double values[2 * SIZE], baseline[SIZE];
    float_windows(42, 2 * SIZE, values);
    float_windows(43, SIZE, baseline);
    alm_network_windows windows = {values, 2, CASE_STEPS};
    alm_attribution_request good = {.windows = &windows, .baseline = baseline}, bad = good;
    bad.output = CASE_OUTPUTS;
    refused(explainer, &bad, ALM_ERR_INVALID, "output 3 of a net with 3");
    bad = good;
    bad.tolerance = -1;
    refused(explainer, &bad, ALM_ERR_INVALID, "tolerance of -1");
    bad.tolerance = (double)NAN;
    refused(explainer, &bad, ALM_ERR_INVALID, "tolerance of");
    bad = good;
    bad.evaluations_max = 20; /* too few for its relus */
    bad.tolerance = 1e-8;
    refused(explainer, &bad, ALM_ERR_NUMERIC, "window 1: after 15 gradients");
    windows.steps = 0;
    refused(explainer, &good, ALM_ERR_INVALID, "at least one step");
    windows.steps = SIZE_MAX / 8;
    refused(explainer, &good, ALM_ERR_LIMIT, "too large");
    windows.steps = CASE_STEPS;
    values[SIZE + 4] = (double)NAN;
    refused(explainer, &good, ALM_ERR_NUMERIC, "window 2: step 2, feature 2");
    values[SIZE + 4] = 1e300;
    refused(explainer, &good, ALM_ERR_NUMERIC, "window 2: step 2, feature 2 is 1e+300");
    values[SIZE + 4] = 0;
    baseline[0] = (double)INFINITY;
    refused(explainer, &good, ALM_ERR_NUMERIC, "baseline: step 1, feature 1 is inf");
    baseline[0] = 0;
    for (uint64_t nth = 1; nth <= 3; nth++) {
        (void)alm_heap_fail_at(nth);
        refused(explainer, &good, ALM_ERR_MEMORY, "");
        (void)alm_heap_fail_at(0);
    }
    windows.count = 0;
    alm_error error = {0};
    assert_int_equal(alm_network_attribute(explainer, &good, NULL, NULL, &error), ALM_OK);
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
}

static void overflowing_sums_are_an_error(void **state)
{
    (void)state;
    alm_network_spec spec = {.feature_count = CASE_FEATURES, .layer_count = 8, .output_count = 1};
    for (size_t l = 0; l < spec.layer_count; l++) {
        spec.layer[l] = CASE_SAME;
    }
    alm_network *network = make(&spec, 51);
    size_t count = 0;
    float *parameter = alm_network_parameters(network, &count);
    for (size_t i = 0; i < count; i++) {
        parameter[i] = 3e38F;
    }
    alm_network_explainer *explainer = explain(network);
    double window[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        window[i] = 3e38;
    }
    alm_network_windows windows = {window, 1, CASE_STEPS};
    alm_attribution_request request = {.windows = &windows};
    refused(explainer, &request, ALM_ERR_NUMERIC, "overflow");
    alm_network_explainer_destroy(explainer);
    alm_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_net_is_the_formulas),
        cmocka_unit_test(gradient_is_that_of_finite_differences),
        cmocka_unit_test(attributions_are_those_of_pytorch),
        cmocka_unit_test(attributions_are_complete),
        cmocka_unit_test(a_linear_net_is_explained_exactly),
        cmocka_unit_test(a_dummy_adds_nothing),
        cmocka_unit_test(equal_ends_have_nothing_to_explain),
        cmocka_unit_test(threads_and_neighbours_do_not_matter),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(overflowing_sums_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
