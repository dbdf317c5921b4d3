/* ledger.c: writing entries under the rules of ledger.h, and listing them. */
#include "store/ledger.h"

#include "store/registry_internal.h"

#define ENTRY_COLUMNS "seq, action, subject, object, alias, detail, who, at, why, previous, hash"

const char *alm_ledger_action_text(alm_ledger_action action) {
    static const char *const texts[] = {"any",
#define ALM_LEDGER_TEXT(name, text) text,
                                        ALM_LEDGER_ACTION_MAP(ALM_LEDGER_TEXT)
#undef ALM_LEDGER_TEXT
    };
    alm_assert(action >= ALM_LEDGER_ANY && action < ALM_LEDGER_ACTION_COUNT);
    return texts[action];
}

bool alm_ledger_action_parse(alm_str text, alm_ledger_action *out) {
    for (int i = ALM_LEDGER_ANY + 1; i < ALM_LEDGER_ACTION_COUNT; i++) {
        if (alm_str_is(text, alm_ledger_action_text((alm_ledger_action)i))) {
            *out = (alm_ledger_action)i;
            return true;
        }
    }
    return false;
}

alm_digest alm_ledger_entry_hash(const alm_ledger_entry *entry, const alm_digest *previous) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac ledger 1"));
    alm_hash_update(&hash, previous->bytes, ALM_DIGEST_BYTES);
    alm_hash_update_u64(&hash, (uint64_t)entry->seq);
    alm_hash_update_str(&hash, alm_str_of(alm_ledger_action_text(entry->action)));
    alm_hash_update_str(&hash, entry->subject);
    alm_hash_update_str(&hash, entry->object);
    alm_hash_update_str(&hash, entry->alias);
    alm_hash_update_str(&hash, entry->detail);
    alm_hash_update_str(&hash, entry->who);
    alm_hash_update_u64(&hash, (uint64_t)entry->when);
    alm_hash_update_str(&hash, entry->why);
    return alm_hash_final(&hash);
}

/* ---- reading ---- */

static void read_entry(almi_query *query, alm_arena *arena, void *out) {
    alm_ledger_entry *entry = out;
    entry->seq = almi_read_i64(query);
    if (!alm_ledger_action_parse(almi_read_text(query, arena), &entry->action)) {
        entry->action = ALM_LEDGER_ANY; /* edited: verify will find that the hash differs */
    }
    entry->subject = almi_read_text(query, arena);
    entry->object = almi_read_text(query, arena);
    entry->alias = almi_read_text(query, arena);
    entry->detail = almi_read_text(query, arena);
    entry->who = almi_read_text(query, arena);
    entry->when = almi_read_i64(query);
    entry->why = almi_read_text(query, arena);
    entry->previous = almi_read_digest(query, arena);
    entry->hash = almi_read_digest(query, arena);
}

static void read_head(almi_query *query, alm_arena *arena, void *out) {
    alm_ledger_head *head = out;
    head->seq = almi_read_i64(query);
    head->hash = almi_read_digest(query, arena);
}

static alm_err find_head(alm_registry *registry, alm_arena *scratch, alm_ledger_head *out,
                         alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1", &query,
                            error));
    alm_ledger_head head = {0};
    bool found = false;
    ALM_TRY(almi_query_one(query, read_head, scratch, &head, &found, error));
    *out = head;
    return ALM_OK;
}

alm_err alm_ledger_get_head(alm_registry *registry, alm_ledger_head *out, alm_error *error) {
    alm_arena *scratch = alm_arena_create(4096);
    alm_err code = find_head(registry, scratch, out, error);
    alm_arena_destroy(scratch);
    return code;
}

alm_err alm_ledger_list(alm_registry *registry, const alm_ledger_filter *filter, alm_arena *arena,
                        alm_ledger_entry **out, size_t *count, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " ENTRY_COLUMNS " FROM ledger WHERE seq > ?1"
                            " AND (?2 = 'any' OR action = ?2) AND (?3 = '' OR subject = ?3)"
                            " AND (?4 = '' OR alias = ?4) ORDER BY seq LIMIT ?5",
                            &query, error));
    almi_bind_i64(query, filter->after_seq);
    almi_bind_text(query, alm_str_of(alm_ledger_action_text(filter->action)));
    almi_bind_text(query, filter->subject);
    almi_bind_text(query, filter->alias);
    almi_bind_i64(query, filter->limit > 0 ? filter->limit : INT64_MAX);
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_entry, sizeof(alm_ledger_entry), arena, &rows, error));
    *out = rows.items;
    *count = rows.count;
    return ALM_OK;
}

/* ---- writing ---- */

