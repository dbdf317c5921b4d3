/* What holds for every operator and any bars: streaming is batch, a clone or a checkpoint is a
 * replay, FINITE columns do not see older bars, nothing is infinite; what is refused. */
#include "feature/bars/bars_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BARS 260
#define SEEDS 6

static double batch[BARS * CASE_WIDTH_MAX];

static alm_bars_state *state_of(const alm_bars_plan *plan)
{
    alm_bars_state *state;
    alm_error error = {0};
    assert_int_equal(alm_bars_state_create(plan, &state, &error), ALM_OK);
    return state;
}

static void update(alm_bars_state *state, const alm_bar *bar)
{
    alm_error error = {0};
    if (alm_bars_update(state, bar, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
}

/* ---- any bars ---- */

typedef void property(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng);

static void for_all_markets(property *check)
{
    alm_bars_plan *plan = case_plan();
    alm_rng rng = alm_rng_stream(3, 1);
    alm_bar bars[BARS];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (case_market market = 0; market < CASE_MARKET_COUNT; market++) {
            case_bars(market, seed, bars, BARS);
            case_bar_rows(plan, bars, BARS, batch);
            check(plan, bars, &rng);
        }
    }
    alm_bars_plan_destroy(plan);
}

static void check_streaming(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    (void)rng;
    size_t width = alm_bars_plan_width(plan);
    double out[CASE_WIDTH_MAX];
    alm_bars_state *state = state_of(plan);
    alm_bars_emit(state, out);
    for (size_t i = 0; i < width; i++) {
        assert_true(out[i] != out[i]);
    }
    for (size_t i = 0; i < BARS; i++) {
        update(state, &bars[i]);
        alm_bars_emit(state, out);
        alm_bars_emit(state, out); /* changes nothing */
        assert_true(case_same_bits(out, batch + i * width, width));
    }
    alm_bars_state_destroy(state);
}

static void test_streaming_is_batch(void **state)
{
    (void)state;
    for_all_markets(check_streaming);
}

static void check_pieces(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    static double out[BARS * CASE_WIDTH_MAX];
    size_t width = alm_bars_plan_width(plan);
    alm_bars_replay *replay;
    alm_error error = {0};
    assert_int_equal(alm_bars_replay_create(plan, &replay, &error), ALM_OK);
    for (int round = 0; round < 2; round++) {
        memset(out, 0, sizeof out);
        for (size_t i = 0, piece; i < BARS; i += piece) {
            piece = ALM_BARS_PIECE * (1 + alm_rng_next_below(rng, 3));
            piece = piece < BARS - i ? piece : BARS - i;
            assert_int_equal(alm_bars_replay_rows(replay, bars + i, piece, out + i * width, width,
                                                  &error), ALM_OK);
        }
        assert_true(case_same_bits(out, batch, BARS * width));
        alm_bars_replay_restart(replay);
    }
    /* A piece begins where the one before it ended. */
    assert_int_equal(alm_bars_replay_rows(replay, bars, ALM_BARS_PIECE, out, width, &error),
                     ALM_OK);
    assert_int_equal(alm_bars_replay_rows(replay, bars, 1, out, width, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "bar 65: "));
    alm_bars_replay_destroy(replay);
}

static void test_pieces_are_the_whole(void **state)
{
    (void)state;
    for_all_markets(check_pieces);
}

/* Goes on from `state` at bar `from`, and destroys it. */
static void check_rest(const alm_bars_plan *plan, alm_bars_state *state, const alm_bar *bars,
                       size_t from)
{
    size_t width = alm_bars_plan_width(plan);
    double out[CASE_WIDTH_MAX];
    for (size_t i = from; i < BARS; i++) {
        update(state, &bars[i]);
        alm_bars_emit(state, out);
        assert_true(case_same_bits(out, batch + i * width, width));
    }
    alm_bars_state_destroy(state);
}

static void check_clones(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    size_t at = (size_t)alm_rng_next_below(rng, BARS);
    alm_bars_state *state = state_of(plan);
    alm_bars_state *clone;
    alm_bars_state *loaded;
    alm_buffer saved = {0};
    alm_buffer again = {0};
    alm_error error = {0};
    for (size_t i = 0; i < at; i++) {
        update(state, &bars[i]);
    }
    assert_int_equal(alm_bars_state_clone(state, &clone, &error), ALM_OK);
    assert_int_equal(alm_bars_state_save(state, &saved, &error), ALM_OK);
    check_rest(plan, state, bars, at); /* the clone does not notice */
    assert_int_equal(alm_bars_state_load(plan, alm_buffer_view(&saved), &loaded, &error), ALM_OK);
    assert_int_equal(alm_bars_state_save(loaded, &again, &error), ALM_OK);
    assert_true(alm_str_equal(alm_buffer_view(&saved), alm_buffer_view(&again)));
    check_rest(plan, clone, bars, at);
    check_rest(plan, loaded, bars, at);
    alm_buffer_deinit(&saved);
    alm_buffer_deinit(&again);
}

static void test_clone_and_checkpoint_are_replays(void **state)
{
    (void)state;
    for_all_markets(check_clones);
}

/* A replay that begins `lookback` bars before bar `at`, with other bars before them or none. */
static void check_finite(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    size_t width = alm_bars_plan_width(plan);
    size_t lookback = alm_bars_plan_lookback(plan);
    double out[BARS * CASE_WIDTH_MAX];
    alm_bar changed[BARS];
    size_t at = lookback + (size_t)alm_rng_next_below(rng, BARS - lookback);
    memcpy(changed, bars, sizeof changed);
    for (size_t i = 0; i + lookback <= at; i++) {
        changed[i].open = changed[i].high = changed[i].close = 1e300;
        changed[i].low = -1e300;
        changed[i].volume = 1e16;
    }
    for (size_t from = 0; from <= at + 1 - lookback; from += at + 1 - lookback) {
        case_bar_rows(plan, changed + from, at + 1 - from, out);
        for (size_t i = 0; i < width; i++) {
            const double *got = out + (at - from) * width + i;
            assert_true(alm_bars_plan_is_anchored(plan, i) ||
                        case_same_bits(got, batch + at * width + i, 1));
        }
    }
}

static void test_finite_columns_forget(void **state)
{
    (void)state;
    for_all_markets(check_finite);
}

static void check_numbers(const alm_bars_plan *plan, const alm_bar *bars, alm_rng *rng)
{
    (void)bars;
    (void)rng;
    for (size_t i = 0; i < BARS * alm_bars_plan_width(plan); i++) {
        const double missing = ALMI_NAN;
        assert_true(batch[i] - batch[i] == 0 || case_same_bits(&batch[i], &missing, 1));
    }
}

static void test_nothing_is_infinite(void **state)
{
    (void)state;
    for_all_markets(check_numbers);
}

/* Golden: the bits of all operators over all markets. Where they change on purpose, revisions rise;
 * no CPU, compiler or length of a stretch may change them. */
static void test_bits(void **state)
{
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_bar bars[BARS];
    alm_hash hash;
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_hash_init(&hash);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        for (case_market market = 0; market < CASE_MARKET_COUNT; market++) {
            case_bars(market, seed, bars, BARS);
            case_bar_rows(plan, bars, BARS, batch);
            alm_hash_update(&hash, batch, BARS * alm_bars_plan_width(plan) * sizeof *batch);
        }
    }
    alm_digest digest = alm_hash_final(&hash);
    alm_digest_text(&digest, text);
    assert_string_equal(text,
                        "9e3328234c454c5f4a36f8d2bae7efcede91cc4227f2e83bf69e3ffa9e514c1c");
    alm_bars_plan_destroy(plan);
}

