/* role.c: the rules of roles and of model patterns. */
#include "http/access/role.h"

#include <string.h>

#define BIT(role) (UINT32_C(1) << (role))

static const char *const TEXTS[ALM_ROLE_COUNT] = {
#define ROLE_TEXT(name, text) text,
    ALM_ROLE_MAP(ROLE_TEXT)
#undef ROLE_TEXT
};

const char *alm_role_text(alm_role role)
{
    alm_assert(role < ALM_ROLE_COUNT);
    return TEXTS[role];
}

bool alm_role_parse(alm_str text, alm_role *out)
{
    for (alm_role role = 0; role < ALM_ROLE_COUNT; role++) {
        if (alm_str_is(text, TEXTS[role])) {
            *out = role;
            return true;
        }
    }
    return false;
}

alm_roles alm_roles_of(alm_role role)
{
    alm_assert(role < ALM_ROLE_COUNT);
    return role == ALM_ROLE_ADMIN ? BIT(ALM_ROLE_COUNT) - 1 : BIT(role) | BIT(ALM_ROLE_VIEWER);
}

bool alm_roles_include(alm_roles roles, alm_role role)
{
    alm_assert(role < ALM_ROLE_COUNT);
    return (roles & BIT(role)) != 0;
}

const char *alm_roles_text(alm_roles roles, char out[ALM_ROLES_TEXT_BYTES])
{
    size_t size = 0;
    for (alm_role role = 0; role < ALM_ROLE_COUNT; role++) {
        if (alm_roles_include(roles, role)) {
            size_t length = strlen(TEXTS[role]);
            alm_assert(size + length + 2 <= ALM_ROLES_TEXT_BYTES);
            if (size > 0) {
                out[size++] = ' ';
            }
            memcpy(out + size, TEXTS[role], length);
            size += length;
        }
    }
    out[size] = '\0';
    return out;
}

bool alm_pattern_is_valid(alm_str pattern)
{
    for (size_t i = 0; i < pattern.size; i++) {
        if (pattern.data[i] <= ' ' || pattern.data[i] > '~') {
            return false;
        }
    }
    return pattern.size >= 1 && pattern.size <= ALM_PATTERN_BYTES_MAX;
}

/* Only the last `*` ever needs to be tried again, so the work is pattern times name at most. */
bool alm_pattern_matches(alm_str pattern, alm_str name)
{
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX;
    size_t star_name = 0;
    while (n < name.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.size && pattern.data[p] == name.data[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

const char *alm_identity_kind_text(alm_identity_kind kind)
{
    static const char *const KINDS[] = {"none", "token", "api_key", "development"};
    alm_assert(kind <= ALM_IDENTITY_DEVELOPMENT);
    return KINDS[kind];
}

bool alm_identity_may_use(const alm_identity *identity, alm_str model)
{
    bool may = identity->every_model;
    for (size_t i = 0; !may && i < identity->model_count; i++) {
        may = alm_pattern_matches(identity->models[i], model);
    }
    return may;
}

alm_identity alm_identity_copy(const alm_identity *identity, alm_arena *arena)
{
    alm_identity copy = *identity;
    copy.subject.data = alm_arena_copy_text(arena, identity->subject.data, identity->subject.size);
    copy.models = NULL;
    if (identity->model_count > 0) {
        alm_str *models = ALM_NEW_ARRAY(arena, alm_str, identity->model_count);
        for (size_t i = 0; i < identity->model_count; i++) {
            alm_str model = identity->models[i];
            models[i] = (alm_str){alm_arena_copy_text(arena, model.data, model.size), model.size};
        }
        copy.models = models;
    }
    return copy;
}
