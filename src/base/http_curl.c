/* http_curl.c: the HTTP client over libcurl; the only file that includes it.
 *
 * The library is loaded with dlopen: it brings twenty others, which every command would wait for
 * although only remote models need them. The header gives the types of the functions. */
#define CURL_DISABLE_TYPECHECK
#include "base/http_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The header's macro would name the function itself. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define KEPT_HANDLES 16 /* idle ones, with their open connections */
#define FIRST_BYTES ((size_t)16 << 10)

/* X(name of the function) */
#define CURL_MAP(X)                                                                            \
    X(curl_global_init) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_perform)             \
    X(curl_easy_getinfo) X(curl_easy_cleanup) X(curl_easy_reset) X(curl_easy_strerror)         \
    X(curl_slist_append) X(curl_slist_free_all)

typedef struct library {
#define CURL_SLOT(name) __typeof__(&name) name;
    CURL_MAP(CURL_SLOT)
#undef CURL_SLOT
} library;

typedef struct http_curl {
    alm_http http;
    library curl;
    bool started;
    _Atomic(CURL *) idle[KEPT_HANDLES];
} http_curl;

/* ---- handles ---- */

static CURL *take_handle(http_curl *self)
{
    for (size_t i = 0; i < KEPT_HANDLES; i++) {
        CURL *handle = atomic_exchange(&self->idle[i], NULL);
        if (handle) {
            self->curl.curl_easy_reset(handle); /* connections stay open */
            return handle;
        }
    }
    return self->curl.curl_easy_init();
}

static void give_back(http_curl *self, CURL *handle)
{
    for (size_t i = 0; i < KEPT_HANDLES; i++) {
        CURL *none = NULL;
        if (atomic_compare_exchange_strong(&self->idle[i], &none, handle)) {
            return;
        }
    }
    self->curl.curl_easy_cleanup(handle);
}

/* ---- one call ---- */

typedef struct reception {
    char *data;
    size_t size, capacity, limit;
    bool too_large, no_memory;
    int64_t retry_after_s;
    char content_type[128];
} reception;

/* Room for `size` bytes and a NUL. */
static bool grow(reception *r, size_t size)
{
    size_t capacity = r->capacity ? r->capacity : FIRST_BYTES;
    void *memory = NULL;
    while (capacity <= size) {
        capacity *= 2;
    }
    if (capacity > r->capacity) {
        if (alm_heap_try_resize(r->data, r->capacity, capacity, &memory, NULL) != ALM_OK) {
            r->no_memory = true;
            return false;
        }
        r->data = memory;
        r->capacity = capacity;
    }
    return true;
}

static size_t on_body(char *bytes, size_t one, size_t count, void *context)
{
    reception *r = context;
    size_t size = one * count;
    if (size > r->limit - r->size) {
        r->too_large = true;
        return 0;
    }
    if (!grow(r, r->size + size)) {
        return 0;
    }
    memcpy(r->data + r->size, bytes, size);
    r->size += size;
    return size;
}

static bool is_header(alm_str line, const char *name, alm_str *value)
{
    size_t size = strlen(name);
    if (line.size <= size || strncasecmp(line.data, name, size) != 0 || line.data[size] != ':') {
        return false;
    }
    *value = alm_str_trim((alm_str){line.data + size + 1, line.size - size - 1});
    return true;
}

static size_t on_header(char *bytes, size_t one, size_t count, void *context)
{
    reception *r = context;
    alm_str line = {bytes, one * count}, value;
    int64_t seconds = 0;
    if (alm_str_starts_with(line, "HTTP/")) { /* of the final answer, behind a 100 */
        r->retry_after_s = -1;
        r->content_type[0] = '\0';
    } else if (is_header(line, "Retry-After", &value)) {
        bool is = alm_str_to_i64(value, &seconds) && seconds >= 0;
        r->retry_after_s = is ? seconds : -1;
    } else if (is_header(line, "Content-Type", &value) && value.size < sizeof r->content_type) {
        memcpy(r->content_type, value.data, value.size);
        r->content_type[value.size] = '\0';
    }
    return line.size;
}

