#include "http/endpoint/batch.h"

#include <string.h>

#include "http/access_reply.h"

#define PIECE_BYTES ((size_t)64 << 10)
#define PIECE_NS 2000000u

const alm_schema almi_schema_batch_index = {.kind = ALM_SCHEMA_INTEGER, .min = 0, .max = 1e15};
const alm_schema almi_schema_batch_count = {.kind = ALM_SCHEMA_INTEGER, .min = 0, .max = 1e15};

/* A batch on its way; in the arena of its request. */
typedef struct batch {
    alm_call call;
    const alm_schema *request;
    almi_answer_one answer;
    const alm_committed_set *set; /* kept */
    alm_instant now;              /* one for all ages */
    alm_arena *arena;             /* of the item at hand */
    alm_buffer item;              /* what it is answered with */
    const alm_json *requests;     /* NULL: lines */
    const alm_json *defaults;     /* NULL: none */
    alm_str rest;                 /* lines to come */
    size_t number;                /* of the next item: index from 0, or lines read */
    size_t answered, refused, degraded;
    bool is_begun;
} batch;

/* ---- lines ---- */

static bool is_blank(alm_str line)
{
    return alm_str_trim(line).size == 0;
}

/* Blank lines in front, byte by byte: a body may be millions of them. What is left begins with a
 * line that is not blank. */
static void skip_blank_lines(alm_str *rest, size_t *number)
{
    const char *begin = rest->data, *end = rest->data + rest->size;
    for (const char *at = begin;
         at < end && (*at == '\n' || *at == '\r' || *at == ' ' || *at == '\t'); at++) {
        if (*at == '\n') {
            begin = at + 1;
            ++*number;
        }
    }
    *rest = (alm_str){begin, (size_t)(end - begin)};
}

/* The next line that is not blank; *number counts all of them. False: there is none. */
static bool next_line(alm_str *rest, size_t *number, alm_str *out)
{
    skip_blank_lines(rest, number);
    while (rest->size > 0) {
        const char *end = memchr(rest->data, '\n', rest->size);
        size_t size = end ? (size_t)(end - rest->data) : rest->size;
        *out = (alm_str){rest->data, size};
        size += end != NULL;
        *rest = (alm_str){rest->data + size, rest->size - size};
        ++*number;
        if (!is_blank(*out)) {
            return true;
        }
    }
    return false;
}

static size_t count_lines(alm_str body)
{
    size_t count = 0;
    size_t number = 0;
    for (alm_str line; next_line(&body, &number, &line); count++) {
    }
    return count;
}

/* ---- an item ---- */

static alm_err check_item(const batch *b, const alm_json **body, char pointer[ALM_POINTER_BYTES],
                          alm_error *error)
{
    if (b->defaults && alm_json_kind_of(*body) == ALM_JSON_OBJECT) {
        *body = alm_json_with_defaults(*body, b->defaults, b->arena);
    }
    return alm_schema_check(b->request, *body, pointer, error);
}

/* Answers or refuses `body`, whose call has the item's arena. */
static bool answer_item(batch *b, const almi_answering *shared, const alm_json *body,
                        alm_reply *reply)
{
    char pointer[ALM_POINTER_BYTES];
    alm_error error;
    alm_request request = *b->call.request;
    alm_call call = b->call;
    almi_answering answering = *shared;
    request.arena = b->arena;
    if (check_item(b, &body, pointer, &error) != ALM_OK) {
        alm_reply_fault(reply, &request, &error, pointer);
        return false;
    }
    call.request = &request;
    call.body = body;
    answering.call = &call;
    return b->answer(&answering, reply);
}

static bool answer_line(batch *b, const almi_answering *shared, alm_str line, alm_reply *reply)
{
    alm_json_document *document = NULL;
    alm_error error;
    alm_err code = line.size > ALMI_BATCH_LINE_BYTES_MAX
                       ? alm_fail(&error, ALM_ERR_INVALID, "a line has at most %zu bytes, and this "
                                  "one has %zu", ALMI_BATCH_LINE_BYTES_MAX, line.size)
                       : alm_json_parse(line, "the line", &document, &error);
    if (code != ALM_OK) {
        alm_reply_fault(reply, b->call.request, &error, NULL);
        return false;
    }
    bool is_degraded = answer_item(b, shared, alm_json_root(document), reply);
    alm_json_document_destroy(document);
    return is_degraded;
}

/* {"index":0,"answer":...}, with what separates it from others. */
static void put_item(const batch *b, size_t number, const alm_reply *reply, alm_buffer *out)
{
    bool is_line = !b->requests;
    alm_buffer_printf(out, "%s{\"%s\":%zu,\"%s\":", !is_line && number > 0 ? "," : "",
                      is_line ? "line" : "index", number,
                      reply->status == 200 ? "answer" : "problem");
    alm_buffer_str(out, alm_buffer_view(&b->item));
    alm_buffer_text(out, is_line ? "}\n" : "}");
}

