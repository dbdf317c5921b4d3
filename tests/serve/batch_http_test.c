/* The batch forms: every item for itself, in order, the same bytes as the single route gives. */
#include "web_fixture.h"

#define BATCH "/api/v1/predictions/demand/batch"

static const alm_json *result(const alm_json_document *document, size_t index)
{
    const alm_json *one = alm_json_at(alm_json_member(alm_json_root(document), "results"), index);
    assert_non_null(one);
    assert_true(number(one, "index") == (double)index);
    assert_true(!alm_json_member(one, "answer") != !alm_json_member(one, "problem"));
    return one;
}

static void expect_refused(const alm_json *one, int status, const char *part)
{
    const alm_json *problem = alm_json_member(one, "problem");
    alm_str detail = {0};
    assert_non_null(problem);
    assert_true(number(problem, "status") == status);
    assert_true(alm_json_as_str(alm_json_member(problem, "detail"), &detail));
    if (!strstr(detail.data, part)) {
        fail_msg("%s is not in %s", part, detail.data);
    }
}

static void items_are_answered_or_refused_each_for_itself(void **state)
{
    web *w = *state;
    alm_json_document *document =
        post(w, "demand/batch",
             "{\"defaults\":{\"route\":\"shop\",\"horizon\":3,\"warehouse_id\":\"UK\"},"
             "\"requests\":[{\"product_id\":\"a\"},{\"product_id\":\"zz\"},"
             "{\"product_id\":\"a\",\"horizon\":1},{\"product_id\":\"a\",\"horizon\":\"x\"},7,{},"
             "{\"product_id\":\"a\",\"hroizon\":1},"
             "{\"product_id\":\"d\",\"model_version\":\"demand-1\"}]}", 200);
    const alm_json *root = alm_json_root(document);
    assert_true(number(root, "answered") == 3 && number(root, "refused") == 5);
    assert_true(number(root, "degraded") == 0);
    const alm_json *answer = alm_json_member(result(document, 0), "answer");
    assert_int_equal(alm_json_count(alm_json_member(answer, "predictions")), 3);
    expect_text(answer, "node", "a|UK");
    expect_refused(result(document, 1), 404, "node zz|UK");
    answer = alm_json_member(result(document, 2), "answer");
    assert_int_equal(alm_json_count(alm_json_member(answer, "predictions")), 1);
    expect_refused(result(document, 3), 400, "/horizon: ");
    expect_text(alm_json_member(result(document, 3), "problem"), "pointer", "/horizon");
    expect_refused(result(document, 4), 400, "object");
    expect_refused(result(document, 5), 400, "warehouse_id: sku, market");
    expect_refused(result(document, 6), 400, "there is no key 'hroizon'");
    expect_text(alm_json_member(result(document, 7), "answer"), "model_version", "demand-1");
    alm_json_document_destroy(document);
}

/* The reply of a target as it came. */
static void take(web *w, const char *target, const char *type, const char *body, int status,
                 alm_buffer *out)
{
    const char *const headers[] = {"content-type", type, NULL, NULL};
    cases_answer answer;
    cases_ask_service(&w->cases.service, ALM_METHOD_POST, target, headers, alm_str_of(body),
                      &answer);
    if (answer.reply.status != status) {
        fail_msg("%s gave %d: %s", target, answer.reply.status, answer.body.data);
    }
    alm_buffer_clear(out);
    alm_buffer_str(out, alm_buffer_view(&answer.body));
    alm_buffer_text(out, "");
    cases_answer_end(&answer);
}

