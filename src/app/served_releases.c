/* served_releases.c: one thread (renew) resolves aliases and says what answers; another one (load)
 * only loads what it is given. They meet in `job`. */
#include "app/served_releases.h"

#include "app/session.h"
#include "base/thread.h"
#include "batch/release_model.h"
#include "serve/models/model_source.h"

#define RETRY_NS 30000000000u

/* Declared once and kept: the set can load it again. */
typedef struct served_release {
    almi_cli *cli;
    alm_release release;
    bool approved;
    struct served_release *next;
} served_release;

/* What one item of --release leads to. */
typedef struct followed {
    alm_str name;
    bool moves; /* an alias; else the release itself */
    bool leads; /* its model had no item before: it decides the default */
    served_release *now;
    served_release *before; /* still loaded; or NULL */
    served_release *wanted; /* not yet ready; or NULL */
    uint64_t retry_ns;      /* after a failure: when `wanted` is tried again */
} followed;

typedef enum job_state { JOB_NONE, JOB_ASKED, JOB_ENDED } job_state;

struct almi_served_releases {
    almi_cli *cli;
    alm_model_set *set;
    served_release *first; /* of all that were ever declared */
    followed *item;
    size_t count;
    alm_ledger_head head; /* when the aliases were looked at */
    bool has_problem;     /* the stores could not be read the last time; said once */
    /* between the threads */
    alm_thread *loader; /* NULL: no alias has moved yet */
    alm_mutex lock;
    alm_condition changed;
    job_state state;
    bool is_ending;
    served_release *job;
    alm_err code; /* of the job that has ended */
    alm_error error;
};

/* ---- one release ---- */

static alm_err open_release(void *context, alm_str name, alm_arena *arena, alm_opened_model *out,
                            alm_error *error)
{
    const served_release *r = context;
    almi_cli *cli = r->cli;
    alm_scorer *scorer = NULL;
    (void)name;
    alm_env *env = alm_model_loading_begin(&cli->env, cli->threads, arena);
    alm_err code = alm_release_scorer_open(env, cli->objects, &r->release, &scorer, error);
    alm_model_loading_end(env);
    ALM_TRY(code);
    alm_opened_model_describe(scorer, arena, out);
    out->approved = r->approved;
    return ALM_OK;
}

static served_release *find_known(const almi_served_releases *all, alm_str name)
{
    served_release *r = all->first;
    while (r && !alm_str_equal(r->release.name, name)) {
        r = r->next;
    }
    return r;
}

static alm_err declare_release(almi_cli *cli, alm_model_set *set, alm_str name,
                               served_release **out, alm_error *error)
{
    served_release *r = ALM_NEW(cli->arena, served_release);
    r->cli = cli;
    ALM_TRY(alm_registry_resolve(cli->registry, name, cli->arena, &r->release, error));
    ALM_TRY(alm_ledger_is_approved(cli->registry, r->release.name, &r->approved, error));
    alm_model_source source = {open_release, r};
    ALM_TRY(alm_model_set_declare(set, r->release.model, r->release.name, &source, error));
    *out = r;
    return ALM_OK;
}

/* The release that a name leads to, declared. */
static alm_err find_release(almi_served_releases *all, alm_str name, served_release **out,
                            alm_error *error)
{
    almi_cli *cli = all->cli;
    alm_arena *scratch = alm_arena_create(0);
    alm_release found;
    served_release *r = NULL;
    alm_err code = alm_registry_resolve(cli->registry, name, scratch, &found, error);
    if (code == ALM_OK) {
        r = find_known(all, found.name);
    }
    alm_arena_destroy(scratch);
    ALM_TRY(code);
    if (!r) {
        ALM_TRY(declare_release(cli, all->set, name, &r, error));
        r->next = all->first;
        all->first = r;
    }
    *out = r;
    return ALM_OK;
}

static bool is_ready(const almi_served_releases *all, const served_release *r)
{
    return alm_model_set_has(all->set, r->release.model, r->release.name);
}

/* ---- the loading thread ---- */

