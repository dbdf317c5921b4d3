#include "http/replay_answer.h"

#include <stdio.h>
#include <string.h>

#include "http/service.h"

/* ---- comparing ---- */

#define PLACE_BYTES 200
#define SHOWN_BYTES 60

/* Where two values differ first, as RFC 6901 says it. */
typedef struct place {
    char pointer[PLACE_BYTES];
    size_t size;
    alm_buffer before, after;
} place;

static bool is_of_the_moment(alm_str key)
{
    static const char *const KEY[] = {"late", "misses", "reason", "problem"};
    for (size_t i = 0; i < sizeof KEY / sizeof KEY[0]; i++) {
        if (alm_str_is(key, KEY[i])) {
            return true;
        }
    }
    return false;
}

static bool compare(const alm_json *before, const alm_json *after, place *at);

static void show(const alm_json *value, alm_buffer *out)
{
    alm_json_writer json = alm_json_writer_on(out);
    if (value) {
        alm_json_copy(&json, value);
    } else {
        alm_buffer_text(out, "nothing");
    }
    if (out->size > SHOWN_BYTES) {
        out->size = SHOWN_BYTES;
        alm_buffer_text(out, "...");
    }
}

static bool differ(const alm_json *before, const alm_json *after, place *at)
{
    show(before, &at->before);
    show(after, &at->after);
    return false;
}

static bool compare_below(const alm_json *before, const alm_json *after, alm_str step, place *at)
{
    size_t size = at->size;
    int more = snprintf(at->pointer + size, sizeof at->pointer - size, "/" ALM_STR_FMT,
                        ALM_STR_ARG(step));
    at->size = more < 0 || size + (size_t)more >= sizeof at->pointer ? size : size + (size_t)more;
    at->pointer[at->size] = '\0';
    if (!(before && after ? compare(before, after, at) : differ(before, after, at))) {
        return false;
    }
    at->size = size;
    at->pointer[size] = '\0';
    return true;
}

static bool compare_lists(const alm_json *before, const alm_json *after, place *at)
{
    size_t count = alm_json_count(before) > alm_json_count(after) ? alm_json_count(before)
                                                                   : alm_json_count(after);
    for (size_t i = 0; i < count; i++) {
        char step[24];
        snprintf(step, sizeof step, "%zu", i);
        if (!compare_below(alm_json_at(before, i), alm_json_at(after, i), alm_str_of(step), at)) {
            return false;
        }
    }
    return true;
}

static bool compare_objects(const alm_json *before, const alm_json *after, place *at)
{
    bool is_root = at->size == 0;
    for (int side = 0; side < 2; side++) {
        const alm_json *from = side ? after : before;
        for (size_t i = 0; i < alm_json_count(from); i++) {
            alm_str key;
            (void)alm_json_member_at(from, i, &key);
            if (!(is_root && is_of_the_moment(key)) &&
                !compare_below(alm_json_member(before, key.data),
                               alm_json_member(after, key.data), key, at)) {
                return false;
            }
        }
    }
    return true;
}

static bool same_numbers(const alm_json *before, const alm_json *after)
{
    int64_t i = 0, j = 0;
    double x = 0, y = 0;
    if (alm_json_as_i64(before, &i) && alm_json_as_i64(after, &j)) {
        return i == j;
    }
    (void)alm_json_as_double(before, &x);
    (void)alm_json_as_double(after, &y);
    return memcmp(&x, &y, sizeof x) == 0;
}

static bool is_number(const alm_json *value)
{
    double unused;
    return alm_json_as_double(value, &unused);
}

static bool compare(const alm_json *before, const alm_json *after, place *at)
{
    alm_str x = {0}, y = {0};
    bool a = false, b = false;
    if (is_number(before) && is_number(after)) {
        return same_numbers(before, after) || differ(before, after, at);
    }
    if (alm_json_kind_of(before) != alm_json_kind_of(after)) {
        return differ(before, after, at);
    }
    switch (alm_json_kind_of(before)) {
    case ALM_JSON_ARRAY: return compare_lists(before, after, at);
    case ALM_JSON_OBJECT: return compare_objects(before, after, at);
    case ALM_JSON_STRING:
        (void)alm_json_as_str(before, &x);
        (void)alm_json_as_str(after, &y);
        return alm_str_equal(x, y) || differ(before, after, at);
    case ALM_JSON_BOOL:
        (void)alm_json_as_bool(before, &a);
        (void)alm_json_as_bool(after, &b);
        return a == b || differ(before, after, at);
    default: return true; /* null */
    }
}

