/* project_fixture.h: a project folder for tests, on the real file system because the table engine
 * reads and writes there. Only *_test.c include it. */
#ifndef ALM_PROJECT_PROJECT_FIXTURE_H
#define ALM_PROJECT_PROJECT_FIXTURE_H

#include "project/snapshot.h"
#include "table/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    alm_fs *fs;
    alm_pool *pool;
    alm_env env;
    alm_arena *arena;
    char root[200];
    alm_project *project;
    alm_objects *objects;
    alm_error error;
} fixture;

static inline int fixture_setup(void **state)
{
    void *memory = NULL;
    alm_assert(alm_heap_try(sizeof(fixture), &memory, NULL) == ALM_OK);
    fixture *f = memory;
    const char *base = getenv("TMPDIR");
    (void)snprintf(f->root, sizeof(f->root), "%s/almanac-project-XXXXXX", base ? base : "/tmp");
    alm_assert(mkdtemp(f->root) != NULL);
    alm_assert(alm_fs_real_create(&f->fs, &f->error) == ALM_OK);
    f->env = (alm_env){.fs = f->fs};
    f->arena = alm_arena_create(0);
    *state = f;
    return 0;
}

static inline void fixture_close_project(fixture *f)
{
    alm_objects_close(f->objects);
    alm_project_close(f->project);
    f->objects = NULL;
    f->project = NULL;
}

static inline int fixture_teardown(void **state)
{
    fixture *f = *state;
    fixture_close_project(f);
    alm_pool_destroy(f->pool);
    alm_assert(alm_fs_remove_tree(f->fs, f->root, &f->error) == ALM_OK);
    alm_fs_destroy(f->fs);
    alm_arena_destroy(f->arena);
    alm_heap_free(f);
    return 0;
}

static inline const char *fixture_path(fixture *f, const char *name)
{
    return alm_path_join(f->arena, f->root, name);
}

static inline void fixture_put_bytes(fixture *f, const char *name, const void *data, size_t size)
{
    const char *path = fixture_path(f, name);
    alm_assert(alm_fs_write_all(f->fs, path, (alm_str){data, size}, &f->error) == ALM_OK);
}

static inline void fixture_put(fixture *f, const char *name, const char *text)
{
    fixture_put_bytes(f, name, text, strlen(text));
}

/* Opens the project with this almanac.yaml. */
static inline void fixture_open(fixture *f, const char *yaml)
{
    fixture_close_project(f);
    fixture_put(f, "almanac.yaml", yaml);
    alm_err code = alm_project_open(&f->env, f->root, &f->project, &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    const char *objects = alm_path_join(f->arena, f->project->state, "objects");
    alm_assert(alm_fs_make_directories(f->fs, f->project->state, &f->error) == ALM_OK);
    alm_assert(alm_objects_folder_open(f->fs, objects, &f->objects, &f->error) == ALM_OK);
}

static inline alm_date fixture_date(const char *text)
{
    alm_date date;
    alm_assert(alm_date_parse(alm_str_of(text), &date));
    return date;
}

static inline alm_err fixture_take(fixture *f, const char *start, const char *end,
                                   alm_snapshot *out)
{
    alm_snapshot_options options = {.start = fixture_date(start), .end = fixture_date(end),
                                    .known_at = INT64_MAX};
    f->error = (alm_error){0};
    return alm_snapshot_take(&f->env, f->project, f->objects, &options, f->arena, out, &f->error);
}

/* Runs one statement on an engine of its own. */
static inline void fixture_sql(fixture *f, const char *statement)
{
    alm_sql *sql = NULL;
    alm_sql_options options = {.threads = 1};
    alm_assert(alm_sql_open(&options, &sql, &f->error) == ALM_OK);
    alm_err code = alm_sql_run(sql, statement, &f->error);
    if (code != ALM_OK) {
        (void)fprintf(stderr, "%s\n", f->error.message);
    }
    alm_assert(code == ALM_OK);
    alm_sql_close(sql);
}

#endif
