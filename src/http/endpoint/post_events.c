/* post_events.c: events of the outside world, acknowledged when they are on the disk.
 *
 * The scope is that of predictions: a till or a warehouse system asks for forecasts and tells what
 * happened. An event changes what is computed from now on, never a committed run, a model or what
 * is deployed; the role that trains would let every till start training.
 *
 * The worker reads and checks; the thread of serve/live/live.h has the log and the states, and
 * wakes the connection when it is done. So no event loop waits for the disk. */
#include "http/endpoint/answer.h"
#include "http/endpoint/endpoints.h"

#define EVENTS_MAX 1000      /* of a request */
#define RETRY_BUSY_S "1"
#define RETRY_UNAVAILABLE_S "5"
#define QUEUE "events"

/* One event of the request. */
typedef struct item {
    alm_str id;
    alm_live_event *event; /* as posted; NULL: `error` says why not */
    alm_error error;
} item;

typedef struct posting {
    alm_call call; /* the request outlives it, the caller's struct does not */
    alm_reply *reply;
    alm_later later;
    bool is_array;
    item *item;
    size_t count;
    alm_live_post post; /* of those that can be looked at */
    uint64_t begun_ns;
    alm_error error; /* nothing was taken */
} posting;

/* ---- reading ---- */

static alm_str copy_text(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err read_keys(const alm_project *project, const alm_json *body, alm_arena *arena,
                         alm_event *out, alm_error *error)
{
    size_t count = project->series.key_count;
    alm_str *found = ALM_NEW_ARRAY(arena, alm_str, count);
    ALM_TRY(almi_answer_keys(project, body, found, error));
    for (size_t i = 0; i < count; i++) {
        found[i] = copy_text(arena, found[i]); /* the body ends with the call */
    }
    out->keys = found;
    out->key_count = count;
    return ALM_OK;
}

static void read_values(const alm_json *body, alm_arena *arena, alm_event *out)
{
    const alm_json *values = alm_json_member(body, "values");
    size_t count = values ? alm_json_count(values) : 0;
    alm_event_value *list = ALM_NEW_ARRAY(arena, alm_event_value, count);
    for (size_t i = 0; i < count; i++) {
        alm_str column;
        const alm_json *value = alm_json_member_at(values, i, &column);
        list[i].column = copy_text(arena, column);
        (void)alm_json_as_double(value, &list[i].value);
    }
    out->values = list;
    out->value_count = count;
}

static alm_err read_event(const posting *p, const alm_json *body, alm_event *out,
                          alm_error *error)
{
    const alm_service *service = p->call.service;
    alm_arena *arena = p->call.request->arena;
    alm_str kind = {0};
    alm_str known_at = {0};
    *out = (alm_event){.known_at = ALM_EVENT_NOT_SAID};
    almi_answer_text(body, "kind", &kind);
    almi_answer_text(body, "known_at", &known_at);
    almi_answer_date(body, "day", &out->day);
    almi_answer_double(body, "quantity", &out->quantity);
    ALM_TRY(alm_event_kind_of(kind, &out->kind, error));
    if (known_at.size > 0) {
        bool is_instant = alm_instant_parse(known_at, &out->known_at);
        alm_assert(is_instant); /* by the schema */
    }
    read_values(body, arena, out);
    ALM_TRY(read_keys(service->project, body, arena, out, error));
    return alm_event_check(out, service->project, alm_env_now(service->env), error);
}

static void read_item(posting *p, const alm_json *body)
{
    item *i = &p->item[p->count++];
    alm_live_event *event = &p->post.event[p->post.count];
    *event = (alm_live_event){0};
    almi_answer_text(body, "id", &i->id);
    i->id = copy_text(p->call.request->arena, i->id);
    event->id = i->id;
    if (read_event(p, body, &event->event, &i->error) == ALM_OK) {
        i->event = event;
        p->post.count++;
    }
}

static posting *read_request(const alm_call *call, alm_reply *reply)
{
    alm_arena *arena = call->request->arena;
    posting *p = ALM_NEW(arena, posting);
    bool is_array = alm_json_kind_of(call->body) == ALM_JSON_ARRAY;
    size_t count = is_array ? alm_json_count(call->body) : 1;
    *p = (posting){.call = *call, .reply = reply, .is_array = is_array,
                   .item = ALM_NEW_ARRAY(arena, item, count),
                   .post.event = ALM_NEW_ARRAY(arena, alm_live_event, count)};
    for (size_t i = 0; i < count; i++) {
        read_item(p, is_array ? alm_json_at(call->body, i) : call->body);
    }
    p->call.body = NULL; /* it ends with the call */
    return p;
}

/* ---- replying ---- */

static alm_event_outcome outcome_of(const item *i)
{
    return i->event ? i->event->outcome : ALM_EVENT_REFUSED;
}

static const alm_error *error_of(const item *i)
{
    return i->event ? &i->event->error : &i->error;
}

/* What the disk, the memory or a state that is not there could not do may be tried again. */
static int status_of(alm_err code)
{
    bool is_ours = code == ALM_ERR_IO || code == ALM_ERR_LIMIT || code == ALM_ERR_MEMORY ||
                   code == ALM_ERR_UNAVAILABLE || code == ALM_ERR_CORRUPT;
    return is_ours ? 503 : alm_err_http_status(code);
}

static void put_item(const item *i, size_t index, alm_json_writer *json)
{
    static const char *const TEXT[] = {[ALM_EVENT_STORED] = "stored",
                                       [ALM_EVENT_DUPLICATE] = "duplicate",
                                       [ALM_EVENT_REFUSED] = "refused"};
    alm_event_outcome outcome = outcome_of(i);
    alm_json_open_object(json);
    alm_json_put_i64(json, "index", (int64_t)index);
    alm_json_put_str(json, "id", i->id);
    alm_json_put_text(json, "outcome", TEXT[outcome]);
    if (outcome == ALM_EVENT_REFUSED) {
        const alm_error *error = error_of(i);
        alm_json_put_i64(json, "status", status_of(error->code));
        alm_json_put_text(json, "detail", error->message);
    } else {
        alm_json_put_i64(json, "sequence", (int64_t)i->event->sequence);
    }
    alm_json_close_object(json);
}

static size_t count_of(const posting *p, alm_event_outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        count += outcome_of(&p->item[i]) == outcome;
    }
    return count;
}