/* ---- the set of that moment ---- */

typedef struct moment {
    const alm_replay_world *world;
    const alm_prediction_record *record;
    const alm_committed_run *run; /* that answered; NULL: none */
    const alm_replay_states *states; /* NULL: nothing was to be computed */
    unsigned looks; /* at the line of the release asked for */
    alm_live_view view;
    alm_arena *arena;
    alm_str route, asked; /* of the reply: deployment, and the release as it was asked for */
    alm_committed_set set;
} moment;

/* What release was asked for stood for the one that answered, or for another when that one stood
 * in; aliases may have moved since. */
static const alm_committed_release *set_releases(moment *m, const alm_committed_release **source)
{
    const alm_committed_set *now = m->world->set;
    alm_str version = alm_committed_run_facts(m->run)->model_version;
    bool stood_in = alm_str_is(m->record->served_by, "previous");
    alm_committed_release *all = ALM_NEW_ARRAY(m->arena, alm_committed_release, now->releases + 1);
    alm_str *alias = ALM_NEW(m->arena, alm_str);
    const alm_committed_release *answered = NULL;
    *alias = m->asked;
    for (size_t i = 0; i < now->releases; i++) {
        all[i] = now->release[i];
        all[i].alias_count = 0;
        bool is_it = alm_str_equal(all[i].name, version);
        answered = is_it ? &all[i] : answered;
        if (is_it && !stood_in && !alm_str_equal(version, m->asked)) {
            all[i].aliases = alias;
            all[i].alias_count = 1;
        }
    }
    all[now->releases] = (alm_committed_release){.aliases = alias, .alias_count = 1};
    m->set = (alm_committed_set){.release = all, .releases = now->releases + stood_in,
                                 .version = now->version, .ledger_seq = now->ledger_seq,
                                 .read = m->record->time};
    *source = stood_in ? &all[now->releases] : answered; /* the one that could not answer */
    return answered;
}

static alm_err set_moment(moment *m, alm_error *error)
{
    const alm_committed_release *current = NULL;
    const alm_committed_release *answered = set_releases(m, &current);
    const alm_committed_route *route = alm_committed_set_route(m->world->set, m->route);
    if (!route || !answered) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "there is no %s " ALM_STR_FMT " any more",
                        route ? "release" : "route",
                        ALM_STR_ARG(route ? alm_committed_run_facts(m->run)->model_version
                                          : m->route));
    }
    alm_committed_route *one = ALM_NEW(m->arena, alm_committed_route);
    alm_committed_source run = {.release = answered, .run = m->run};
    alm_committed_source none = {.problem = ALM_STR("it could not answer then")};
    *one = (alm_committed_route){.spec = route->spec, .season = route->season};
    one->current = current == answered ? run : none;
    one->current.release = current;
    one->previous = current == answered ? none : run;
    m->set.route = one;
    m->set.routes = 1;
    return ALM_OK;
}

/* ---- the same where something was to be computed ---- */

static const alm_committed_release *now_of(const moment *m, alm_str name)
{
    const alm_committed_set *now = m->world->set;
    for (size_t i = 0; i < now->releases; i++) {
        if (alm_str_equal(now->release[i].name, name)) {
            return &now->release[i];
        }
    }
    return NULL;
}

static void set_source(const moment *m, size_t i, alm_committed_release *release,
                       alm_committed_source *out)
{
    const alm_prediction_state *state = &m->record->state[i];
    const alm_committed_release *now = now_of(m, state->release);
    *release = now ? *now : (alm_committed_release){.model = m->record->model};
    release->name = state->release;
    release->alias_count = 0;
    *out = (alm_committed_source){.release = release, .run = m->states->run[i],
                                  .problem = ALM_STR("it could not answer then")};
}

