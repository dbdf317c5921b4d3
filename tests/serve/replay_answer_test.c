/* Answers of the product, on record as a service puts them there, given again: whoever answered,
 * whatever has moved since; and what was changed on record is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/replay_answer.h"
#include "http/service_cases.h"
#include "served_fixture.h"

#define DEMAND "/api/v1/predictions/demand"
#define BODY "{\"route\":\"shop\", \"node\":\"a|UK\",\n\"horizon\":3, \"interval\":0.9}"

typedef struct world {
    served_fixture *o;
    cases_service cases;
    alm_line_sink *sink;
    alm_prediction_recorder *recorder;
    alm_prediction_record record; /* the last one */
} world;

static alm_instant env_now(void *context)
{
    return ((world *)context)->o->now;
}

static void serve(world *w, bool second_has_run)
{
    served_fixture *o = w->o;
    bool changed = false;
    online_run(o, "r1", "demand-1", "2011-12-01", 0);
    if (second_has_run) {
        online_run(o, "r2", "demand-2", "2011-12-01", 1);
    }
    online_promote(o, "demand-1");
    online_promote(o, "demand-2");
    online_open(o, 0);
    fixture_must(o->f, alm_committed_refresh(o->committed, o->now, &changed, &o->f->error));
    cases_service_start(&w->cases);
    w->cases.env.now = env_now;
    w->cases.env.context = w;
    alm_service *service = &w->cases.service;
    service->project = &o->project;
    service->committed = o->committed;
    service->epoch = o->epoch;
    service->clock = (alm_ladder_clock){online_clock, o};
    fixture_must(o->f, alm_line_sink_memory(1 << 20, &w->sink, &o->f->error));
    alm_prediction_recorder_options options = {w->sink, 1, 1, 1 << 16};
    fixture_must(o->f, alm_prediction_recorder_create(&options, &w->recorder, &o->f->error));
    service->recorder = w->recorder;
}

static int setup(void **state)
{
    served_fixture *o = online_create();
    world *w = ALM_NEW(o->f->arena, world);
    w->o = o;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    alm_prediction_recorder_destroy(w->recorder);
    assert_int_equal(w->sink->ops->close(w->sink, NULL), ALM_OK);
    cases_service_stop(&w->cases);
    online_destroy(w->o);
    return 0;
}

/* Asks, and reads what is on record of it. */
static void ask(world *w, const char *target, const char *body)
{
    static const char *const JSON[] = {"content-type", ALM_TYPE_JSON, "authorization",
                                       "Bearer secret-of-somebody", NULL};
    cases_answer answer;
    cases_ask_service(&w->cases.service, ALM_METHOD_POST, target, JSON, alm_str_of(body), &answer);
    if (answer.reply.status != 200) {
        fail_msg("%s gave %d: %s", body, answer.reply.status, answer.body.data);
    }
    cases_answer_end(&answer);
    alm_prediction_recorder_flush(w->recorder);
    alm_str lines = alm_line_sink_memory_view(w->sink);
    assert_null(strstr(lines.data, "secret-of-somebody"));
    alm_str line = {lines.data, lines.size - 1};
    const char *before = memrchr(line.data, '\n', line.size);
    line.size -= before ? (size_t)(before + 1 - line.data) : 0;
    line.data = before ? before + 1 : line.data;
    fixture_must(w->o->f, alm_prediction_read(line, w->o->f->arena, &w->record, &w->o->f->error));
}

static alm_replay replay(world *w)
{
    read_fixture *f = w->o->f;
    alm_replay out = {.result = ALM_REPLAY_IMPOSSIBLE};
    alm_run_catalog catalog;
    alm_committed_run *run = NULL;
    alm_committed_load options = {.memory_limit_bytes = 0};
    alm_run_stores *stores = &w->o->stores;
    alm_replay_world all = {&w->o->project, alm_committed_current(w->o->committed)};
    fixture_must(f, alm_run_catalog_read(stores, f->arena, &catalog, &f->error));
    const alm_catalog_run *entry = alm_run_catalog_find(&catalog, w->record.run);
    assert_non_null(entry);
    fixture_must(f, alm_committed_run_load(stores, entry, &options, &run, &f->error));
    if (alm_replay_agrees(&w->record, &out)) {
        alm_replay_answer(&all, run, &w->record, f->arena, &out);
    }
    alm_committed_run_unref(run);
    return out;
}

