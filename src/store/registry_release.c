/* registry_release.c: registering, finding and resolving releases. */
#include "base/json.h"
#include "store/registry_internal.h"

#include <stdlib.h>

enum { MODEL_BYTES_MAX = 80 }; /* leaves room for "-" and the number in a safe name of 100 */

#define RELEASE_COLUMNS                                                                            \
    "name, model, version, hash, training_run, imported, experimental, who, created,"              \
    " EXISTS(SELECT 1 FROM ledger WHERE subject = name AND action = 'retire')"

/* ---- identity ---- */

static int compare_roles(const void *a, const void *b) {
    const alm_release_member *x = a;
    const alm_release_member *y = b;
    return alm_str_compare(x->role, y->role);
}

/* A copy: the caller's array stays as it is, and the roles become NUL terminated JSON keys. */
static alm_release_member *sorted_members(const alm_release_member *members, size_t count,
                                          alm_arena *arena) {
    alm_release_member *sorted = ALM_NEW_ARRAY(arena, alm_release_member, count);
    for (size_t i = 0; i < count; i++) {
        sorted[i].role = (alm_str){
            alm_arena_copy_text(arena, members[i].role.data, members[i].role.size),
            members[i].role.size};
        sorted[i].bundle = members[i].bundle;
    }
    qsort(sorted, count, sizeof *sorted, compare_roles);
    return sorted;
}

alm_digest alm_release_hash(const alm_release_member *members, size_t count, alm_arena *scratch) {
    const alm_release_member *sorted = sorted_members(members, count, scratch);
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac release 1"));
    alm_hash_update_u64(&hash, count);
    for (size_t i = 0; i < count; i++) {
        alm_hash_update_str(&hash, sorted[i].role);
        alm_hash_update(&hash, sorted[i].bundle.bytes, ALM_DIGEST_BYTES);
    }
    return alm_hash_final(&hash);
}

/* ---- reading ---- */

static void read_release(almi_query *query, alm_arena *arena, void *out) {
    alm_release *release = out;
    release->name = almi_read_text(query, arena);
    release->model = almi_read_text(query, arena);
    release->version = almi_read_i64(query);
    release->hash = almi_read_digest(query, arena);
    release->has_training_run = !almi_next_is_null(query);
    if (release->has_training_run) {
        release->training_run = almi_read_digest(query, arena);
    } else {
        (void)almi_read_text(query, arena);
    }
    release->origin = almi_read_i64(query) ? ALM_RELEASE_IMPORTED : ALM_RELEASE_TRAINED;
    release->experimental = almi_read_i64(query) != 0;
    release->who = almi_read_text(query, arena);
    release->created = almi_read_i64(query);
    release->retired = almi_read_i64(query) != 0;
}

static void read_member(almi_query *query, alm_arena *arena, void *out) {
    alm_release_member *member = out;
    member->role = almi_read_text(query, arena);
    member->bundle = almi_read_digest(query, arena);
}

static alm_err read_members(alm_registry *registry, alm_arena *arena, alm_release *release,
                            alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT role, bundle FROM release_members WHERE release = ?1"
                            " ORDER BY role",
                            &query, error));
    almi_bind_text(query, release->name);
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_member, sizeof(alm_release_member), arena, &rows, error));
    release->members = rows.items;
    release->member_count = rows.count;
    return ALM_OK;
}

/* `query` selects RELEASE_COLUMNS. */
static alm_err one_release(alm_registry *registry, almi_query *query, alm_arena *arena,
                           alm_release *out, bool *found, alm_error *error) {
    alm_release release = {0};
    bool has_row = false;
    ALM_TRY(almi_query_one(query, read_release, arena, &release, &has_row, error));
    if (has_row) {
        ALM_TRY(read_members(registry, arena, &release, error));
        *out = release;
    }
    *found = has_row;
    return ALM_OK;
}

alm_err almi_find_release(alm_registry *registry, alm_str name, alm_arena *arena,
                          alm_release *out, bool *found, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " RELEASE_COLUMNS " FROM releases WHERE name = ?1", &query,
                            error));
    almi_bind_text(query, name);
    return one_release(registry, query, arena, out, found, error);
}