static alm_err set_computing_moment(moment *m, alm_error *error)
{
    const alm_committed_route *route = alm_committed_set_route(m->world->set, m->route);
    size_t states = m->record->state_count;
    if (!route) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "there is no route " ALM_STR_FMT " any more",
                        ALM_STR_ARG(m->route));
    }
    alm_committed_release *release = ALM_NEW_ARRAY(m->arena, alm_committed_release, states);
    alm_committed_route *one = ALM_NEW(m->arena, alm_committed_route);
    *one = (alm_committed_route){.spec = route->spec, .season = route->season};
    alm_committed_source *source[] = {&one->current, &one->previous};
    for (size_t i = 0; i < states; i++) {
        set_source(m, i, &release[i], source[i]);
    }
    if (!alm_str_equal(m->asked, release[0].name)) {
        alm_str *alias = ALM_NEW(m->arena, alm_str);
        *alias = m->asked;
        release[0].aliases = alias;
        release[0].alias_count = 1;
    }
    m->set = (alm_committed_set){.route = one, .routes = 1, .release = release,
                                 .releases = states, .version = m->world->set->version,
                                 .ledger_seq = m->world->set->ledger_seq,
                                 .read = m->record->time};
    return ALM_OK;
}

/* The first look at the release asked for tells the days, whoever answers. */
static alm_err enter_line(void *context, alm_str route, alm_str model_version,
                          alm_computing_line *out, alm_error *error)
{
    (void)route;
    moment *m = context;
    const alm_prediction_record *r = m->record;
    size_t i = alm_str_equal(model_version, r->state[0].release) ? 0 : 1;
    bool answered = alm_str_is(r->served_by, i == 0 ? "model" : "previous");
    bool may = answered || (i == 0 && m->looks == 0);
    m->looks += i == 0;
    if (i >= r->state_count || !m->states->line[i] || !may) {
        return alm_fail(error, ALM_ERR_UNAVAILABLE, "it could not answer then");
    }
    alm_live_past_enter(m->states->line[i], &m->view);
    *out = (alm_computing_line){m->view.bundle, m->view.state, m->view.now, m->view.workspace,
                                m->view.run_id, m->states->line[i]};
    return ALM_OK;
}

static void leave_line(void *context, const alm_computing_line *line)
{
    const moment *m = context;
    alm_live_past_leave(line->own, &m->view);
}

/* The hash on record is that of the release that computed. */
static alm_err check_bundle(const moment *m, alm_error *error)
{
    const alm_prediction_record *r = m->record;
    size_t i = alm_str_is(r->served_by, "model") ? 0 : 1;
    alm_live_view view;
    char before[ALM_DIGEST_TEXT_BYTES], now[ALM_DIGEST_TEXT_BYTES];
    if (i >= r->state_count || !m->states->line[i] ||
        !alm_str_equal(r->state[i].release, r->version)) {
        return alm_fail(error, ALM_ERR_INVALID, "version " ALM_STR_FMT " computed it, and no state "
                        "of that is on record", ALM_STR_ARG(r->version));
    }
    alm_live_past_enter(m->states->line[i], &view);
    alm_digest hash = view.bundle->hash;
    alm_live_past_leave(m->states->line[i], &view);
    alm_digest_text(&r->model_hash, before);
    alm_digest_text(&hash, now);
    return alm_digest_equal(&hash, &r->model_hash)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "model hash %.12s is on record, run "
                          ALM_STR_FMT " is of %.12s", before, ALM_STR_ARG(r->state[i].line), now);
}

/* ---- asking again ---- */

static alm_instant record_time(void *context)
{
    return ((const alm_prediction_record *)context)->time;
}

static uint64_t no_time(void *context)
{
    (void)context;
    return 0; /* deadlines never pass */
}

static alm_err run_route(const alm_call *call, alm_reply *reply, alm_error *error)
{
    char pointer[ALM_POINTER_BYTES];
    ALM_TRY(alm_schema_check(call->route->request, call->body, pointer, error));
    call->route->run(call, reply);
    if (reply->status != 200) {
        alm_str text = alm_buffer_view(reply->body);
        return alm_fail(error, reply->status == 503 ? ALM_ERR_UNAVAILABLE : ALM_ERR_INVALID,
                        "the endpoint says %d: %.*s", reply->status,
                        text.size < 200 ? (int)text.size : 200, text.size ? text.data : "");
    }
    return alm_buffer_status(reply->body, error);
}

