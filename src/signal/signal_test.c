/* signal_test.c: bars into answers: the parts by hand, streaming is batch is a clone is a restart,
 * what is missing, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "signal/signal_cases.h"

#define BARS 700 /* more than a piece of a replay */

static int setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(scorer_case), &memory, NULL) == ALM_OK);
    scorer_case_init(memory);
    case_signal_files(memory);
    *state = memory;
    return 0;
}

static int teardown(void **state)
{
    alm_arena_destroy(((scorer_case *)*state)->arena);
    alm_heap_free(*state);
    return 0;
}

static void ok(const scorer_case *w, alm_err code)
{
    if (code != ALM_OK) {
        fail_msg("%s", w->error.message);
    }
}

static void expect(const scorer_case *w, alm_err got, alm_err code, const char *words)
{
    if (got != code || !strstr(w->error.message, words)) {
        fail_msg("%s: '%s' lacks '%s'", alm_err_name(got), w->error.message, words);
    }
}

typedef struct market {
    alm_signal *signal;
    alm_signal_scratch *scratch;
    const alm_bar *bars;
    signal_answers whole; /* of alm_signal_rows */
} market;

static market open_market(scorer_case *w, case_market kind, uint64_t seed)
{
    market m = {0};
    alm_bar *bars = ALM_NEW_ARRAY(w->arena, alm_bar, BARS);
    case_bars(kind, seed, bars, BARS);
    m.bars = bars;
    ok(w, case_signal_read(w, &m.signal));
    ok(w, alm_signal_scratch_create(m.signal, NULL, &m.scratch, &w->error));
    m.whole = case_signal_answers(w->arena, BARS);
    alm_scorer_output out = case_signal_output(&m.whole, 0);
    ok(w, alm_signal_rows(m.scratch, m.bars, BARS, &out, &w->error));
    return m;
}

static void close_market(market *m)
{
    alm_signal_scratch_destroy(m->scratch);
    alm_signal_destroy(m->signal);
}

/* ---- the parts by hand ---- */

static size_t column_of(const alm_bars_plan *plan, alm_str name)
{
    size_t at = 0;
    while (!alm_str_is(name, alm_bars_plan_name(plan, at))) {
        at++;
    }
    return at;
}

/* Features of all bars, then the scorer on rows and windows copied from them, where it can. */
static void answers_are_those_of_the_parts(void **state)
{
    scorer_case *w = *state;
    market m = open_market(w, CASE_CALM, 1);
    const alm_signal_info *info = alm_signal_describe(m.signal);
    size_t width = alm_bars_plan_width(info->plan), warm = (size_t)info->warmup_bars;
    double *rows = ALM_NEW_ARRAY(w->arena, double, BARS * width);
    ok(w, alm_bars_rows(info->plan, m.bars, BARS, rows, width, &w->error));
    const alm_scorer_info *scorer = info->scorer;
    alm_str *names = ALM_NEW_ARRAY(w->arena, alm_str, width);
    for (size_t i = 0; i < width; i++) {
        names[i] = alm_str_of(alm_bars_plan_name(info->plan, i));
    }
    double *windows = ALM_NEW_ARRAY(w->arena, double, BARS * CASE_SIGNAL_STEPS * 3);
    for (size_t i = warm; i < BARS; i++) {
        for (size_t t = 0; t < CASE_SIGNAL_STEPS; t++) {
            for (size_t k = 0; k < 3; k++) {
                size_t at = column_of(info->plan, scorer->window_column[k]);
                windows[((i - warm) * CASE_SIGNAL_STEPS + t) * 3 + k] =
                    rows[(i + 1 + t - CASE_SIGNAL_STEPS) * width + at];
            }
        }
    }
    alm_scorer_source source = alm_scorer_memory(&w->table);
    alm_scorer *alone = NULL;
    alm_scorer_binding *binding = NULL;
    alm_scorer_scratch *scratch = NULL;
    ok(w, alm_scorer_read(&source, "alone", &alone, &w->error));
    alm_scorer_columns columns = {names, width, scorer->window_column, 3, CASE_SIGNAL_STEPS};
    ok(w, alm_scorer_bind(alone, &columns, &binding, &w->error));
    ok(w, alm_scorer_scratch_create(binding, NULL, &scratch, &w->error));
    alm_scorer_batch batch = {.count = BARS - warm, .rows = rows + warm * width, .stride = width,
                              .windows = windows};
    signal_answers expected = case_signal_answers(w->arena, BARS);
    alm_scorer_output out = case_signal_output(&expected, 0);
    ok(w, alm_scorer_predict(scratch, &batch, &out, &w->error)); /* nothing missing from there on */
    assert_true(case_signal_same(&m.whole, warm, &expected, 0, BARS - warm));
    alm_scorer_scratch_destroy(scratch);
    alm_scorer_binding_destroy(binding);
    alm_scorer_destroy(alone);
    close_market(&m);
}

