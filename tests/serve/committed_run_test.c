/* A run of the real pipeline in memory: every number is the one that a query gives, bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "batch/batch_fixture.h"
#include "batch/query.h"
#include "serve/answer/demand_answer.h"
#include "serve/answer/stockout_answer.h"

typedef struct served {
    shop shop;
    alm_epoch *epoch;
    alm_committed *committed;
    uint64_t clock_ns;
} served;

/* Made once: the tests only read. */
static int setup(void **state)
{
    void *memory = NULL;
    void *fixture_state = NULL;
    if (synthetic_setup(&fixture_state) != 0 || alm_heap_try(sizeof(served), &memory, NULL)) {
        return -1;
    }
    served *v = memory;
    alm_error error;
    shop_open(fixture_state, &(synthetic_options){.paths = 20}, &v->shop);
    alm_run_result result;
    shop *s = &v->shop;
    if (alm_run(&s->f->env, &s->options, s->f->arena, &result, &error) != ALM_OK ||
        alm_epoch_create(1, &v->epoch, &error) != ALM_OK) {
        return -1;
    }
    alm_committed_options options = {.project = s->f->project,
                                     .stores = {s->registry, s->f->objects, s->predictions},
                                     .epoch = v->epoch, .retry_s = 30};
    bool changed = false;
    if (alm_committed_create(&options, &v->committed, &error) != ALM_OK ||
        alm_committed_refresh(v->committed, 1, &changed, &error) != ALM_OK) {
        return -1;
    }
    *state = v;
    return changed ? 0 : -1;
}

static int teardown(void **state)
{
    served *v = *state;
    void *fixture_state = v->shop.f;
    alm_committed_destroy(v->committed);
    alm_epoch_destroy(v->epoch);
    shop_close(&v->shop);
    alm_heap_free(v);
    return fixture_teardown(&fixture_state);
}

static const alm_committed_run *run_of(served *v)
{
    const alm_committed_set *set = alm_committed_current(v->committed);
    assert_int_equal(set->routes, 1);
    assert_non_null(set->route[0].current.run);
    return set->route[0].current.run;
}

static uint64_t tick(void *context)
{
    return ((served *)context)->clock_ns += 1000;
}

static alm_online online_of(served *v)
{
    alm_instant now = alm_instant_of_date(fixture_date(SYNTHETIC_END));
    return (alm_online){.project = v->shop.f->project, .clock = {tick, v}, .now = now,
                        .set = alm_committed_current(v->committed)};
}

/* ---- against queries ---- */

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void expect_number(const alm_table *table, size_t row, const char *name, double value)
{
    const alm_column *column = alm_table_column(table, name);
    assert_non_null(column);
    if (!alm_column_is_valid(column, row)) {
        if (!isnan(value)) {
            fail_msg("%s: %.17g instead of a null", name, value);
        }
    } else if (!same_bits(value, column->values.f64[row])) {
        fail_msg("%s: %.17g instead of %.17g", name, value, column->values.f64[row]);
    }
}

static alm_str text_at(const alm_table *table, size_t row, const char *name)
{
    const alm_column *column = alm_table_column(table, name);
    assert_non_null(column);
    return alm_column_is_valid(column, row) ? column->values.text[row] : (alm_str){0};
}

static double at(const double *column, size_t step)
{
    return column ? column[step] : (double)NAN;
}