/* The members of a reply, and of the problem that takes its place. */
static void put_members(void *context, alm_json_writer *json)
{
    const posting *p = context;
    alm_json_put_i64(json, "stored", (int64_t)count_of(p, ALM_EVENT_STORED));
    alm_json_put_i64(json, "duplicates", (int64_t)count_of(p, ALM_EVENT_DUPLICATE));
    alm_json_put_i64(json, "refused", (int64_t)count_of(p, ALM_EVENT_REFUSED));
    alm_json_key(json, "events");
    alm_json_open_array(json);
    for (size_t i = 0; i < p->count; i++) {
        put_item(&p->item[i], i, json);
    }
    alm_json_close_array(json);
}

static void put_retry(alm_reply *reply, const alm_error *error, bool is_busy)
{
    if (status_of(error->code) == 503) {
        alm_reply_header(reply, "Retry-After", is_busy ? ALM_STR(RETRY_BUSY_S)
                                                       : ALM_STR(RETRY_UNAVAILABLE_S));
    }
}

/* The status is that of the first one that may be tried again, else of the first refused. */
static void refuse(posting *p, size_t refused)
{
    size_t at = SIZE_MAX;
    bool is_retry = false;
    for (size_t i = 0; i < p->count && !is_retry; i++) {
        if (outcome_of(&p->item[i]) == ALM_EVENT_REFUSED) {
            is_retry = status_of(error_of(&p->item[i])->code) == 503;
            at = at == SIZE_MAX || is_retry ? i : at;
        }
    }
    const alm_error *error = error_of(&p->item[at]);
    alm_arena *arena = p->call.request->arena;
    const char *detail = p->is_array ? alm_arena_printf(arena, "%zu of %zu events are refused; "
                                                        "number %zu: %s", refused, p->count, at,
                                                        error->message)
                                     : error->message;
    const char *pointer = p->is_array ? alm_arena_printf(arena, "/%zu", at) : "";
    alm_problem what = {.status = status_of(error->code),
                        .detail = alm_str_of(detail),
                        .pointer = alm_str_of(pointer),
                        .extend = put_members,
                        .context = p};
    alm_reply_problem(p->reply, p->call.request, &what);
    put_retry(p->reply, error, p->error.code == ALM_ERR_LIMIT);
}

