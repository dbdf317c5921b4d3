#include "table/csv.h"

#include "base/fs_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* gzip -9n of GZIP_TEXT, made with Python 3.11: gzip.compress(text, 9, mtime=0). */
#define GZIP_TEXT "date,sku,units\n2020-01-01,a,1\n2020-01-02,b,2\n"
static const unsigned char GZIP[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x49,
    0x2c, 0x49, 0xd5, 0x29, 0xce, 0x2e, 0xd5, 0x29, 0xcd, 0xcb, 0x2c, 0x29,
    0xe6, 0x32, 0x32, 0x30, 0x32, 0xd0, 0x35, 0x30, 0x04, 0x22, 0x9d, 0x44,
    0x1d, 0x43, 0x04, 0xd7, 0x48, 0x27, 0x49, 0xc7, 0x88, 0x0b, 0x00, 0x92,
    0x4b, 0xce, 0xf9, 0x2d, 0x00, 0x00, 0x00,
};

static alm_fs *fs;

static int setup(void **state)
{
    (void)state;
    alm_error error;
    return alm_fs_memory_create(&fs, &error) == ALM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    alm_fs_destroy(fs);
    return 0;
}

static void put(const void *data, size_t size)
{
    alm_error error;
    assert_int_equal(alm_fs_write_all(fs, "t.csv", (alm_str){data, size}, &error), ALM_OK);
}

/* "a|b;c|d;" for the records of the text; the error's message in `message` on failure. */
static alm_err read_all(const void *data, size_t size, alm_buffer *out, alm_error *error)
{
    put(data, size);
    alm_csv *csv = NULL;
    ALM_TRY(alm_csv_open(fs, "t.csv", "data/t.csv", &csv, error));
    alm_err code;
    const alm_str *fields = NULL;
    size_t count = 0;
    uint64_t expected = 0;
    while ((code = alm_csv_next(csv, &fields, &count, error)) == ALM_OK && count > 0) {
        assert_int_equal(alm_csv_record(csv), ++expected);
        for (size_t i = 0; i < count; i++) {
            alm_buffer_text(out, i ? "|" : "");
            alm_buffer_str(out, fields[i]);
        }
        alm_buffer_text(out, ";");
    }
    if (code == ALM_OK) {
        alm_digest digest = alm_csv_digest(csv);
        alm_digest whole = alm_hash_bytes(data, size);
        assert_true(alm_digest_equal(&digest, &whole));
    }
    alm_csv_close(csv);
    return code;
}

static void expect(const char *text, const char *records)
{
    alm_buffer out = {0};
    alm_error error = {0};
    assert_int_equal(read_all(text, strlen(text), &out, &error), ALM_OK);
    assert_string_equal(out.data ? out.data : "", records);
    alm_buffer_deinit(&out);
}

static void expect_error(const void *data, size_t size, alm_err expected, const char *message)
{
    alm_buffer out = {0};
    alm_error error = {0};
    assert_int_equal(read_all(data, size, &out, &error), expected);
    assert_string_equal(error.message, message);
    alm_buffer_deinit(&out);
}

#define EXPECT_ERROR(text, code, message) expect_error(text, sizeof(text) - 1, code, message)

static void reads_records(void **state)
{
    (void)state;
    expect("a,b\n1,2\n3,4\n", "1|2;3|4;");
    expect("a,b\n1,2\n3,4", "1|2;3|4;");           /* no line break at the end */
    expect("a,b\r\n1,2\r\n\r\n3,4\r\n", "1|2;3|4;"); /* CRLF, a blank line */
    expect("\xef\xbb\xbf" "a,b\n1,2\n", "1|2;");    /* byte order mark */
    expect("a,b\n\"x,\"\"y\"\"\n\",2\n", "x,\"y\"\n|2;");
    expect("a,b\n\"\",\"2\"\r\n", "|2;");
    expect("a,b\n5\" pipe,2\n", "5\" pipe|2;");      /* a quote inside an unquoted value */
    expect("a,b\n1\n1,2,3\n,\n", "1;1|2|3;|;");      /* ragged rows are the caller's to judge */
    expect("a,b\n", "");
    expect("a,b\nb\xc3\xa4r,\n", "b\xc3\xa4r|;");
}

