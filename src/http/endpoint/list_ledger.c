#include "http/endpoint/answer.h"
#include "http/endpoint/endpoints.h"

static void put_entry(const alm_ledger_entry *entry, alm_json_writer *json)
{
    char hash[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&entry->hash, hash);
    alm_json_open_object(json);
    alm_json_put_i64(json, "seq", entry->seq);
    alm_json_put_text(json, "action", alm_ledger_action_text(entry->action));
    alm_json_put_str(json, "release", entry->subject);
    almi_answer_put_text(json, "alias", entry->alias);
    alm_json_put_str(json, "who", entry->who);
    almi_answer_put_instant(json, "when", entry->when);
    alm_json_put_str(json, "why", entry->why);
    alm_json_put_text(json, "hash", hash);
    alm_json_close_object(json);
}

static void put_entries(const almi_answering *answering, alm_str release, alm_json_writer *json)
{
    const alm_committed_set *set = answering->online.set;
    alm_json_open_object(json);
    alm_json_key(json, "entries");
    alm_json_open_array(json);
    for (size_t i = set->ledger_entries; i-- > 0;) {
        const alm_ledger_entry *entry = &set->ledger[i];
        if ((release.size == 0 || alm_str_equal(entry->subject, release)) &&
            almi_answer_may_use(answering, entry->subject)) {
            put_entry(entry, json);
        }
    }
    alm_json_close_array(json);
    alm_json_put_i64(json, "head_seq", set->ledger_seq);
    alm_json_put_i64(json, "first_seq", set->ledger_entries ? set->ledger[0].seq : 0);
    almi_answer_put_text(json, "problem", set->problem);
    alm_json_close_object(json);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_answering answering;
    alm_str release = {0};
    bool found = false;
    alm_error error;
    if (!almi_answer_begin(call, &answering, reply)) {
        return;
    }
    if (alm_request_parameter(call->request, "release", &release, &found, &error) != ALM_OK) {
        almi_answer_refuse(&answering, &error, reply);
    } else {
        alm_json_writer json = alm_json_writer_on(reply->body);
        reply->status = 200;
        reply->content_type = ALM_TYPE_JSON;
        put_entries(&answering, release, &json);
    }
    almi_answer_end(&answering);
}

static const alm_parameter parameters[] = {
    {"release", &alm_schema_name, false, false, "Entries of this release only."},
};

static const char *const ACTIONS[] = {
#define TEXT(name, text) text,
    ALM_LEDGER_ACTION_MAP(TEXT) NULL};
#undef TEXT
static const alm_schema action = {.kind = ALM_SCHEMA_STRING, .choices = ACTIONS};
static const alm_schema_member entry_members[] = {
    {"seq", &alm_schema_integer, true, "Its number, from 1, without gaps."},
    {"action", &action, true, "What was done."},
    {"release", &alm_schema_string, true, "With which release."},
    {"alias", &almi_schema_text, true, "Of promotions and rollbacks."},
    {"who", &alm_schema_string, true, "By whom."},
    {"when", &alm_schema_instant, true, "When."},
    {"why", &alm_schema_string, true, "The reason that was given."},
    {"hash", &alm_schema_string, true, "Over it and the hash of the entry before."},
};
static const alm_schema entry = {.name = "LedgerEntry", .doc = "What was done with a release.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(entry_members)};
static const alm_schema entries = {.kind = ALM_SCHEMA_ARRAY, .items = &entry};
static const alm_schema_member members[] = {
    {"entries", &entries, true, "The newest first."},
    {"head_seq", &alm_schema_integer, true, "Number of the newest entry of the ledger; 0: none."},
    {"first_seq", &alm_schema_integer, true, "Number of the oldest one that was looked at."},
    {"problem", &almi_schema_text, true, "Why the registry cannot be read now; null: it can."},
};
static const alm_schema reply_schema = {.name = "Ledger", .doc = "The last entries of the ledger.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(members)};

const alm_route almi_route_list_ledger = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/ledger",
    .operation = "listLedger",
    .tag = "Models",
    .summary = "What was done with releases of late, by whom and why",
    .text = "The last 256 entries; `almanac models history` has all, and verifies their chain.",
    .scope = ALM_SCOPE_VIEWER,
    ALM_PARAMETERS(parameters),
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "The entries."}},
    .run = run,
};