alm_err almi_list_releases(alm_registry *registry, alm_str model, alm_arena *arena,
                           almi_rows *out, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " RELEASE_COLUMNS " FROM releases"
                            " WHERE ?1 = '' OR model = ?1 ORDER BY added",
                            &query, error));
    almi_bind_text(query, model);
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_release, sizeof(alm_release), arena, &rows, error));
    for (size_t i = 0; i < rows.count; i++) {
        ALM_TRY(read_members(registry, arena, (alm_release *)rows.items + i, error));
    }
    *out = rows;
    return ALM_OK;
}

alm_err alm_registry_list_releases(alm_registry *registry, alm_str model, alm_arena *arena,
                                   alm_release **out, size_t *count, alm_error *error) {
    almi_rows rows = {0};
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    alm_err code = almi_list_releases(registry, model, arena, &rows, error);
    ALM_TRY(almi_sql_end(registry->sql, code, error));
    *out = rows.items;
    *count = rows.count;
    return ALM_OK;
}

/* ---- names ---- */

static void read_alias(almi_query *query, alm_arena *arena, void *out) {
    alm_alias *alias = out;
    alias->alias = almi_read_text(query, arena);
    alias->release = almi_read_text(query, arena);
    alias->seq = almi_read_i64(query);
}

alm_err alm_registry_list_aliases(alm_registry *registry, alm_arena *arena, alm_alias **out,
                                  size_t *count, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT alias, release, seq FROM aliases ORDER BY alias", &query,
                            error));
    almi_rows rows;
    ALM_TRY(almi_query_all(query, read_alias, sizeof(alm_alias), arena, &rows, error));
    *out = rows.items;
    *count = rows.count;
    return ALM_OK;
}

/* Aliases with their releases, then releases, newest first; a message holds some ten names. */
static alm_err known_names(alm_registry *registry, alm_arena *scratch, alm_str *out,
                           alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT alias || ' (' || release || ')', 0 AS part, -seq AS place"
                            " FROM aliases UNION ALL SELECT name, 1, -added FROM releases"
                            " ORDER BY part, place LIMIT 11",
                            &query, error));
    alm_buffer text = {0};
    alm_err code = ALM_OK;
    for (int i = 0;; i++) {
        bool has_row = false;
        code = almi_query_next(query, &has_row, error);
        if (code != ALM_OK || !has_row) {
            break;
        }
        alm_buffer_text(&text, i > 0 ? ", " : "");
        alm_buffer_str(&text, i < 10 ? almi_read_text(query, scratch) : ALM_STR("..."));
    }
    if (code == ALM_OK && text.size == 0) {
        alm_buffer_text(&text, "none yet, train one first");
    }
    alm_str known = {0};
    alm_err taken = almi_take_text(&text, scratch, &known, error);
    ALM_TRY(almi_query_close(query, code != ALM_OK ? code : taken, error));
    *out = known;
    return ALM_OK;
}

alm_err almi_unknown_release(alm_registry *registry, alm_str name, alm_arena *scratch,
                             alm_error *error) {
    alm_str known;
    ALM_TRY(known_names(registry, scratch, &known, error));
    return alm_fail(error, ALM_ERR_NOT_FOUND,
                    "no model version or alias '" ALM_STR_FMT "'; known: " ALM_STR_FMT,
                    ALM_STR_ARG(name), ALM_STR_ARG(known));
}

alm_err alm_registry_get_release(alm_registry *registry, alm_str name, alm_arena *arena,
                                 alm_release *out, alm_error *error) {
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    alm_release release;
    bool found = false;
    alm_err code = almi_find_release(registry, name, arena, &release, &found, error);
    if (code == ALM_OK && !found) {
        code = almi_unknown_release(registry, name, arena, error);
    }
    ALM_TRY(almi_sql_end(registry->sql, code, error));
    *out = release;
    return ALM_OK;
}