/* The explanation column of a query is JSON text. */
static void expect_explanation(const alm_committed_run *run, const alm_committed_node *node,
                               int32_t step, alm_str json)
{
    alm_committed_line line[ALM_COMMITTED_LINES_MAX];
    size_t count = alm_committed_explanation(run, node, step, line);
    alm_json_document *document = NULL;
    alm_error error;
    double sum = 0;
    assert_int_equal(alm_json_parse(json, "explanation", &document, &error), ALM_OK);
    const alm_json *list = alm_json_root(document);
    assert_int_equal(alm_json_count(list), count);
    for (size_t i = 0; i < count; i++) {
        alm_str feature;
        double contribution = 0;
        const alm_json *item = alm_json_at(list, i);
        assert_int_equal(alm_json_get_str(item, "feature", &feature, &error), ALM_OK);
        assert_int_equal(alm_json_get_double(item, "contribution", &contribution, &error), ALM_OK);
        assert_true(alm_str_equal(feature, line[i].feature));
        assert_true(line[i].contribution == contribution);
        sum += contribution;
    }
    alm_json_document_destroy(document);
    assert_true(count > 0 || node->mean[step - 1] == 0);
    /* The order of additions is not the pipeline's, so not to the bit. */
    assert_true(fabs(sum - node->mean[step - 1]) <= 1e-9 * (1 + fabs(sum)));
}

static void expect_row(const alm_committed_run *run, const alm_table *table, size_t row)
{
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    alm_committed_node node;
    alm_error error;
    alm_str name = text_at(table, row, "node");
    assert_int_equal(alm_committed_find(run, name, text_at(table, row, "level"), &node, &error),
                     ALM_OK);
    assert_true(alm_str_equal(node.node, name));
    int64_t horizon = alm_table_column(table, "forecast_horizon")->values.i64[row];
    size_t step = (size_t)horizon - 1;
    expect_number(table, row, "mean", node.mean[step]);
    expect_number(table, row, "base_mean", node.base_mean[step]);
    static const char *const QUANTILES[] = {"q05", "q10", "q50", "q90", "q95"};
    assert_int_equal(facts->quantiles, 5);
    for (size_t q = 0; q < 5; q++) {
        expect_number(table, row, QUANTILES[q], node.quantile[q * (size_t)facts->steps + step]);
    }
    expect_number(table, row, "stockout_probability", at(node.stockout_probability, step));
    expect_number(table, row, "expected_days_to_stockout", at(node.days_to_stockout, step));
    expect_number(table, row, "expected_shortfall", at(node.shortfall, step));
    assert_true(alm_str_equal(node.method, text_at(table, row, "method")));
    assert_true(alm_str_equal(node.fallback, text_at(table, row, "fallback")));
    assert_true(alm_str_equal(facts->run_id, text_at(table, row, "run_id")));
    assert_true(alm_str_equal(facts->feature_version, text_at(table, row, "feature_version")));
    assert_true(alm_str_equal(facts->snapshot_id, text_at(table, row, "snapshot_id")));
    assert_true(alm_str_equal(facts->release_hash, text_at(table, row, "release_hash")));
    assert_true(alm_str_equal(facts->training_run_id, text_at(table, row, "training_run_id")));
    assert_true(alm_str_equal(facts->model_version, text_at(table, row, "model_version")));
    assert_true(alm_str_equal(facts->schedule, text_at(table, row, "schedule")));
    assert_int_equal(alm_table_column(table, "prediction_timestamp")->values.instant[row],
                     facts->prediction_timestamp);
    expect_explanation(run, &node, (int32_t)horizon, text_at(table, row, "explanation"));
}

/* Rows of a query, each compared. */
static size_t compare(served *v, const alm_query_options *options)
{
    shop *s = &v->shop;
    alm_read_stores stores = {.registry = s->registry, .objects = s->f->objects,
                              .predictions = s->predictions, .threads = 1};
    alm_query *query = NULL;
    alm_error error;
    size_t rows = 0;
    if (alm_query_open(&stores, options, &query, &error) != ALM_OK) {
        fail_msg("%s", error.message);
    }
    alm_arena *arena = alm_arena_create(0);
    alm_table table = {.rows = 1};
    while (table.rows > 0) {
        alm_arena_reset(arena);
        assert_int_equal(alm_query_next(query, arena, &table, &error), ALM_OK);
        for (size_t row = 0; row < table.rows; row++, rows++) {
            expect_row(run_of(v), &table, row);
        }
    }
    alm_arena_destroy(arena);
    alm_query_close(query);
    return rows;
}