static alm_err check_people(const alm_ledger_note *note, alm_error *error) {
    const struct {
        alm_str text;
        const char *what;
    } fields[] = {{note->who, "who"}, {note->why, "why"}};
    for (size_t i = 0; i < 2; i++) {
        alm_err code = almi_check_text(fields[i].text, fields[i].what, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "%s of " ALM_STR_FMT " must say who and why",
                                  alm_ledger_action_text(note->action),
                                  ALM_STR_ARG(note->subject));
        }
    }
    return ALM_OK;
}

static alm_str copy_str(alm_arena *arena, alm_str text) {
    return (alm_str){alm_arena_copy_text(arena, text.data ? text.data : "", text.size), text.size};
}

static alm_err insert_entry(alm_registry *registry, const alm_ledger_entry *entry,
                            alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO ledger(" ENTRY_COLUMNS
                            ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                            &query, error));
    almi_bind_i64(query, entry->seq);
    almi_bind_text(query, alm_str_of(alm_ledger_action_text(entry->action)));
    almi_bind_text(query, entry->subject);
    almi_bind_text(query, entry->object);
    almi_bind_text(query, entry->alias);
    almi_bind_text(query, entry->detail);
    almi_bind_text(query, entry->who);
    almi_bind_i64(query, entry->when);
    almi_bind_text(query, entry->why);
    almi_bind_digest(query, &entry->previous);
    almi_bind_digest(query, &entry->hash);
    return almi_query_run(query, error);
}

alm_err almi_ledger_write(alm_registry *registry, const alm_ledger_note *note, alm_str object,
                          alm_arena *arena, alm_ledger_entry *out, alm_error *error) {
    ALM_TRY(check_people(note, error));
    alm_str detail = note->detail.size > 0 ? note->detail : ALM_STR("{}");
    ALM_TRY(almi_check_json_object(detail, "detail of the ledger entry", error));
    alm_ledger_head head;
    ALM_TRY(find_head(registry, arena, &head, error));
    alm_ledger_entry entry = {.seq = head.seq + 1,
                              .action = note->action,
                              .subject = copy_str(arena, note->subject),
                              .object = copy_str(arena, object),
                              .alias = copy_str(arena, note->alias),
                              .detail = copy_str(arena, detail),
                              .who = copy_str(arena, note->who),
                              .when = note->when,
                              .why = copy_str(arena, note->why),
                              .previous = head.hash};
    entry.hash = alm_ledger_entry_hash(&entry, &entry.previous);
    ALM_TRY(insert_entry(registry, &entry, error));
    *out = entry;
    return ALM_OK;
}

/* ---- rules ---- */

/* "-" and digits at the end is how model versions look. */
static bool looks_like_version(alm_str text) {
    size_t digits = 0;
    while (digits < text.size && text.data[text.size - 1 - digits] >= '0' &&
           text.data[text.size - 1 - digits] <= '9') {
        digits++;
    }
    return digits > 0 && digits < text.size && text.data[text.size - 1 - digits] == '-';
}

static alm_err check_alias(const alm_ledger_note *note, alm_error *error) {
    bool wants_alias = note->action == ALM_LEDGER_PROMOTE || note->action == ALM_LEDGER_ROLLBACK;
    if (!wants_alias) {
        return note->alias.size == 0
                   ? ALM_OK
                   : alm_fail(error, ALM_ERR_INVALID, "ledger: %s takes no alias",
                              alm_ledger_action_text(note->action));
    }
    if (!alm_str_is_safe_name(note->alias) || looks_like_version(note->alias) ||
        alm_str_is(note->alias, "latest")) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "alias '" ALM_STR_FMT "': A-Z a-z 0-9 . _ - are allowed; 'latest' and "
                        "names that end like a model version ('-3') are not",
                        ALM_STR_ARG(note->alias));
    }
    return ALM_OK;
}

/* Is there an entry of this action for the release behind its registration? */
static alm_err has_entry_since_registration(alm_registry *registry, alm_str subject,
                                            alm_ledger_action action, bool *out,
                                            alm_arena *scratch, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT seq, hash FROM ledger WHERE subject = ?1 AND action = ?2"
                            " AND seq > (SELECT max(seq) FROM ledger"
                            "   WHERE subject = ?1 AND action = 'register') LIMIT 1",
                            &query, error));
    almi_bind_text(query, subject);
    almi_bind_text(query, alm_str_of(alm_ledger_action_text(action)));
    alm_ledger_head entry;
    return almi_query_one(query, read_head, scratch, &entry, out, error);
}

static void read_text(almi_query *query, alm_arena *arena, void *out) {
    *(alm_str *)out = almi_read_text(query, arena);
}