static alm_err find_through_alias(alm_registry *registry, alm_str alias, alm_arena *arena,
                                  alm_release *out, bool *found, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " RELEASE_COLUMNS " FROM releases WHERE name ="
                            " (SELECT release FROM aliases WHERE alias = ?1)",
                            &query, error));
    almi_bind_text(query, alias);
    return one_release(registry, query, arena, out, found, error);
}

static alm_err resolve(alm_registry *registry, alm_str name, alm_arena *arena, alm_release *out,
                       alm_error *error) {
    bool found = false;
    ALM_TRY(almi_find_release(registry, name, arena, out, &found, error));
    if (!found) {
        ALM_TRY(find_through_alias(registry, name, arena, out, &found, error));
    }
    return found ? ALM_OK : almi_unknown_release(registry, name, arena, error);
}

/* Both would be an answer that changes without anybody having decided it. */
static alm_err refuse_implicit(alm_registry *registry, alm_str name, alm_arena *scratch,
                               alm_error *error) {
    bool is_latest = alm_str_is(name, "latest");
    if (!is_latest && !almi_str_is_blank(name)) {
        return ALM_OK;
    }
    alm_str known;
    ALM_TRY(known_names(registry, scratch, &known, error));
    return alm_fail(error, ALM_ERR_INVALID,
                    "%s: nothing is implicit, name a model version or an alias; known: "
                    ALM_STR_FMT,
                    is_latest ? "there is no 'latest'" : "no model version is named",
                    ALM_STR_ARG(known));
}

alm_err alm_registry_resolve(alm_registry *registry, alm_str name_or_alias, alm_arena *arena,
                             alm_release *out, alm_error *error) {
    ALM_TRY(almi_sql_begin_read(registry->sql, error));
    alm_release release = {0};
    alm_err code = refuse_implicit(registry, name_or_alias, arena, error);
    if (code == ALM_OK) {
        code = resolve(registry, name_or_alias, arena, &release, error);
    }
    ALM_TRY(almi_sql_end(registry->sql, code, error));
    *out = release;
    return ALM_OK;
}

/* ---- registering ---- */

static alm_err check_members(const alm_release_request *request, alm_arena *scratch,
                             alm_error *error) {
    if (request->member_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "release of " ALM_STR_FMT ": it has no bundle",
                        ALM_STR_ARG(request->model));
    }
    const alm_release_member *sorted =
        sorted_members(request->members, request->member_count, scratch);
    for (size_t i = 0; i < request->member_count; i++) {
        ALM_TRY(almi_check_text(sorted[i].role, "role of a bundle", error));
        if (i > 0 && alm_str_equal(sorted[i - 1].role, sorted[i].role)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "release of " ALM_STR_FMT ": the role '" ALM_STR_FMT
                            "' is given to two bundles",
                            ALM_STR_ARG(request->model), ALM_STR_ARG(sorted[i].role));
        }
    }
    return ALM_OK;
}

static alm_err check_request(const alm_release_request *request, alm_arena *scratch,
                             alm_error *error) {
    if (!alm_str_is_safe_name(request->model) || request->model.size > MODEL_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "model name '" ALM_STR_FMT "': 1 to %d of A-Z a-z 0-9 . _ - are allowed, "
                        "not starting with a point",
                        ALM_STR_ARG(request->model), MODEL_BYTES_MAX);
    }
    bool imported = request->origin == ALM_RELEASE_IMPORTED;
    if (imported != (request->training_run == NULL)) {
        return alm_fail(error, ALM_ERR_INVALID, "release of " ALM_STR_FMT ": %s",
                        ALM_STR_ARG(request->model),
                        imported ? "an imported one has no training run"
                                 : "a trained one needs its training run");
    }
    return check_members(request, scratch, error);
}

/* A release of the same members: the clean one, else the experimental one. */
static alm_err find_same(alm_registry *registry, const alm_digest *hash, alm_arena *arena,
                         alm_release *out, bool *found, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT " RELEASE_COLUMNS " FROM releases WHERE hash = ?1"
                            " ORDER BY experimental LIMIT 1",
                            &query, error));
    almi_bind_digest(query, hash);
    return one_release(registry, query, arena, out, found, error);
}