static void expect(world *w, alm_replay_result result, const char *part)
{
    alm_replay out = replay(w);
    if (out.result != result || !strstr(out.detail, part)) {
        fail_msg("%s: '%s', not '%s'", alm_replay_result_text(out.result), out.detail, part);
    }
}

static void a_committed_answer_comes_again(void **state)
{
    world *w = *state;
    serve(w, true);
    ask(w, DEMAND, BODY);
    assert_true(alm_str_is(w->record.served_by, "batch"));
    assert_true(alm_str_is(w->record.run, "r2"));
    assert_true(alm_str_is(w->record.model, "demand"));
    assert_true(alm_str_is(w->record.version, "demand-2"));
    expect(w, ALM_REPLAY_EQUAL, "");
    /* Days later it is the same: the clock is that of the record. */
    w->o->now += 40 * DAY_US;
    expect(w, ALM_REPLAY_EQUAL, "");
}

static void of_another_release_and_by_keys(void **state)
{
    world *w = *state;
    serve(w, true);
    ask(w, DEMAND, "{\"route\":\"shop\",\"product_id\":\"a\",\"warehouse_id\":\"UK\","
                   "\"model_version\":\"demand-1\",\"granularity\":\"month\"}");
    assert_true(alm_str_is(w->record.run, "r1"));
    expect(w, ALM_REPLAY_EQUAL, "");
    ask(w, DEMAND, "{\"route\":\"pinned\",\"node\":\"total\",\"from\":\"2011-12-03\"}");
    expect(w, ALM_REPLAY_EQUAL, "");
}

/* What `production` means has moved since. */
static void an_alias_may_move(void **state)
{
    world *w = *state;
    bool changed = false;
    serve(w, true);
    ask(w, DEMAND, "{\"route\":\"shop\",\"node\":\"a|UK\",\"model_version\":\"production\"}");
    assert_true(alm_str_is(w->record.version, "demand-2"));
    online_note(w->o, ALM_LEDGER_ROLLBACK, "demand-1", "production");
    fixture_must(w->o->f, alm_committed_refresh(w->o->committed, w->o->now, &changed,
                                                &w->o->f->error));
    assert_true(changed);
    expect(w, ALM_REPLAY_EQUAL, "");
}

static void the_previous_release_stood_in(void **state)
{
    world *w = *state;
    serve(w, false);
    ask(w, DEMAND, BODY);
    assert_true(alm_str_is(w->record.served_by, "previous"));
    assert_true(alm_str_is(w->record.run, "r1"));
    expect(w, ALM_REPLAY_EQUAL, "");
    w->o->deployment[0].previous = false; /* the route does not allow it any more */
    expect(w, ALM_REPLAY_IMPOSSIBLE, "the endpoint says 503");
}

static void a_rule_stood_in(void **state)
{
    world *w = *state;
    serve(w, true);
    w->o->now += 4 * DAY_US;
    ask(w, DEMAND, BODY);
    assert_true(alm_str_is(w->record.served_by, "rule"));
    assert_true(alm_str_is(w->record.reason, "too_old"));
    expect(w, ALM_REPLAY_EQUAL, "");
    w->o->deployment[0].stale_days_max = 10;
    expect(w, ALM_REPLAY_IMPOSSIBLE, "step 'rule' answered, because of 'too_old'");
}

static void limits_hold_as_the_project_says_them(void **state)
{
    world *w = *state;
    const alm_policy_spec policy = {.name = ALM_STR("cap"), .has_max = true, .max = 57};
    serve(w, true);
    w->o->project.policies = &policy;
    w->o->project.policy_count = 1;
    ask(w, DEMAND, BODY);
    expect(w, ALM_REPLAY_EQUAL, "");
    w->o->project.policy_count = 0;
    expect(w, ALM_REPLAY_DIFFERENT, "/confidence_interval/high: 57 is on record");
}

