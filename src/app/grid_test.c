#include "app/grid.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const almi_grid_column columns[] = {
    {.key = "name", .title = "NAME", .shrink = true},
    {.key = "value", .title = "VALUE", .decimals = 2, .right = true},
    {.key = "hidden", .title = NULL},
    {.key = "rare", .title = "RARE", .optional = true},
};

static almi_grid *make(alm_arena *arena)
{
    return almi_grid_create(arena, columns, sizeof columns / sizeof columns[0]);
}

static void add(almi_grid *grid, const char *name, double value, const char *rare)
{
    almi_grid_text(grid, name);
    almi_grid_double(grid, value);
    almi_grid_i64(grid, 7);
    almi_grid_text(grid, rare);
}

static void expect_table(const almi_grid *grid, almi_term term, const char *expected)
{
    alm_buffer out = {0};
    almi_grid_print(grid, &term, &out);
    assert_string_equal(out.data, expected);
    alm_buffer_deinit(&out);
}

static void a_table_is_aligned_and_hides_empty_columns(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = make(arena);
    add(grid, "total", 12.345, NULL);
    add(grid, "r\xc3\xa4nge", NAN, NULL);
    /* The umlaut is one column wide, a missing number is a dash, RARE has no value at all. */
    expect_table(grid, (almi_term){.width = 0},
                 "NAME   VALUE\n"
                 "total  12.35\n"
                 "r\xc3\xa4nge      -\n");
    add(grid, "x", 1, "now");
    expect_table(grid, (almi_term){.width = 0},
                 "NAME   VALUE  RARE\n"
                 "total  12.35  -\n"
                 "r\xc3\xa4nge      -  -\n"
                 "x       1.00  now\n");
    alm_arena_destroy(arena);
}

static void a_wide_table_is_cut_where_it_may(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = make(arena);
    add(grid, "a_very_long_name_of_a_node", 1.5, NULL);
    expect_table(grid, (almi_term){.width = 20},
                 "NAME           VALUE\n"
                 "a_very_long_\xe2\x80\xa6   1.50\n");
    /* Never below a readable rest, and numbers are never cut: then the table is wider. */
    expect_table(grid, (almi_term){.width = 5},
                 "NAME    VALUE\n"
                 "a_ver\xe2\x80\xa6   1.50\n");
    alm_arena_destroy(arena);
}

static const almi_grid_column wrapped[] = {
    {.key = "n", .title = "N", .right = true},
    {.key = "why", .title = "WHY", .wrap = true},
    {.key = "by", .title = "BY", .wrap = true},
};

static void what_somebody_wrote_goes_on_in_further_lines(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = almi_grid_create(arena, wrapped, 3);
    almi_grid_i64(grid, 1);
    almi_grid_text(grid, "beats seasonal naive at every level of the tree");
    almi_grid_text(grid, "ann");
    almi_grid_i64(grid, 2);
    almi_grid_text(grid, "0123456789abcdef0123456789");
    almi_grid_text(grid, "ben");
    expect_table(grid, (almi_term){.width = 24},
                 "N  WHY               BY\n"
                 "1  beats seasonal    ann\n"
                 "   naive at every\n"
                 "   level of the\n"
                 "   tree\n"
                 "2  0123456789abcdef  ben\n"
                 "   0123456789\n");
    expect_table(grid, (almi_term){.width = 0},
                 "N  WHY                                              BY\n"
                 "1  beats seasonal naive at every level of the tree  ann\n"
                 "2  0123456789abcdef0123456789                       ben\n");
    alm_arena_destroy(arena);
}

