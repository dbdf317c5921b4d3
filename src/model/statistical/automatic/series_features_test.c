#include "model/statistical/automatic/series_features.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"
#include "model/statistical/statistical_cases.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])
#define COUNT_MAX 120

typedef struct golden {
    alm_series_feature feature;
    double value;
} golden;

/* Python 3.11, tsfeatures 0.4.5 (its functions on its scalets of the values) with statsmodels
 * 0.15.0, scipy 1.17.1, antropy 0.2.3 and numpy 2.4.6; statistical_cases.h has the values. Its
 * counts of crossings and flat spots are divided by the lengths. Of OIL, which has no season, its
 * trend is another. */
static const golden AIR_GOLDEN[] = {
    {ALM_SERIES_trend, 0.9971574083645777},
    {ALM_SERIES_season, 0.9815304216549953},
    {ALM_SERIES_spike, 7.857986035633808e-10},
    {ALM_SERIES_linearity, 11.04449784467278},
    {ALM_SERIES_curvature, 1.0687496351817842},
    {ALM_SERIES_remainder_acf1, 0.09159596158384982},
    {ALM_SERIES_remainder_acf10, 0.162282521063396},
    {ALM_SERIES_acf1, 0.9480473407524918},
    {ALM_SERIES_acf10, 5.6700871161256545},
    {ALM_SERIES_diff1_acf1, 0.30285525815216924},
    {ALM_SERIES_diff1_acf10, 0.4088375635204738},
    {ALM_SERIES_diff2_acf1, -0.1910058675709273},
    {ALM_SERIES_diff2_acf10, 0.2507803495894308},
    {ALM_SERIES_season_acf1, 0.7603950422625558},
    {ALM_SERIES_pacf5, 0.9670970641728871},
    {ALM_SERIES_diff1_pacf5, 0.21224541932075727},
    {ALM_SERIES_diff2_pacf5, 0.24766148702991111},
    {ALM_SERIES_season_pacf, -0.13543110227801114},
    {ALM_SERIES_stability, 0.9330704247713381},
    {ALM_SERIES_lumpiness, 0.01924802916159448},
    {ALM_SERIES_crossing_points, 7.0 / 144},
    {ALM_SERIES_flat_spots, 18.0 / 144},
    {ALM_SERIES_entropy, 0.428736556175245},
    {ALM_SERIES_kpss, 2.7394736209621757},
};
static const golden TOURISTS_GOLDEN[] = {
    {ALM_SERIES_trend, 0.9908126117632261},
    {ALM_SERIES_season, 0.9791410943586649},
    {ALM_SERIES_spike, 2.5963034309309076e-08},
    {ALM_SERIES_linearity, 6.71971009194795},
    {ALM_SERIES_curvature, 1.0132460229014981},
    {ALM_SERIES_remainder_acf1, -0.45415780274446504},
    {ALM_SERIES_remainder_acf10, 0.4704010634781791},
    {ALM_SERIES_acf1, 0.5404057202260154},
    {ALM_SERIES_acf10, 2.657206201046496},
    {ALM_SERIES_diff1_acf1, -0.5216835144836782},
    {ALM_SERIES_diff1_acf10, 2.696805217026351},
    {ALM_SERIES_diff2_acf1, -0.6854711797726583},
    {ALM_SERIES_diff2_acf10, 3.898793404551619},
    {ALM_SERIES_season_acf1, 0.8188901365228289},
    {ALM_SERIES_pacf5, 1.1285315344251212},
    {ALM_SERIES_diff1_pacf5, 1.2232781934438186},
    {ALM_SERIES_diff2_pacf5, 1.3800050406172373},
    {ALM_SERIES_season_pacf, 0.706967537725237},
    {ALM_SERIES_stability, 0.7308906544947775},
    {ALM_SERIES_lumpiness, 0.03798837346659398},
    {ALM_SERIES_crossing_points, 17.0 / 68},
    {ALM_SERIES_flat_spots, 2.0 / 68},
    {ALM_SERIES_entropy, 0.573759015927058},
    {ALM_SERIES_kpss, 1.7657193033724814},
};
static const golden OIL_GOLDEN[] = {
    {ALM_SERIES_acf1, 0.8663729046202817},
    {ALM_SERIES_acf10, 1.8244988901471753},
    {ALM_SERIES_diff1_acf1, 0.16548578533454814},
    {ALM_SERIES_diff1_acf10, 0.21569228147042965},
    {ALM_SERIES_diff2_acf1, -0.45396106320646556},
    {ALM_SERIES_diff2_acf10, 0.5017684911421243},
    {ALM_SERIES_pacf5, 0.7997428957744944},
    {ALM_SERIES_diff1_pacf5, 0.04472605275003418},
    {ALM_SERIES_diff2_pacf5, 0.34978712906414094},
    {ALM_SERIES_stability, 0.5844539789114253},
    {ALM_SERIES_lumpiness, 0.10913915787249122},
    {ALM_SERIES_crossing_points, 11.0 / 49},
    {ALM_SERIES_flat_spots, 12.0 / 49},
    {ALM_SERIES_entropy, 0.5881306208649458},
    {ALM_SERIES_kpss, 0.7510159895637227},
};

