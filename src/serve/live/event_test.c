/* What makes an event, and that its bytes are canonical and come back. */
#include "serve/live/event.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define DAY INT64_C(86400000000)

static const alm_str KEYS[] = {{"s01", 3}, {"n1", 2}};
static const alm_series_column COLUMNS[] = {
    {.name = {"price", 5}, .own = true}, {.name = {"tax", 3}, .own = true},
    {.name = {"event", 5}, .own = false}};

static alm_project project_of(bool stock)
{
    alm_project p = {.series = {.keys = KEYS, .key_count = 2, .columns = COLUMNS,
                                .column_count = 3}};
    p.stock.source = stock ? ALM_STR("stock") : ALM_STR("");
    return p;
}

static alm_event sale(void)
{
    return (alm_event){.kind = ALM_EVENT_SALE, .keys = KEYS, .key_count = 2, .day = 19000,
                       .quantity = 2.5, .known_at = ALM_EVENT_NOT_SAID};
}

static alm_err check(const alm_event *event, bool stock, const char *word)
{
    alm_project project = project_of(stock);
    alm_error error = {0};
    alm_err code = alm_event_check(event, &project, 19001 * DAY, &error);
    assert_int_equal(code != ALM_OK, word != NULL);
    if (word && !strstr(error.message, word)) {
        fail_msg("'%s' does not say '%s'", error.message, word);
    }
    return code;
}

static void test_check(void **state)
{
    (void)state;
    alm_event e = sale();
    assert_int_equal(check(&e, false, NULL), ALM_OK);
    const double bad[] = {-1, -1e-300, NAN, INFINITY, 2e12};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e.quantity = bad[i];
        assert_int_equal(check(&e, false, "quantity"), ALM_ERR_INVALID);
    }
    e = sale();
    e.key_count = 1;
    assert_int_equal(check(&e, false, "1 keys"), ALM_ERR_INVALID);
    const alm_str strange[] = {{"s\xff", 2}, {"n1", 2}};
    e = sale();
    e.keys = strange;
    assert_int_equal(check(&e, false, "UTF-8"), ALM_ERR_INVALID);
    e = sale();
    e.kind = ALM_EVENT_STOCK_COUNT;
    assert_int_equal(check(&e, false, "stock"), ALM_ERR_INVALID);
    assert_int_equal(check(&e, true, NULL), ALM_OK);
}

static void test_check_values(void **state)
{
    (void)state;
    alm_event_value values[2] = {{ALM_STR("price"), 3}, {ALM_STR("tax"), 1}};
    alm_event e = sale();
    e.values = values;
    e.value_count = 2;
    assert_int_equal(check(&e, false, NULL), ALM_OK);
    e.kind = ALM_EVENT_RETURN;
    assert_int_equal(check(&e, false, "at most 0"), ALM_ERR_INVALID);
    e.kind = ALM_EVENT_CORRECTION;
    values[1].value = NAN;
    assert_int_equal(check(&e, false, "finite"), ALM_ERR_INVALID);
    values[1] = values[0];
    assert_int_equal(check(&e, false, "twice"), ALM_ERR_INVALID);
    values[1].column = ALM_STR("event"); /* of the calendar */
    assert_int_equal(check(&e, false, "own source"), ALM_ERR_INVALID);
    values[1].column = ALM_STR("nothing");
    assert_int_equal(check(&e, false, "own source"), ALM_ERR_INVALID);
}