/* The release that the alias points to; empty when it does not exist. */
static alm_err current_release(alm_registry *registry, alm_str alias, alm_arena *scratch,
                               alm_str *out, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql, "SELECT release FROM aliases WHERE alias = ?1", &query,
                            error));
    almi_bind_text(query, alias);
    alm_str release = {0};
    bool found = false;
    ALM_TRY(almi_query_one(query, read_text, scratch, &release, &found, error));
    *out = release;
    return ALM_OK;
}

static alm_err refuse_unservable(const alm_release *release, const char *verb, alm_error *error) {
    if (release->experimental) {
        return alm_fail(error, ALM_ERR_DENIED,
                        ALM_STR_FMT " is experimental (trained from a dirty tree) and can never be "
                                    "%s; commit the project and train again",
                        ALM_STR_ARG(release->name), verb);
    }
    if (release->retired) {
        return alm_fail(error, ALM_ERR_DENIED, ALM_STR_FMT " is retired and cannot be %s",
                        ALM_STR_ARG(release->name), verb);
    }
    return ALM_OK;
}

static alm_err check_promote(alm_registry *registry, const alm_ledger_note *note,
                             const alm_release *release, alm_arena *scratch, alm_error *error) {
    ALM_TRY(refuse_unservable(release, "promoted", error));
    static const struct {
        alm_ledger_action action;
        const char *noun;
        const char *verb;
    } needed[] = {{ALM_LEDGER_COMPARE, "comparison", "compare"},
                  {ALM_LEDGER_APPROVE, "approval", "approve"}};
    for (size_t i = 0; i < 2; i++) {
        bool found = false;
        ALM_TRY(has_entry_since_registration(registry, note->subject, needed[i].action, &found,
                                             scratch, error));
        if (!found) {
            return alm_fail(error, ALM_ERR_DENIED,
                            ALM_STR_FMT " has no recorded %s since its registration; "
                                        "'models %s " ALM_STR_FMT "' comes before promotion",
                            ALM_STR_ARG(note->subject), needed[i].noun, needed[i].verb,
                            ALM_STR_ARG(note->subject));
        }
    }
    alm_str current;
    ALM_TRY(current_release(registry, note->alias, scratch, &current, error));
    if (alm_str_equal(current, note->subject)) {
        return alm_fail(error, ALM_ERR_EXISTS,
                        "alias " ALM_STR_FMT " points to " ALM_STR_FMT " already",
                        ALM_STR_ARG(note->alias), ALM_STR_ARG(note->subject));
    }
    return ALM_OK;
}


static alm_err check_retire(alm_registry *registry, const alm_release *release, alm_arena *scratch,
                            alm_error *error) {
    if (release->retired) {
        return alm_fail(error, ALM_ERR_EXISTS, ALM_STR_FMT " is retired already",
                        ALM_STR_ARG(release->name));
    }
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT alias FROM aliases WHERE release = ?1 ORDER BY alias LIMIT 1",
                            &query, error));
    almi_bind_text(query, release->name);
    alm_str alias = {0};
    bool found = false;
    ALM_TRY(almi_query_one(query, read_text, scratch, &alias, &found, error));
    if (found) {
        return alm_fail(error, ALM_ERR_DENIED,
                        ALM_STR_FMT " is what alias " ALM_STR_FMT " points to; promote another "
                                    "version or roll back first",
                        ALM_STR_ARG(release->name), ALM_STR_ARG(alias));
    }
    return ALM_OK;
}

static alm_err check_rules(alm_registry *registry, const alm_ledger_note *note,
                           const alm_release *release, alm_arena *scratch, alm_error *error) {
    switch (note->action) {
    case ALM_LEDGER_COMPARE:
        return ALM_OK;
    case ALM_LEDGER_APPROVE:
        return refuse_unservable(release, "approved", error);
    case ALM_LEDGER_PROMOTE:
        return check_promote(registry, note, release, scratch, error);
    case ALM_LEDGER_ROLLBACK:
        return refuse_unservable(release, "put back into service", error);
    case ALM_LEDGER_RETIRE:
        return check_retire(registry, release, scratch, error);
    default:
        return alm_fail(error, ALM_ERR_INVALID,
                        "ledger: an entry '%s' is written together with its record only",
                        alm_ledger_action_text(note->action));
    }
}

/* ---- rollback ---- */

static void read_step(almi_query *query, alm_arena *arena, void *out) {
    alm_ledger_entry *entry = out;
    *entry = (alm_ledger_entry){0};
    (void)alm_ledger_action_parse(almi_read_text(query, arena), &entry->action);
    entry->subject = almi_read_text(query, arena);
}

