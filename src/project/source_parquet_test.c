/* What a Parquet file gives must be what its values' texts give: ids, rejected rows, reasons. */
#include "project/project_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* %s: file and bounds of the numbers. */
#define WORLD                                                            \
    "almanac: 1\n"                                                       \
    "name: world\n"                                                      \
    "sources:\n"                                                         \
    "  sales:\n"                                                         \
    "    files: [%s, good.csv]\n"                                        \
    "    time: date\n"                                                   \
    "    keys: [sku]\n"                                                  \
    "    reject_share_max: 1\n"                                          \
    "    columns:\n"                                                     \
    "      date: date\n"                                                 \
    "      sku: text\n"                                                  \
    "      w: {type: i64, nullable: true%s}\n"                           \
    "      x: {type: f64, nullable: true%s}\n"                           \
    "      d: {type: date, nullable: true}\n"                            \
    "      ts: {type: instant, nullable: true}\n"                        \
    "      ok: {type: bool, nullable: true}\n"                           \
    "      note: {type: text, nullable: true}\n"                         \
    "series: {source: sales, keys: [sku], target: w, missing: zero}\n"

#define GOOD \
    "date,sku,w,x,d,ts,ok,note\n2020-01-02,good,1,1.5,2020-01-01,2020-01-01T00:00:00Z,true,n\n"

/* One column gets the listed values of one type, the others one that fits. `text`: what a value
 * means, where that is not its text as such (`v`: the column). */
typedef struct variant {
    const char *column;
    const char *values;
    const char *text;
} variant;

#define MIDNIGHTS "CASE WHEN v = date_trunc('day', v) THEN v::DATE::VARCHAR ELSE v::VARCHAR END"
#define WHOLE_DOUBLES                                                    \
    "CASE WHEN v = trunc(v) AND abs(v) < 9007199254740992 "              \
    "THEN v::BIGINT::VARCHAR ELSE v::VARCHAR END"