static CURLcode set_up(const http_curl *self, CURL *handle, const alm_http_request *request,
                       reception *r)
{
    CURLcode code = CURLE_OK;
#define SET(option, value)                                                        \
    if (code == CURLE_OK) {                                                       \
        code = self->curl.curl_easy_setopt(handle, CURLOPT_##option, (value));    \
    }
    SET(URL, request->url)
    SET(PROTOCOLS_STR, "http,https")
    SET(FOLLOWLOCATION, 0L)
    SET(PROXY, "") /* the environment's variables are not asked */
    SET(NOSIGNAL, 1L)
    SET(TIMEOUT_MS, (long)request->deadline_ms)
    SET(CONNECTTIMEOUT_MS, (long)request->deadline_ms)
    SET(SSL_VERIFYPEER, 1L)
    SET(SSL_VERIFYHOST, 2L)
    SET(USERAGENT, "almanac")
    SET(WRITEFUNCTION, on_body)
    SET(WRITEDATA, r)
    SET(HEADERFUNCTION, on_header)
    SET(HEADERDATA, r)
    if (request->ca_file) {
        SET(CAINFO, request->ca_file)
    }
    if (request->body.data) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size)
        SET(POSTFIELDS, request->body.data)
    }
#undef SET
    /* A name server that is silent would be waited for beyond the deadline: the thread that asks it
     * is left to end by itself. Before 7.87 libcurl does not know this, and waits. */
    (void)self->curl.curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
    return code;
}

static alm_http_failure kind_of(CURLcode code, const reception *r)
{
    switch (code) {
    case CURLE_OK:
        return ALM_HTTP_NONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return ALM_HTTP_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return ALM_HTTP_TIMEOUT;
    default:
        return r->too_large ? ALM_HTTP_TOO_LARGE : ALM_HTTP_BROKEN;
    }
}

static alm_err fail_call(const http_curl *self, const reception *r, CURLcode code,
                         const alm_http_request *request, alm_error *error)
{
    alm_http_failure failure = kind_of(code, r);
    if (r->no_memory) {
        return alm_fail(error, ALM_ERR_MEMORY, "no memory for the answer");
    }
    if (failure == ALM_HTTP_TIMEOUT) {
        return alm_fail(error, ALM_ERR_IO, "no answer within %u ms", request->deadline_ms);
    }
    if (failure == ALM_HTTP_TOO_LARGE) {
        return alm_fail(error, ALM_ERR_LIMIT, "the answer has more than %zu bytes",
                        request->response_bytes_max);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        return alm_fail(error, ALM_ERR_IO, "the server's certificate is not for this host, or its "
                        "authority is not known");
    }
    return alm_fail(error, ALM_ERR_IO, "%.120s", self->curl.curl_easy_strerror(code));
}

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static alm_err take_response(const http_curl *self, CURL *handle, const reception *r,
                             alm_arena *arena, alm_http_response *out, alm_error *error)
{
    long status = 0;
    void *memory = NULL;
    (void)self->curl.curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    ALM_TRY(alm_arena_try_alloc(arena, r->size + 1, &memory, error));
    if (r->size > 0) {
        memcpy(memory, r->data, r->size);
    }
    *out = (alm_http_response){
        .status = (int)status,
        .body = {memory, r->size},
        .content_type = alm_str_of(
            alm_arena_copy_text(arena, r->content_type, strlen(r->content_type))),
        .retry_after_s = r->retry_after_s};
    return ALM_OK;
}