static void load_until_the_end(void *context)
{
    almi_served_releases *all = context;
    alm_mutex_lock(&all->lock);
    while (!all->is_ending) {
        if (all->state != JOB_ASKED) {
            alm_condition_wait(&all->changed, &all->lock);
            continue;
        }
        const alm_release *release = &all->job->release;
        alm_mutex_unlock(&all->lock);
        alm_error error = {0};
        alm_err code = alm_model_set_load(all->set, release->model, release->name, &error);
        alm_mutex_lock(&all->lock);
        all->code = code;
        all->error = error;
        all->state = JOB_ENDED;
    }
    alm_mutex_unlock(&all->lock);
}

/* ---- what answers ---- */

static bool is_used(const almi_served_releases *all, const served_release *r)
{
    bool used = false;
    for (size_t i = 0; i < all->count; i++) {
        const followed *f = &all->item[i];
        used = used || f->now == r || f->before == r || f->wanted == r;
    }
    return used;
}

static void let_go(almi_served_releases *all, const served_release *r)
{
    if (r && !is_used(all, r)) {
        alm_err code = alm_model_set_unload(all->set, r->release.model, r->release.name, NULL);
        (void)code; /* while a client loads it again, it is the client's */
    }
}

static void move_on(almi_served_releases *all, followed *f, alm_observer *observer)
{
    served_release *old = f->now, *oldest = f->before;
    f->now = f->wanted;
    f->before = old;
    f->wanted = NULL;
    f->retry_ns = 0;
    if (f->leads) {
        alm_err code = alm_model_set_choose(all->set, f->now->release.model, f->now->release.name,
                                            NULL);
        alm_assert(code == ALM_OK); /* what was declared never leaves the set */
    }
    alm_observer_log(observer, ALM_LOG_INFO, "alias " ALM_STR_FMT ": " ALM_STR_FMT " answers, "
                     ALM_STR_FMT " stays loaded", ALM_STR_ARG(f->name),
                     ALM_STR_ARG(f->now->release.name), ALM_STR_ARG(old->release.name));
    let_go(all, oldest);
}

/* Takes what the loading thread has made, and gives it what is wanted next. */
static void exchange(almi_served_releases *all, uint64_t now_ns, alm_observer *observer)
{
    alm_mutex_lock(&all->lock);
    served_release *ended = all->state == JOB_ENDED ? all->job : NULL;
    bool is_free = all->state != JOB_ASKED;
    alm_err code = all->code;
    all->state = is_free ? JOB_NONE : all->state;
    alm_mutex_unlock(&all->lock);
    for (size_t i = 0; ended && i < all->count; i++) {
        followed *f = &all->item[i];
        if (f->wanted == ended && code != ALM_OK) {
            f->retry_ns = now_ns + RETRY_NS;
            alm_observer_log(observer, ALM_LOG_ERROR, "alias " ALM_STR_FMT " leads to "
                             ALM_STR_FMT ", which cannot be loaded; " ALM_STR_FMT " goes on "
                             "answering: %s", ALM_STR_ARG(f->name),
                             ALM_STR_ARG(ended->release.name), ALM_STR_ARG(f->now->release.name),
                             all->error.message);
        }
    }
    if (ended && code == ALM_OK) {
        let_go(all, ended); /* the alias has moved on meanwhile */
    }
    for (size_t i = 0; i < all->count; i++) {
        followed *f = &all->item[i];
        if (f->wanted && is_ready(all, f->wanted)) {
            move_on(all, f, observer);
        } else if (f->wanted && is_free && now_ns >= f->retry_ns) {
            is_free = false;
            alm_mutex_lock(&all->lock);
            all->job = f->wanted;
            all->state = JOB_ASKED;
            alm_condition_signal(&all->changed);
            alm_mutex_unlock(&all->lock);
        }
    }
}

/* ---- where the aliases lead ---- */

/* A set with a problem may not have seen the ledger. */
static bool has_news(const almi_served_releases *all, const alm_committed_set *runs)
{
    return !runs || runs->problem.size > 0 || runs->ledger_seq != all->head.seq;
}

