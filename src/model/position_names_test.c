#include "model/position_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COLUMNS 12

/* Fields between commas; how many. */
static size_t names_of(const char *text, alm_str out[COLUMNS])
{
    size_t count = 0;
    for (alm_str rest = alm_str_of(text); rest.data;) {
        assert_true(count < COLUMNS);
        out[count++] = alm_str_split(&rest, ',');
    }
    return count;
}

static void test_a_row_of_cells_is_no_header(void **state)
{
    static const struct {
        const char *text;
        bool is_row, is_numbered;
    } CASE[] = {
        {"2,4,6,8", true, false},       {"2,,6,8", true, false},
        {" 2 ,-1e5,NaN,nan", true, false}, {"True,False,0.5", true, false},
        {"0,1,2,3", true, true},        {" 0, 1,2 ", true, true},
        {"0,1,3", true, false},         {"1,2,3", true, false},
        {"0,01", true, false},          {"0.0,1.0", true, false},
        {"3,2,1,x", false, false},      {"a,b", false, false},
        {"true,1", true, false},        {"0", true, true},
        {"12.5,NA,-Inf,null", true, false}, {"1,1e999", false, false},
        {"None,N/A,3", true, false},    {"nanny,1", false, false},
        {"0,1,2,3,4,5,6,7,8,9,10,11", true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_str name[COLUMNS];
        size_t count = names_of(CASE[i].text, name);
        assert_int_equal(alm_names_are_values(name, count), CASE[i].is_row);
        assert_int_equal(alm_names_are_numbered(name, count), CASE[i].is_numbered);
    }
}

static void test_a_name_of_the_model_stands_at_its_own_place(void **state)
{
    static const struct {
        const char *given, *model;
        size_t moved;
    } CASE[] = {
        {"a,b,c", "Column_0,Column_1,Column_2", SIZE_MAX},
        {"Column_0,x,Column_2", "Column_0,Column_1,Column_2", SIZE_MAX},
        {"x,Column_0,y", "Column_0,Column_1,Column_2", 1},
        {"x, COLUMN_0 ,y", "Column_0,Column_1,Column_2", 1},
        {"x,Column_00,y", "Column_0,Column_1,Column_2", SIZE_MAX},
        {"x,column0,y", "Column_0,Column_1,Column_2", SIZE_MAX},
        {"Column_7,Column_8,y", "Column_0,Column_1,Column_2", SIZE_MAX},
        {"3,2,1,x", "0,1,2,3", 0},
        {"0,2,1,x", "0,1,2,3", 1},
        {"0,1,2,x", "0,1,2,3", SIZE_MAX},
        {"3,2,1,x", "Column_0,Column_1,Column_2,Column_3", 0}, /* numbers are places */
        {"a,f0", "f0,f1", 1},
        {"a,99999999999999999999999", "f0,f1", SIZE_MAX},
        {",a", "f0,f1", SIZE_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        alm_str given[COLUMNS], model[COLUMNS];
        size_t count = names_of(CASE[i].model, model);
        assert_int_equal(names_of(CASE[i].given, given), count);
        assert_int_equal(alm_names_moved(given, NULL, model, count), CASE[i].moved);
    }
}

static void test_places_are_those_of_the_file(void **state)
{
    alm_str given[COLUMNS], model[COLUMNS];
    static const size_t STRAIGHT[] = {1, 2}, CROSSED[] = {2, 1};
    (void)state;
    (void)names_of("answer,f0,f1", given);
    (void)names_of("f0,f1", model);
    assert_int_equal(alm_names_moved(given, STRAIGHT, model, 2), SIZE_MAX);
    assert_int_equal(alm_names_moved(given, CROSSED, model, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_of_cells_is_no_header),
        cmocka_unit_test(test_a_name_of_the_model_stands_at_its_own_place),
        cmocka_unit_test(test_places_are_those_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