/* Sums in another order: of some hundred values of 1, or a partial autocorrelation of lag 12, which
 * a chain of twelve divisions makes. */
#define GOLDEN_TOLERANCE 1e-12

static const double *value_of(const double *features, const char *name)
{
    for (size_t i = 0; i < ALM_SERIES_FEATURE_COUNT; i++) {
        if (strcmp(alm_series_feature_name((alm_series_feature)i), name) == 0) {
            return &features[i];
        }
    }
    return NULL;
}

static void check_golden(const double *y, size_t count, size_t season, const golden *expected,
                         size_t expected_count)
{
    alm_arena *arena = alm_arena_create(0);
    double features[ALM_SERIES_FEATURE_COUNT];
    alm_past past = {y, count, season};
    alm_series_features(&past, arena, features);
    for (size_t i = 0; i < expected_count; i++) {
        double off = fabs(features[expected[i].feature] - expected[i].value);
        assert_true(off <= GOLDEN_TOLERANCE * fmax(1, fabs(expected[i].value)));
    }
    assert_true(*value_of(features, "length") == (double)count);
    assert_true(*value_of(features, "missing") == 0 && *value_of(features, "zeros") == 0);
    assert_true(*value_of(features, "interval") == 1);
    alm_arena_destroy(arena);
}

static void tsfeatures_says_the_same(void **unused)
{
    (void)unused;
    check_golden(AIR, COUNT_OF(AIR), 12, AIR_GOLDEN, COUNT_OF(AIR_GOLDEN));
    check_golden(TOURISTS, COUNT_OF(TOURISTS), 4, TOURISTS_GOLDEN, COUNT_OF(TOURISTS_GOLDEN));
    check_golden(OIL, COUNT_OF(OIL), 1, OIL_GOLDEN, COUNT_OF(OIL_GOLDEN));
}

/* What each is made for, on series where it is plain. */
static void features_tell_series_apart(void **unused)
{
    (void)unused;
    enum { N = 96, SEASON = 12 };
    double line[N], wave[N], noise[N];
    double of_line[ALM_SERIES_FEATURE_COUNT], of_wave[ALM_SERIES_FEATURE_COUNT];
    double of_noise[ALM_SERIES_FEATURE_COUNT];
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(7, 0);
    for (size_t t = 0; t < N; t++) {
        noise[t] = alm_rng_next_normal(&rng);
        line[t] = (double)t + .1 * noise[t];
        wave[t] = (t % SEASON < SEASON / 2 ? 10 : -10) + .1 * noise[t];
    }
    alm_series_features(&(alm_past){line, N, SEASON}, arena, of_line);
    alm_series_features(&(alm_past){wave, N, SEASON}, arena, of_wave);
    alm_series_features(&(alm_past){noise, N, SEASON}, arena, of_noise);
    assert_true(of_line[ALM_SERIES_trend] > .99 && of_wave[ALM_SERIES_trend] < .5);
    assert_true(of_wave[ALM_SERIES_season] > .99 && of_line[ALM_SERIES_season] < .9);
    assert_true(of_wave[ALM_SERIES_season_acf1] > .8 && of_noise[ALM_SERIES_season_acf1] < .3);
    assert_true(of_line[ALM_SERIES_kpss] > 2 && of_noise[ALM_SERIES_kpss] < 1);
    assert_true(of_noise[ALM_SERIES_entropy] > .8 && of_wave[ALM_SERIES_entropy] < .3);
    assert_true(of_line[ALM_SERIES_linearity] > 5 && fabs(of_noise[ALM_SERIES_linearity]) < 5);
    assert_true(of_line[ALM_SERIES_crossing_points] < of_noise[ALM_SERIES_crossing_points]);
    alm_arena_destroy(arena);
}

static void a_gap_is_left_out(void **unused)
{
    (void)unused;
    static const double Y[] = {NAN, 1, 2, NAN, 4, 0, NAN, 3};
    double features[ALM_SERIES_FEATURE_COUNT];
    alm_arena *arena = alm_arena_create(0);
    alm_series_features(&(alm_past){Y, COUNT_OF(Y), 1}, arena, features);
    assert_true(features[ALM_SERIES_length] == 5 && features[ALM_SERIES_missing] == 3.0 / 8);
    assert_true(features[ALM_SERIES_zeros] == 1.0 / 5);
    assert_true(features[ALM_SERIES_interval] == 5.0 / 4);
    assert_true(features[ALM_SERIES_crossing_points] == 3.0 / 5); /* 1 2 | 4 | 0 | 3, around 2 */
    alm_arena_destroy(arena);
}