static alm_err look(almi_served_releases *all, alm_error *error)
{
    alm_ledger_head head;
    ALM_TRY(alm_ledger_get_head(all->cli->registry, &head, error));
    if (head.seq == all->head.seq && alm_digest_equal(&head.hash, &all->head.hash)) {
        return ALM_OK;
    }
    for (size_t i = 0; i < all->count; i++) {
        followed *f = &all->item[i];
        served_release *found = NULL;
        if (!f->moves) {
            continue;
        }
        ALM_TRY(find_release(all, f->name, &found, error));
        served_release *given_up = f->wanted != found ? f->wanted : NULL;
        f->wanted = found != f->now ? found : NULL;
        f->retry_ns = 0;
        let_go(all, given_up);
    }
    if (!all->loader) {
        ALM_TRY(alm_thread_start("releases", load_until_the_end, all, &all->loader, error));
    }
    all->head = head;
    return ALM_OK;
}

void almi_served_releases_renew(almi_served_releases *all, const alm_committed_set *runs,
                                alm_observer *observer)
{
    alm_error error = {0};
    if (!all) {
        return;
    }
    alm_err code = has_news(all, runs) ? look(all, &error) : ALM_OK;
    if (code != ALM_OK && !all->has_problem) {
        alm_observer_log(observer, ALM_LOG_ERROR, "where the aliases of --release lead cannot be "
                         "seen, what is loaded goes on answering: %s", error.message);
    }
    all->has_problem = code != ALM_OK;
    exchange(all, alm_env_monotonic_ns(&all->cli->env), observer);
}

/* ---- life ---- */

static alm_err open_item(almi_served_releases *all, alm_str name, alm_error *error)
{
    followed *f = &all->item[all->count];
    *f = (followed){.name = name, .leads = true};
    ALM_TRY(find_release(all, name, &f->now, error));
    f->moves = !alm_str_equal(name, f->now->release.name);
    for (size_t i = 0; i < all->count; i++) {
        f->leads = f->leads &&
                   !alm_str_equal(all->item[i].now->release.model, f->now->release.model);
    }
    all->count++;
    return is_ready(all, f->now) ? ALM_OK
                                 : alm_model_set_load(all->set, f->now->release.model,
                                                      f->now->release.name, error);
}

static alm_err open_all(almi_served_releases *all, alm_str list, alm_error *error)
{
    ALM_TRY(alm_ledger_get_head(all->cli->registry, &all->head, error));
    while (list.data) {
        ALM_TRY(open_item(all, alm_str_split(&list, ','), error));
    }
    return ALM_OK;
}

alm_err almi_served_releases_open(almi_cli *cli, alm_model_set *set, almi_served_releases **out,
                                  alm_error *error)
{
    const char *text = almi_option_text(cli, "release");
    *out = NULL;
    if (!text) {
        return ALM_OK;
    }
    ALM_TRY(almi_open_state(cli, error));
    size_t most = 1;
    for (const char *c = text; *c; c++) {
        most += *c == ',';
    }
    almi_served_releases *all = ALM_NEW(cli->arena, almi_served_releases);
    all->cli = cli;
    all->set = set;
    all->item = ALM_NEW_ARRAY(cli->arena, followed, most);
    ALM_TRY(open_all(all, alm_str_of(text), error));
    alm_mutex_init(&all->lock);
    alm_condition_init(&all->changed);
    *out = all;
    return ALM_OK;
}

void almi_served_releases_close(almi_served_releases *all)
{
    if (!all) {
        return;
    }
    alm_mutex_lock(&all->lock);
    all->is_ending = true;
    alm_condition_signal(&all->changed);
    alm_mutex_unlock(&all->lock);
    alm_thread_join(all->loader);
    alm_condition_deinit(&all->changed);
    alm_mutex_deinit(&all->lock);
}

alm_err almi_served_releases_add(almi_cli *cli, alm_model_set *set, alm_str name,
                                 alm_error *error)
{
    served_release *r = NULL;
    ALM_TRY(almi_open_state(cli, error));
    ALM_TRY(declare_release(cli, set, name, &r, error));
    return alm_model_set_load(set, r->release.model, r->release.name, error);
}