static alm_query_options asking(void)
{
    return (alm_query_options){.model = ALM_STR("production"),
                               .date = fixture_date(SYNTHETIC_END)};
}

static void every_row_is_that_of_a_query(void **state)
{
    served *v = *state;
    alm_query_options options = asking();
    const alm_committed_facts *facts = alm_committed_run_facts(run_of(v));
    assert_int_equal(compare(v, &options), facts->nodes * (size_t)facts->steps);
    assert_int_equal(facts->steps, SYNTHETIC_HORIZON);
    assert_true(facts->nodes > SYNTHETIC_SERIES);
}

static void random_nodes_are_those_of_queries(void **state)
{
    served *v = *state;
    const alm_committed_run *run = run_of(v);
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    for (uint64_t i = 0; i < 20; i++) {
        alm_committed_node node;
        alm_committed_at(run, alm_rng_u64(9, ALM_RNG_TEST, i, 0) % facts->nodes, &node);
        alm_query_options options = asking();
        options.nodes = &node.node;
        options.node_count = 1;
        options.level = node.level;
        assert_int_equal(compare(v, &options), facts->steps);
    }
}

static void nodes_are_found_by_name_and_by_keys(void **state)
{
    served *v = *state;
    const alm_committed_run *run = run_of(v);
    const alm_committed_facts *facts = alm_committed_run_facts(run);
    alm_error error;
    size_t series = 0;
    for (size_t i = 0; i < facts->nodes; i++) {
        alm_committed_node node;
        alm_committed_node found;
        alm_str key[2];
        alm_committed_at(run, i, &node);
        assert_int_equal(alm_committed_find(run, node.node, node.level, &found, &error), ALM_OK);
        assert_int_equal(found.index, i);
        bool is_series = alm_committed_key(&node, 2, 0, &key[0]) &&
                         alm_committed_key(&node, 2, 1, &key[1]);
        assert_int_equal(is_series, alm_str_is(node.level, "series"));
        if (is_series) {
            assert_int_equal(alm_committed_find_keys(run, key, 2, &found, &error), ALM_OK);
            assert_int_equal(found.index, i);
            series++;
        }
    }
    assert_int_equal(series, SYNTHETIC_SERIES);
    alm_committed_node node;
    assert_int_equal(alm_committed_find(run, ALM_STR("nothing"), (alm_str){0}, &node, &error),
                     ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "node nothing is not among the"));
    assert_int_equal(alm_committed_find(run, ALM_STR("total"), (alm_str){0}, &node, &error),
                     ALM_OK);
    assert_true(alm_str_is(node.level, "total"));
    assert_int_equal(alm_committed_find(run, ALM_STR("total"), ALM_STR("store"), &node, &error),
                     ALM_ERR_NOT_FOUND);
    /* Any bytes are a name, and none is out of bounds. */
    char bytes[6000];
    memset(bytes, '\n', sizeof(bytes));
    assert_int_equal(alm_committed_find(run, (alm_str){bytes, sizeof(bytes)}, (alm_str){0}, &node,
                                        &error), ALM_ERR_NOT_FOUND);
    assert_null(strchr(error.message, '\n'));
    alm_str keys[] = {{bytes, sizeof(bytes)}, {bytes, 10}};
    assert_int_equal(alm_committed_find_keys(run, keys, 2, &node, &error), ALM_ERR_NOT_FOUND);
    assert_int_equal(alm_committed_find_keys(run, NULL, 0, &node, &error), ALM_ERR_NOT_FOUND);
}

/* ---- operations on it ---- */

static alm_committed_node leaf_with_stock(served *v, alm_str keys[2])
{
    const alm_committed_run *run = run_of(v);
    alm_committed_node node;
    alm_committed_node best = {0};
    for (size_t i = 0; i < alm_committed_run_facts(run)->nodes; i++) {
        alm_committed_at(run, i, &node);
        int32_t last = SYNTHETIC_HORIZON - 1;
        if (node.stockout_probability && node.mean[last] > 0 &&
            !isnan(node.stockout_probability[last]) &&
            (!best.mean || node.stockout_probability[last] > best.stockout_probability[last])) {
            best = node;
        }
    }
    assert_non_null(best.mean);
    assert_true(alm_committed_key(&best, 2, 0, &keys[0]));
    assert_true(alm_committed_key(&best, 2, 1, &keys[1]));
    return best;
}