/* A snapshot would reject it, so the log does not have it either. */
static void test_check_types(void **state)
{
    static const alm_source_column SALES[] = {
        {.name = {"units", 5}, .type = ALM_TYPE_I64}, {.name = {"cost", 4}, .type = ALM_TYPE_F64},
        {.name = {"rate", 4}, .type = ALM_TYPE_I64}, {.name = {"promo", 5}, .type = ALM_TYPE_BOOL}};
    static const alm_source_column STOCK[] = {
        {.name = {"on_hand", 7}, .type = ALM_TYPE_F64}, {.name = {"got", 3}, .type = ALM_TYPE_I64}};
    static const alm_source SOURCES[] = {
        {.name = {"sales", 5}, .columns = SALES, .column_count = 4},
        {.name = {"stock", 5}, .columns = STOCK, .column_count = 2}};
    static const alm_series_column OWN[] = {
        {.name = {"price", 5}, .source = {"sales", 5}, .column = {"cost", 4}, .own = true},
        {.name = {"tax", 3}, .source = {"sales", 5}, .column = {"rate", 4}, .own = true},
        {.name = {"promo", 5}, .source = {"sales", 5}, .column = {"promo", 5}, .own = true}};
    static const struct {
        alm_event_kind kind;
        double quantity, price, tax, promo;
        const char *part; /* NULL: it is right */
    } CASE[] = {
        {ALM_EVENT_SALE, 3, 0.5, 19, 1, NULL},
        {ALM_EVENT_SALE, 3.5, 0.5, 19, 1, "quantity 3.5 is not a whole number, and the column "
                                          "units of the source sales is declared i64"},
        {ALM_EVENT_CORRECTION, 1e-9, 0.5, 19, 1, "is not a whole number"},
        {ALM_EVENT_SALE, 3, 0.5, 19.5, 1, "tax 19.5 is not a whole number, and the column rate"},
        {ALM_EVENT_SALE, 3, 0.5, 1e19, 1, "is not a whole number"},
        {ALM_EVENT_SALE, 3, 0.5, -19, 0, NULL},
        {ALM_EVENT_SALE, 3, 0.5, 19, 2, "promo 2 is not true, false, 1 or 0"},
        {ALM_EVENT_RETURN, 3.5, 0, 0, 0, "is not a whole number"},
        {ALM_EVENT_RETURN, 1e12, 0, 0, 0, NULL},
        {ALM_EVENT_STOCK_COUNT, 3.5, 0, 0, 0, NULL},
        {ALM_EVENT_RECEIPT, 3.5, 0, 0, 0, "the column got of the source stock"},
    };
    alm_project p = project_of(true);
    (void)state;
    p.sources = SOURCES;
    p.source_count = 2;
    p.series.source = ALM_STR("sales");
    p.series.target = ALM_STR("units");
    p.series.columns = OWN;
    p.stock.on_hand = ALM_STR("on_hand");
    p.stock.receipts = ALM_STR("got");
    for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
        const alm_event_value values[] = {{ALM_STR("price"), CASE[i].price},
                                          {ALM_STR("tax"), CASE[i].tax},
                                          {ALM_STR("promo"), CASE[i].promo}};
        bool may = CASE[i].kind == ALM_EVENT_SALE || CASE[i].kind == ALM_EVENT_CORRECTION;
        alm_event e = sale();
        alm_error error = {0};
        e.kind = CASE[i].kind;
        e.quantity = CASE[i].quantity;
        e.values = values;
        e.value_count = may ? 3 : 0;
        alm_err code = alm_event_check(&e, &p, 19001 * DAY, &error);
        assert_int_equal(code, CASE[i].part ? ALM_ERR_INVALID : ALM_OK);
        if (CASE[i].part && !strstr(error.message, CASE[i].part)) {
            fail_msg("'%s' does not say '%s'", error.message, CASE[i].part);
        }
    }
}