/* A reason that looks like the next entry of the ledger, and one that would colour the screen. */
static void no_text_forges_a_row(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = almi_grid_create(arena, wrapped, 3);
    almi_grid_i64(grid, 1);
    almi_grid_text(grid, "fine\n2  approved");
    almi_grid_text(grid, "\033[31mann");
    expect_table(grid, (almi_term){.width = 0},
                 "N  WHY                BY\n"
                 "1  fine\\n2  approved  \\x1b[31mann\n");
    alm_buffer out = {0};
    almi_grid_print_facts(grid, &(almi_term){.width = 80}, &out);
    assert_non_null(strstr(out.data, "WHY  fine\\n2  approved\n"));
    alm_buffer_clear(&out);
    alm_json_writer json = alm_json_writer_on(&out);
    almi_grid_write_rows(grid, &json); /* a program gets the very text */
    assert_non_null(strstr(out.data, "\"why\":\"fine\\n2  approved\""));
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void colour_only_where_asked(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = make(arena);
    add(grid, "a", 1, NULL);
    alm_buffer out = {0};
    almi_grid_print(grid, &(almi_term){.out_colour = true}, &out);
    assert_non_null(strstr(out.data, "\033[1mNAME  VALUE\033[0m\na "));
    alm_buffer_clear(&out);
    almi_grid_print(grid, &(almi_term){.out_colour = false}, &out);
    assert_null(strchr(out.data, '\033'));
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void json_has_every_column_with_its_type(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = make(arena);
    add(grid, "a\"b", 0.1, NULL);
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    almi_grid_write_rows(grid, &json);
    /* All digits of the number, not those of the table; the quote escaped. */
    assert_string_equal(out.data,
                        "[{\"name\":\"a\\\"b\",\"value\":0.1,\"hidden\":7,\"rare\":null}]");
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void facts_leave_out_what_is_missing(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    almi_grid *grid = make(arena);
    add(grid, "a", 2, NULL);
    alm_buffer out = {0};
    almi_grid_print_facts(grid, &(almi_term){.width = 80}, &out);
    assert_string_equal(out.data, "NAME   a\nVALUE  2.00\n");
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void times_and_digests_have_their_forms(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    static const almi_grid_column two[] = {{.key = "when", .title = "WHEN"},
                                           {.key = "none", .title = "NONE"},
                                           {.key = "hash", .title = NULL}};
    almi_grid *grid = almi_grid_create(arena, two, 3);
    alm_digest digest = {{0xab}};
    almi_grid_instant(grid, (alm_instant)1000000 * 86400 + 1500000);
    almi_grid_optional(grid, (alm_str){0});
    almi_grid_digest(grid, &digest);
    expect_table(grid, (almi_term){.width = 0}, "WHEN                 NONE\n"
                                                "1970-01-02 00:00:01  -\n");
    alm_buffer out = {0};
    alm_json_writer json = alm_json_writer_on(&out);
    almi_grid_write_rows(grid, &json);
    assert_string_equal(out.data, "[{\"when\":\"1970-01-02T00:00:01.500000Z\",\"none\":null,"
                                  "\"hash\":\"ab000000000000000000000000000000000000000000000000"
                                  "00000000000000\"}]");
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void many_rows_keep_their_order(void **state)
{
    (void)state;
    alm_arena *arena = alm_arena_create(0);
    static const almi_grid_column one[] = {{.key = "n", .title = "N", .right = true}};
    almi_grid *grid = almi_grid_create(arena, one, 1);
    /* More than the cells of several chunks. */
    for (int64_t i = 0; i < 1000; i++) {
        almi_grid_i64(grid, i);
    }
    assert_int_equal(almi_grid_rows(grid), 1000);
    alm_buffer out = {0};
    almi_grid_print(grid, &(almi_term){.width = 0}, &out);
    alm_str rest = alm_buffer_view(&out);
    (void)alm_str_split(&rest, '\n');
    for (int64_t i = 0; i < 1000; i++) {
        int64_t read = -1;
        assert_true(alm_str_to_i64(alm_str_trim(alm_str_split(&rest, '\n')), &read));
        assert_int_equal(read, i);
    }
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_aligned_and_hides_empty_columns),
        cmocka_unit_test(a_wide_table_is_cut_where_it_may),
        cmocka_unit_test(what_somebody_wrote_goes_on_in_further_lines),
        cmocka_unit_test(no_text_forges_a_row),
        cmocka_unit_test(colour_only_where_asked),
        cmocka_unit_test(json_has_every_column_with_its_type),
        cmocka_unit_test(facts_leave_out_what_is_missing),
        cmocka_unit_test(times_and_digests_have_their_forms),
        cmocka_unit_test(many_rows_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