static void demand_is_the_committed_run(void **state)
{
    served *v = *state;
    alm_str keys[2];
    alm_committed_node node = leaf_with_stock(v, keys);
    alm_online online = online_of(v);
    alm_demand_request request = {.ask = {.keys = keys, .key_count = 2}, .from = ALM_DATE_NONE,
                                  .horizon = 9, .interval = 0.9};
    alm_arena *arena = alm_arena_create(0);
    alm_demand_answer answer;
    alm_error error;
    assert_int_equal(alm_demand(&online, &request, arena, &answer, &error), ALM_OK);
    assert_int_equal(answer.periods, 9);
    assert_int_equal(answer.label.outcome.by, ALM_LADDER_BATCH);
    assert_int_equal(answer.label.outcome.why, ALM_LADDER_WHY_ASKED);
    assert_false(answer.label.is_degraded);
    assert_true(alm_str_is(answer.label.asked_release, "production"));
    assert_true(alm_str_is(answer.label.model_version, "demand-1"));
    assert_true(alm_str_is(answer.label.route, "daily"));
    assert_int_equal(answer.label.age_days, 0);
    assert_true(alm_str_equal(answer.node, node.node));
    for (size_t i = 0; i < 9; i++) {
        const alm_demand_period *p = &answer.period[i];
        assert_true(same_bits(p->mean, node.mean[i]) && same_bits(p->mean_before, node.mean[i]));
        assert_true(same_bits(p->low, node.quantile[0 * SYNTHETIC_HORIZON + i]));
        assert_true(same_bits(p->high, node.quantile[4 * SYNTHETIC_HORIZON + i]));
        assert_true(same_bits(p->quantile[2], node.quantile[2 * SYNTHETIC_HORIZON + i]));
        assert_true(same_bits(p->stockout_probability, node.stockout_probability[i]));
        assert_true(same_bits(p->shortfall, node.shortfall[i]));
        assert_int_equal(p->first, fixture_date(SYNTHETIC_END) + (int)i);
        assert_int_equal(p->last, p->first);
        assert_true(p->is_whole && p->days == 1 && p->limited_by.size == 0);
    }
    assert_true(answer.low_level == 0.05 && answer.high_level == 0.95);
    assert_false(answer.has_sums);
    alm_arena_destroy(arena);
}

static void a_node_has_everything(void **state)
{
    served *v = *state;
    alm_online online = online_of(v);
    alm_online_ask ask = {.node = ALM_STR("total"), .release = ALM_STR("demand-1")};
    alm_arena *arena = alm_arena_create(0);
    alm_demand_answer answer;
    alm_error error;
    assert_int_equal(alm_node_predictions(&online, &ask, arena, &answer, &error), ALM_OK);
    assert_int_equal(answer.periods, SYNTHETIC_HORIZON);
    assert_ptr_equal(answer.run, run_of(v));
    assert_int_equal(answer.first_step, 1);
    assert_true(alm_str_is(answer.stored.level, "total"));
    assert_true(answer.stored.method.size > 0);
    assert_true(isnan(answer.period[0].stockout_probability)); /* a sum has no stock */
    ask.release = (alm_str){0};
    assert_int_equal(alm_node_predictions(&online, &ask, arena, &answer, &error), ALM_ERR_USAGE);
    assert_non_null(strstr(error.message, "no implicit latest; known: demand-1"));
    alm_arena_destroy(arena);
}

