/* The sections `deployments` and `policies`: what they mean, and the place of every error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "project/project_cases.h"

#define HEAD                                                                                     \
    "almanac: 1\n"                                                                       /* 1 */ \
    "name: shop\n"                                                                       /* 2 */ \
    "sources:\n"                                                                         /* 3 */ \
    "  sales: {files: s.csv, time: day, keys: [sku, store],\n"                           /* 4 */ \
    "    columns: {day: date, sku: text, store: text, units: i64}}\n"                    /* 5 */ \
    "series: {source: sales, keys: [sku, store], target: units, missing: zero}\n"        /* 6 */ \
    "hierarchy:\n"                                                                       /* 7 */ \
    "  - {level: total, by: []}\n"                                                       /* 8 */ \
    "  - {level: shop, by: [store]}\n"                                                   /* 9 */ \
    "features:\n"                                                                        /* 10 */\
    "  - {name: mean, op: mean, column: units, window: 7}\n"                             /* 11 */\
    "models:\n"                                                                          /* 12 */\
    "  demand: {horizon: 14, quantiles: [0.5], candidates: [ses]}\n"                     /* 13 */\
    "schedules:\n"                                                                       /* 14 */\
    "  daily: {model: demand, alias: production}\n"                                      /* 15 */\
    "  weekly: {model: demand, alias: staging}\n"                                        /* 16 */

static const char VALID[] = HEAD
    "deployments:\n"                                                      /* 17 */
    "  shop:\n"                                                           /* 18 */
    "    schedule: daily\n"                                               /* 19 */
    "    purposes: [markdown, audit]\n"                                   /* 20 */
    "    previous: true\n"                                                /* 21 */
    "    stale_days_max: 3\n"                                             /* 22 */
    "    rule: mean\n"                                                    /* 23 */
    "    deadline_ms: 20\n"                                               /* 24 */
    "    shares: {model: 0.5, batch: 0.2}\n"                              /* 25 */
    "  all: {model: demand, release: demand-3, rule: none}\n"             /* 26 */
    "policies:\n"                                                         /* 27 */
    "  floor: {applies_to: both, min: 0}\n"                               /* 28 */
    "  steady:\n"                                                         /* 29 */
    "    applies_to: forecasts\n"                                         /* 30 */
    "    nodes: ['a*', '*|north']\n"                                      /* 31 */
    "    where: {sku: a1, store: [north, south]}\n"                       /* 32 */
    "    max_change: 0.5\n"                                               /* 33 */
    "    max: 1000\n"                                                     /* 34 */
    "  sums: {applies_to: orders, levels: [shop, series], max: 5000}\n";  /* 35 */

static void reads_deployments(void **state)
{
    (void)state;
    alm_project *p = must_open(VALID);
    assert_int_equal(p->deployment_count, 3);
    const alm_deployment_spec *shop = alm_project_deployment(p, ALM_STR("shop"));
    assert_true(alm_str_is(shop->schedule, "daily") && alm_str_is(shop->model, "demand"));
    assert_true(alm_str_is(shop->release, "production"));
    assert_int_equal(shop->purpose_count, 2);
    assert_true(alm_str_is(shop->purposes[1], "audit"));
    assert_true(shop->previous && !shop->is_derived);
    assert_int_equal(shop->stale_days_max, 3);
    assert_int_equal(shop->rule, ALM_RULE_MEAN);
    assert_int_equal(shop->deadline_ms, 20);
    assert_true(shop->shares.model == 0.5 && shop->shares.previous == 0.2 &&
                shop->shares.batch == 0.2 && shop->shares.rule == 0.1);
    const alm_deployment_spec *all = alm_project_deployment(p, ALM_STR("all"));
    assert_int_equal(all->schedule.size, 0);
    assert_true(alm_str_is(all->release, "demand-3"));
    assert_int_equal(all->rule, ALM_RULE_NONE);
    assert_null(alm_project_deployment(p, ALM_STR("daily"))); /* `shop` is its route */
    assert_null(alm_project_deployment(p, ALM_STR("sho")));
    alm_project_close(p);
}

static void a_schedule_has_a_route_of_its_own_by_default(void **state)
{
    (void)state;
    static const char *const NONE[] = {HEAD, HEAD "deployments: {}\npolicies:\n"};
    for (size_t i = 0; i < 2; i++) {
        alm_project *p = must_open(NONE[i]);
        assert_int_equal(p->deployment_count, 2);
        assert_int_equal(p->policy_count, 0);
        const alm_deployment_spec *weekly = alm_project_deployment(p, ALM_STR("weekly"));
        assert_true(weekly->is_derived && alm_str_is(weekly->schedule, "weekly"));
        assert_true(alm_str_is(weekly->release, "staging"));
        assert_true(alm_str_is(weekly->model, "demand"));
        assert_false(weekly->previous);
        assert_int_equal(weekly->stale_days_max, 7);
        assert_int_equal(weekly->rule, ALM_RULE_SEASONAL_NAIVE);
        assert_int_equal(weekly->deadline_ms, 50);
        assert_true(weekly->shares.model == 0.6);
        alm_project_close(p);
    }
    alm_project *p = must_open(VALID);
    assert_true(alm_project_deployment(p, ALM_STR("weekly"))->is_derived);
    alm_project_close(p);
    /* A route may have the name of a schedule and answer from another one. */
    p = must_open(HEAD "deployments: {weekly: {schedule: daily}}\n");
    assert_int_equal(p->deployment_count, 1);
    assert_true(alm_str_is(p->deployments[0].schedule, "daily"));
    alm_project_close(p);
}

