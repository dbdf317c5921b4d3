#include "batch/prediction_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rng.h"
#include "batch/batch_fixture.h"

static void names_of_quantiles(void **state)
{
    (void)state;
    static const struct {
        double level;
        const char *name;
    } CASES[] = {{.05, "q05"},   {.5, "q50"},     {.95, "q95"},   {.1, "q10"},    {.99, "q99"},
                 {.01, "q01"},   {.005, "q00_5"}, {.025, "q02_5"}, {.975, "q97_5"}, {.07, "q07"},
                 {.29, "q29"},   {.57, "q57"},    {.58, "q58"},   {.995, "q99_5"}, {.125, "q12_5"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char name[16];
        alm_quantile_name(CASES[i].level, name);
        assert_string_equal(name, CASES[i].name);
    }
}

/* The columns are a released format: this list only ever grows at its end. */
static void columns_of_the_store(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    static const char *const WANT[][2] = {
        {"run_id", "VARCHAR"},          {"schedule", "VARCHAR"},
        {"node", "VARCHAR"},            {"level", "VARCHAR"},
        {"sku", "VARCHAR"},             {"store", "VARCHAR"},
        {"target_date", "DATE"},        {"prediction_timestamp", "TIMESTAMPTZ"},
        {"mean", "DOUBLE"},             {"q05", "DOUBLE"},
        {"q10", "DOUBLE"},              {"q50", "DOUBLE"},
        {"q90", "DOUBLE"},              {"q95", "DOUBLE"},
        {"base_mean", "DOUBLE"},        {"method", "VARCHAR"},
        {"stockout_probability", "DOUBLE"}, {"expected_days_to_stockout", "DOUBLE"},
        {"expected_shortfall", "DOUBLE"},
        {"explanation", "STRUCT(feature VARCHAR, contribution DOUBLE)[]"},
        {"fallback", "VARCHAR"},        {"feature_version", "VARCHAR"},
        {"training_run_id", "VARCHAR"}, {"snapshot_id", "VARCHAR"},
        {"release_hash", "VARCHAR"}};
    alm_prediction_columns c;
    alm_prediction_columns_of(f->project, f->arena, &c);
    assert_true(c.count >= sizeof WANT / sizeof WANT[0]);
    for (size_t i = 0; i < sizeof WANT / sizeof WANT[0]; i++) {
        assert_string_equal(c.names[i], WANT[i][0]);
        assert_string_equal(c.sql_types[i], WANT[i][1]);
    }
    assert_int_equal(c.key_first, 4);
    assert_int_equal(c.key_count, 2);
    assert_int_equal(c.quantile_first, 9);
    assert_int_equal(c.quantile_count, 5);
    assert_true(c.quantiles[0] == .05 && c.quantiles[4] == .95);
}

/* Two models: their quantiles together, each once, rising. */
static void quantiles_of_all_models(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    alm_model_spec models[2] = {f->project->models[0], f->project->models[0]};
    models[1].quantile_count = 3;
    models[1].quantiles[0] = .01;
    models[1].quantiles[1] = .5;
    models[1].quantiles[2] = .99;
    alm_project project = *f->project;
    project.models = models;
    project.model_count = 2;
    alm_prediction_columns c;
    alm_prediction_columns_of(&project, f->arena, &c);
    static const double WANT[] = {.01, .05, .1, .5, .9, .95, .99};
    assert_int_equal(c.quantile_count, 7);
    for (int k = 0; k < 7; k++) {
        assert_true(c.quantiles[k] == WANT[k]);
    }
    assert_string_equal(c.names[c.quantile_first], "q01");
}

static void the_table_is_made_once(void **state)
{
    fixture *f = *state;
    synthetic_open(f, NULL);
    for (int k = 0; k < 2; k++) {
        alm_predictions *table = NULL;
        const alm_predictions_commit *commits = NULL;
        size_t count = 0;
        assert_int_equal(alm_prediction_table_open(&f->env, f->project, &table, &f->error),
                         ALM_OK);
        assert_int_equal(alm_predictions_list(table, &commits, &count, &f->error), ALM_OK);
        assert_int_equal(count, 1);
        alm_predictions_close(table);
    }
    alm_model_spec model = f->project->models[0];
    model.quantiles[0] = .01;
    alm_project project = *f->project;
    project.models = &model;
    alm_predictions *table = NULL;
    assert_int_equal(alm_prediction_table_open(&f->env, &project, &table, &f->error),
                     ALM_ERR_CONFLICT); /* other columns need another store */
    assert_null(table);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, synthetic_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_quantiles),
        CASE(columns_of_the_store),
        CASE(quantiles_of_all_models),
        CASE(the_table_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
