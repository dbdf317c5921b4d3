/* route.c: finding the route of a path. A few dozen routes: every one is compared. */
#include "http/route.h"

#include <string.h>

#define SEGMENTS_MAX 16

typedef struct segments {
    alm_str part[SEGMENTS_MAX];
    size_t count;
} segments;

/* False: more segments than any route has, or one that does not decode. */
static bool cut_path(alm_str path, alm_arena *arena, segments *out)
{
    if (path.size == 0 || path.data[0] != '/') {
        return false;
    }
    alm_str rest = {path.data + 1, path.size - 1};
    for (out->count = 0; rest.data; out->count++) {
        alm_str part = alm_str_split(&rest, '/');
        if (out->count == SEGMENTS_MAX ||
            alm_percent_decode(part, false, arena, &out->part[out->count], NULL) != ALM_OK) {
            return false;
        }
    }
    return true;
}

/* Values of a matching path; false when it does not match. A segment like "{model}:predict" has a
 * literal end. `literals` counts what was literal: the more, the closer the match. */
static bool fits(const alm_route *route, const segments *path, alm_str *value, size_t *literals)
{
    size_t at = 0;
    size_t values = 0;
    *literals = 0;
    for (alm_str rest = alm_str_of(route->path + 1); rest.data; at++) {
        alm_str part = alm_str_split(&rest, '/');
        if (at == path->count) {
            return false;
        }
        alm_str given = path->part[at];
        if (part.size == 0 || part.data[0] != '{') {
            if (!alm_str_equal(part, given)) {
                return false;
            }
            *literals += 2;
            continue;
        }
        alm_str end = part;
        (void)alm_str_split(&end, '}');
        bool has_end = end.size > 0;
        if (given.size <= end.size ||
            (has_end && memcmp(given.data + given.size - end.size, end.data, end.size) != 0)) {
            return false;
        }
        *literals += has_end;
        alm_assert(values < ALM_ROUTE_VALUES_MAX);
        value[values++] = (alm_str){given.data, given.size - end.size};
    }
    return at == path->count;
}

static void add_method(alm_buffer *allow, const char *name)
{
    alm_buffer_printf(allow, "%s%s", allow->size > 0 ? ", " : "", name);
}

alm_match alm_route_find(alm_http_method method, alm_str path, alm_arena *arena,
                         const alm_route **out, alm_str value[ALM_ROUTE_VALUES_MAX], alm_str *allow)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    segments parts;
    const alm_route *best = NULL;
    size_t best_literals = 0;
    alm_buffer methods = {0};
    if (!cut_path(path, arena, &parts)) {
        return ALM_MATCH_NO_PATH;
    }
    alm_http_method wanted = method == ALM_METHOD_HEAD ? ALM_METHOD_GET : method;
    for (size_t i = 0; i < count; i++) {
        alm_str found[ALM_ROUTE_VALUES_MAX] = {{NULL, 0}};
        size_t literals = 0;
        if (!fits(routes[i], &parts, found, &literals)) {
            continue;
        }
        add_method(&methods, alm_method_name(routes[i]->method));
        if (routes[i]->method == ALM_METHOD_GET) {
            add_method(&methods, "HEAD");
        }
        if (routes[i]->method == wanted && (!best || literals > best_literals)) {
            best = routes[i];
            best_literals = literals;
            memcpy(value, found, sizeof found);
        }
    }
    alm_match match = best                ? ALM_MATCH_FOUND
                      : methods.size > 0 ? ALM_MATCH_NO_METHOD
                                         : ALM_MATCH_NO_PATH;
    if (best) {
        *out = best;
    } else if (match == ALM_MATCH_NO_METHOD) {
        *allow = (alm_str){alm_arena_copy_text(arena, methods.data, methods.size), methods.size};
    }
    alm_buffer_deinit(&methods);
    return match;
}