static void reads_policies(void **state)
{
    (void)state;
    alm_project *p = must_open(VALID);
    assert_int_equal(p->policy_count, 3);
    const alm_policy_spec *floor = &p->policies[0];
    assert_int_equal(floor->subject, ALM_POLICY_BOTH);
    assert_true(floor->has_min && floor->min == 0 && !floor->has_max && !floor->has_max_change);
    const alm_policy_spec *steady = &p->policies[1];
    assert_true(alm_str_is(steady->name, "steady"));
    assert_int_equal(steady->node_count, 2);
    assert_true(alm_str_is(steady->nodes[1], "*|north"));
    assert_int_equal(steady->where_count, 2);
    assert_true(alm_str_is(steady->where[0].key, "sku"));
    assert_int_equal(steady->where[0].value_count, 1);
    assert_int_equal(steady->where[1].value_count, 2);
    assert_true(steady->max_change == 0.5 && steady->max == 1000);
    assert_int_equal(p->policies[2].subject, ALM_POLICY_ORDERS);
    assert_int_equal(p->policies[2].level_count, 2);
    alm_project_close(p);
}

static const broken_text BROKEN[] = {
    {"  shop:\n", "  'my shop':\n",
     "18:3: the name my shop may have only letters, digits, '.', '_' and '-'"},
    {"    schedule: daily\n", "    schedule: dayly\n",
     "19:5: there is no schedule dayly: did you mean daily?"},
    {"    schedule: daily\n", "", "18:3: deployments.NAME needs the key schedule (or model)"},
    {"    schedule: daily\n", "    schedule: daily\n    model: demand\n",
     "20:5: a route answers from the runs of a schedule or of a model: keep one of both keys"},
    {"    schedule: daily\n", "    schedule: daily\n    release: latest\n",
     "20:5: there is no 'latest': name an alias such as production, or a model version"},
    {"model: demand, release: demand-3", "model: demands, release: demand-3",
     "26:9: there is no model demands: did you mean demand?"},
    {"model: demand, release: demand-3", "model: demand",
     "26:3: with model, deployments.NAME needs the key release"},
    {"[markdown, audit]", "[markdown, 'what if']",
     "20:26: purpose what if may have only letters, digits, '.', '_' and '-'"},
    {"previous: true", "previous: yes", "21:5: previous must be true or false, not yes"},
    {"stale_days_max: 3", "stale_days_max: -1",
     "22:5: stale_days_max must be between 0 and 36500, not -1"},
    {"rule: mean", "rule: naive",
     "23:5: rule must be one of seasonal_naive, mean, none, not naive"},
    {"deadline_ms: 20", "deadline_ms: 0", "24:5: deadline_ms must be between 1 and 60000, not 0"},
    {"batch: 0.2}", "batch: 0.21}", "25:5: the shares of the deadline are more than 1 in all"},
    {"batch: 0.2}", "bach: 0.2}",
     "25:26: unknown key bach in deployments.NAME.shares: did you mean batch?"},
    {"deadline_ms: 20", "deadline: 20",
     "24:5: unknown key deadline in deployments.NAME: did you mean deadline_ms?"},
    {"  floor: {applies_to: both, min: 0}", "  floor: {min: 0}",
     "28:3: policies.NAME needs the key applies_to"},
    {"  floor: {applies_to: both, min: 0}", "  floor: {applies_to: both}",
     "28:3: policies.NAME needs one of min, max and max_change"},
    {"  floor: {applies_to: both, min: 0}", "  floor: {applies_to: both, min: 2, max: 1}",
     "28:29: min is above max"},
    {"  floor: {applies_to: both, min: 0}", "  floor: {applies_to: both, min: .inf}",
     "28:29: min must be a number, not .inf"},
    {"max_change: 0.5", "max_change: 0", "33:5: max_change must be above 0"},
    {"applies_to: forecasts", "applies_to: forecast",
     "30:5: applies_to must be one of forecasts, orders, both, not forecast"},
    {"where: {sku: a1", "where: {skew: a1",
     "32:13: there is no series key skew: did you mean sku?"},
    {"where: {sku: a1", "where: {sku: {a: 1}", "32:13: sku must be a list of texts, not a map"},
    {"    max_change: 0.5\n", "    levels: [shop]\n    max_change: 0.5\n",
     "32:5: series keys choose series: leave `levels` out"},
    {"levels: [shop, series]", "levels: [shops]",
     "35:39: there is no level shops: did you mean shop?"},
    {"  sums: {applies_to: orders, levels: [shop, series], max: 5000}", "  sums: 5000",
     "35:3: policies.NAME must be a map, not a single value"},
};

static void names_the_place_of_every_error(void **state)
{
    (void)state;
    assert_int_equal(count_wrong(VALID, BROKEN, sizeof(BROKEN) / sizeof(BROKEN[0])), 0);
}

static void patterns_are_bounded(void **state)
{
    (void)state;
    alm_buffer text = {0};
    alm_buffer_text(&text, HEAD "policies:\n  p: {applies_to: both, max: 1, nodes: [");
    for (int i = 0; i <= ALM_POLICY_PATTERN_BYTES_MAX; i++) {
        alm_buffer_text(&text, "a");
    }
    alm_buffer_text(&text, "]}\n");
    alm_project *p = NULL;
    alm_error error = {0};
    assert_int_equal(open_text(text.data, &p, &error), ALM_ERR_CONFIG);
    assert_string_equal(error.message, "almanac.yaml:18:41: a pattern has at most 200 bytes");
    alm_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_deployments),
        cmocka_unit_test(a_schedule_has_a_route_of_its_own_by_default),
        cmocka_unit_test(reads_policies),
        cmocka_unit_test(names_the_place_of_every_error),
        cmocka_unit_test(patterns_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