/* zscore of 8 in a window of 5; log returns and atr come before. Until then the net's horizon has
 * no answer, and the forests' has one. */
static void answers_wait_for_the_window(void **state)
{
    scorer_case *w = *state;
    market m = open_market(w, CASE_CALM, 2);
    const alm_signal_info *info = alm_signal_describe(m.signal);
    assert_int_equal(info->warmup_bars, 7 + CASE_SIGNAL_STEPS - 1);
    for (size_t i = 0; i < BARS; i++) {
        alm_scorer_output at = case_signal_output(&m.whole, i);
        bool waits = i < info->warmup_bars;
        assert_true(isnan(at.value[0]) == waits && isnan(at.confidence[0]) == waits);
        assert_true(isnan(at.probability[0]) == waits && isnan(at.member[3]) == waits);
        assert_false(isnan(at.value[1]) || isnan(at.member[0]) || isnan(at.probability[3]));
    }
    close_market(&m);
}

/* Features that are there from the first bar on do not fill a window. */
static void a_window_is_full_when_its_bars_were_there(void **state)
{
    scorer_case *w = *state;
    static const char *const texts[] = {"sma(close, 1) as a", "obv() as b", "weekday() as c"};
    alm_str declarations[3];
    alm_bars_plan *plan = NULL;
    alm_buffer text = {0};
    for (size_t i = 0; i < 3; i++) {
        declarations[i] = alm_str_of(texts[i]);
    }
    ok(w, alm_bars_plan_compile(declarations, 3, NULL, &plan, &w->error));
    alm_bars_plan_write(plan, &text);
    scorer_case_put(w, "plan.json", alm_buffer_view(&text));
    scorer_case_put_text(w, ALM_SCORER_DOCUMENT,
                         "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[-1,0,1],"
                         "\"bars\":\"plan.json\",\"horizons\":[{\"name\":\"1\",\"members\":[{"
                         "\"name\":\"n\",\"model\":\"net.bin\",\"steps\":5,"
                         "\"columns\":[\"a\",\"b\",\"c\"]}]}]}");
    alm_signal *signal = NULL;
    alm_signal_scratch *scratch = NULL;
    alm_signal_state *s = NULL;
    alm_bar bars[9];
    double value[9], one = 0;
    alm_scorer_output out = {.value = value}, single = {.value = &one};
    case_bars(CASE_CALM, 1, bars, 9);
    ok(w, case_signal_read(w, &signal));
    assert_int_equal(alm_signal_describe(signal)->warmup_bars, 4);
    ok(w, alm_signal_scratch_create(signal, NULL, &scratch, &w->error));
    ok(w, alm_signal_state_create(signal, &s, &w->error));
    for (int round = 0; round < 2; round++) { /* the second replay begins anew */
        ok(w, alm_signal_rows(scratch, bars, 9, &out, &w->error));
        for (size_t i = 0; i < 9; i++) {
            assert_int_equal(isnan(value[i]), i < 4);
        }
    }
    for (size_t i = 0; i < 9; i++) {
        ok(w, alm_signal_update(s, &bars[i], &w->error));
        ok(w, alm_signal_predict(scratch, s, &single, &w->error));
        assert_true(case_same_bits(&one, &value[i], 1));
    }
    alm_signal_state_destroy(s);
    alm_signal_scratch_destroy(scratch);
    alm_signal_destroy(signal);
    alm_bars_plan_destroy(plan);
    alm_buffer_deinit(&text);
}