static void reads_gzip(void **state)
{
    (void)state;
    alm_buffer out = {0};
    alm_error error = {0};
    assert_int_equal(read_all(GZIP, sizeof(GZIP), &out, &error), ALM_OK);
    assert_string_equal(out.data, "2020-01-01|a|1;2020-01-02|b|2;");
    unsigned char two[2 * sizeof(GZIP)]; /* two members are one text */
    memcpy(two, GZIP, sizeof(GZIP));
    memcpy(two + sizeof(GZIP), GZIP, sizeof(GZIP));
    alm_buffer_clear(&out);
    assert_int_equal(read_all(two, sizeof(two), &out, &error), ALM_OK);
    assert_string_equal(out.data, "2020-01-01|a|1;2020-01-02|b|2;date|sku|units;"
                                  "2020-01-01|a|1;2020-01-02|b|2;");
    alm_buffer_deinit(&out);
}

static void refuses_cut_and_damaged_gzip(void **state)
{
    (void)state;
    for (size_t size = 10; size < sizeof(GZIP); size++) { /* every cut behind the header */
        alm_buffer out = {0};
        alm_error error = {0};
        assert_int_equal(read_all(GZIP, size, &out, &error), ALM_ERR_CORRUPT);
        assert_non_null(strstr(error.message, "data/t.csv: the gzip file is cut off after row "));
        alm_buffer_deinit(&out);
    }
    unsigned char bad[sizeof(GZIP)];
    memcpy(bad, GZIP, sizeof(GZIP));
    bad[sizeof(GZIP) - 6] ^= 1; /* the sum in the trailer */
    alm_buffer out = {0};
    alm_error error = {0};
    assert_int_equal(read_all(bad, sizeof(bad), &out, &error), ALM_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "the gzip file is damaged"));
    assert_non_null(strstr(error.message, "incorrect data check"));
    alm_buffer_deinit(&out);
}

static void refuses_what_is_no_csv(void **state)
{
    (void)state;
    EXPECT_ERROR("", ALM_ERR_INVALID,
                 "data/t.csv: the file is empty: a header with the column names is needed");
    EXPECT_ERROR("a,b\n1,\"2\n3,4\n", ALM_ERR_INVALID,
                 "data/t.csv: row 1, value 2: the quote is not closed before the file ends");
    EXPECT_ERROR("a,b\n1,\"2\"x\n", ALM_ERR_INVALID,
                 "data/t.csv: row 1, value 2: text stands behind the closing quote");
    EXPECT_ERROR("a,b\n1,2\nx\xff,2\n", ALM_ERR_INVALID,
                 "data/t.csv: row 2, column a: the text is not UTF-8: save the file as UTF-8");
    EXPECT_ERROR("a,b\n1,x\0y\n", ALM_ERR_INVALID,
                 "data/t.csv: row 1, column b: a zero byte stands in the text");
    EXPECT_ERROR("a,b,a\n", ALM_ERR_INVALID, "data/t.csv: header: column a is there twice");
    EXPECT_ERROR("W1,1.5,1.5\n", ALM_ERR_INVALID, "data/t.csv: header: column 1.5 is there twice: "
                 "is it a row of data? A header with the names of the columns is needed");
    EXPECT_ERROR("a,,b\n", ALM_ERR_INVALID, "data/t.csv: header: column 2 has no name");
    alm_csv *csv = NULL;
    alm_error error = {0};
    assert_int_equal(alm_csv_open(fs, "none.csv", "none.csv", &csv, &error), ALM_ERR_NOT_FOUND);
    assert_null(csv);
}