/* ---- warm-up, ranges ---- */

static size_t first_value(const alm_bars_plan *plan, size_t column)
{
    size_t width = alm_bars_plan_width(plan);
    size_t i = 0;
    while (i < BARS && batch[i * width + column] != batch[i * width + column]) {
        i++;
    }
    return i;
}

static void test_warmup(void **state)
{
    static const struct {
        const char *name;
        size_t bars;
    } known[] = {{"sma_close_7", 6}, {"ema_close_5", 4}, {"rsi_close_7", 7}, {"atr_6", 6},
                 {"adx_5_adx", 9}, {"adx_5_plus_di", 5}, {"macd_close_4_9_3_signal", 10},
                 {"stochastic_7_3_2_d", 9}, {"mfi_6", 6}, {"aroon_8_up", 8}, {"obv", 0},
                 {"volatility_close_6", 6}, {"true_range", 1}, {"month", 0}};
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_bar bars[BARS];
    size_t found = 0;
    case_bars(CASE_CALM, 8, bars, BARS);
    for (size_t i = 0; i < BARS; i++) {
        bars[i].volume += 1; /* no volume of zero, nothing undefined */
    }
    case_bar_rows(plan, bars, BARS, batch);
    for (size_t i = 0; i < alm_bars_plan_width(plan); i++) {
        assert_int_equal(first_value(plan, i), alm_bars_plan_warmup(plan, i));
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (strcmp(known[k].name, alm_bars_plan_name(plan, i)) == 0) {
                assert_int_equal(alm_bars_plan_warmup(plan, i), known[k].bars);
                found++;
            }
        }
    }
    assert_int_equal(found, sizeof known / sizeof *known);
    alm_bars_plan_destroy(plan);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *prefix;
        double low, high;
    } ranges[] = {{"rsi", 0, 100}, {"stochastic", 0, 100}, {"williams_r", -100, 0},
                  {"mfi", 0, 100}, {"adx", 0, 100}, {"aroon_8_up", 0, 100},
                  {"aroon_8_osc", -100, 100}, {"atr", 0, 100}, {"weekday", 0, 6},
                  {"month", 1, 12}, {"minutes_since_open", 0, 1439}, {"bar_of_session", 0, BARS}};
    (void)state;
    alm_bars_plan *plan = case_plan();
    size_t width = alm_bars_plan_width(plan);
    alm_bar bars[BARS];
    case_bars(CASE_CALM, 9, bars, BARS);
    case_bar_rows(plan, bars, BARS, batch);
    for (size_t i = 0; i < BARS * width; i++) {
        for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
            alm_str name = alm_str_of(alm_bars_plan_name(plan, i % width));
            /* A last bit above 100 is a rounding of the mean of values near it. */
            if (alm_str_starts_with(name, ranges[k].prefix) && batch[i] == batch[i]) {
                assert_true(batch[i] >= ranges[k].low - 1e-12);
                assert_true(batch[i] <= ranges[k].high + 1e-12);
            }
        }
    }
    alm_bars_plan_destroy(plan);
}

