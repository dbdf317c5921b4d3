#include "http/head.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

bool almi_head_is_plain_id(alm_str text)
{
    if (text.size == 0 || text.size > 64) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '_' || c == '-';
        if (!is_good) {
            return false;
        }
    }
    return true;
}

static bool is_lower_hex(const char *text, size_t size)
{
    return strspn(text, "0123456789abcdef") >= size;
}

/* traceparent: 00-<32 digits>-<16 digits>-<2 digits>, neither id all zeros. */
bool almi_head_take_trace_id(alm_str text, char out[ALM_TRACE_ID_DIGITS + 1])
{
    char copy[56];
    if (text.size < 55 || (text.size > 55 && text.data[55] != '-')) {
        return false;
    }
    memcpy(copy, text.data, 55);
    copy[55] = '\0';
    bool is_good = is_lower_hex(copy, 2) && strncmp(copy, "ff", 2) != 0 && copy[2] == '-' &&
                   is_lower_hex(copy + 3, 32) && copy[35] == '-' && is_lower_hex(copy + 36, 16) &&
                   copy[52] == '-' && is_lower_hex(copy + 53, 2) &&
                   strspn(copy + 3, "0") < 32 && strspn(copy + 36, "0") < 16 &&
                   (strncmp(copy, "00", 2) != 0 || text.size == 55);
    if (is_good) {
        memcpy(out, copy + 3, ALM_TRACE_ID_DIGITS);
        out[ALM_TRACE_ID_DIGITS] = '\0';
    }
    return is_good;
}

/* splitmix64: ids need to differ, not to be secret. */
static uint64_t next_id(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void put_hex(uint64_t value, char out[16])
{
    for (int i = 15; i >= 0; i--, value >>= 4) {
        out[i] = "0123456789abcdef"[value & 15];
    }
}

void almi_head_name(alm_request *request, uint64_t *state)
{
    request->id = alm_request_header(request, "x-request-id");
    if (!almi_head_is_plain_id(request->id)) {
        char *made = alm_arena_alloc(request->arena, 17); /* with the NUL that is there */
        put_hex(next_id(state), made);
        request->id = (alm_str){made, 16};
    }
    if (!almi_head_take_trace_id(alm_request_header(request, "traceparent"), request->trace_id)) {
        put_hex(next_id(state) | 1, request->trace_id); /* never all zeros */
        put_hex(next_id(state), request->trace_id + 16);
        request->trace_id[ALM_TRACE_ID_DIGITS] = '\0';
    }
}

bool almi_head_is_token(alm_str text)
{
    /* Bit c is set for a character of a token (RFC 9110): no control, blank or "(),/:;<=>?@[\]{} */
    static const uint64_t TOKEN[2] = {UINT64_C(0x03FF6CFA00000000), UINT64_C(0x57FFFFFFC7FFFFFE)};
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x80 || !(TOKEN[c / 64] >> c % 64 & 1)) {
            return false;
        }
    }
    return text.size > 0;
}

bool almi_head_is_clean_value(alm_str text)
{
    for (size_t i = 0; i < text.size; i += 8) { /* tokens are hundreds of bytes */
        uint64_t word = alm_bytes_load(text.data + i, text.size - i);
        if (!(alm_bytes_below(word, ' ') | alm_bytes_equal(word, 0x7F))) {
            continue;
        }
        for (size_t k = i; k < i + 8 && k < text.size; k++) {
            unsigned char c = (unsigned char)text.data[k];
            if ((c < ' ' && c != '\t') || c == 0x7F) {
                return false;
            }
        }
    }
    return true;
}

static size_t count_headers(const alm_request *request, const char *name)
{
    size_t count = 0;
    alm_str wanted = alm_str_of(name);
    for (size_t i = 0; i < request->header_count; i++) {
        count += alm_str_equal(request->header[i].name, wanted);
    }
    return count;
}

/* Fields with one value: of two a proxy in front may have looked at the other one. */
static const char *repeated_fault(const alm_request *request)
{
    static const struct {
        const char *name, *fault;
    } ONCE[] = {
        {"host", "Host is given more than once"},
        {"authorization", "Authorization is given more than once"},
        {"x-api-key", "X-API-Key is given more than once"},
        {"content-type", "Content-Type is given more than once"},
        {"content-encoding", "Content-Encoding is given more than once"},
    };
    for (size_t i = 0; i < sizeof ONCE / sizeof *ONCE; i++) {
        if (count_headers(request, ONCE[i].name) > 1) {
            return ONCE[i].fault;
        }
    }
    return NULL;
}

