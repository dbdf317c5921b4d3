/* Pages of nodes over made-up runs: levels, parts, risks and what is not known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "serve/answer/node_list.h"
#include "served_fixture.h"

static const alm_str by_market[] = {{"market", 6}};
static const alm_level_spec levels[] = {{.name = {"total", 5}},
                                        {.name = {"market", 6}, .by = by_market, .by_count = 1},
                                        {.name = {"shelf", 5}, .by = by_market, .by_count = 1}};

static int setup(void **state)
{
    served_fixture *o = online_create();
    o->project.levels = levels;
    o->project.level_count = 3;
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    online_run(o, "r2", "demand-2", "2011-12-01", 1);
    online_promote(o, "demand-1");
    online_promote(o, "demand-2");
    online_open(o, 0);
    bool changed = false;
    fixture_must(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    online_destroy(*state);
    return 0;
}

static alm_node_query query_of(const char *node, int32_t limit)
{
    return (alm_node_query){.ask = {.route = ALM_STR("shop"), .node = alm_str_of(node)},
                            .limit = limit};
}

static alm_node_page list(served_fixture *o, const alm_node_query *query)
{
    alm_online online = online_now(o);
    alm_node_page page;
    fixture_must(o->f, alm_list_nodes(&online, query, o->f->arena, &page, &o->f->error));
    return page;
}

static alm_err refused(served_fixture *o, const alm_node_query *query)
{
    alm_online online = online_now(o);
    alm_node_page page = {.rows = 77};
    alm_err code = alm_list_nodes(&online, query, o->f->arena, &page, &o->f->error);
    assert_int_not_equal(code, ALM_OK);
    assert_int_equal(page.rows, 77); /* untouched */
    return code;
}

static void levels_are_in_the_order_of_the_project(void **state)
{
    static const char *const NAME[] = {"total", "market", "region", "series"};
    static const size_t COUNT[] = {1, 2, 1, 9};
    served_fixture *o = *state;
    alm_node_query query = query_of("", 1000);
    alm_node_page page = list(o, &query);
    size_t first = 0;
    assert_int_equal(page.tree->levels, 4);
    for (size_t l = 0; l < 4; l++) {
        assert_true(alm_str_is(page.tree->level[l].name, NAME[l]));
        assert_int_equal(page.tree->level[l].count, COUNT[l]);
        for (size_t i = 0; i < COUNT[l]; i++, first++) {
            assert_true(alm_str_is(page.row[first].node.level, NAME[l]));
            assert_int_equal(page.row[first].node.index, page.tree->level[l].node[i]);
            double demand = 0;
            for (int32_t day = 0; day < page.run->steps; day++) {
                demand += page.row[first].node.mean[day];
            }
            assert_true(page.row[first].demand == demand);
        }
    }
    assert_int_equal(page.rows, first);
    assert_int_equal(page.next.size, 0);
    /* total > market > series; region is of another project. */
    assert_int_equal(page.tree->level[0].parts, 1 << 1);
    assert_int_equal(page.tree->level[1].parts, 1 << 3);
    assert_int_equal(page.tree->level[2].parts, 0);
    assert_non_null(strstr(page.tree->problem.data, "no level region now"));
}

static void parts_are_those_of_the_node(void **state)
{
    served_fixture *o = *state;
    alm_node_query query = query_of("total", 1000);
    alm_node_page page = list(o, &query);
    assert_int_equal(page.rows, 2);
    assert_true(alm_str_is(page.row[0].node.node, "France"));
    assert_true(alm_str_is(page.row[0].node.level, "market"));
    query = query_of("UK", 1000);
    query.ask.level = ALM_STR("market");
    page = list(o, &query);
    assert_int_equal(page.rows, 7);
    for (size_t i = 0; i < page.rows; i++) {
        alm_str rest = page.row[i].node.node;
        (void)alm_str_split(&rest, '|');
        assert_true(alm_str_is(rest, "UK"));
        assert_false(page.row[i].has_parts);
        const uint32_t *whole = page.tree->whole + page.row[i].node.index * page.tree->levels;
        assert_int_equal(whole[0], page.tree->level[0].node[0]);
        assert_int_equal(whole[1], page.of);
        assert_int_equal(whole[2], ALM_NODE_NONE);
    }
    query.ask.node = ALM_STR("France");
    query.ask.level = ALM_STR("region");
    assert_int_equal(list(o, &query).rows, 0);
}