static bool is_replayable(alm_str route)
{
    return alm_str_starts_with(route, "/api/v1/predictions/") ||
           alm_str_is(route, "/api/v1/whatif");
}

static alm_err ask(moment *m, const alm_json *body, alm_reply *reply, alm_error *error)
{
    alm_prediction_record time = {.time = m->record->time};
    alm_env env = {.now = record_time, .monotonic_ns = no_time, .context = &time};
    alm_service service = {.env = &env, .version = "", .project = m->world->project,
                           .replayed = &m->set, .clock = {no_time, NULL}};
    alm_computing_source source = {enter_line, leave_line, m};
    service.computing = m->states ? &source : NULL;
    alm_identity everybody = {.every_model = true};
    alm_request request = {.method = ALM_METHOD_POST, .target = m->record->route,
                           .path = m->record->route, .query = ALM_STR(""),
                           .body = m->record->request, .id = m->record->request_id,
                           .arena = m->arena};
    alm_call call = {.request = &request, .service = &service, .body = body,
                     .identity = &everybody};
    alm_str allow;
    if (!is_replayable(m->record->route) ||
        alm_route_find(request.method, request.path, m->arena, &call.route, call.value, &allow) !=
            ALM_MATCH_FOUND || !call.route->request || call.route->request_line) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "answers of this address cannot be given "
                        "again");
    }
    ALM_TRY(alm_service_meters_create(1, &service.meters, error));
    alm_err code = run_route(&call, reply, error);
    alm_meters_destroy(service.meters);
    return code;
}

static void judge(const moment *m, const alm_json *before, const alm_json *after, alm_replay *out)
{
    const alm_prediction_record *record = m->record;
    place at = {.size = 0};
    alm_str by = {0};
    const alm_json *step = alm_json_member(after, "served_by");
    if (step && alm_json_as_str(step, &by) && !alm_str_equal(by, record->served_by)) {
        alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "step '" ALM_STR_FMT "' answered, because of "
                       "'" ALM_STR_FMT "', which is not so now", ALM_STR_ARG(record->served_by),
                       ALM_STR_ARG(record->reason));
    } else if (compare(before, after, &at)) {
        alm_replay_say(out, ALM_REPLAY_EQUAL, "%s", "");
    } else {
        alm_replay_say(out, ALM_REPLAY_DIFFERENT, "%s: %s is on record, %s %s", at.pointer,
                       at.before.data ? at.before.data : "",
                       m->states ? "now it is" : "the run gives",
                       at.after.data ? at.after.data : "");
    }
    alm_buffer_deinit(&at.before);
    alm_buffer_deinit(&at.after);
}

/* Of the record itself: does what it says about the run agree with the run? */
static alm_err check_labels(const moment *m, alm_error *error)
{
    const alm_committed_facts *facts = alm_committed_run_facts(m->run);
    char before[ALM_DIGEST_TEXT_BYTES], now[ALM_DIGEST_TEXT_BYTES];
    alm_digest hash = {{0}};
    (void)alm_digest_parse(facts->release_hash, &hash); /* zeros where a run has none, as put */
    if (!alm_digest_equal(&hash, &m->record->model_hash)) {
        alm_digest_text(&m->record->model_hash, before);
        alm_digest_text(&hash, now);
        return alm_fail(error, ALM_ERR_INVALID, "model hash %.12s is on record, the run is of "
                        "%.12s", before, now);
    }
    return alm_str_equal(facts->model_version, m->record->version)
               ? ALM_OK
               : alm_fail(error, ALM_ERR_INVALID, "version " ALM_STR_FMT " is on record, the run "
                          "is of " ALM_STR_FMT, ALM_STR_ARG(m->record->version),
                          ALM_STR_ARG(facts->model_version));
}

