/* remote_spec.c: see remote_spec.h. */
#include "model/backend/remote_spec.h"

#include <string.h>

#define TEXT_BYTES_MAX 1000
#define KEYS                                                                                     \
    "breaker_failures? breaker_open_ms? by_column? ca_file? datatype? deadline_ms? input? model " \
    "output? outputs protocol response_kib_max? retries_max? retry_percent? signature? token? "  \
    "url version"

static const char *const PROTOCOL[] = {"kserve_v2", "tensorflow_serving", "torchserve"};
#define PROTOCOL_COUNT (sizeof PROTOCOL / sizeof *PROTOCOL)

/* ---- values ---- */

/* Printable ASCII, so that a text can be a part of a request. */
static bool is_plain(alm_str text, bool blanks)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < (blanks ? ' ' : '!') || text.data[i] > '~') {
            return false;
        }
    }
    return text.size > 0 && text.size <= TEXT_BYTES_MAX;
}

static alm_err take_text(const alm_json *object, const char *key, alm_arena *arena, alm_str *out,
                         alm_error *error)
{
    alm_str text;
    if (!alm_json_member(object, key)) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    if (!is_plain(text, true)) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s`: a text of 1 to %d printable ASCII "
                        "characters is expected", key, TEXT_BYTES_MAX);
    }
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

typedef struct range {
    const char *key;
    uint32_t fallback, least, most;
} range;

static alm_err take_number(const alm_json *object, range r, uint32_t *out, alm_error *error)
{
    int64_t number = r.fallback;
    if (alm_json_member(object, r.key)) {
        ALM_TRY(alm_json_get_i64(object, r.key, &number, error));
    }
    if (number < r.least || number > r.most) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s` is %lld: %u to %u", r.key,
                        (long long)number, r.least, r.most);
    }
    *out = (uint32_t)number;
    return ALM_OK;
}

static alm_err take_flag(const alm_json *object, const char *key, bool *out, alm_error *error)
{
    return alm_json_member(object, key) ? alm_json_get_bool(object, key, out, error) : ALM_OK;
}

/* ---- where and what ---- */

static alm_err check_url(alm_str url, alm_error *error)
{
    bool secure = alm_str_starts_with(url, "https://");
    size_t scheme = secure ? 8 : 7;
    bool plain = is_plain(url, false) && (secure || alm_str_starts_with(url, "http://")) &&
                 url.size > scheme && url.data[scheme] != '/' && url.data[url.size - 1] != '/';
    if (!plain || memchr(url.data, '?', url.size) || memchr(url.data, '#', url.size)) {
        return alm_fail(error, ALM_ERR_INVALID, "`url` is http://HOST or https://HOST, with a "
                        "port and a path before the protocol's own if there are any, and without "
                        "a slash at the end");
    }
    if (memchr(url.data, '@', url.size)) {
        return alm_fail(error, ALM_ERR_INVALID, "`url` holds a user or password: a document keeps "
                        "no secret; say `token`");
    }
    return ALM_OK;
}

static alm_err take_name(const alm_json *object, const char *key, alm_arena *arena, alm_str *out,
                         alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    if (!alm_str_is_safe_name(text)) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s`: 1 to 100 of A-Z a-z 0-9 . _ -, and no . at "
                        "the beginning", key);
    }
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static alm_err take_version(const alm_json *object, alm_arena *arena, alm_str *out,
                            alm_error *error)
{
    const alm_json *value = alm_json_member(object, "version");
    if (!value) {
        return alm_fail(error, ALM_ERR_INVALID, "`version` is missing: name one, or say null if "
                        "whatever the server has is meant");
    }
    return alm_json_kind_of(value) == ALM_JSON_NULL ? ALM_OK
                                                     : take_name(object, "version", arena, out,
                                                                 error);
}

static alm_err take_protocol(const alm_json *object, alm_remote_spec *spec, alm_error *error)
{
    alm_str text;
    size_t i = 0;
    ALM_TRY(alm_json_get_str(object, "protocol", &text, error));
    while (i < PROTOCOL_COUNT && !alm_str_is(text, PROTOCOL[i])) {
        i++;
    }
    if (i == PROTOCOL_COUNT) {
        return alm_fail(error, ALM_ERR_INVALID, "`protocol` is kserve_v2, tensorflow_serving or "
                        "torchserve");
    }
    spec->protocol = (alm_remote_protocol)i;
    return ALM_OK;
}

static alm_err take_datatype(const alm_json *object, alm_remote_spec *spec, alm_error *error)
{
    alm_str text = ALM_STR("FP32");
    if (alm_json_member(object, "datatype")) {
        ALM_TRY(alm_json_get_str(object, "datatype", &text, error));
    }
    spec->is_double = alm_str_is(text, "FP64");
    return spec->is_double || alm_str_is(text, "FP32")
               ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "`datatype` is FP32 or FP64");
}

static alm_err take_token(const alm_json *object, alm_arena *arena, alm_remote_spec *spec,
                          alm_error *error)
{
    const alm_json *token = alm_json_member(object, "token");
    if (!token) {
        return ALM_OK;
    }
    alm_err code = alm_json_check_keys(token, "environment? file?", error);
    code = code == ALM_OK
               ? take_text(token, "environment", arena, &spec->token_environment, error) : code;
    code = code == ALM_OK ? take_text(token, "file", arena, &spec->token_file, error) : code;
    if (code == ALM_OK && (spec->token_environment.size > 0) == (spec->token_file.size > 0)) {
        code = alm_fail(error, ALM_ERR_INVALID, "`environment` or `file`: where the token is");
    }
    return code == ALM_OK ? code : alm_error_wrap(error, code, "`token`");
}

/* What only one of the protocols knows. */
static alm_err check_protocol(const alm_remote_spec *spec, alm_error *error)
{
    bool tensorflow = spec->protocol == ALM_REMOTE_TENSORFLOW_SERVING;
    if (spec->protocol == ALM_REMOTE_KSERVE_V2 && spec->input.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "`input` is missing: the name of the model's "
                        "tensor in kserve_v2");
    }
    if (!tensorflow && (spec->by_column || spec->signature.size > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s` is for tensorflow_serving",
                        spec->by_column ? "by_column" : "signature");
    }
    return ALM_OK;
}