static void stockout_is_the_committed_risk(void **state)
{
    served *v = *state;
    alm_str keys[2];
    alm_committed_node node = leaf_with_stock(v, keys);
    alm_online online = online_of(v);
    alm_arena *arena = alm_arena_create(0);
    alm_stockout_answer answer;
    alm_error error;
    for (int32_t days = 1; days <= SYNTHETIC_HORIZON; days++) {
        alm_stockout_request request = {.ask = {.keys = keys, .key_count = 2}, .horizon = days};
        assert_int_equal(alm_stockout(&online, &request, arena, &answer, &error), ALM_OK);
        size_t end = (size_t)days - 1;
        assert_true(same_bits(answer.probability, node.stockout_probability[end]));
        assert_true(same_bits(answer.expected_days, node.days_to_stockout[end]));
        assert_true(same_bits(answer.shortfall, node.shortfall[end]));
        assert_int_equal(answer.last - answer.first + 1, days);
        assert_int_equal(answer.severity, alm_severity_of(node.stockout_probability, days));
        assert_int_equal(answer.label.outcome.by, ALM_LADDER_BATCH);
        double sum = 0;
        for (size_t i = 0; i < answer.drivers; i++) {
            sum += answer.driver[i].contribution;
            assert_true(i == 0 || fabs(answer.driver[i].contribution) <=
                                      fabs(answer.driver[i - 1].contribution));
            for (size_t k = 0; k < i; k++) {
                assert_false(alm_str_equal(answer.driver[i].feature, answer.driver[k].feature));
            }
        }
        assert_true(answer.drivers > 0 || answer.demand == 0);
        assert_true(fabs(sum - answer.demand) <= 1e-9 * (1 + answer.demand));
    }
    alm_stockout_request request = {.ask = {.node = ALM_STR("total")}};
    assert_int_equal(alm_stockout(&online, &request, arena, &answer, &error), ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "has no stock position of this node"));
    request = (alm_stockout_request){.ask = {.keys = keys, .key_count = 2}, .horizon = 15};
    assert_int_equal(alm_stockout(&online, &request, arena, &answer, &error), ALM_ERR_INVALID);
    assert_non_null(strstr(error.message, "has 14 days, a horizon of 15 is beyond them"));
    request.horizon = -1;
    assert_int_equal(alm_stockout(&online, &request, arena, &answer, &error), ALM_ERR_INVALID);
    request.horizon = 0;
    online.now += (alm_instant)8 * 86400 * 1000000; /* the route allows 7 days */
    assert_int_equal(alm_stockout(&online, &request, arena, &answer, &error),
                     ALM_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "batch: too_old"));
    alm_arena_destroy(arena);
}

static void severities_have_the_documented_bounds(void **state)
{
    (void)state;
    static const struct {
        double p[4];
        alm_severity severity;
    } CASES[] = {
        {{0, 0, 0, 0}, ALM_SEVERITY_NONE},         {{0, 0, 0, 0.0499}, ALM_SEVERITY_NONE},
        {{0, 0, 0, 0.05}, ALM_SEVERITY_LOW},       {{0, 0, 0, 0.2}, ALM_SEVERITY_MEDIUM},
        {{0, 0, 0.49, 0.5}, ALM_SEVERITY_HIGH},    {{0, 0, 0.5, 0.5}, ALM_SEVERITY_CRITICAL},
        {{0, 0, 0, 0.799}, ALM_SEVERITY_HIGH},     {{0, 0, 0, 0.8}, ALM_SEVERITY_CRITICAL},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_int_equal(alm_severity_of(CASES[i].p, 4), CASES[i].severity);
    }
    assert_int_equal(alm_severity_of((double[]){0.5}, 1), ALM_SEVERITY_CRITICAL);
    assert_string_equal(alm_severity_text(ALM_SEVERITY_MEDIUM), "medium");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_that_of_a_query),
        cmocka_unit_test(random_nodes_are_those_of_queries),
        cmocka_unit_test(nodes_are_found_by_name_and_by_keys),
        cmocka_unit_test(demand_is_the_committed_run),
        cmocka_unit_test(a_node_has_everything),
        cmocka_unit_test(stockout_is_the_committed_risk),
        cmocka_unit_test(severities_have_the_documented_bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
