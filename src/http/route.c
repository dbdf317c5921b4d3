/* route.c: finding the route of a path. A few dozen routes: every one is compared, most of them up
 * to their third letter. */
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

/* Moves behind the literal segment when it is what was given. */
static bool takes_literal(const char **pattern, alm_str given)
{
    size_t same = 0;
    /* Not beyond the pattern's segment: what was given has no NUL, but perhaps a decoded '/'. */
    while (same < given.size && (*pattern)[same] == given.data[same] && given.data[same] != '/') {
        same++;
    }
    *pattern += same;
    return same == given.size && (**pattern == '/' || **pattern == '\0');
}

/* Values of a matching path; false when it does not match. A segment like "{model}:predict" has a
 * literal end. `literals` counts what was literal: the more, the closer the match. */
static bool fits(const alm_route *route, const segments *path, alm_str *value, size_t *literals)
{
    size_t values = 0;
    const char *at = route->path;
    *literals = 0;
    for (size_t i = 0; i < path->count; i++) {
        alm_str given = path->part[i];
        if (*at++ != '/') {
            return false;
        }
        if (*at != '{') {
            if (!takes_literal(&at, given)) {
                return false;
            }
            *literals += 2;
            continue;
        }
        const char *end = strchr(at, '}') + 1;
        at = strchrnul(end, '/');
        size_t size = (size_t)(at - end);
        if (given.size <= size || memcmp(given.data + given.size - size, end, size) != 0) {
            return false;
        }
        *literals += size > 0;
        alm_assert(values < ALM_ROUTE_VALUES_MAX);
        value[values++] = (alm_str){given.data, given.size - size};
    }
    return *at == '\0';
}

/* The route of this path that comes first in the table, whatever its method; NULL: there is none.
 * Of all paths that fit it is the one with the most literals. */
static const alm_route *closest(const segments *path, alm_str *value)
{
    size_t count = 0, most = 0;
    const alm_route *const *routes = alm_routes(&count);
    const alm_route *best = NULL;
    alm_str found[ALM_ROUTE_VALUES_MAX] = {{NULL, 0}};
    for (size_t i = 0; i < count; i++) {
        size_t literals = 0;
        if (fits(routes[i], path, found, &literals) && (!best || literals > most)) {
            best = routes[i];
            most = literals;
            memcpy(value, found, sizeof found);
        }
    }
    return best;
}

/* Methods of the path, for who asked with another one. */
static alm_str methods_of(const char *path, alm_arena *arena)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    const char *list = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(routes[i]->path, path) == 0) {
            list = alm_arena_printf(arena, "%s%s%s%s", list, *list ? ", " : "",
                                    alm_method_name(routes[i]->method),
                                    routes[i]->method == ALM_METHOD_GET ? ", HEAD" : "");
        }
    }
    return alm_str_of(list);
}

alm_match alm_route_find(alm_http_method method, alm_str path, alm_arena *arena,
                         const alm_route **out, alm_str value[ALM_ROUTE_VALUES_MAX], alm_str *allow)
{
    size_t count = 0;
    const alm_route *const *routes = alm_routes(&count);
    segments parts;
    const alm_route *first = cut_path(path, arena, &parts) ? closest(&parts, value) : NULL;
    alm_http_method wanted = method == ALM_METHOD_HEAD ? ALM_METHOD_GET : method;
    if (!first) {
        return ALM_MATCH_NO_PATH;
    }
    for (size_t i = 0; i < count; i++) {
        if (routes[i]->method == wanted && strcmp(routes[i]->path, first->path) == 0) {
            *out = routes[i];
            return ALM_MATCH_FOUND;
        }
    }
    *allow = methods_of(first->path, arena);
    return ALM_MATCH_NO_METHOD;
}