/* `handle` has its headers already. */
static alm_err perform(http_curl *self, CURL *handle, const alm_http_request *request,
                       alm_arena *arena, alm_http_outcome *out, alm_error *error)
{
    reception r = {.limit = request->response_bytes_max, .retry_after_s = -1};
    CURLcode code = set_up(self, handle, request, &r);
    uint64_t start = monotonic_ms();
    code = code == CURLE_OK ? self->curl.curl_easy_perform(handle) : code;
    out->elapsed_ms = (uint32_t)(monotonic_ms() - start);
    out->failure = kind_of(code, &r);
    alm_err result = out->failure == ALM_HTTP_NONE
                         ? take_response(self, handle, &r, arena, &out->response, error)
                         : fail_call(self, &r, code, request, error);
    alm_heap_free(r.data);
    return result;
}

static struct curl_slist *list_headers(const http_curl *self, const alm_http_request *request)
{
    /* Without "Expect" a large body would wait for a 100 that many servers never send. */
    struct curl_slist *list = self->curl.curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; list && i < request->header_count; i++) {
        struct curl_slist *longer = self->curl.curl_slist_append(list, request->header[i]);
        if (!longer) {
            self->curl.curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

static alm_err send_request(alm_http *http, const alm_http_request *request, alm_arena *arena,
                            alm_http_outcome *out, alm_error *error)
{
    http_curl *self = (http_curl *)http;
    alm_assert(self->started);
    *out = (alm_http_outcome){.failure = ALM_HTTP_BROKEN, .response.retry_after_s = -1};
    struct curl_slist *headers = list_headers(self, request);
    CURL *handle = headers ? take_handle(self) : NULL;
    if (handle && self->curl.curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers) != CURLE_OK) {
        give_back(self, handle);
        handle = NULL;
    }
    alm_err code = handle ? perform(self, handle, request, arena, out, error)
                          : alm_fail(error, ALM_ERR_MEMORY, "no memory for a request");
    if (handle) {
        give_back(self, handle);
    }
    self->curl.curl_slist_free_all(headers);
    return code;
}

static void pause_for(alm_http *http, uint32_t milliseconds)
{
    struct timespec left = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    (void)http;
    while (nanosleep(&left, &left) != 0) {
    }
}

static void destroy(alm_http *http)
{
    http_curl *self = (http_curl *)http;
    for (size_t i = 0; i < KEPT_HANDLES; i++) {
        CURL *handle = atomic_load(&self->idle[i]);
        if (handle) {
            self->curl.curl_easy_cleanup(handle);
        }
    }
    alm_heap_free(self);
}

/* ---- the library ---- */

static alm_err load_library(library *out, alm_error *error)
{
    void *handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        return alm_fail(error, ALM_ERR_NOT_FOUND, "remote models need libcurl, and libcurl.so.4 "
                        "is not installed (Debian: apt-get install libcurl4)");
    }
    void *symbol = NULL;
#define CURL_LOAD(name)                                                                     \
    symbol = dlsym(handle, #name);                                                          \
    if (!symbol) {                                                                          \
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "libcurl.so.4 has no " #name);          \
    }                                                                                       \
    memcpy(&out->name, &symbol, sizeof symbol);
    CURL_MAP(CURL_LOAD)
#undef CURL_LOAD
    return out->curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? ALM_OK : alm_fail(error, ALM_ERR_EXTERNAL, "libcurl does not start");
}

static alm_err start(alm_http *http, alm_error *error)
{
    http_curl *self = (http_curl *)http;
    if (!self->started) {
        ALM_TRY(load_library(&self->curl, error));
        self->started = true;
    }
    return ALM_OK;
}

static const alm_http_ops OPS = {"curl", start, send_request, pause_for, destroy};

alm_err alm_http_curl_create(alm_http **out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_heap_try(sizeof(http_curl), &memory, error));
    http_curl *self = memory;
    self->http.ops = &OPS;
    for (size_t i = 0; i < KEPT_HANDLES; i++) {
        atomic_init(&self->idle[i], NULL);
    }
    *out = &self->http;
    return ALM_OK;
}

void alm_http_destroy(alm_http *http)
{
    if (http) {
        http->ops->destroy(http);
    }
}