/* ---- refusals ---- */

static void test_order_of_time(void **state)
{
    (void)state;
    alm_bars_plan *plan = case_plan();
    size_t width = alm_bars_plan_width(plan);
    alm_bar bars[BARS];
    double before[CASE_WIDTH_MAX];
    double after[CASE_WIDTH_MAX];
    alm_error error = {0};
    case_bars(CASE_CALM, 1, bars, BARS);
    alm_bars_state *online = state_of(plan);
    for (size_t i = 0; i < 100; i++) {
        update(online, &bars[i]);
    }
    alm_bars_emit(online, before);
    assert_int_equal(alm_bars_update(online, &bars[99], &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "does not follow the one of 20"));
    const int64_t beyond[] = {INT64_MIN, INT64_MAX, -62135596800000000};
    for (size_t i = 0; i < 3; i++) {
        alm_bar bar = {.time = beyond[i]};
        assert_int_equal(alm_bars_update(online, &bar, &error), ALM_ERR_INVALID);
        assert_non_null(strstr(error.message, "is not in the years 0001 to 9999"));
    }
    alm_bars_emit(online, after);
    assert_true(case_same_bits(before, after, width));
    /* In batch: the first bar of a stretch, and one within. */
    const size_t wrong[] = {ALMI_BARS_STRETCH, 50};
    for (size_t i = 0; i < 2; i++) {
        char expected[40];
        bars[wrong[i]].time = bars[wrong[i] - 1].time;
        memset(batch, 0, sizeof batch);
        assert_int_equal(alm_bars_rows(plan, bars, BARS, batch, width, &error), ALM_ERR_INVALID);
        snprintf(expected, sizeof expected, "bar %zu: the bar of ", wrong[i] + 1);
        assert_non_null(strstr(error.message, expected));
        assert_true(batch[(wrong[i] - 1) * width] != 0 && batch[wrong[i] * width] == 0);
    }
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(plan);
}