/* What a proxy in front may read in another way than we do (request smuggling); NULL: nothing. */
static const char *framing_fault(const alm_request *request, const char *version)
{
    size_t lengths = count_headers(request, "content-length");
    size_t codings = count_headers(request, "transfer-encoding");
    if (lengths > 1) {
        return "Content-Length is given more than once";
    }
    if (codings > 0 && lengths > 0) {
        return "Content-Length and Transfer-Encoding exclude each other";
    }
    if (codings > 1 || (codings == 1 &&
                        !alm_str_is(alm_request_header(request, "transfer-encoding"), "chunked"))) {
        return "Transfer-Encoding may only be 'chunked'";
    }
    if (codings == 1 && strcmp(version, "HTTP/1.1") != 0) {
        return "Transfer-Encoding needs HTTP/1.1";
    }
    alm_str length = alm_request_header(request, "content-length");
    for (size_t i = 0; i < length.size; i++) {
        if (length.data[i] < '0' || length.data[i] > '9') {
            return "Content-Length is not a number";
        }
    }
    return repeated_fault(request);
}

/* About as it came: a line of a field has two characters between name and value, and two at its
 * end. */
static size_t size_of(const alm_request *request)
{
    size_t bytes = request->target.size;
    for (size_t i = 0; i < request->header_count; i++) {
        bytes += request->header[i].name.size + request->header[i].value.size + 4;
    }
    return bytes;
}

int almi_head_fault(const alm_request *request, const char *version, size_t bytes_max,
                    const char **why)
{
    if (request->target.size > bytes_max) {
        *why = "the address is longer than this server takes";
        return 414;
    }
    if (size_of(request) > bytes_max) {
        *why = "the header fields are larger than this server takes";
        return 431;
    }
    *why = framing_fault(request, version);
    return *why ? 400 : 0;
}

alm_str almi_head_path_of(alm_str target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i]);
        if (target.size > size && strncasecmp(target.data, schemes[i], size) == 0) {
            const char *path = memchr(target.data + size, '/', target.size - size);
            size_t before = path ? (size_t)(path - target.data) : target.size;
            return path ? (alm_str){path, target.size - before} : ALM_STR("/");
        }
    }
    return target;
}

alm_http_method almi_head_method_of(const char *text)
{
#define METHOD_CASE(name)             \
    if (strcmp(text, #name) == 0) {   \
        return ALM_METHOD_##name;     \
    }
    ALM_METHOD_MAP(METHOD_CASE)
#undef METHOD_CASE
    return ALM_METHOD_OTHER;
}

bool almi_head_is_never_taken(const char *method)
{
    return strcmp(method, "TRACE") == 0 || strcmp(method, "CONNECT") == 0 ||
           strcmp(method, "QUERY") == 0;
}

/* "gzip", "*" or "gzip;q=.5" among what the client accepts, and not with a weight of 0. */
bool almi_head_accepts_gzip(const alm_request *request)
{
    alm_str rest = alm_request_header(request, "accept-encoding");
    while (rest.data && rest.size > 0) {
        alm_str weight = alm_str_split(&rest, ',');
        alm_str coding = alm_str_trim(alm_str_split(&weight, ';'));
        bool is_gzip = coding.size == 4 && strncasecmp(coding.data, "gzip", 4) == 0;
        if (!is_gzip) {
            continue;
        }
        alm_str text = weight.data ? alm_str_trim(weight) : ALM_STR("");
        double q = 1;
        if (alm_str_starts_with(text, "q=")) {
            (void)alm_str_to_double((alm_str){text.data + 2, text.size - 2}, &q);
        }
        return q > 0;
    }
    return false;
}

bool almi_head_peer(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
    out[0] = '\0';
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, out, INET6_ADDRSTRLEN);
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, out, INET6_ADDRSTRLEN);
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) != 0;
    }
    return false;
}

socklen_t almi_parse_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        return sizeof *in;
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        return sizeof *in6;
    }
    return 0;
}