static void an_item_is_what_the_single_route_gives(void **state)
{
    static const char *const ASK = "{\"route\":\"shop\",\"node\":\"a|UK\",\"horizon\":2}";
    static const char *const KINDS[] = {"demand", "stockout", "optimize"};
    web *w = *state;
    alm_arena *arena = w->o->f->arena;
    alm_buffer single = {0}, many = {0};
    for (size_t i = 0; i < 3; i++) {
        const char *body = i < 2 ? ASK
                                 : "{\"route\":\"shop\",\"node\":\"a|UK\",\"lead_time_days\":1,"
                                   "\"service_level\":0.9}";
        const char *key = i == 0 ? "answer" : "problem"; /* these runs have no stock, no paths */
        const char *target = alm_arena_printf(arena, "/api/v1/predictions/%s", KINDS[i]);
        take(w, target, ALM_TYPE_JSON, body, i == 0 ? 200 : i == 1 ? 404 : 501, &single);
        /* A problem names the address that was asked: the only difference. */
        const char *path = strstr(single.data, target);
        const char *expected = single.data;
        if (path) {
            expected = alm_arena_printf(arena, "%.*s%s/batch%s", (int)(path - single.data),
                                        single.data, target, path + strlen(target));
        }
        take(w, alm_arena_printf(arena, "%s/batch", target), ALM_TYPE_JSON,
             alm_arena_printf(arena, "{\"requests\":[%s,%s]}", body, body), 200, &many);
        assert_string_equal(many.data, alm_arena_printf(
            arena, "{\"results\":[{\"index\":0,\"%s\":%s},{\"index\":1,\"%s\":%s}],"
            "\"answered\":%d,\"refused\":%d,\"degraded\":0}", key, expected, key, expected,
            i == 0 ? 2 : 0, i == 0 ? 0 : 2));
        take(w, alm_arena_printf(arena, "%s/batch", target), ALM_TYPE_LINES,
             alm_arena_printf(arena, "%s\n\n%s", body, body), 200, &many);
        assert_string_equal(many.data, alm_arena_printf(
            arena, "{\"line\":1,\"%s\":%s}\n{\"line\":3,\"%s\":%s}\n"
            "{\"answered\":%d,\"refused\":%d,\"degraded\":0}\n", key, expected, key, expected,
            i == 0 ? 2 : 0, i == 0 ? 0 : 2));
    }
    alm_buffer_deinit(&single);
    alm_buffer_deinit(&many);
}

/* Every line of the reply is JSON of the schema for lines; they are given in an array. */
static alm_json_document *lines(web *w, alm_str body, size_t count)
{
    static const char *const LINES[] = {"content-type", ALM_TYPE_LINES "; charset=utf-8", NULL};
    const alm_route *route;
    alm_str value[ALM_ROUTE_VALUES_MAX];
    alm_str allow;
    alm_error error = {0};
    char pointer[ALM_POINTER_BYTES];
    cases_answer answer;
    cases_ask_service(&w->cases.service, ALM_METHOD_POST, BATCH, LINES, body, &answer);
    assert_int_equal(answer.reply.status, 200);
    assert_string_equal(answer.reply.content_type, ALM_TYPE_LINES);
    alm_buffer array = {0};
    assert_int_equal(answer.body.data[answer.body.size - 1], '\n');
    alm_str rest = {answer.body.data, answer.body.size - 1};
    while (rest.data) {
        alm_buffer_text(&array, array.size ? "," : "[");
        alm_buffer_str(&array, alm_str_split(&rest, '\n'));
    }
    alm_buffer_text(&array, "]");
    alm_json_document *document = NULL;
    assert_int_equal(alm_json_parse(alm_buffer_view(&array), "lines", &document, &error), ALM_OK);
    assert_int_equal(alm_route_find(ALM_METHOD_POST, ALM_STR(BATCH), answer.arena, &route, value,
                                    &allow), ALM_MATCH_FOUND);
    assert_int_equal(alm_json_count(alm_json_root(document)), count);
    for (size_t i = 0; i < count; i++) {
        if (alm_schema_check(route->response[1].schema, alm_json_at(alm_json_root(document), i),
                             pointer, &error)) {
            fail_msg("line %zu: %s", i, error.message);
        }
    }
    alm_buffer_deinit(&array);
    cases_answer_end(&answer);
    return document;
}