static alm_err load(const alm_bars_plan *plan, const alm_buffer *bytes, alm_error *error)
{
    alm_bars_state *loaded = NULL;
    alm_err code = alm_bars_state_load(plan, alm_buffer_view(bytes), &loaded, error);
    alm_bars_state_destroy(loaded);
    return code;
}

/* Puts the right hash behind what was changed. */
static void sign_again(alm_buffer *bytes)
{
    size_t body = bytes->size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes->data, body);
    memcpy(bytes->data + body, digest.bytes, ALM_DIGEST_BYTES);
}

static void test_damaged_checkpoints(void **state)
{
    const char *const text = "vwap_session(close)";
    const char *const other_text = "vwap_session(open)";
    alm_bars_plan *plan;
    alm_bars_plan *other;
    alm_bar bars[BARS];
    alm_buffer bytes = {0};
    alm_error error = {0};
    (void)state;
    assert_int_equal(case_compile(&text, 1, &plan, &error), ALM_OK);
    assert_int_equal(case_compile(&other_text, 1, &other, &error), ALM_OK);
    case_bars(CASE_CALM, 1, bars, BARS);
    alm_bars_state *online = state_of(plan);
    for (size_t i = 0; i < 20; i++) {
        update(online, &bars[i]);
    }
    assert_int_equal(alm_bars_state_save(online, &bytes, &error), ALM_OK);
    assert_int_equal(load(plan, &bytes, &error), ALM_OK);
    assert_int_equal(load(other, &bytes, &error), ALM_ERR_CONFLICT);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
        bytes.data[i] ^= 0x10;
    }
    size_t size = bytes.size;
    for (bytes.size = 0; bytes.size < size; bytes.size++) {
        assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    }
    /* An infinite word under a right hash. */
    const double infinite = INFINITY;
    memcpy(bytes.data + 56 + 16, &infinite, sizeof infinite);
    sign_again(&bytes);
    assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "holds what no bars lead to"));
    /* A right hash of too few words. */
    bytes.size -= 8;
    sign_again(&bytes);
    assert_int_equal(load(plan, &bytes, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "bytes of cells"));
    alm_buffer_deinit(&bytes);
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(other);
    alm_bars_plan_destroy(plan);
}

static void test_no_memory(void **state)
{
    (void)state;
    alm_bars_plan *plan = case_plan();
    alm_bars_state *online = state_of(plan);
    alm_bars_state *clone = NULL;
    alm_bar bars[2];
    alm_error error = {0};
    case_bars(CASE_CALM, 1, bars, 2);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_state_clone(online, &clone, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_state_create(plan, &clone, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(1);
    assert_int_equal(alm_bars_rows(plan, bars, 2, batch, CASE_WIDTH_MAX, &error), ALM_ERR_MEMORY);
    alm_heap_fail_at(0);
    assert_null(clone);
    alm_bars_state_destroy(NULL);
    alm_bars_state_destroy(online);
    alm_bars_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streaming_is_batch),
        cmocka_unit_test(test_pieces_are_the_whole),
        cmocka_unit_test(test_clone_and_checkpoint_are_replays),
        cmocka_unit_test(test_finite_columns_forget),
        cmocka_unit_test(test_nothing_is_infinite),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_warmup),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_order_of_time),
        cmocka_unit_test(test_damaged_checkpoints),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