/* False: there is no further one. */
static bool take_item(batch *b, const almi_answering *shared, alm_buffer *out)
{
    alm_reply reply = {.body = &b->item};
    alm_str line;
    bool is_degraded = false;
    alm_buffer_clear(&b->item);
    if (b->requests) {
        const alm_json *body = alm_json_at(b->requests, b->number);
        if (!body) {
            return false;
        }
        is_degraded = answer_item(b, shared, body, &reply);
        put_item(b, b->number++, &reply, out);
    } else {
        if (!next_line(&b->rest, &b->number, &line)) {
            return false;
        }
        is_degraded = answer_line(b, shared, line, &reply);
        put_item(b, b->number, &reply, out);
    }
    b->answered += reply.status == 200;
    b->refused += reply.status != 200;
    b->degraded += is_degraded;
    alm_arena_reset(b->arena);
    return true;
}

/* ---- the reply ---- */

static void put_counts(const batch *b, alm_buffer *out)
{
    alm_buffer_printf(out, "%s\"answered\":%zu,\"refused\":%zu,\"degraded\":%zu}%s",
                      b->requests ? "]," : "{", b->answered, b->refused, b->degraded,
                      b->requests ? "" : "\n");
}

static alm_err next_piece(void *context, alm_buffer *out, bool *is_last, alm_error *error)
{
    batch *b = context;
    const alm_ladder_clock *clock = &b->call.service->clock;
    uint64_t begun = clock->now_ns(clock->context);
    almi_answering shared;
    bool is_there = almi_answer_begin(&b->call, &shared, NULL);
    alm_assert(is_there); /* as at the beginning of the batch */
    shared.online.set = b->set;
    shared.online.now = b->now;
    if (!b->is_begun && b->requests) {
        alm_buffer_text(out, "{\"results\":[");
    }
    b->is_begun = true;
    bool has_more;
    do {
        has_more = take_item(b, &shared, out);
    } while (has_more && !b->item.failed && out->size < PIECE_BYTES &&
             clock->now_ns(clock->context) - begun < PIECE_NS);
    almi_answer_end(&shared);
    if (!has_more) {
        put_counts(b, out);
    }
    *is_last = !has_more;
    return alm_buffer_status(&b->item, error);
}

static void close_batch(void *context)
{
    batch *b = context;
    alm_committed_give_back(b->call.service->committed, b->set);
    alm_arena_destroy(b->arena);
    alm_buffer_deinit(&b->item);
}

/* The rest of what the batch costs; the request itself has paid for the first items. */
static bool pay(const alm_call *call, size_t items, alm_reply *reply)
{
    size_t each = call->route->items_per_request;
    size_t more = (items - 1) / each;
    if (more == 0) {
        return true;
    }
    alm_access_verdict verdict = alm_access_take(
        call->service->access, call->identity, more < UINT32_MAX ? (uint32_t)more : UINT32_MAX,
        alm_env_monotonic_ns(call->service->env), call->request->arena);
    almi_access_reply(&verdict, call->request, reply);
    return verdict.reason == ALM_ACCESS_ALLOWED;
}

void almi_batch_run(const alm_call *call, const alm_schema *request, almi_answer_one answer,
                    alm_reply *reply)
{
    const alm_json *requests = call->body ? alm_json_member(call->body, "requests") : NULL;
    alm_str body = call->request->body;
    size_t items = requests ? alm_json_count(requests) : count_lines(body);
    almi_answering answering;
    if (items == 0) {
        alm_problem what = {.status = 400, .detail = ALM_STR("the body has no line with a "
                                                             "request")};
        alm_reply_problem(reply, call->request, &what);
        return;
    }
    if (!pay(call, items, reply) || !almi_answer_begin(call, &answering, reply)) {
        return;
    }
    batch *b = ALM_NEW(call->request->arena, batch);
    *b = (batch){.call = *call,
                 .request = request,
                 .answer = answer,
                 .set = alm_committed_keep(call->service->committed),
                 .now = answering.online.now,
                 .arena = alm_arena_create(0),
                 .requests = requests,
                 .defaults = requests ? alm_json_member(call->body, "defaults") : NULL,
                 .rest = body};
    almi_answer_end(&answering);
    reply->status = 200;
    reply->content_type = requests ? ALM_TYPE_JSON : ALM_TYPE_LINES;
    reply->stream = (alm_reply_stream){next_piece, close_batch, b};
}