static alm_err take_numbers(const alm_json *object, alm_remote_spec *spec, alm_error *error)
{
    const struct {
        range range;
        uint32_t *to;
    } NUMBERS[] = {
        {{"deadline_ms", 1000, 1, 600000}, &spec->deadline_ms},
        {{"retries_max", 2, 0, 10}, &spec->retries_max},
        {{"retry_percent", 10, 0, 100}, &spec->retry_percent},
        {{"breaker_failures", 5, 0, 1000}, &spec->breaker_failures},
        {{"breaker_open_ms", 10000, 1, 3600000}, &spec->breaker_open_ms},
        {{"response_kib_max", 16384, 1, 1048576}, &spec->response_kib_max},
    };
    uint32_t outputs = 0;
    if (!alm_json_member(object, "outputs")) {
        return alm_fail(error, ALM_ERR_INVALID, "`outputs` is missing: how many numbers answer a "
                        "row");
    }
    ALM_TRY(take_number(object, (range){"outputs", 0, 1, 65536}, &outputs, error));
    spec->outputs = outputs;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; i++) {
        ALM_TRY(take_number(object, NUMBERS[i].range, NUMBERS[i].to, error));
    }
    return ALM_OK;
}

alm_err alm_remote_spec_read(const alm_json *object, alm_arena *arena, alm_remote_spec *out,
                             alm_error *error)
{
    alm_remote_spec spec = {0};
    ALM_TRY(alm_json_check_keys(object, KEYS, error));
    ALM_TRY(take_protocol(object, &spec, error));
    if (!alm_json_member(object, "url")) {
        return alm_fail(error, ALM_ERR_INVALID, "`url` is missing: where the server is");
    }
    ALM_TRY(take_text(object, "url", arena, &spec.url, error));
    ALM_TRY(check_url(spec.url, error));
    ALM_TRY(take_name(object, "model", arena, &spec.model, error));
    ALM_TRY(take_version(object, arena, &spec.version, error));
    ALM_TRY(take_text(object, "input", arena, &spec.input, error));
    ALM_TRY(take_text(object, "output", arena, &spec.output, error));
    ALM_TRY(take_text(object, "signature", arena, &spec.signature, error));
    ALM_TRY(take_text(object, "ca_file", arena, &spec.ca_file, error));
    ALM_TRY(take_flag(object, "by_column", &spec.by_column, error));
    ALM_TRY(take_datatype(object, &spec, error));
    ALM_TRY(take_token(object, arena, &spec, error));
    ALM_TRY(take_numbers(object, &spec, error));
    ALM_TRY(check_protocol(&spec, error));
    *out = spec;
    return ALM_OK;
}

/* ---- writing ---- */

static void put_text(alm_json_writer *w, const char *key, alm_str text)
{
    if (text.size > 0) {
        alm_json_put_str(w, key, text);
    }
}

void alm_remote_spec_write(alm_json_writer *w, const alm_remote_spec *spec)
{
    alm_json_open_object(w);
    alm_json_put_i64(w, "breaker_failures", spec->breaker_failures);
    alm_json_put_i64(w, "breaker_open_ms", spec->breaker_open_ms);
    if (spec->protocol == ALM_REMOTE_TENSORFLOW_SERVING) {
        alm_json_put_bool(w, "by_column", spec->by_column);
    }
    put_text(w, "ca_file", spec->ca_file);
    alm_json_put_text(w, "datatype", spec->is_double ? "FP64" : "FP32");
    alm_json_put_i64(w, "deadline_ms", spec->deadline_ms);
    put_text(w, "input", spec->input);
    alm_json_put_str(w, "model", spec->model);
    put_text(w, "output", spec->output);
    alm_json_put_i64(w, "outputs", (int64_t)spec->outputs);
    alm_json_put_text(w, "protocol", PROTOCOL[spec->protocol]);
    alm_json_put_i64(w, "response_kib_max", spec->response_kib_max);
    alm_json_put_i64(w, "retries_max", spec->retries_max);
    alm_json_put_i64(w, "retry_percent", spec->retry_percent);
    put_text(w, "signature", spec->signature);
    if (spec->token_environment.size > 0 || spec->token_file.size > 0) {
        alm_json_key(w, "token");
        alm_json_open_object(w);
        put_text(w, "environment", spec->token_environment);
        put_text(w, "file", spec->token_file);
        alm_json_close_object(w);
    }
    alm_json_put_str(w, "url", spec->url);
    alm_json_key(w, "version");
    if (spec->version.size > 0) {
        alm_json_str(w, spec->version);
    } else {
        alm_json_null(w);
    }
    alm_json_close_object(w);
}