static void lines_are_numbered_and_bad_ones_told(void **state)
{
    web *w = *state;
    alm_buffer body = {0};
    alm_buffer_text(&body, "{\"route\":\"shop\",\"node\":\"a|UK\"}\r\n   \n\nnonsense\n");
    alm_buffer_text(&body, "{\"route\":");
    for (size_t i = 0; i < (64 << 10); i++) {
        alm_buffer_text(&body, " ");
    }
    alm_buffer_text(&body, "\"shop\"}\n\"text\"\n{\"route\":\"shop\",\"node\":\"zz\"}\n"
                           "{\"route\":\"shop\",\"node\":\"\xff\"}\n"
                           "{\"node\":\"a|UK\",\"route\":\"shop\"}");
    alm_json_document *document = lines(w, alm_buffer_view(&body), 8);
    const alm_json *root = alm_json_root(document);
    static const struct {
        int line, status;
        const char *part;
    } WANTED[] = {{1, 0, ""}, {4, 400, "not valid JSON"}, {5, 400, "a line has at most 65536"},
                  {6, 400, "object"}, {7, 404, "node zz"}, {8, 400, "decode byte"}, {9, 0, ""}};
    for (size_t i = 0; i < 7; i++) {
        const alm_json *one = alm_json_at(root, i);
        assert_true(number(one, "line") == WANTED[i].line);
        if (WANTED[i].status) {
            expect_refused(one, WANTED[i].status, WANTED[i].part);
        } else {
            expect_text(alm_json_member(one, "answer"), "node", "a|UK");
        }
    }
    const alm_json *last = alm_json_at(root, 7);
    assert_int_equal(alm_json_count(last), 3);
    assert_true(number(last, "answered") == 2 && number(last, "refused") == 5);
    alm_json_document_destroy(document);
    alm_buffer_deinit(&body);
}

static void what_is_no_batch_is_refused(void **state)
{
    web *w = *state;
    alm_buffer out = {0};
    expect_problem(w, "demand/batch", "{\"requests\":[]}", 400, "there may be 1 to 1000");
    expect_problem(w, "demand/batch", "{}", 400, "key 'requests' is missing");
    expect_problem(w, "demand/batch", "{\"requests\":[{}],\"defaults\":{\"horizon\":0}}", 400,
                   "/defaults/horizon");
    expect_problem(w, "demand/batch", "{\"requests\":{}}", 400, "/requests");
    take(w, BATCH, ALM_TYPE_LINES, " \n\r\n", 400, &out);
    assert_non_null(strstr(out.data, "no line with a request"));
    take(w, BATCH, "text/plain", "{}", 415, &out);
    assert_non_null(strstr(out.data, "application/x-ndjson"));
    take(w, BATCH, ALM_TYPE_LINES "; charset=latin-1", "{}", 415, &out);
    take(w, "/api/v1/predictions/demand", ALM_TYPE_LINES, "{}", 415, &out);
    alm_buffer many = {0};
    alm_buffer_text(&many, "{\"requests\":[1");
    for (size_t i = 0; i < 1000; i++) {
        alm_buffer_text(&many, ",1");
    }
    alm_buffer_text(&many, "]}");
    expect_problem(w, "demand/batch", many.data, 400, "1001 items");
    alm_buffer_deinit(&many);
    alm_buffer_deinit(&out);
    w->cases.service.committed = NULL;
    expect_problem(w, "demand/batch", "{\"requests\":[{}]}", 503, "no project is served here");
}

static void degraded_answers_are_counted(void **state)
{
    web *w = *state;
    w->o->now += 4 * DAY_US;
    alm_json_document *document =
        post(w, "demand/batch", "{\"requests\":[{\"route\":\"shop\",\"node\":\"a|UK\"},"
             "{\"route\":\"pinned\",\"node\":\"a|UK\"},{\"route\":\"shop\",\"node\":\"b|UK\"}]}",
             200);
    const alm_json *root = alm_json_root(document);
    assert_true(number(root, "answered") == 2 && number(root, "refused") == 1);
    assert_true(number(root, "degraded") == 2);
    expect_text(alm_json_member(result(document, 0), "answer"), "served_by", "rule");
    expect_refused(result(document, 1), 503, "nothing can answer now");
    alm_json_document_destroy(document);
}