/* The record with `from` replaced by `to` in its reply. */
static void change_reply(world *w, const char *from, const char *to)
{
    alm_arena *arena = w->o->f->arena;
    const char *reply = w->record.reply.data;
    const char *at = strstr(reply, from);
    assert_non_null(at);
    w->record.reply = alm_str_of(alm_arena_printf(arena, "%.*s%s%s", (int)(at - reply), reply, to,
                                                  at + strlen(from)));
}

static void what_was_changed_is_found(void **state)
{
    world *w = *state;
    serve(w, true);
    ask(w, DEMAND, BODY);
    const alm_prediction_record good = w->record;
    static const struct {
        const char *from, *to, *part;
    } CASE[] = {
        {"\"value\":58", "\"value\":58.000000000000007", "/predictions/2/value: 58.0000"},
        {"\"value\":58", "\"value\":\"58\"", "/predictions/2/value: \"58\""},
        {"\"value\":58,", "", "/predictions/2/value: nothing is on record"},
        {"\"is_whole\":true", "\"is_whole\":false", "/predictions/0/is_whole: false"},
        {"\"limited\":null", "\"limited\":{}", "/predictions/0/limited: {}"},
        {"\"node\":\"a|UK\"", "\"node\":\"a|UK\",\"more\":1", "/more: 1 is on record"},
        {"\"route\":\"shop\"", "\"route\":\"pinned\"", "/run"},
        {"\"route\":\"shop\"", "\"route\":7", "route"},
        {"\"asked_release\":\"production\"", "\"asked_release\":\"other\"", "/asked_release"},
        {"\"run_id\":\"r2\"", "\"run_id\":\"r1\"", "its own reply does not"},
        {"\"served_by\":\"batch\"", "\"served_by\":\"model\"", "its own reply does not"},
    };
    for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
        w->record = good;
        change_reply(w, CASE[i].from, CASE[i].to);
        if (strcmp(CASE[i].part, "/run") == 0) { /* the other route allows no such release */
            assert_int_not_equal(replay(w).result, ALM_REPLAY_EQUAL);
        } else {
            expect(w, ALM_REPLAY_DIFFERENT, CASE[i].part);
        }
    }
    w->record = good;
    w->record.request = ALM_STR("{\"node\":\"a|UK\",\"route\":\"shop\",\"horizon\":0}");
    expect(w, ALM_REPLAY_DIFFERENT, "horizon");
    w->record.request = ALM_STR("{\"node\":");
    expect(w, ALM_REPLAY_DIFFERENT, "JSON");
    w->record = good;
    w->record.model_hash.bytes[0] ^= 1;
    expect(w, ALM_REPLAY_DIFFERENT, "model hash");
    w->record = good;
    w->record.route = ALM_STR("/api/v1/models/train");
    expect(w, ALM_REPLAY_IMPOSSIBLE, "cannot be given again");
    w->record.route = ALM_STR("/api/v1/predictions/none");
    expect(w, ALM_REPLAY_IMPOSSIBLE, "cannot be given again");
    w->record = good;
    expect(w, ALM_REPLAY_EQUAL, "");
}

/* How the moment was is no part of the answer. */
static void the_moment_is_not_compared(void **state)
{
    world *w = *state;
    serve(w, true);
    ask(w, DEMAND, BODY);
    change_reply(w, "\"late\":false", "\"late\":true");
    change_reply(w, "\"problem\":null", "\"problem\":\"a newer run is damaged\"");
    expect(w, ALM_REPLAY_EQUAL, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_committed_answer_comes_again),
        TEST(of_another_release_and_by_keys),
        TEST(an_alias_may_move),
        TEST(the_previous_release_stood_in),
        TEST(a_rule_stood_in),
        TEST(limits_hold_as_the_project_says_them),
        TEST(what_was_changed_is_found),
        TEST(the_moment_is_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
