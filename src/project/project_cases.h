/* project_cases.h: project files as texts, opened from a file system in memory, and one valid text
 * that is broken at a place at a time. Only *_test.c include it. */
#ifndef ALM_PROJECT_PROJECT_CASES_H
#define ALM_PROJECT_PROJECT_CASES_H

#include <stdio.h>
#include <string.h>

#include "base/fs_memory.h"
#include "project/project.h"

/* alm_project_open of a folder whose almanac.yaml is `text`. */
static inline alm_err open_text(const char *text, alm_project **out, alm_error *error)
{
    alm_fs *fs = NULL;
    alm_err code = alm_fs_memory_create(&fs, error);
    code = code ? code : alm_fs_make_directories(fs, "shop", error);
    code = code ? code : alm_fs_write_all(fs, "shop/almanac.yaml", alm_str_of(text), error);
    alm_assert(code == ALM_OK);
    alm_env env = {.fs = fs};
    code = alm_project_open(&env, "shop", out, error);
    alm_fs_destroy(fs);
    return code;
}

static inline alm_project *must_open(const char *text)
{
    alm_project *p = NULL;
    alm_error error = {0};
    alm_err code = open_text(text, &p, &error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
    }
    alm_assert(code == ALM_OK);
    return p;
}

typedef struct broken_text {
    const char *old, *new; /* what is replaced where it first stands */
    /* "LINE:COLUMN: what is wrong"; one that ends with a blank goes on with words of others. */
    const char *message;
} broken_text;

static inline bool is_message(const char *message, const char *expected)
{
    static const char PREFIX[] = "almanac.yaml:";
    size_t size = strlen(expected);
    if (strncmp(message, PREFIX, sizeof(PREFIX) - 1) != 0) {
        return false;
    }
    message += sizeof(PREFIX) - 1;
    return expected[size - 1] == ' ' ? strncmp(message, expected, size) == 0 &&
                                           strlen(message) > size + 8
                                     : strcmp(message, expected) == 0;
}

/* How many of the texts are not refused as they should be; each is printed. */
static inline int count_wrong(const char *valid, const broken_text *broken, size_t count)
{
    int wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(valid, broken[i].old);
        alm_assert(at);
        alm_buffer text = {0};
        alm_buffer_append(&text, valid, (size_t)(at - valid));
        alm_buffer_text(&text, broken[i].new);
        alm_buffer_text(&text, at + strlen(broken[i].old));
        alm_project *p = NULL;
        alm_error error = {0};
        alm_err code = open_text(text.data, &p, &error);
        alm_buffer_deinit(&text);
        if (code != ALM_ERR_CONFIG || p || !is_message(error.message, broken[i].message)) {
            (void)fprintf(stderr, "%s -> %s\n  got      %s\n  expected %s\n", broken[i].old,
                          broken[i].new, error.message, broken[i].message);
            wrong++;
        }
    }
    return wrong;
}

#endif