static void pages_follow_each_other(void **state)
{
    served_fixture *o = *state;
    for (int32_t limit = 1; limit <= 14; limit++) {
        alm_node_query query = query_of("", limit);
        size_t rows = 0;
        size_t pages = 0;
        for (;; pages++) {
            alm_node_page page = list(o, &query);
            rows += page.rows;
            assert_true(page.rows <= (size_t)limit);
            if (page.next.size == 0) {
                break;
            }
            query.cursor = page.next;
        }
        assert_int_equal(rows, FIXTURE_NODES);
        assert_int_equal(pages, (FIXTURE_NODES - 1) / limit);
    }
}

static void names_are_searched_without_case(void **state)
{
    served_fixture *o = *state;
    alm_node_query query = query_of("", 1000);
    query.search = ALM_STR("c'X|u");
    assert_int_equal(list(o, &query).rows, 1);
    query.search = ALM_STR("FRANCE");
    assert_int_equal(list(o, &query).rows, 4);
    query.level = ALM_STR("series");
    assert_int_equal(list(o, &query).rows, 2);
    query.search = ALM_STR("a name that is longer than all of them together, and then some");
    assert_int_equal(list(o, &query).rows, 0);
}

static void what_cannot_be_listed_says_why(void **state)
{
    served_fixture *o = *state;
    alm_node_query query = query_of("", 0);
    assert_int_equal(refused(o, &query), ALM_ERR_INVALID);
    query.limit = ALM_NODE_ROWS_MAX + 1;
    assert_int_equal(refused(o, &query), ALM_ERR_INVALID);
    query = query_of("", 10);
    query.level = ALM_STR("shelf"); /* the project has it, the run does not */
    assert_int_equal(refused(o, &query), ALM_ERR_NOT_FOUND);
    assert_non_null(strstr(o->f->error.message, "total, market, region, series"));
    query = query_of("nobody", 10);
    assert_int_equal(refused(o, &query), ALM_ERR_NOT_FOUND);
    query = query_of("France", 10); /* a market and a region */
    assert_int_equal(refused(o, &query), ALM_ERR_USAGE);
    static const char *const CURSOR[] = {"r2", ".1", "r2.", "r2.x", "r2.14", "r2.-1",
                                         "r2.99999999999999999999"};
    query = query_of("", 10);
    for (size_t i = 0; i < sizeof CURSOR / sizeof *CURSOR; i++) {
        query.cursor = alm_str_of(CURSOR[i]);
        assert_int_equal(refused(o, &query), ALM_ERR_INVALID);
    }
    query.cursor = ALM_STR("r1.3");
    assert_int_equal(refused(o, &query), ALM_ERR_CONFLICT);
    query.cursor = ALM_STR("r2.13"); /* the end */
    assert_int_equal(list(o, &query).rows, 0);
}

/* (Their order with stock: tests/web/nodes_test.py, against the single answers.) */
static void a_run_without_stock_has_no_risks(void **state)
{
    served_fixture *o = *state;
    alm_online online = online_now(o);
    alm_node_query query = query_of("", 1000);
    alm_node_page page;
    fixture_must(o->f, alm_list_risks(&online, &query, o->f->arena, &page, &o->f->error));
    assert_int_equal(page.rows, 0);
    assert_int_equal(page.tree->risks, 0);
    assert_int_equal(page.next.size, 0);
    page = list(o, &query);
    assert_true(isnan(page.row[0].probability) && isnan(page.row[0].expected_days));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_are_in_the_order_of_the_project, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_are_those_of_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_follow_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_searched_without_case, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_listed_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_without_stock_has_no_risks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