static alm_err answer(moment *m, const alm_json *request, const alm_json *reply,
                      alm_buffer *body, alm_replay *out, alm_error *error)
{
    alm_json_document *now = NULL;
    alm_reply again = {.body = body};
    alm_str by = m->record->served_by;
    bool is_computed = m->states && (alm_str_is(by, "model") || alm_str_is(by, "previous"));
    if (is_computed) {
        ALM_TRY(check_bundle(m, error));
    } else if (m->run) {
        ALM_TRY(check_labels(m, error));
    }
    ALM_TRY(alm_json_get_str(reply, "route", &m->route, error));
    ALM_TRY(alm_json_get_str(reply, "asked_release", &m->asked, error));
    ALM_TRY(m->states ? set_computing_moment(m, error) : set_moment(m, error));
    ALM_TRY(ask(m, request, &again, error));
    ALM_TRY(alm_json_parse(alm_buffer_view(body), "the reply", &now, error));
    judge(m, reply, alm_json_root(now), out);
    alm_json_document_destroy(now);
    return ALM_OK;
}

bool alm_replay_agrees(const alm_prediction_record *record, alm_replay *out)
{
    alm_json_document *document = NULL;
    alm_str by = {0}, version = {0}, run = {0};
    alm_error error = {0};
    if (alm_json_parse(record->reply, "reply", &document, &error) != ALM_OK) {
        alm_replay_say(out, ALM_REPLAY_DIFFERENT, "%s", error.message);
        return false;
    }
    const alm_json *reply = alm_json_root(document);
    const alm_json *of_run = alm_json_member(reply, "run");
    bool is_run = of_run && alm_json_kind_of(of_run) == ALM_JSON_OBJECT;
    bool agrees = alm_json_get_str(reply, "served_by", &by, NULL) == ALM_OK &&
                  alm_json_get_str(reply, "model_version", &version, NULL) == ALM_OK &&
                  (!is_run || alm_json_get_str(of_run, "run_id", &run, NULL) == ALM_OK) &&
                  alm_str_equal(by, record->served_by) &&
                  alm_str_equal(version, record->version) && alm_str_equal(run, record->run);
    if (!agrees) {
        alm_replay_say(out, ALM_REPLAY_DIFFERENT, "the record says " ALM_STR_FMT ", " ALM_STR_FMT
                       " and run " ALM_STR_FMT ", its own reply does not",
                       ALM_STR_ARG(record->served_by), ALM_STR_ARG(record->version),
                       ALM_STR_ARG(record->run));
    }
    alm_json_document_destroy(document);
    return agrees;
}

static void give_again(moment *m, alm_replay *out)
{
    const alm_prediction_record *record = m->record;
    alm_json_document *request = NULL, *reply = NULL;
    alm_buffer body = {0};
    alm_error error = {0};
    alm_err code = alm_json_parse(record->request, "request", &request, &error);
    code = code == ALM_OK ? alm_json_parse(record->reply, "reply", &reply, &error) : code;
    if (code == ALM_OK) {
        code = answer(m, alm_json_root(request), alm_json_root(reply), &body, out, &error);
    }
    if (code != ALM_OK) {
        bool is_unable = code == ALM_ERR_NOT_FOUND || code == ALM_ERR_UNSUPPORTED ||
                         code == ALM_ERR_UNAVAILABLE || code == ALM_ERR_MEMORY;
        alm_replay_say(out, is_unable ? ALM_REPLAY_IMPOSSIBLE : ALM_REPLAY_DIFFERENT, "%s",
                       error.message);
    }
    alm_buffer_deinit(&body);
    alm_json_document_destroy(request);
    alm_json_document_destroy(reply);
}

void alm_replay_answer(const alm_replay_world *world, const alm_committed_run *run,
                       const alm_prediction_record *record, alm_arena *arena, alm_replay *out)
{
    moment m = {.world = world, .record = record, .run = run, .arena = arena};
    give_again(&m, out);
}

void alm_replay_computed(const alm_replay_world *world, const alm_replay_states *states,
                         const alm_prediction_record *record, alm_arena *arena, alm_replay *out)
{
    moment m = {.world = world, .record = record, .states = states, .arena = arena};
    alm_assert(record->state_count > 0);
    for (size_t i = 0; i < record->state_count; i++) {
        bool is_its = record->run.size > 0 && alm_str_equal(record->run, record->state[i].run);
        m.run = is_its ? states->run[i] : m.run;
    }
    give_again(&m, out);
}