/* ---- streaming, clones, restarts ---- */

static alm_signal_state *come_back(scorer_case *w, const market *m, alm_signal_state *state)
{
    alm_buffer first = {0}, second = {0};
    alm_signal_state *again = NULL;
    ok(w, alm_signal_state_save(state, &first, &w->error));
    ok(w, alm_signal_state_load(m->signal, alm_buffer_view(&first), &again, &w->error));
    ok(w, alm_signal_state_save(again, &second, &w->error));
    assert_true(alm_str_equal(alm_buffer_view(&first), alm_buffer_view(&second)));
    assert_int_equal(alm_signal_state_seen(state), alm_signal_state_seen(again));
    alm_signal_state_destroy(state);
    alm_buffer_deinit(&first);
    alm_buffer_deinit(&second);
    return again;
}

static alm_signal_state *cloned(scorer_case *w, alm_signal_state *state)
{
    alm_signal_state *copy = NULL;
    ok(w, alm_signal_state_clone(state, &copy, &w->error));
    alm_signal_state_destroy(state);
    return copy;
}

static void check_streaming(scorer_case *w, market *m, alm_rng *rng)
{
    signal_answers one = case_signal_answers(w->arena, 1);
    alm_scorer_output out = case_signal_output(&one, 0);
    alm_signal_state *s = NULL;
    ok(w, alm_signal_state_create(m->signal, &s, &w->error));
    expect(w, alm_signal_predict(m->scratch, s, &out, &w->error), ALM_ERR_INVALID, "no bar yet");
    for (size_t i = 0; i < BARS; i++) {
        uint64_t what = alm_rng_next_below(rng, 20);
        s = what == 0 ? come_back(w, m, s) : what == 1 ? cloned(w, s) : s;
        ok(w, alm_signal_update(s, &m->bars[i], &w->error));
        expect(w, alm_signal_update(s, &m->bars[i], &w->error), ALM_ERR_INVALID, "does not follow");
        if (what < 10) { /* an answer is none of the state's business */
            ok(w, alm_signal_predict(m->scratch, s, &out, &w->error));
            assert_true(case_signal_same(&m->whole, i, &one, 0, 1));
        }
    }
    alm_signal_state_destroy(s);
}

static void streaming_is_batch(void **state)
{
    scorer_case *w = *state;
    alm_rng rng = alm_rng_stream(5, 1);
    for (case_market kind = 0; kind < CASE_MARKET_COUNT; kind++) {
        market m = open_market(w, kind, 3);
        check_streaming(w, &m, &rng);
        close_market(&m);
    }
}