static void test_check_instants(void **state)
{
    (void)state;
    alm_event e = sale(); /* received at the end of its day */
    e.known_at = 18999 * DAY;
    assert_int_equal(check(&e, false, NULL), ALM_OK);
    e.known_at--;
    assert_int_equal(check(&e, false, "before"), ALM_ERR_INVALID);
    e.known_at = 19002 * DAY;
    assert_int_equal(check(&e, false, NULL), ALM_OK);
    e.known_at++;
    assert_int_equal(check(&e, false, "future"), ALM_ERR_INVALID);
    e.known_at = INT64_MAX;
    assert_int_equal(check(&e, false, "future"), ALM_ERR_INVALID);
    e = sale();
    const alm_date days[] = {ALM_DATE_NONE, -719163, 2932897, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        e.day = days[i];
        e.known_at = 0;
        assert_int_equal(check(&e, false, "9999"), ALM_ERR_INVALID);
    }
    e.day = 2932896;
    e.known_at = ALM_EVENT_NOT_SAID;
    assert_int_equal(check(&e, false, NULL), ALM_OK);
}

static void expect_bytes(const alm_event *event, const char *text)
{
    alm_buffer out = {0};
    alm_event back;
    alm_arena *arena = alm_arena_create(0);
    alm_event_write(event, &out);
    assert_string_equal(out.data, text);
    assert_int_equal(alm_event_read(alm_buffer_view(&out), arena, &back, NULL), ALM_OK);
    assert_int_equal(back.kind, event->kind);
    assert_int_equal(back.day, event->day);
    assert_int_equal(back.known_at, event->known_at);
    assert_true(back.quantity == event->quantity);
    assert_int_equal(back.value_count, event->value_count);
    alm_buffer again = {0};
    alm_event_write(&back, &again);
    assert_string_equal(again.data, text);
    alm_buffer_deinit(&again);
    alm_buffer_deinit(&out);
    alm_arena_destroy(arena);
}

static void test_bytes(void **state)
{
    (void)state;
    alm_event e = sale();
    expect_bytes(&e, "{\"day\":\"2022-01-08\",\"keys\":[\"s01\",\"n1\"],\"kind\":\"sale\","
                     "\"quantity\":2.5}");
    const alm_event_value values[] = {{ALM_STR("tax"), -0.0}, {ALM_STR("price"), 0.1}};
    e.kind = ALM_EVENT_CORRECTION;
    e.values = values; /* written by name */
    e.value_count = 2;
    e.quantity = -0.0;
    e.known_at = -5;
    expect_bytes(&e, "{\"day\":\"2022-01-08\",\"keys\":[\"s01\",\"n1\"],\"kind\":\"correction\","
                     "\"known_at\":-5,\"quantity\":0,\"values\":{\"price\":0.1,\"tax\":0}}");
}

static void test_bytes_that_are_none(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "", "[]", "{}", "{\"day\":\"2022-01-08\"}",
        "{\"day\":\"2022-13-08\",\"keys\":[\"a\"],\"kind\":\"sale\",\"quantity\":1}",
        "{\"day\":\"2022-01-08\",\"keys\":[],\"kind\":\"sale\",\"quantity\":1}",
        "{\"day\":\"2022-01-08\",\"keys\":[1],\"kind\":\"sale\",\"quantity\":1}",
        "{\"day\":\"2022-01-08\",\"keys\":[\"a\"],\"kind\":\"theft\",\"quantity\":1}",
        "{\"day\":\"2022-01-08\",\"keys\":[\"a\"],\"kind\":\"sale\",\"quantity\":null}",
        "{\"day\":\"2022-01-08\",\"keys\":[\"a\"],\"kind\":\"sale\",\"quantity\":1,\"values\":[]}",
        "{\"day\":\"2022-01-08\",\"keys\":[\"a\"],\"kind\":\"sale\",\"quantity\":1,\"more\":1}",
    };
    alm_arena *arena = alm_arena_create(0);
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        alm_event event;
        alm_error error = {0};
        alm_err code = alm_event_read(alm_str_of(TEXTS[i]), arena, &event, &error);
        assert_int_equal(code, ALM_ERR_CORRUPT);
        assert_true(error.message[0] != '\0');
    }
    alm_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),          cmocka_unit_test(test_check_values),
        cmocka_unit_test(test_check_types),
        cmocka_unit_test(test_check_instants), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_bytes_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