static void who_is_limited_is_refused_by_item(void **state)
{
    web *w = *state;
    cases_answer answer;
    cases_ask_limited(&w->cases.service, "demand-1", ALM_METHOD_POST, BATCH,
                      "{\"defaults\":{\"node\":\"a|UK\",\"route\":\"shop\"},\"requests\":[{},"
                      "{\"model_version\":\"demand-1\"}]}", &answer);
    assert_int_equal(answer.reply.status, 200);
    assert_non_null(strstr(answer.body.data, "\"status\":403"));
    assert_non_null(strstr(answer.body.data, "\"answered\":1,\"refused\":1"));
    cases_answer_end(&answer);
}

/* A slow client keeps its runs and nobody else's: what is promoted meanwhile is seen by the next
 * request and not by this one, and what it kept is freed when it has gone. */
static void one_set_answers_all_pieces(void **state)
{
    web *w = *state;
    served_fixture *o = w->o;
    alm_buffer body = {0}, first = {0}, second = {0};
    for (size_t i = 0; i < 40; i++) { /* some pieces' worth */
        alm_buffer_text(&body, "{\"route\":\"shop\",\"node\":\"a|UK\"}\n");
    }
    alm_request request = {.path = ALM_STR(BATCH), .body = alm_buffer_view(&body),
                           .arena = alm_arena_create(0)};
    alm_identity who = {.kind = ALM_IDENTITY_DEVELOPMENT, .every_model = true};
    alm_call call = {.request = &request, .service = &w->cases.service, .identity = &who};
    alm_reply reply = {.body = &first};
    alm_str allow;
    bool is_last = false;
    bool changed = false;
    uint64_t tick = o->clock_ns;
    assert_int_equal(alm_route_find(ALM_METHOD_POST, request.path, request.arena, &call.route,
                                    call.value, &allow), ALM_MATCH_FOUND);
    call.route->run(&call, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.stream.next(reply.stream.context, &first, &is_last, NULL), ALM_OK);
    assert_false(is_last);
    assert_true(first.size < (96 << 10));
    online_note(o, ALM_LEDGER_ROLLBACK, "demand-1", "production");
    fixture_must(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    assert_true(changed);
    while (!is_last) {
        assert_int_equal(reply.stream.next(reply.stream.context, &second, &is_last, NULL), ALM_OK);
    }
    alm_buffer_text(&second, "");
    assert_non_null(strstr(second.data, "\"model_version\":\"demand-2\""));
    assert_null(strstr(second.data, "\"model_version\":\"demand-1\""));
    assert_non_null(strstr(second.data, "\"answered\":40,\"refused\":0"));
    reply.stream.close(reply.stream.context);
    fixture_must(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    assert_true(o->clock_ns > tick);
    alm_json_document *document = post(w, "demand", "{\"route\":\"shop\",\"node\":\"a|UK\"}", 200);
    expect_text(alm_json_root(document), "model_version", "demand-1");
    alm_json_document_destroy(document);
    alm_arena_destroy(request.arena);
    alm_buffer_deinit(&body);
    alm_buffer_deinit(&first);
    alm_buffer_deinit(&second);
}

/* A piece ends when its time is over, too, and always holds an item. */
static uint64_t lame_clock(void *context)
{
    uint64_t *now = context;
    return *now += 3000000;
}

static void pieces_are_short(void **state)
{
    web *w = *state;
    uint64_t now = 0;
    w->cases.service.clock = (alm_ladder_clock){lame_clock, &now};
    alm_json_document *document =
        lines(w, ALM_STR("{\"route\":\"shop\",\"node\":\"a|UK\"}\n{\"node\":\"b\"}\n"), 3);
    alm_json_document_destroy(document);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, web_setup, web_teardown)
    const struct CMUnitTest tests[] = {
        TEST(items_are_answered_or_refused_each_for_itself),
        TEST(an_item_is_what_the_single_route_gives),
        TEST(lines_are_numbered_and_bad_ones_told),
        TEST(what_is_no_batch_is_refused),
        TEST(degraded_answers_are_counted),
        TEST(who_is_limited_is_refused_by_item),
        TEST(one_set_answers_all_pieces),
        TEST(pieces_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