/* What people save as CSV and is none, each with what to do. */
static void names_what_the_file_is_instead(void **state)
{
    (void)state;
    EXPECT_ERROR("date;sku;units\n2024-01-01;a;1,5\n", ALM_ERR_INVALID,
                 "data/t.csv: the columns are separated by semicolons, not by commas: save it as "
                 "CSV with commas, and numbers with a point");
    EXPECT_ERROR("sep=;\na;b\n", ALM_ERR_INVALID,
                 "data/t.csv: the columns are separated by semicolons, not by commas: save it as "
                 "CSV with commas, and numbers with a point");
    EXPECT_ERROR("sep=,\na,b\n1,2\n", ALM_ERR_INVALID,
                 "data/t.csv: the first line says 'sep=,', which only Excel reads: take it out");
    EXPECT_ERROR("a,b\r1,2\r3,4\r", ALM_ERR_INVALID,
                 "data/t.csv: the lines end with carriage returns alone: save it with the line "
                 "ends of Unix (LF) or Windows (CRLF)");
    alm_buffer many = {0}; /* more of them than a record may have values */
    alm_buffer_text(&many, "a,b\r");
    for (int i = 0; i < 5000; i++) {
        alm_buffer_text(&many, "1,2\r");
    }
    expect_error(many.data, many.size, ALM_ERR_INVALID,
                 "data/t.csv: the lines end with carriage returns alone: save it with the line "
                 "ends of Unix (LF) or Windows (CRLF)");
    alm_buffer_clear(&many);
    for (int i = 0; i < 5000; i++) {
        alm_buffer_printf(&many, "%sc%d", i ? "," : "", i);
    }
    expect_error(many.data, many.size, ALM_ERR_LIMIT,
                 "data/t.csv: header: more than 4096 columns: cut the file, or write what the "
                 "columns hold into rows");
    alm_buffer_deinit(&many);
    EXPECT_ERROR("PK\3\4\24\0\6\0", ALM_ERR_INVALID,
                 "data/t.csv is a ZIP file, as workbooks of Excel are: save the sheet as CSV "
                 "(UTF-8)");
    EXPECT_ERROR("\xd0\xcf\x11\xe0\xa1", ALM_ERR_INVALID,
                 "data/t.csv is a workbook of Excel: save the sheet as CSV (UTF-8)");
    EXPECT_ERROR("\xff\xfe" "a\0,\0b\0\n\0", ALM_ERR_INVALID,
                 "data/t.csv is UTF-16: save it as UTF-8");
    EXPECT_ERROR("caf\xe9,b\n", ALM_ERR_INVALID,
                 "data/t.csv: header, column 1: the text is not UTF-8: save the file as UTF-8");
    EXPECT_ERROR("PAR1\x15\4\x15", ALM_ERR_UNSUPPORTED,
                 "data/t.csv is a Parquet file: write it as CSV, plain or gzip");
    expect("PAR1,b\n1,2\n", "1|2;");
    expect("a;b,c\n1,2\n", "1|2;"); /* with commas it is what it seems */
}

/* Whatever is written with alm_csv_write comes back. */
static void writes_what_it_reads(void **state)
{
    (void)state;
    const char *values[] = {"", "plain", "a,b", "say \"x\"", "two\nlines", "\"", "cr\rinside"};
    size_t count = sizeof(values) / sizeof(values[0]);
    alm_buffer text = {0};
    alm_buffer expected = {0};
    alm_buffer_text(&text, "a,b\n");
    for (size_t i = 0; i < count; i++) {
        alm_csv_write(&text, alm_str_of(values[i]));
        alm_buffer_text(&text, ",end\n");
        alm_buffer_printf(&expected, "%s|end;", values[i]);
    }
    expect(text.data, expected.data);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&expected);
}

/* Records longer than every buffer, and boundaries at every place. */
static void long_records_survive_refills(void **state)
{
    (void)state;
    alm_buffer text = {0};
    alm_buffer_text(&text, "a,b\n");
    size_t rows = 20000;
    for (size_t i = 0; i < rows; i++) {
        alm_buffer_printf(&text, "\"row \"\"%zu\"\"\n\",%zu\n", i, i * i);
    }
    put(text.data, text.size);
    alm_csv *csv = NULL;
    alm_error error = {0};
    assert_int_equal(alm_csv_open(fs, "t.csv", "t.csv", &csv, &error), ALM_OK);
    for (size_t i = 0; i < rows; i++) {
        const alm_str *fields = NULL;
        size_t count = 0;
        assert_int_equal(alm_csv_next(csv, &fields, &count, &error), ALM_OK);
        assert_int_equal(count, 2);
        char expected[64];
        (void)snprintf(expected, sizeof(expected), "row \"%zu\"\n", i);
        assert_true(alm_str_is(fields[0], expected));
        int64_t number = 0;
        assert_true(alm_str_to_i64(fields[1], &number));
        assert_int_equal(number, i * i);
    }
    alm_csv_close(csv);
    alm_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_records, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_gzip, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_cut_and_damaged_gzip, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_csv, setup, teardown),
        cmocka_unit_test_setup_teardown(names_what_the_file_is_instead, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_what_it_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(long_records_survive_refills, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
