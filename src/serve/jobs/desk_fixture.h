/* desk_fixture.h: a desk over a project in a folder of its own, whose children are played and whose
 * jobs turn by hand; for tests. The registry holds demand-1, not compared and not approved. */
#ifndef ALM_SERVE_DESK_FIXTURE_H
#define ALM_SERVE_DESK_FIXTURE_H

#include <stdlib.h>

#include "project/project.h"
#include "serve/jobs/child_memory.h"
#include "serve/jobs/desk.h"
#include "store/release_fixture.h"

typedef struct desk_fixture {
    alm_env env;
    alm_arena *arena;
    char folder[64];
    const char *registry;
    alm_model_spec models[2];
    alm_project project;
    alm_children *children;
    alm_desk *desk;
} desk_fixture;

static inline alm_instant desk_fixture_now(void *context)
{
    (void)context;
    return 1000000;
}

/* `note` may be NULL. */
static inline void desk_fixture_open(desk_fixture *f, void *context,
                                     alm_err (*note)(void *context, alm_job_event event,
                                                     const alm_job *job, alm_error *error))
{
    alm_error error = {0};
    alm_registry *registry = NULL;
    *f = (desk_fixture){.env = {.now = desk_fixture_now}, .arena = alm_arena_create(0)};
    memcpy(f->folder, "/tmp/alm_desk_XXXXXX", 21);
    alm_assert(mkdtemp(f->folder) != NULL);
    given_ok(&error, alm_fs_real_create(&f->env.fs, &error));
    f->models[0].name = ALM_STR("demand");
    f->models[1].name = ALM_STR("stockout");
    f->project = (alm_project){.directory = f->folder,
                               .state = alm_path_join(f->arena, f->folder, ".almanac"),
                               .models = f->models,
                               .model_count = 2};
    f->registry = alm_path_join(f->arena, f->project.state, "registry.db");
    given_ok(&error, alm_fs_make_directories(f->env.fs, f->project.state, &error));
    given_ok(&error, alm_registry_open(f->registry, &registry, &error));
    (void)given_release(registry, f->arena, "one", false);
    alm_registry_close(registry);
    f->children = alm_children_memory_create();
    alm_desk_options options = {
        .project = &f->project, .children = f->children, .context = context, .note = note};
    given_ok(&error, alm_desk_create(&f->env, &options, &f->desk, &error));
}

static inline void desk_fixture_close(desk_fixture *f)
{
    alm_error error = {0};
    alm_desk_destroy(f->desk);
    alm_children_destroy(f->children);
    given_ok(&error, alm_fs_remove_tree(f->env.fs, f->folder, &error));
    alm_fs_destroy(f->env.fs);
    alm_arena_destroy(f->arena);
}

static inline void desk_fixture_turn(desk_fixture *f)
{
    (void)alm_jobs_turn(alm_desk_jobs(f->desk));
}

static inline void desk_fixture_append(desk_fixture *f, alm_ledger_action action)
{
    alm_error error = {0};
    alm_registry *registry = NULL;
    alm_ledger_entry entry;
    alm_ledger_note note = {.action = action,
                            .subject = ALM_STR("demand-1"),
                            .who = ALM_STR("bert"),
                            .why = ALM_STR("because")};
    given_ok(&error, alm_registry_open(f->registry, &registry, &error));
    given_ok(&error, alm_ledger_append(registry, &note, f->arena, &entry, &error));
    alm_registry_close(registry);
}

/* What `alias` points to; empty: nothing. */
static inline alm_str desk_fixture_alias(desk_fixture *f, const char *alias)
{
    alm_error error = {0};
    alm_registry *registry = NULL;
    alm_alias *aliases = NULL;
    size_t count = 0;
    alm_str release = ALM_STR("");
    given_ok(&error, alm_registry_open(f->registry, &registry, &error));
    given_ok(&error, alm_registry_list_aliases(registry, f->arena, &aliases, &count, &error));
    for (size_t i = 0; i < count; i++) {
        release = alm_str_is(aliases[i].alias, alias) ? aliases[i].release : release;
    }
    alm_registry_close(registry);
    return release;
}

#endif