static void count_results(const posting *p)
{
    static const struct {
        alm_event_outcome outcome;
        const char *text;
    } RESULTS[] = {{ALM_EVENT_STORED, "accepted"}, {ALM_EVENT_DUPLICATE, "duplicate"},
                   {ALM_EVENT_REFUSED, "refused"}};
    const alm_call *call = &p->call;
    for (size_t i = 0; i < sizeof RESULTS / sizeof RESULTS[0]; i++) {
        size_t count = count_of(p, RESULTS[i].outcome);
        if (count > 0) {
            alm_meter_add(alm_meters_get(call->service->meters, ALM_SERVICE_EVENTS,
                                         RESULTS[i].text), call->request->worker, count);
        }
    }
}

static void reply_all(posting *p)
{
    size_t refused = count_of(p, ALM_EVENT_REFUSED);
    count_results(p);
    if (refused > 0) {
        refuse(p, refused);
        return;
    }
    alm_json_writer json = alm_json_writer_on(p->reply->body);
    alm_json_open_object(&json);
    put_members(p, &json);
    alm_json_close_object(&json);
    p->reply->status = 200;
    p->reply->content_type = ALM_TYPE_JSON;
}

/* ---- posting ---- */

static void move_queue(const posting *p, int64_t amount)
{
    const alm_call *call = &p->call;
    alm_meter_move(alm_meters_get(call->service->meters, ALM_SERVICE_QUEUE_DEPTH, QUEUE),
                   call->request->worker, amount);
}

/* In the thread that writes. */
static void told(alm_live_post *post)
{
    posting *p = post->context;
    p->later.wake(p->later.connection);
}

static void start(alm_later *later)
{
    posting *p = later->context;
    const alm_call *call = &p->call;
    move_queue(p, (int64_t)p->post.count);
    if (alm_live_post_events(call->service->live, &p->post, call->request->arena, &p->error) !=
        ALM_OK) {
        later->wake(later->connection);
    }
}

static void finish(alm_later *later)
{
    posting *p = later->context;
    const alm_call *call = &p->call;
    move_queue(p, -(int64_t)p->post.count);
    if (p->error.code != ALM_OK) {
        for (size_t i = 0; i < p->post.count; i++) {
            p->post.event[i].outcome = ALM_EVENT_REFUSED;
            p->post.event[i].error = p->error;
        }
    } else {
        uint64_t now = alm_env_monotonic_ns(call->service->env);
        alm_meter_observe(alm_meters_get(call->service->meters, ALM_SERVICE_QUEUE_TIME, QUEUE),
                          call->request->worker, now > p->begun_ns ? now - p->begun_ns : 0);
    }
    reply_all(p);
}

static void run(const alm_call *call, alm_reply *reply)
{
    const alm_service *service = call->service;
    if (!service->live) {
        alm_error error;
        (void)alm_fail(&error, ALM_ERR_UNAVAILABLE, "events are not taken: %s",
                       service->live_problem ? service->live_problem : "no project is served here");
        alm_reply_error(reply, call->request, &error);
        put_retry(reply, &error, false);
        return;
    }
    posting *p = read_request(call, reply);
    if (p->post.count == 0) {
        reply_all(p);
        return;
    }
    p->post.done = told;
    p->post.context = p;
    p->begun_ns = alm_env_monotonic_ns(service->env);
    p->later = (alm_later){.start = start, .finish = finish, .context = p};
    reply->later = &p->later;
}

/* ---- schemas ---- */