/* Several symbols beside each other, whose bars come in turn, in blocks, with threads. */
static void symbols_do_not_see_each_other(void **state)
{
    scorer_case *w = *state;
    enum { SYMBOLS = 3 };
    market m[SYMBOLS];
    alm_signal_state *s[SYMBOLS];
    alm_signal_scratch *scratch = NULL;
    alm_pool *pool = NULL;
    m[0] = open_market(w, CASE_CALM, 10);
    ok(w, alm_pool_create(3, &pool, &w->error));
    ok(w, alm_signal_scratch_create(m[0].signal, pool, &scratch, &w->error));
    size_t room = alm_signal_room(scratch), added = 0;
    signal_answers block = case_signal_answers(w->arena, room);
    alm_scorer_output out = case_signal_output(&block, 0);
    size_t symbol_of[2048], bar_of[2048];
    assert_true(room <= 2048);
    for (size_t k = 0; k < SYMBOLS; k++) {
        m[k] = k ? open_market(w, CASE_HOLES, 10 + k) : m[0];
        ok(w, alm_signal_state_create(m[0].signal, &s[k], &w->error));
    }
    for (size_t i = 0; i < BARS * SYMBOLS; i++) {
        size_t k = i % SYMBOLS;
        bool full = false;
        ok(w, alm_signal_update(s[k], &m[k].bars[i / SYMBOLS], &w->error));
        ok(w, alm_signal_add(scratch, s[k], &full, &w->error));
        symbol_of[added] = k;
        bar_of[added++] = i / SYMBOLS;
        assert_int_equal(full, added == room);
        if (full || i + 1 == BARS * SYMBOLS) {
            ok(w, alm_signal_answer(scratch, &out, &w->error));
            for (size_t j = 0; j < added; j++) {
                assert_true(case_signal_same(&m[symbol_of[j]].whole, bar_of[j], &block, j, 1));
            }
            added = 0;
        }
    }
    alm_signal_scratch_destroy(scratch);
    alm_pool_destroy(pool);
    for (size_t k = 0; k < SYMBOLS; k++) {
        alm_signal_state_destroy(s[k]);
        close_market(&m[k]);
    }
}

/* A field that is missing: the net waits until it has left its window, the forests do not. */
static void a_hole_costs_the_windows_that_see_it(void **state)
{
    scorer_case *w = *state;
    enum { HOLE = 300 };
    market m = open_market(w, CASE_CALM, 4);
    alm_bar bars[BARS];
    signal_answers a = case_signal_answers(w->arena, BARS);
    alm_scorer_output out = case_signal_output(&a, 0);
    memcpy(bars, m.bars, sizeof bars);
    bars[HOLE].close = NAN;
    ok(w, alm_signal_rows(m.scratch, bars, BARS, &out, &w->error));
    assert_true(case_signal_same(&m.whole, 0, &a, 0, HOLE));
    for (size_t i = HOLE; i < BARS; i++) {
        alm_scorer_output at = case_signal_output(&a, i);
        /* 8 closes of the last of 5 steps */
        assert_int_equal(isnan(at.value[0]), i < HOLE + 7 + CASE_SIGNAL_STEPS);
        assert_false(isnan(at.value[1]));
    }
    close_market(&m);
}

/* ---- what is refused ---- */

static alm_str replaced(scorer_case *w, const char *old, const char *fresh)
{
    const char *at = strstr(case_signal_document, old);
    assert_non_null(at);
    return alm_str_of(alm_arena_printf(w->arena, "%.*s%s%s",
                                       (int)(at - case_signal_document), case_signal_document,
                                       fresh, at + strlen(old)));
}

static void check_refusal(scorer_case *w, alm_str document, alm_err code, const char *words)
{
    alm_signal *signal = NULL;
    scorer_case_put(w, ALM_SCORER_DOCUMENT, document);
    expect(w, case_signal_read(w, &signal), code, words);
    expect(w, code, code, "folder: ");
    assert_null(signal);
}

static void wrong_signals_are_refused_by_name(void **state)
{
    scorer_case *w = *state;
    check_refusal(w, replaced(w, "\"bars\":\"plan.json\",", ""), ALM_ERR_INVALID, "no `bars`");
    check_refusal(w, replaced(w, "\"busy\"", "\"lazy\""), ALM_ERR_INVALID,
                  "the features of plan.json are not what the models take: 1 column is missing in "
                  "the rows: lazy");
    check_refusal(w, replaced(w, "\"log_return_close_1\"", "\"log_return_close_2\""),
                  ALM_ERR_INVALID, "1 column is missing in the windows: log_return_close_2");
    check_refusal(w, replaced(w, "plan.json", "t.json"), ALM_ERR_INVALID, "t.json");
    check_refusal(w, replaced(w, "plan.json", "a.txt"), ALM_ERR_INVALID, "a.txt");
}

