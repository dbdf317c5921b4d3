/* key_source.c: reads keys from a file or URL and publishes them. */
#include "http/access/key_source.h"

#include <stdatomic.h>

#include "base/epoch.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/http_client.h"

#define SECOND UINT64_C(1000000000)

struct alm_key_source {
    alm_arena *arena;
    const alm_env *env;
    const alm_key_source_kind *kind;
    const char *location;
    const char *ca_file; /* NULL: the system's */
    alm_key_source_place place;
    alm_epoch *epoch;
    alm_epoch_cell cell; /* the object in force */
    atomic_uint_fast64_t generation;
    atomic_bool wanted;
    alm_digest digest; /* of the content in force */
    bool started;      /* the clock was seen */
    bool failed;       /* the last time */
    uint64_t read_ns;  /* when it was last tried */
};

static bool is_this_machine(alm_str host)
{
    return alm_str_is(host, "localhost") || alm_str_is(host, "127.0.0.1") ||
           alm_str_is(host, "[::1]");
}

/* Whoever can change an answer on its way could put in a key of his own. A user part is refused
 * too, because it can make another host look like this machine. */
static bool is_protected(alm_str url)
{
    bool is_plain = alm_str_starts_with(url, "http://");
    size_t skip = is_plain ? 7 : 8;
    if ((!is_plain && !alm_str_starts_with(url, "https://")) || url.size == skip) {
        return false;
    }
    size_t host = 0;
    bool in_host = true;
    bool in_brackets = false;
    for (size_t i = skip; i < url.size; i++) {
        char c = url.data[i];
        if (c == '@' || c == '\\' || c <= ' ' || c > '~') {
            return false;
        }
        in_brackets = c == '[' || (in_brackets && c != ']');
        in_host = in_host && c != '/' && c != '?' && c != '#' && (c != ':' || in_brackets);
        host += in_host;
    }
    return !is_plain || is_this_machine((alm_str){url.data + skip, host});
}

static alm_err fetch(alm_key_source *source, alm_arena *arena, alm_str *out, alm_error *error)
{
    alm_http *http = source->env->http;
    if (!http) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "there is no network to fetch keys with");
    }
    static const char *const HEADER[] = {"Accept: application/jwk-set+json, application/json"};
    alm_http_request request = {
        .url = source->location,
        .header = HEADER,
        .header_count = 1,
        .deadline_ms = source->place.deadline_ms,
        .response_bytes_max = source->kind->bytes_max,
        .ca_file = source->ca_file,
    };
    alm_http_outcome outcome;
    ALM_TRY(http->ops->start(http, error));
    ALM_TRY(http->ops->send(http, &request, arena, &outcome, error));
    if (outcome.response.status != 200) {
        return alm_fail(error, ALM_ERR_IO, "the server answers with status %d",
                        outcome.response.status);
    }
    *out = outcome.response.body;
    return ALM_OK;
}

static alm_err read_content(alm_key_source *source, alm_arena *arena, bool *changed,
                            alm_error *error)
{
    alm_str text = {0};
    alm_err code = source->place.is_url
                       ? fetch(source, arena, &text, error)
                       : alm_fs_read_all(source->env->fs, source->location,
                                         source->kind->bytes_max, arena, &text, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "reading keys from %s", source->location);
    }
    alm_digest digest = alm_hash_bytes(text.data, text.size);
    bool is_first = !alm_epoch_read(&source->cell);
    if (!is_first && alm_digest_equal(&digest, &source->digest)) {
        return ALM_OK;
    }
    void *object = NULL;
    ALM_TRY(source->kind->parse(text, source->location, &object, error));
    code = alm_epoch_publish(source->epoch, &source->cell, object, source->kind->destroy, error);
    if (code != ALM_OK) {
        source->kind->destroy(object);
        return code;
    }
    /* Behind the swap: who sees this number sees at least this object. */
    atomic_fetch_add(&source->generation, 1);
    source->digest = digest;
    *changed = true;
    return ALM_OK;
}

alm_err alm_key_source_open(const alm_env *env, const alm_key_source_kind *kind,
                            const alm_key_source_place *place, int workers, alm_key_source **out,
                            alm_error *error)
{
    alm_assert(place->refresh_s >= 1 && place->retry_s >= 1 && workers >= 1);
    if (place->is_url && !is_protected(place->location)) {
        return alm_fail(error, ALM_ERR_CONFIG, "keys must come by https:// (http:// only from "
                        "localhost) and without a user, not from " ALM_STR_FMT,
                        ALM_STR_ARG(place->location));
    }
    alm_arena *arena = alm_arena_create(0);
    alm_key_source *source = ALM_NEW(arena, alm_key_source);
    source->arena = arena;
    source->env = env;
    source->kind = kind;
    source->place = *place;
    source->location = alm_arena_copy_text(arena, place->location.data, place->location.size);
    source->ca_file = place->ca_file.size
                          ? alm_arena_copy_text(arena, place->ca_file.data, place->ca_file.size)
                          : NULL;
    atomic_init(&source->generation, 0);
    atomic_init(&source->wanted, false);
    bool changed = false;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = alm_epoch_create((size_t)workers, &source->epoch, error);
    code = code == ALM_OK ? read_content(source, scratch, &changed, error) : code;
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_key_source_close(source);
        return code;
    }
    *out = source;
    return ALM_OK;
}

void alm_key_source_close(alm_key_source *source)
{
    if (source) {
        void *object = alm_epoch_exchange(&source->cell, NULL);
        if (object) {
            source->kind->destroy(object);
        }
        alm_epoch_destroy(source->epoch);
        alm_arena_destroy(source->arena);
    }
}

alm_err alm_key_source_refresh(alm_key_source *source, uint64_t now_ns, bool *changed,
                               alm_error *error)
{
    bool moved = false;
    if (changed) {
        *changed = false;
    }
    if (!source->started) {
        source->started = true;
        source->read_ns = now_ns;
    }
    uint64_t elapsed = now_ns > source->read_ns ? now_ns - source->read_ns : 0;
    bool wanted = atomic_load(&source->wanted);
    uint64_t pause_s = wanted || source->failed ? source->place.retry_s : source->place.refresh_s;
    if (pause_s < source->place.retry_s) {
        pause_s = source->place.retry_s;
    }
    (void)alm_epoch_reclaim(source->epoch);
    if (elapsed < pause_s * SECOND) {
        return ALM_OK;
    }
    source->read_ns = now_ns;
    /* Before reading: a wish that comes during it is for what comes after it. */
    atomic_store(&source->wanted, false);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = read_content(source, scratch, &moved, error);
    alm_arena_destroy(scratch);
    source->failed = code != ALM_OK;
    if (code == ALM_OK && changed) {
        *changed = moved;
    }
    return code;
}

void alm_key_source_want(alm_key_source *source)
{
    atomic_store(&source->wanted, true);
}

uint64_t alm_key_source_generation(alm_key_source *source)
{
    return atomic_load(&source->generation);
}

const void *alm_key_source_enter(alm_key_source *source, int worker)
{
    alm_epoch_enter(source->epoch, (size_t)worker);
    return alm_epoch_read(&source->cell);
}

void alm_key_source_leave(alm_key_source *source, int worker)
{
    alm_epoch_leave(source->epoch, (size_t)worker);
}