static double odd_value(alm_rng *rng, uint64_t way, size_t t)
{
    static const double SIZES[] = {1, 1e-310, 1.7e308, 1e6};
    double size = SIZES[way / 16 % 4];
    switch (way % 9) {
    case 0: return size;                              /* constant */
    case 1: return 0;
    case 2: return t == 7 ? size : 0;                 /* one spike */
    case 3: return t % 2 ? size : -size;              /* alternating */
    case 4: return alm_rng_next_below(rng, 4) ? NAN : size * alm_rng_next_uniform(rng);
    case 5: return alm_rng_next_below(rng, 3) ? 0 : (double)alm_rng_next_below(rng, 9); /* rare */
    case 6: return size * (double)t / COUNT_MAX;      /* a line */
    case 7: return 1e15 + (double)alm_rng_next_below(rng, 2);
    default: return size * (alm_rng_next_uniform(rng) - .5);
    }
}

/* No feature is infinite, shares are shares, and a constant series has none of its shape. */
static void check_odd(const double *f)
{
    static const alm_series_feature SHARES[] = {
        ALM_SERIES_missing, ALM_SERIES_zeros,     ALM_SERIES_trend,
        ALM_SERIES_season,  ALM_SERIES_entropy,   ALM_SERIES_crossing_points,
        ALM_SERIES_flat_spots};
    for (size_t i = 0; i < ALM_SERIES_FEATURE_COUNT; i++) {
        assert_false(isinf(f[i]));
    }
    for (size_t i = 0; i < COUNT_OF(SHARES); i++) {
        double share = f[SHARES[i]]; /* entropy: a sum of shares of 1 */
        assert_true(isnan(share) || (share >= 0 && share <= 1 + 1e-12));
    }
    assert_true(isnan(f[ALM_SERIES_acf1]) || fabs(f[ALM_SERIES_acf1]) <= 2);
}

static void odd_series_have_features(void **unused)
{
    (void)unused;
    static const size_t SEASONS[] = {1, 4, 7, 12, 400};
    alm_arena *arena = alm_arena_create(0);
    alm_rng rng = alm_rng_stream(3, 0);
    for (uint64_t way = 0; way < 5000; way++) {
        double y[COUNT_MAX];
        double one[ALM_SERIES_FEATURE_COUNT], again[ALM_SERIES_FEATURE_COUNT];
        alm_past past = {y, alm_rng_next_below(&rng, COUNT_MAX + 1), SEASONS[way % 5]};
        for (size_t t = 0; t < past.count; t++) {
            y[t] = odd_value(&rng, way / 5, t);
        }
        alm_arena_reset(arena);
        alm_series_features(&past, arena, one);
        check_odd(one);
        if (past.count > 0 && way / 5 % 9 <= 1) {
            assert_true(isnan(one[ALM_SERIES_acf1]) && isnan(one[ALM_SERIES_trend]));
        }
        alm_series_features(&past, arena, again);
        assert_memory_equal(one, again, sizeof one);
    }
    alm_arena_destroy(arena);
}

/* In another unit all are the same, bit for bit where the unit is a power of two. */
static void units_do_not_matter(void **unused)
{
    (void)unused;
    double y[COUNT_OF(AIR)], small[COUNT_OF(AIR)];
    double one[ALM_SERIES_FEATURE_COUNT], other[ALM_SERIES_FEATURE_COUNT];
    alm_arena *arena = alm_arena_create(0);
    for (size_t t = 0; t < COUNT_OF(AIR); t++) {
        y[t] = AIR[t];
        small[t] = ldexp(AIR[t], -900);
    }
    alm_series_features(&(alm_past){y, COUNT_OF(AIR), 12}, arena, one);
    alm_series_features(&(alm_past){small, COUNT_OF(AIR), 12}, arena, other);
    assert_memory_equal(one, other, sizeof one);
    alm_arena_destroy(arena);
}

/* A long series costs no more memory than a few times its own. */
static void a_long_series_is_no_trouble(void **unused)
{
    (void)unused;
    const size_t count = 20000;
    alm_arena *arena = alm_arena_create(0);
    double features[ALM_SERIES_FEATURE_COUNT];
    double *y = ALM_NEW_ARRAY(arena, double, count);
    alm_rng rng = alm_rng_stream(9, 0);
    for (size_t t = 0; t < count; t++) {
        y[t] = alm_rng_next_normal(&rng) + (double)t / 1000;
    }
    alm_series_features(&(alm_past){y, count, 1}, arena, features);
    assert_true(features[ALM_SERIES_trend] > .9 && features[ALM_SERIES_entropy] > .8);
    assert_true(alm_arena_used_bytes(arena) < (size_t)16 << 20);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tsfeatures_says_the_same), cmocka_unit_test(features_tell_series_apart),
        cmocka_unit_test(a_gap_is_left_out),        cmocka_unit_test(odd_series_have_features),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(a_long_series_is_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