/* A promotion pushes, a rollback pops; what is then below the top is the release to go back to. */
alm_err alm_ledger_previous_release(alm_registry *registry, alm_str alias, alm_arena *arena,
                                    alm_str *out, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT action, subject FROM ledger WHERE alias = ?1"
                            " AND action IN ('promote', 'rollback') ORDER BY seq",
                            &query, error));
    almi_bind_text(query, alias);
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_step, sizeof(alm_ledger_entry), arena, &rows, error));
    const alm_ledger_entry *steps = rows.items;
    alm_str *stack = ALM_NEW_ARRAY(arena, alm_str, rows.count + 1);
    size_t height = 0;
    for (size_t i = 0; i < rows.count; i++) {
        if (steps[i].action == ALM_LEDGER_PROMOTE) {
            stack[height++] = steps[i].subject;
        } else if (height > 0) {
            height--;
        }
    }
    if (height == 0) {
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "alias " ALM_STR_FMT ": nothing was ever promoted to it",
                        ALM_STR_ARG(alias));
    }
    if (height == 1) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "alias " ALM_STR_FMT ": no release was promoted before " ALM_STR_FMT
                        ", so there is nothing to roll back to",
                        ALM_STR_ARG(alias), ALM_STR_ARG(stack[0]));
    }
    *out = stack[height - 2];
    return ALM_OK;
}

/* Fills in the release of a rollback. */
static alm_err complete_rollback(alm_registry *registry, alm_ledger_note *note, alm_arena *arena,
                                 alm_error *error) {
    alm_str previous;
    ALM_TRY(alm_ledger_previous_release(registry, note->alias, arena, &previous, error));
    if (note->subject.size > 0 && !alm_str_equal(note->subject, previous)) {
        return alm_fail(error, ALM_ERR_DENIED,
                        "alias " ALM_STR_FMT ": a rollback leads to " ALM_STR_FMT ", not to "
                        ALM_STR_FMT "; promote that one instead",
                        ALM_STR_ARG(note->alias), ALM_STR_ARG(previous),
                        ALM_STR_ARG(note->subject));
    }
    note->subject = previous;
    return ALM_OK;
}

/* May the entry be written? Completes `note` and finds its release. */
static alm_err prepare(alm_registry *registry, alm_ledger_note *note, alm_arena *arena,
                       alm_release *out, alm_error *error) {
    if (note->action == ALM_LEDGER_ROLLBACK) {
        ALM_TRY(complete_rollback(registry, note, arena, error));
    }
    bool found = false;
    ALM_TRY(almi_find_release(registry, note->subject, arena, out, &found, error));
    if (!found) {
        return almi_unknown_release(registry, note->subject, arena, error);
    }
    return check_rules(registry, note, out, arena, error);
}

static alm_err append(alm_registry *registry, alm_ledger_note note, alm_arena *arena,
                      alm_ledger_entry *out, alm_error *error) {
    alm_release release;
    ALM_TRY(prepare(registry, &note, arena, &release, error));
    char hash[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&release.hash, hash);
    return almi_ledger_write(registry, &note, alm_str_of(hash), arena, out, error);
}

alm_err alm_ledger_append(alm_registry *registry, const alm_ledger_note *note, alm_arena *arena,
                          alm_ledger_entry *out, alm_error *error) {
    alm_assert(note->action > ALM_LEDGER_ANY && note->action < ALM_LEDGER_ACTION_COUNT);
    ALM_TRY(check_alias(note, error));
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_ledger_entry entry;
    alm_err code = append(registry, *note, arena, &entry, error);
    ALM_TRY(almi_sql_end(registry->sql, code, error));
    *out = entry;
    return ALM_OK;
}

alm_err alm_ledger_check(alm_registry *registry, const alm_ledger_note *note, alm_arena *scratch,
                         alm_error *error) {
    alm_assert(note->action > ALM_LEDGER_ANY && note->action < ALM_LEDGER_ACTION_COUNT);
    alm_ledger_note completed = *note;
    alm_release release;
    ALM_TRY(check_alias(note, error));
    ALM_TRY(check_people(note, error));
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    return almi_sql_end(registry->sql, prepare(registry, &completed, scratch, &release, error),
                        error);
}

alm_err alm_ledger_is_approved(alm_registry *registry, alm_str release, bool *out,
                               alm_error *error) {
    alm_arena *scratch = alm_arena_create(1024);
    alm_ledger_filter filter = {.action = ALM_LEDGER_APPROVE, .subject = release, .limit = 1};
    alm_ledger_entry *entry = NULL;
    size_t count = 0;
    alm_err code = alm_ledger_list(registry, &filter, scratch, &entry, &count, error);
    alm_arena_destroy(scratch);
    if (code == ALM_OK) {
        *out = count > 0;
    }
    return code;
}