static const char *const KINDS[] = {
#define KIND_TEXT(name, text) text,
    ALM_EVENT_KIND_MAP(KIND_TEXT) NULL
#undef KIND_TEXT
};
static const alm_schema id_schema = {.kind = ALM_SCHEMA_NAME, .count_max = ALM_EVENT_ID_BYTES_MAX};
static const alm_schema kind_schema = {.kind = ALM_SCHEMA_STRING, .choices = KINDS};
static const alm_schema quantity_schema = {.kind = ALM_SCHEMA_NUMBER,
                                           .max = ALM_EVENT_QUANTITY_MAX};
static const alm_schema values_schema = {.kind = ALM_SCHEMA_MAP, .items = &alm_schema_number,
                                         .count_max = ALM_EVENT_VALUES_MAX};

static const alm_schema_member event_members[] = {
    {"id", &id_schema, true, "Chosen by the sender, at most 128 bytes; the same event sent again "
                             "has the same id."},
    {"kind", &kind_schema, true, "What happened."},
    {"product_id", &alm_schema_name, false, "Value of the first series key of the project."},
    {"warehouse_id", &alm_schema_name, false, "Value of the second series key, where there is "
                                              "one."},
    {"keys", &almi_schema_keys, false, "Values of all series keys by name, instead."},
    {"day", &alm_schema_date, true, "The day it happened on (UTC)."},
    {"quantity", &quantity_schema, true, "Units; of a correction the day's total."},
    {"known_at", &alm_schema_instant, false, "When it became known; default: when it is received. "
                                             "Required for a day that the snapshot has."},
    {"values", &values_schema, false, "Of sales and corrections: columns of the series' own "
                                      "source, such as the price."},
};
static const alm_schema event_schema = {.name = "Event", .doc = "One event.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(event_members)};
static const alm_schema request_schema = {.name = "EventsRequest",
                                          .doc = "One event, or an array of events.",
                                          .kind = ALM_SCHEMA_ARRAY, .items = &event_schema,
                                          .or_one = true, .count_min = 1, .count_max = EVENTS_MAX};

static const char *const OUTCOMES[] = {"stored", "duplicate", "refused", NULL};
static const alm_schema outcome_schema = {.kind = ALM_SCHEMA_STRING, .choices = OUTCOMES};
static const alm_schema_member told_members[] = {
    {"index", &alm_schema_integer, true, "Place in the request, from 0."},
    {"id", &alm_schema_string, true, "Its id."},
    {"outcome", &outcome_schema, true, "`duplicate`: it was stored before."},
    {"sequence", &alm_schema_integer, false, "Its number in the log, of what is stored."},
    {"status", &alm_schema_integer, false, "Of what is refused: the status it would have alone."},
    {"detail", &alm_schema_string, false, "Of what is refused: why."},
};
static const alm_schema told_schema = {.name = "EventOutcome", .doc = "What became of an event.",
                                       .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(told_members)};
static const alm_schema told_list = {.kind = ALM_SCHEMA_ARRAY, .items = &told_schema};
static const alm_schema_member reply_members[] = {
    {"stored", &alm_schema_integer, true, "How many are new."},
    {"duplicates", &alm_schema_integer, true, "How many were stored before."},
    {"refused", &alm_schema_integer, true, "How many are not stored."},
    {"events", &told_list, true, "Each one, in the order of the request."},
};
static const alm_schema reply_schema = {.name = "EventsReply", .doc = "What became of the events.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_post_events = {
    .method = ALM_METHOD_POST,
    .path = "/api/v1/events",
    .operation = "postEvents",
    .tag = "Events",
    .summary = "Tell what happened: sales, returns, corrections, receipts, stock counts",
    .text = "Answered when every event is on the disk, or refused: what was acknowledged survives "
            "a crash, and is seen by everything that is computed from then on. Sending an event "
            "again is always right: it is a `duplicate` then. When one of several is refused the "
            "reply is a problem with `stored`, `duplicates`, `refused` and `events` beside the "
            "usual members; the others are stored all the same.",
    .scope = ALM_SCOPE_PREDICTOR,
    .request = &request_schema,
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "All are stored."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "A series is not known."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "An id is known with other content."}},
    .run = run,
};
