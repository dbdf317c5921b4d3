/* access_fixture.h: the golden tokens of tests/golden/access, for the tests of this folder. */
#ifndef ALM_HTTP_ACCESS_ACCESS_FIXTURE_H
#define ALM_HTTP_ACCESS_ACCESS_FIXTURE_H

#include "base/fs.h"
#include "base/json.h"

#define GOLDEN "tests/golden/access/"
#define GOLDEN_ISSUER "https://id.example.test/realm"

/* A file of tests/golden/access in `arena`. */
static inline alm_str golden_text(const char *name, alm_arena *arena)
{
    alm_fs *fs = NULL;
    alm_error error = {0};
    alm_str text = {0};
    alm_assert(alm_fs_real_create(&fs, &error) == ALM_OK);
    char *path = alm_path_join(arena, GOLDEN, name);
    alm_assert(alm_fs_read_all(fs, path, (size_t)1 << 20, arena, &text, &error) == ALM_OK);
    alm_fs_destroy(fs);
    return text;
}

static inline alm_json_document *golden_json(const char *name, alm_arena *arena)
{
    alm_json_document *document = NULL;
    alm_error error = {0};
    alm_assert(alm_json_parse(golden_text(name, arena), name, &document, &error) == ALM_OK);
    return document;
}

static inline alm_str golden_member(const alm_json *object, const char *key)
{
    alm_str text = {0};
    alm_assert(alm_json_get_str(object, key, &text, NULL) == ALM_OK);
    return text;
}

/* The token of a case by its name; borrowed from the document. */
static inline alm_str golden_token(const alm_json_document *cases, const char *name)
{
    const alm_json *list = alm_json_member(alm_json_root(cases), "cases");
    for (size_t i = 0; i < alm_json_count(list); i++) {
        if (alm_str_is(golden_member(alm_json_at(list, i), "name"), name)) {
            return golden_member(alm_json_at(list, i), "token");
        }
    }
    alm_assert(!"a golden token is called so");
    return (alm_str){0};
}

#endif