static void bars_out_of_order_are_named(void **state)
{
    scorer_case *w = *state;
    market m = open_market(w, CASE_CALM, 6);
    alm_bar bars[BARS];
    signal_answers a = case_signal_answers(w->arena, BARS);
    alm_scorer_output out = case_signal_output(&a, 0);
    memcpy(bars, m.bars, sizeof bars);
    bars[600].time = bars[599].time;
    expect(w, alm_signal_rows(m.scratch, bars, BARS, &out, &w->error), ALM_ERR_INVALID,
           "bar 601: ");
    ok(w, alm_signal_rows(m.scratch, m.bars, BARS, &out, &w->error)); /* and goes on afterwards */
    assert_true(case_signal_same(&m.whole, 0, &a, 0, BARS));
    close_market(&m);
}

/* Every byte of a checkpoint that is changed, cut or added is noticed. */
static void damaged_states_are_refused(void **state)
{
    scorer_case *w = *state;
    market m = open_market(w, CASE_CALM, 7);
    alm_signal_state *s = NULL, *again = NULL;
    alm_buffer bytes = {0};
    ok(w, alm_signal_state_create(m.signal, &s, &w->error));
    for (size_t i = 0; i < 30; i++) {
        ok(w, alm_signal_update(s, &m.bars[i], &w->error));
    }
    ok(w, alm_signal_state_save(s, &bytes, &w->error));
    for (size_t i = 0; i < bytes.size; i += 7) {
        bytes.data[i] ^= 1;
        alm_err code = alm_signal_state_load(m.signal, alm_buffer_view(&bytes), &again, &w->error);
        assert_true(code == ALM_ERR_CORRUPT && !again);
        bytes.data[i] ^= 1;
        alm_str cut = {bytes.data, i};
        assert_int_equal(alm_signal_state_load(m.signal, cut, &again, &w->error),
                         ALM_ERR_CORRUPT);
    }
    alm_signal_state_destroy(s);
    /* Another window: the state is of another signal. */
    alm_signal *other = NULL;
    scorer_case_put(w, ALM_SCORER_DOCUMENT, replaced(w, "\"steps\":5", "\"steps\":6"));
    ok(w, case_signal_read(w, &other));
    expect(w, alm_signal_state_load(other, alm_buffer_view(&bytes), &again, &w->error),
           ALM_ERR_CONFLICT, "other windows");
    alm_signal_destroy(other);
    alm_buffer_deinit(&bytes);
    close_market(&m);
}

/* A hash that is right does not make a window true: its newest row is what the bars say, and
 * nothing was before the first bar. */
static void windows_that_no_bars_lead_to_are_refused(void **state)
{
    scorer_case *w = *state;
    enum { SEEN = 3, ROW = 3 * sizeof(double), WINDOW = CASE_SIGNAL_STEPS * ROW };
    market m = open_market(w, CASE_CALM, 7);
    alm_signal_state *s = NULL, *again = NULL;
    ok(w, alm_signal_state_create(m.signal, &s, &w->error));
    for (size_t i = 0; i < SEEN; i++) {
        ok(w, alm_signal_update(s, &m.bars[i], &w->error));
    }
    for (size_t step = 0; step < CASE_SIGNAL_STEPS; step++) {
        alm_buffer bytes = {0};
        const double other = 0.75;
        ok(w, alm_signal_state_save(s, &bytes, &w->error));
        size_t body = bytes.size - ALM_DIGEST_BYTES;
        memcpy(bytes.data + body - WINDOW + step * ROW, &other, sizeof other);
        alm_digest digest = alm_hash_bytes(bytes.data, body);
        memcpy(bytes.data + body, digest.bytes, ALM_DIGEST_BYTES);
        /* What the two bars in between were is not known any more. */
        bool possible = step >= CASE_SIGNAL_STEPS - SEEN && step + 1 < CASE_SIGNAL_STEPS;
        alm_err code = alm_signal_state_load(m.signal, alm_buffer_view(&bytes), &again, &w->error);
        if (possible) {
            ok(w, code);
        } else {
            expect(w, code, ALM_ERR_CORRUPT, "no bars lead to");
        }
        alm_signal_state_destroy(again);
        again = NULL;
        alm_buffer_deinit(&bytes);
    }
    alm_signal_state_destroy(s);
    close_market(&m);
}