static void read_version(almi_query *query, alm_arena *arena, void *out) {
    (void)arena;
    *(int64_t *)out = almi_read_i64(query);
}

/* Makes the model on its first release. */
static alm_err next_version(alm_registry *registry, const alm_release_request *request,
                            alm_arena *scratch, int64_t *out, alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO models(name, created) SELECT ?1, ?2"
                            " WHERE NOT EXISTS (SELECT 1 FROM models WHERE name = ?1)",
                            &query, error));
    almi_bind_text(query, request->model);
    almi_bind_i64(query, request->when);
    ALM_TRY(almi_query_run(query, error));
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT coalesce(max(version), 0) + 1 FROM releases WHERE model = ?1",
                            &query, error));
    almi_bind_text(query, request->model);
    bool found = false;
    return almi_query_one(query, read_version, scratch, out, &found, error);
}

static alm_err insert_release(alm_registry *registry, const alm_release *release,
                              alm_error *error) {
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "INSERT INTO releases(name, model, version, hash, training_run,"
                            " imported, experimental, who, created)"
                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                            &query, error));
    almi_bind_text(query, release->name);
    almi_bind_text(query, release->model);
    almi_bind_i64(query, release->version);
    almi_bind_digest(query, &release->hash);
    if (release->has_training_run) {
        almi_bind_digest(query, &release->training_run);
    } else {
        almi_bind_null(query);
    }
    almi_bind_i64(query, release->origin == ALM_RELEASE_IMPORTED);
    almi_bind_i64(query, release->experimental);
    almi_bind_text(query, release->who);
    almi_bind_i64(query, release->created);
    ALM_TRY(almi_query_run(query, error));
    for (size_t i = 0; i < release->member_count; i++) {
        ALM_TRY(almi_query_open(registry->sql,
                                "INSERT INTO release_members(release, role, bundle)"
                                " VALUES(?1, ?2, ?3)",
                                &query, error));
        almi_bind_text(query, release->name);
        almi_bind_text(query, release->members[i].role);
        almi_bind_digest(query, &release->members[i].bundle);
        ALM_TRY(almi_query_run(query, error));
    }
    return ALM_OK;
}