static const variant VARIANTS[] = {
    {"w", "[NULL, 0, -1, 9223372036854775807, -9223372036854775808, 6, -6]::BIGINT[]", NULL},
    {"w", "[NULL, 0, -2147483648, 2147483647, 5, 6]::INTEGER[]", NULL},
    {"w", "[NULL, 0, -32768, 32767]::SMALLINT[]", NULL},
    {"w", "[NULL, 0, -128, 127]::TINYINT[]", NULL},
    {"w", "[NULL, 0, 4294967295]::UINTEGER[]", NULL},
    {"w", "[NULL, 0, 255]::UTINYINT[]", NULL},
    {"w", "[NULL, 0, 9223372036854775807, 18446744073709551615]::UBIGINT[]", NULL},
    {"w", "[NULL, 0, 1, 5]::HUGEINT[]", "v::BIGINT::VARCHAR"}, /* a file has it as a double */
    {"w", "[NULL, 1, 1.5, -2.25]::DECIMAL(18,3)[]", NULL},
    {"w", "[NULL, true, false]::BOOLEAN[]", NULL},
    {"w", "[NULL, '1', '+2', ' 3', '', 'x', '007', '1e3', '9223372036854775808']::VARCHAR[]", NULL},
    {"w", "[NULL, '2020-01-01']::DATE[]", NULL},
    {"w", "[NULL, 0, -0.0, 1, 1.5, 'nan', 'inf', '-inf', 1e300, 9007199254740991, "
          "9007199254740992, -9007199254740991, 5, 6]::DOUBLE[]", WHOLE_DOUBLES},
    {"w", "[NULL, 0, -0.0, 1.5, 'nan', 16777216, 1e30]::FLOAT[]", WHOLE_DOUBLES},
    {"x", "[NULL, 0, '-0.0', 0.1, 5e-324, 1.7976931348623157e308, 'nan', 'inf', '-inf', 1e16, "
          "123456789.12345679, 5, 5.000000000000001, -5, 1e-7]::DOUBLE[]", NULL},
    {"x", "[NULL, 0.1, '-0.0', 1e10, 'nan', 'inf', 3.4e38]::FLOAT[]", NULL},
    {"x", "[NULL, 9007199254740993, -9223372036854775808, 9223372036854775807, 5, 6]::BIGINT[]",
     NULL},
    {"x", "[NULL, 1, -3]::SMALLINT[]", NULL},
    {"x", "[NULL, 18446744073709551615]::UBIGINT[]", NULL},
    {"x", "[NULL, 0.1, 12345678901234567890.123456789]::DECIMAL(38,9)[]", NULL},
    {"x", "[NULL, '0.1', '1e999', 'nan', '.5', '5.', ' 1']::VARCHAR[]", NULL},
    {"x", "[NULL, true]::BOOLEAN[]", NULL},
    {"d", "[NULL, '1969-12-31', '0001-01-01', '9999-12-31', '10000-01-01', '0044-03-15 (BC)', "
          "'infinity', '-infinity', '1582-10-10', '0999-12-31', '1000-01-01', '2020-02-29']"
          "::DATE[]", NULL},
    {"d", "[NULL, '1969-12-31', '1969-12-31 23:59:59.999999', '0999-12-31', '9999-12-31', "
          "'10000-01-01', '2020-01-01 00:00:00.000001', 'infinity']::TIMESTAMP[]", MIDNIGHTS},
    {"d", "[NULL, '1969-12-31', '2020-01-01 00:00:00.000000001']::TIMESTAMP_NS[]", MIDNIGHTS},
    {"d", "[NULL, '1969-12-31', '2020-01-01 00:00:01']::TIMESTAMP_S[]", MIDNIGHTS},
    {"d", "[NULL, '1969-12-31', '2020-01-01 00:00:00.001']::TIMESTAMP_MS[]", MIDNIGHTS},
    {"d", "[NULL, '2020-01-01', '2020-1-1', '2020-02-30', '']::VARCHAR[]", NULL},
    {"d", "[NULL, 20200101]::INTEGER[]", NULL},
    {"ts", "[NULL, '1969-12-31 23:59:59.999999', '2020-01-01 00:00:00.5', '0001-01-01 00:00:01', "
           "'0999-12-31 23:59:59', '1000-01-01', '9999-12-30 23:59:59', "
           "'9999-12-31 23:59:59.999999', '10000-01-01', '1066-10-14 09:00:00', 'infinity', "
           "'-infinity']::TIMESTAMP[]", NULL},
    {"ts", "[NULL, '1969-12-31 23:59:59', '2020-01-01']::TIMESTAMP_S[]", NULL},
    {"ts", "[NULL, '1969-12-31 23:59:59.999', '2020-01-01']::TIMESTAMP_MS[]", NULL},
    {"ts", "[NULL, '1969-12-31 23:59:59.999999', '2020-01-01 00:00:00.000000001', '2020-01-01']"
           "::TIMESTAMP_NS[]", NULL},
    {"ts", "[NULL, '1969-12-31', '0999-12-31', '1000-01-01', '9999-12-31', '10000-01-01']::DATE[]",
     NULL},
    {"ts", "[NULL, '2020-01-01T10:00:00+02:00', '2020-01-01 10:00', 'now']::VARCHAR[]", NULL},
    {"ts", "[NULL, 0]::BIGINT[]", NULL},
    {"ok", "[NULL, true, false]::BOOLEAN[]", NULL},
    {"ok", "[NULL, 0, 1, 2]::INTEGER[]", NULL},
    {"ok", "[NULL, 'true', 'TRUE', '1', '']::VARCHAR[]", NULL},
    {"note", "[NULL, '', 'a', 'twelve bytes', 'thirteen byte', 'n\xc3\xb6rd', 'a,\"b\"', ' ']"
             "::VARCHAR[]", NULL},
    {"note", "[NULL, 1, -5]::BIGINT[]", NULL},
    {"note", "[NULL, 0.1, 1e16]::DOUBLE[]", NULL},
    {"note", "[NULL, '2020-01-01']::DATE[]", NULL},
    {"note", "[NULL, '2020-01-01 00:00:00.5']::TIMESTAMP[]", NULL},
};

static const char *const COLUMNS[][2] = {
    {"w", "1::BIGINT"}, {"x", "1.5::DOUBLE"}, {"d", "DATE '2020-01-01'"},
    {"ts", "TIMESTAMP '2020-01-01'"}, {"ok", "true"}, {"note", "'n'"},
};
enum { COLUMN_COUNT = sizeof(COLUMNS) / sizeof(COLUMNS[0]) };

/* `v` as a word gives way to the name. */
static char *text_of(fixture *f, const variant *v)
{
    alm_buffer out = {0};
    const char *text = v->text ? v->text : "v::VARCHAR";
    for (size_t i = 0; text[i]; i++) {
        bool word = text[i] == 'v' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '(');
        if (word && (text[i + 1] == ' ' || text[i + 1] == ':' || text[i + 1] == ')')) {
            alm_buffer_text(&out, v->column);
        } else {
            alm_buffer_append(&out, &text[i], 1);
        }
    }
    char *copy = alm_arena_copy_text(f->arena, out.data, out.size);
    alm_buffer_deinit(&out);
    return copy;
}