/* Every allocation that can fail, fails once; a sanitizer sees what is left. */
static alm_err use_all(scorer_case *w, const alm_bar *bars)
{
    alm_signal *signal = NULL;
    alm_signal_scratch *scratch = NULL;
    alm_signal_state *s = NULL, *copy = NULL, *again = NULL;
    alm_buffer bytes = {0};
    double value[20 * CASE_SIGNAL_HORIZONS];
    alm_scorer_output out = {.value = value};
    alm_error *error = &w->error;
    alm_err code = case_signal_read(w, &signal);
    code = code ? code : alm_signal_scratch_create(signal, NULL, &scratch, error);
    code = code ? code : alm_signal_rows(scratch, bars, 20, &out, error);
    code = code ? code : alm_signal_state_create(signal, &s, error);
    code = code ? code : alm_signal_state_clone(s, &copy, error);
    code = code ? code : alm_signal_update(copy, bars, error);
    code = code ? code : alm_signal_predict(scratch, copy, &out, error);
    code = code ? code : alm_signal_state_save(copy, &bytes, error);
    code = code ? code : alm_signal_state_load(signal, alm_buffer_view(&bytes), &again, error);
    alm_signal_state_destroy(s);
    alm_signal_state_destroy(copy);
    alm_signal_state_destroy(again);
    alm_signal_scratch_destroy(scratch);
    alm_signal_destroy(signal);
    alm_buffer_deinit(&bytes);
    return code;
}

static void failed_allocations_leak_nothing(void **state)
{
    scorer_case *w = *state;
    alm_bar bars[20];
    case_bars(CASE_CALM, 8, bars, 20);
    alm_err code = ALM_ERR_MEMORY;
    for (uint64_t nth = 1; code != ALM_OK; nth++) {
        (void)alm_heap_fail_at(nth);
        code = use_all(w, bars);
        (void)alm_heap_fail_at(0);
        assert_true(nth < 1000);
        if (code != ALM_OK) {
            expect(w, code, code, "out of memory");
        }
    }
}

/* update and predict take nothing from the heap. */
static void predictions_allocate_nothing(void **state)
{
    scorer_case *w = *state;
    market m = open_market(w, CASE_CALM, 9);
    signal_answers one = case_signal_answers(w->arena, 1);
    alm_scorer_output out = case_signal_output(&one, 0);
    alm_signal_state *s = NULL;
    ok(w, alm_signal_state_create(m.signal, &s, &w->error));
    (void)alm_heap_fail_at(0);
    for (size_t i = 0; i < 50; i++) {
        ok(w, alm_signal_update(s, &m.bars[i], &w->error));
        ok(w, alm_signal_predict(m.scratch, s, &out, &w->error));
    }
    assert_int_equal(alm_heap_fail_at(0), 0);
    alm_signal_state_destroy(s);
    close_market(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_those_of_the_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_wait_for_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(a_window_is_full_when_its_bars_were_there, setup, teardown),
        cmocka_unit_test_setup_teardown(streaming_is_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(symbols_do_not_see_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hole_costs_the_windows_that_see_it, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_signals_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(bars_out_of_order_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_states_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(windows_that_no_bars_lead_to_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_allocations_leak_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(predictions_allocate_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
