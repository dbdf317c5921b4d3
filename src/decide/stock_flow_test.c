/* Three stages in a row, as stockpyl simulates them (tests/golden/inventory): every stage is one
 * stock that alm_stock_step moves and that orders up to its level. */
#include "decide/stock_flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/rng.h"
#include "base/str.h"
#include "decide/replenish.h"

enum { STAGES = 3, LEAD_MAX = 2, COLUMNS = 6 };

typedef struct stage {
    double level, holding;
    int lead;
    alm_stock stock;
    double pipeline[LEAD_MAX]; /* arrives in 1, 2, .. periods */
    double on_order;
    double held; /* shipped to a customer who cannot be reached */
    double ordered, shipped;
} stage;

typedef struct row {
    double demand;
    double stage[STAGES][COLUMNS]; /* disrupted, order, shipped, level, backorders, holding */
} row;

typedef enum pause { PAUSE_NOTHING, PAUSE_ORDERS, PAUSE_SHIPMENTS } pause;

static void read_row(alm_str line, row *out)
{
    double cells[2 + STAGES * COLUMNS];
    size_t count = 0;
    while (line.data) {
        assert_true(count < sizeof cells / sizeof cells[0]);
        assert_true(alm_str_to_double(alm_str_split(&line, ','), &cells[count++]));
    }
    assert_int_equal(count, sizeof cells / sizeof cells[0]);
    out->demand = cells[1];
    for (size_t i = 0; i < STAGES * COLUMNS; i++) {
        out->stage[i / COLUMNS][i % COLUMNS] = cells[2 + i];
    }
}

/* Orders go up the row at once, after the customer's demand is seen. */
static void place_orders(stage *stages, const row *now, pause paused, double *demand)
{
    demand[0] = now->demand;
    for (int i = 0; i < STAGES; i++) {
        stage *s = &stages[i];
        double position = s->stock.on_hand - s->stock.backlog + s->on_order - demand[i];
        alm_order_reason reason;
        alm_order_rules none = {0};
        bool stopped = paused == PAUSE_ORDERS && now->stage[i][0] != 0;
        s->ordered = stopped ? 0 : alm_order_quantity(s->level, s->level, position, &none, false,
                                                      &reason);
        s->on_order += s->ordered;
        demand[i + 1] = s->ordered;
    }
}

/* Goods come down: a stage receives what was shipped in earlier periods, then ships. */
static void move_goods(stage *stages, const row *now, pause paused, const double *demand)
{
    double receipts[STAGES];
    for (int i = 0; i < STAGES; i++) {
        stage *s = &stages[i];
        receipts[i] = s->pipeline[0];
        s->pipeline[0] = s->pipeline[1];
        s->pipeline[1] = i == STAGES - 1 ? s->ordered : 0; /* the supplier has everything */
        s->on_order -= receipts[i];
    }
    for (int i = 0; i < STAGES; i++) {
        stage *s = &stages[i];
        s->held += alm_stock_step(&s->stock, receipts[i], demand[i], false).shipped;
        bool stopped = i > 0 && paused == PAUSE_SHIPMENTS && now->stage[i - 1][0] != 0;
        s->shipped = stopped ? 0 : s->held;
        s->held -= s->shipped;
        if (i > 0) {
            stages[i - 1].pipeline[stages[i - 1].lead - 1] += s->shipped;
        }
    }
}

static void expect_row(const stage *stages, const row *now, size_t t)
{
    for (int i = 0; i < STAGES; i++) {
        const stage *s = &stages[i];
        const double *want = now->stage[i];
        double got[COLUMNS] = {want[0], s->ordered, s->shipped,
                               s->stock.on_hand - s->stock.backlog, s->stock.backlog,
                               s->holding * (s->stock.on_hand + s->held)};
        for (int c = 1; c < COLUMNS; c++) {
            /* Sums of some hundred numbers up to 100, and the tolerance of a step. */
            if (!(fabs(got[c] - want[c]) <= 1e-8)) {
                fail_msg("period %zu, stage %d, column %d: %.12g, published %.12g", t, i + 1, c,
                         got[c], want[c]);
            }
        }
    }
}

static void simulate(const char *path, pause paused, size_t periods)
{
    alm_arena *arena = alm_arena_create(0);
    alm_fs *fs = NULL;
    alm_str text;
    assert_int_equal(alm_fs_real_create(&fs, NULL), ALM_OK);
    assert_int_equal(alm_fs_read_all(fs, path, 1 << 20, arena, &text, NULL), ALM_OK);
    alm_fs_destroy(fs);
    stage stages[STAGES] = {{6.49, 7, 1, {6.49, 0}, {0, 0}, 0, 0, 0, 0},
                            {5.53, 4, 1, {5.53, 0}, {0, 0}, 0, 0, 0, 0},
                            {10.69, 2, 2, {10.69, 0}, {0, 0}, 0, 0, 0, 0}};
    (void)alm_str_split(&text, '\n'); /* names */
    size_t t = 0;
    while (text.data) {
        alm_str line = alm_str_split(&text, '\n');
        if (line.size) {
            row now;
            double demand[STAGES + 1];
            read_row(line, &now);
            place_orders(stages, &now, paused, demand);
            move_goods(stages, &now, paused, demand);
            expect_row(stages, &now, t++);
        }
    }
    assert_int_equal(t, periods);
    alm_arena_destroy(arena);
}

static void published_simulations_come_out(void **state)
{
    (void)state;
    simulate("tests/golden/inventory/serial.csv", PAUSE_NOTHING, 5);
    simulate("tests/golden/inventory/serial_orders_paused.csv", PAUSE_ORDERS, 100);
    simulate("tests/golden/inventory/serial_shipments_paused.csv", PAUSE_SHIPMENTS, 100);
}

/* Nothing appears and nothing vanishes but what is lost. */
static void units_are_kept(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 200; k++) {
        alm_rng rng = alm_rng_stream(3, k);
        bool lost = k % 2;
        alm_stock stock = {(double)alm_rng_next_below(&rng, 20), 0};
        double balance = stock.on_hand;
        double owed = 0;
        for (int day = 0; day < 60; day++) {
            double receipt = (double)alm_rng_next_below(&rng, 8);
            double demand = (double)alm_rng_next_below(&rng, 9);
            alm_stock_day moved = alm_stock_step(&stock, receipt, demand, lost);
            balance += receipt - moved.shipped;
            owed += demand - moved.shipped - (lost ? moved.missing : 0);
            assert_true(stock.on_hand == balance && stock.backlog == owed);
            assert_true(stock.on_hand == 0 || stock.backlog == 0);
            assert_true(moved.missing >= 0 && moved.missing <= demand);
            assert_true(!lost || stock.backlog == 0);
        }
    }
}

static void the_last_bit_is_no_shortage(void **state)
{
    (void)state;
    alm_stock stock = {.1 + .2, 0};
    alm_stock_day day = alm_stock_step(&stock, 0, .3 + 1e-16 + 1e-10, false);
    assert_true(day.missing == 0 && stock.on_hand == 0 && stock.backlog == 0);
    stock = (alm_stock){1, 0};
    assert_true(alm_stock_step(&stock, 0, 1.00001, false).missing > 0);
    assert_true(stock.backlog > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_simulations_come_out),
        cmocka_unit_test(units_are_kept),
        cmocka_unit_test(the_last_bit_is_no_shortage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