/* typed.parquet with the values, text.parquet and text.csv with their texts. */
static void make_files(fixture *f, const variant *v)
{
    alm_buffer typed = {0};
    alm_buffer texts = {0};
    alm_buffer_text(&typed, "COPY (SELECT DATE '2020-01-02' AS date, 's' || i AS sku");
    alm_buffer_text(&texts, "SELECT date::VARCHAR AS date, sku");
    for (size_t c = 0; c < COLUMN_COUNT; c++) {
        bool here = strcmp(COLUMNS[c][0], v->column) == 0;
        alm_buffer_printf(&typed, here ? ", (%s)[i] AS %s" : ", %s AS %s",
                          here ? v->values : COLUMNS[c][1], COLUMNS[c][0]);
        alm_buffer_printf(&texts, ", %s AS %s",
                          here ? text_of(f, v)
                               : alm_arena_printf(f->arena, "%s::VARCHAR", COLUMNS[c][0]),
                          COLUMNS[c][0]);
    }
    alm_buffer_printf(&typed, " FROM range(1, len(%s) + 1) t(i)) TO '%s'", v->values,
                      fixture_path(f, "typed.parquet"));
    alm_buffer_printf(&texts, " FROM read_parquet('%s')", fixture_path(f, "typed.parquet"));
    fixture_sql(f, alm_arena_printf(f->arena, "%s; COPY (%s) TO '%s'; COPY (%s) TO '%s' (HEADER)",
                                    typed.data, texts.data, fixture_path(f, "text.parquet"),
                                    texts.data, fixture_path(f, "text.csv")));
    alm_buffer_deinit(&typed);
    alm_buffer_deinit(&texts);
}

/* The id and the rejected rows, in one text, without the name of the file. */
static char *outcome(fixture *f, const char *file, bool bounded)
{
    const char *bounds = bounded ? ", min: -5, max: 5" : "";
    alm_snapshot s;
    alm_str rejected = ALM_STR("none\n");
    fixture_open(f, alm_arena_printf(f->arena, WORLD, file, bounds, bounds));
    alm_err code = fixture_take(f, "2020-01-01", "2020-01-05", &s);
    if (code != ALM_OK) {
        return alm_arena_printf(f->arena, "refused: %s", f->error.message);
    }
    if (s.sources[0].rejected > 0) {
        char *path = alm_arena_printf(f->arena, "%s/rejected/%s.csv", f->project->state,
                                      s.id.data);
        assert_int_equal(alm_fs_read_all(f->fs, path, 100000, f->arena, &rejected, &f->error),
                         ALM_OK);
    }
    alm_buffer out = {0};
    alm_buffer_printf(&out, "%s, %lld rows\n", s.id.data, (long long)s.sources[0].rows);
    for (alm_str rest = rejected; rest.data;) {
        alm_str line = alm_str_split(&rest, '\n');
        (void)alm_str_split(&line, ',');
        (void)(line.data ? alm_str_split(&line, ',') : line);
        alm_buffer_printf(&out, ALM_STR_FMT "\n", ALM_STR_ARG(line));
    }
    char *text = alm_arena_copy_text(f->arena, out.data, out.size);
    alm_buffer_deinit(&out);
    return text;
}

static void values_are_those_of_their_texts(void **state)
{
    fixture *f = *state;
    size_t rejecting = 0;
    fixture_put(f, "good.csv", GOOD);
    for (size_t i = 0; i < sizeof(VARIANTS) / sizeof(VARIANTS[0]); i++) {
        make_files(f, &VARIANTS[i]);
        bool number = strchr("wx", VARIANTS[i].column[0]) != NULL;
        for (int bounded = 0; bounded < 1 + number; bounded++) {
            const char *typed = outcome(f, "typed.parquet", bounded);
            const char *text = outcome(f, "text.parquet", bounded);
            const char *csv = bounded ? text : outcome(f, "text.csv", false); /* takes long */
            if (strcmp(typed, text) != 0 || strcmp(typed, csv) != 0) {
                print_error("%s: %s\ntyped: %stext: %scsv: %s", VARIANTS[i].column,
                            VARIANTS[i].values, typed, text, csv);
            }
            assert_string_equal(typed, text);
            assert_string_equal(typed, csv);
            rejecting += strstr(typed, ",is ") != NULL;
        }
    }
    assert_true(rejecting >= 25); /* the comparison is not one of accepted rows only */
}

/* A zone is a zone of the writer: the instant is what counts, and a day is one of UTC. */
static void zones_are_utc(void **state)
{
    fixture *f = *state;
    fixture_put(f, "good.csv", GOOD);
    static const char *const TYPES[] = {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"};
    const char *first = NULL;
    for (int i = 0; i < 2; i++) {
        fixture_sql(f, alm_arena_printf(f->arena, "COPY (SELECT DATE '2020-01-02' AS date, 's' AS "
                                        "sku, 1 AS w, 1.5::DOUBLE AS x, '2020-01-01'::TIMESTAMP::%s"
                                        " AS d, '1969-12-31 23:59:59.5'::TIMESTAMP::%s AS ts, true "
                                        "AS ok, 'n' AS note) TO '%s'", TYPES[i], TYPES[i],
                                        fixture_path(f, "typed.parquet")));
        const char *got = outcome(f, "typed.parquet", false);
        assert_null(strstr(got, "refused"));
        assert_null(strstr(got, ",is "));
        first = first ? first : got;
        assert_string_equal(got, first);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_are_those_of_their_texts),
        TEST(zones_are_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