static void put_digest(alm_json_writer *writer, const char *key, const alm_digest *digest) {
    char text[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(digest, text);
    alm_json_put_text(writer, key, text);
}

static alm_digest hash_training_run(const alm_training_run *run) {
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_str(&hash, ALM_STR("almanac training run 1"));
    alm_hash_update_str(&hash, run->inputs);
    alm_hash_update(&hash, run->bundle.bytes, ALM_DIGEST_BYTES);
    alm_hash_update_str(&hash, run->report);
    return alm_hash_final(&hash);
}

alm_err almi_release_detail(alm_registry *registry, const alm_release *release, alm_arena *arena,
                            alm_str *out, alm_error *error) {
    alm_training_run run = {0};
    if (release->has_training_run) {
        ALM_TRY(almi_training_run_of(registry, release, arena, &run, error));
    }
    alm_buffer text = {0};
    alm_json_writer writer = alm_json_writer_on(&text);
    alm_json_open_object(&writer);
    alm_json_put_bool(&writer, "experimental", release->experimental);
    alm_json_key(&writer, "members");
    alm_json_open_object(&writer);
    for (size_t i = 0; i < release->member_count; i++) {
        put_digest(&writer, release->members[i].role.data, &release->members[i].bundle);
    }
    alm_json_close_object(&writer);
    alm_json_put_str(&writer, "model", release->model);
    bool imported = release->origin == ALM_RELEASE_IMPORTED;
    alm_json_put_text(&writer, "origin", imported ? "imported" : "trained");
    if (release->has_training_run) {
        alm_digest record = hash_training_run(&run);
        put_digest(&writer, "training_record", &record);
        put_digest(&writer, "training_run", &release->training_run);
    }
    alm_json_put_i64(&writer, "version", release->version);
    alm_json_close_object(&writer);
    return almi_take_text(&text, arena, out, error);
}

static alm_err insert_with_entry(alm_registry *registry, const alm_release_request *request,
                                 const alm_release *release, alm_arena *arena, alm_error *error) {
    ALM_TRY(insert_release(registry, release, error));
    alm_str detail;
    ALM_TRY(almi_release_detail(registry, release, arena, &detail, error));
    char hash[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&release->hash, hash);
    alm_ledger_note note = {.action = ALM_LEDGER_REGISTER,
                            .subject = release->name,
                            .detail = detail,
                            .who = request->who,
                            .when = request->when,
                            .why = request->why};
    alm_ledger_entry entry;
    return almi_ledger_write(registry, &note, alm_str_of(hash), arena, &entry, error);
}

static void read_nothing(almi_query *query, alm_arena *arena, void *out) {
    (void)query;
    (void)arena;
    (void)out;
}

/* The foreign key would refuse it too, but without saying what to do. */
static alm_err require_training_run(alm_registry *registry, const alm_release_request *request,
                                    alm_arena *scratch, alm_error *error) {
    if (!request->training_run) {
        return ALM_OK;
    }
    almi_query *query;
    ALM_TRY(almi_query_open(registry->sql,
                            "SELECT 1 FROM training_runs WHERE id = ?1 AND experimental = ?2",
                            &query, error));
    almi_bind_digest(query, request->training_run);
    almi_bind_i64(query, request->experimental);
    bool found = false;
    ALM_TRY(almi_query_one(query, read_nothing, scratch, NULL, &found, error));
    if (!found) {
        char id[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(request->training_run, id);
        return alm_fail(error, ALM_ERR_NOT_FOUND,
                        "release of " ALM_STR_FMT ": no %s training run %s; record it first",
                        ALM_STR_ARG(request->model),
                        request->experimental ? "experimental" : "clean", id);
    }
    return ALM_OK;
}

static alm_str copy_str(alm_arena *arena, alm_str text) {
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_err register_release(alm_registry *registry, const alm_release_request *request,
                                alm_arena *arena, alm_release *out, alm_error *error) {
    alm_digest hash = alm_release_hash(request->members, request->member_count, arena);
    alm_release same = {0};
    bool found = false;
    ALM_TRY(find_same(registry, &hash, arena, &same, &found, error));
    if (found && !alm_str_equal(same.model, request->model)) {
        return alm_fail(error, ALM_ERR_EXISTS,
                        "these bundles are registered already, as " ALM_STR_FMT
                        " of another model; use that version",
                        ALM_STR_ARG(same.name));
    }
    /* The clean tree gives what the dirty one gave: the experimental name could never be promoted,
     * so the clean release gets its own. The other way round the clean one serves both. */
    if (found && (!same.experimental || request->experimental)) {
        *out = same;
        return ALM_OK;
    }
    alm_release release = {.hash = hash,
                           .members = sorted_members(request->members, request->member_count,
                                                     arena),
                           .member_count = request->member_count,
                           .has_training_run = request->training_run != NULL,
                           .origin = request->origin,
                           .experimental = request->experimental,
                           .model = copy_str(arena, request->model),
                           .who = copy_str(arena, request->who),
                           .created = request->when};
    if (request->training_run) {
        release.training_run = *request->training_run;
    }
    ALM_TRY(require_training_run(registry, request, arena, error));
    ALM_TRY(next_version(registry, request, arena, &release.version, error));
    release.name = alm_str_of(alm_arena_printf(arena, ALM_STR_FMT "-%lld",
                                               ALM_STR_ARG(release.model),
                                               (long long)release.version));
    ALM_TRY(insert_with_entry(registry, request, &release, arena, error));
    *out = release;
    return ALM_OK;
}

alm_err alm_registry_register_release(alm_registry *registry, const alm_release_request *request,
                                      alm_arena *arena, alm_release *out, alm_error *error) {
    ALM_TRY(check_request(request, arena, error));
    ALM_TRY(almi_sql_begin(registry->sql, error));
    alm_release release;
    alm_err code = register_release(registry, request, arena, &release, error);
    ALM_TRY(almi_sql_end(registry->sql, code, error));
    *out = release;
    return ALM_OK;
}
