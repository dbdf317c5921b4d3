#include "serve/models/model_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/epoch.h"
#include "base/thread.h"
#include "serve/models/model_set_internal.h"

#define VERSIONS_SHOWN_BYTES 200

/* What is known of one model; behind the writers' lock. */
typedef struct declared {
    alm_str name, version;
    alm_model_source source;
    alm_model_state state;
    char reason[ALM_MODEL_REASON_BYTES];
    bool is_default, is_loading;
    alm_served_model *model;
} declared;

typedef struct published {
    alm_model_snapshot snapshot;
    alm_arena *arena; /* this struct lies in it */
} published;

struct alm_model_set {
    alm_arena *arena;
    size_t workers;
    alm_epoch *epoch;
    alm_epoch_cell current; /* a `published` */
    alm_mutex writing;
    declared **model; /* sorted */
    size_t count, room;
    alm_model_gone gone; /* NULL: nobody watches */
    void *gone_context;
};

const char *alm_model_state_text(alm_model_state state)
{
    static const char *const TEXT[] = {"UNAVAILABLE", "LOADING", "READY"};
    return TEXT[state];
}

const alm_served_info *alm_served_model_describe(const alm_served_model *model)
{
    return &model->info;
}

/* ---- readers ---- */

const alm_model_snapshot *alm_model_set_enter(alm_model_set *set, size_t worker)
{
    alm_epoch_enter(set->epoch, worker);
    return &((published *)alm_epoch_read(&set->current))->snapshot;
}

void alm_model_set_leave(alm_model_set *set, size_t worker)
{
    alm_epoch_leave(set->epoch, worker);
}

/* ---- publishing ---- */

static published *make_snapshot(const alm_model_set *set, uint64_t number)
{
    alm_arena *arena = alm_arena_create(0);
    published *made = ALM_NEW(arena, published);
    alm_model_entry *entry = ALM_NEW_ARRAY(arena, alm_model_entry, set->count);
    for (size_t i = 0; i < set->count; i++) {
        const declared *d = set->model[i];
        size_t size = strlen(d->reason);
        entry[i] = (alm_model_entry){d->name, d->version, d->state,
                                     {alm_arena_copy_text(arena, d->reason, size), size},
                                     d->is_default, d->model};
    }
    *made = (published){{entry, set->count, number}, arena};
    return made;
}

/* With the writers' lock: afterwards nobody reads what the old snapshot named. */
static void publish(alm_model_set *set)
{
    const published *now = alm_epoch_read(&set->current);
    published *next = make_snapshot(set, now->snapshot.number + 1);
    published *old = alm_epoch_exchange(&set->current, next);
    alm_epoch_wait(set->epoch);
    alm_arena_destroy(old->arena);
}

/* ---- names ---- */

static bool is_number(alm_str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.size > 0;
}

/* Safe names have no NUL and numbers no sign, so of two the longer is the larger; one with zeros in
 * front is behind its equal, which keeps the order total. */
static int compare_versions(alm_str a, alm_str b)
{
    bool x = is_number(a), y = is_number(b);
    if (x != y) {
        return x ? -1 : 1;
    }
    if (x && a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return alm_str_compare(a, b);
}

static int compare_keys(alm_str name_a, alm_str version_a, alm_str name_b, alm_str version_b)
{
    int order = alm_str_compare(name_a, name_b);
    return order ? order : compare_versions(version_a, version_b);
}

static int compare_declared(const void *left, const void *right)
{
    const declared *a = *(declared *const *)left;
    const declared *b = *(declared *const *)right;
    return compare_keys(a->name, a->version, b->name, b->version);
}

/* First entry of that name, or count. */
static size_t first_of(const alm_model_snapshot *s, alm_str name)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (alm_str_compare(s->entry[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static alm_err fail_version(const alm_model_snapshot *s, alm_str name, alm_str version,
                            alm_error *error)
{
    alm_buffer list = {0};
    for (size_t i = first_of(s, name); i < s->count && alm_str_equal(s->entry[i].name, name); i++) {
        alm_str one = s->entry[i].version;
        bool fits = list.size + one.size <= VERSIONS_SHOWN_BYTES;
        alm_buffer_printf(&list, "%s" ALM_STR_FMT, list.size ? ", " : "",
                          ALM_STR_ARG(fits ? one : ALM_STR("...")));
        if (!fits) {
            break;
        }
    }
    alm_str shown = alm_buffer_view(&list);
    alm_err code = alm_fail(error, ALM_ERR_NOT_FOUND, "model '" ALM_STR_FMT "' has no version '"
                            ALM_STR_FMT "': there is " ALM_STR_FMT, ALM_STR_ARG(name),
                            ALM_STR_ARG(version), ALM_STR_ARG(shown));
    alm_buffer_deinit(&list);
    return code;
}

/* A name that is not even one is not repeated in full. */
static alm_err fail_name(alm_str name, alm_error *error)
{
    return alm_str_is_safe_name(name)
               ? alm_fail(error, ALM_ERR_NOT_FOUND, "there is no model '" ALM_STR_FMT "'",
                          ALM_STR_ARG(name))
               : alm_fail(error, ALM_ERR_NOT_FOUND, "there is no such model");
}

alm_err alm_model_snapshot_find(const alm_model_snapshot *s, alm_str name, alm_str version,
                                const alm_model_entry **out, alm_error *error)
{
    size_t i = first_of(s, name);
    if (i == s->count || !alm_str_equal(s->entry[i].name, name)) {
        return fail_name(name, error);
    }
    for (; i < s->count && alm_str_equal(s->entry[i].name, name); i++) {
        const alm_model_entry *e = &s->entry[i];
        if (version.size ? alm_str_equal(e->version, version) : e->is_default) {
            *out = e;
            return ALM_OK;
        }
    }
    return alm_str_is_safe_name(version) ? fail_version(s, name, version, error)
                                         : alm_fail(error, ALM_ERR_NOT_FOUND, "model '" ALM_STR_FMT
                                                    "' has no such version", ALM_STR_ARG(name));
}

alm_err alm_model_snapshot_ready(const alm_model_snapshot *s, alm_str name, alm_str version,
                                 const alm_served_model **out, alm_error *error)
{
    const alm_model_entry *e = NULL;
    ALM_TRY(alm_model_snapshot_find(s, name, version, &e, error));
    if (!e->model) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "model '" ALM_STR_FMT "', version '" ALM_STR_FMT
                        "', is %s: " ALM_STR_FMT, ALM_STR_ARG(e->name), ALM_STR_ARG(e->version),
                        e->state == ALM_MODEL_LOADING ? "being loaded" : "not available",
                        ALM_STR_ARG(e->reason));
    }
    *out = e->model;
    return ALM_OK;
}

/* ---- making and ending ---- */

alm_err alm_model_set_create(size_t workers, alm_model_set **out, alm_error *error)
{
    if (workers < 1 || workers > ALM_MODEL_SET_WORKERS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu workers: 1 to %d", workers,
                        ALM_MODEL_SET_WORKERS_MAX);
    }
    alm_epoch *epoch = NULL;
    ALM_TRY(alm_epoch_create(workers, &epoch, error));
    alm_arena *arena = alm_arena_create(0);
    alm_model_set *set = ALM_NEW(arena, alm_model_set);
    set->arena = arena;
    set->workers = workers;
    set->epoch = epoch;
    alm_mutex_init(&set->writing);
    (void)alm_epoch_exchange(&set->current, make_snapshot(set, 1));
    *out = set;
    return ALM_OK;
}

static void destroy_model(alm_served_model *model)
{
    if (model) {
        almi_model_cool(model);
        alm_scorer_destroy(model->scorer);
        alm_arena_destroy(model->arena); /* the struct lies in it */
    }
}

void alm_model_set_destroy(alm_model_set *set)
{
    if (!set) {
        return;
    }
    published *last = alm_epoch_exchange(&set->current, NULL);
    alm_epoch_wait(set->epoch);
    for (size_t i = 0; i < set->count; i++) {
        destroy_model(set->model[i]->model);
    }
    alm_mutex_deinit(&set->writing);
    alm_arena_destroy(last->arena);
    alm_epoch_destroy(set->epoch);
    alm_arena_destroy(set->arena); /* the struct lies in it */
}

void alm_model_set_watch(alm_model_set *set, alm_model_gone gone, void *context)
{
    set->gone = gone;
    set->gone_context = context;
}

/* Does another one have the same content? */
static bool is_served(alm_model_set *set, const alm_served_model *model)
{
    bool is_there = false;
    alm_mutex_lock(&set->writing);
    for (size_t i = 0; i < set->count; i++) {
        const alm_served_model *other = set->model[i]->model;
        is_there |= other && strcmp(other->info.digest, model->info.digest) == 0;
    }
    alm_mutex_unlock(&set->writing);
    return is_there;
}

static void retire(alm_model_set *set, alm_served_model *model)
{
    if (model && set->gone && !is_served(set, model)) {
        set->gone(set->gone_context, &model->info);
    }
    destroy_model(model);
}

size_t alm_model_set_workers(const alm_model_set *set)
{
    return set->workers;
}

/* ---- writers; all below with their lock ---- */

/* An empty version: the default. */
static alm_err find(alm_model_set *set, alm_str name, alm_str version, declared **out,
                    alm_error *error)
{
    const alm_model_snapshot *s = &((published *)alm_epoch_read(&set->current))->snapshot;
    const alm_model_entry *e = NULL;
    ALM_TRY(alm_model_snapshot_find(s, name, version, &e, error));
    *out = set->model[e - s->entry]; /* both are in one order */
    return ALM_OK;
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static void set_reason(declared *d, const char *reason)
{
    size_t size = strlen(reason);
    size = size < sizeof d->reason ? size : sizeof d->reason - 1;
    memcpy(d->reason, reason, size);
    d->reason[size] = '\0';
}

static void add(alm_model_set *set, alm_str name, alm_str version, const alm_model_source *source)
{
    declared *d = ALM_NEW(set->arena, declared);
    *d = (declared){.name = copy(set->arena, name), .version = copy(set->arena, version),
                    .source = *source, .is_default = true};
    set_reason(d, "not loaded");
    for (size_t i = 0; i < set->count; i++) {
        d->is_default = d->is_default && !alm_str_equal(set->model[i]->name, name);
    }
    if (set->count == set->room) {
        set->room = set->room ? 2 * set->room : 16;
        declared **grown = ALM_NEW_ARRAY(set->arena, declared *, set->room);
        if (set->count) {
            memcpy(grown, set->model, set->count * sizeof *grown);
        }
        set->model = grown;
    }
    set->model[set->count++] = d;
    qsort(set->model, set->count, sizeof *set->model, compare_declared);
    publish(set);
}

alm_err alm_model_set_declare(alm_model_set *set, alm_str name, alm_str version,
                              const alm_model_source *source, alm_error *error)
{
    if (!alm_str_is_safe_name(name) || !alm_str_is_safe_name(version)) {
        return alm_fail(error, ALM_ERR_INVALID, "a model's name and version are 1 to 100 letters, "
                        "digits, '.', '_' and '-', and do not begin with '.'");
    }
    declared *known = NULL;
    alm_mutex_lock(&set->writing);
    alm_err code = ALM_OK;
    if (find(set, name, version, &known, NULL) == ALM_OK) {
        code = alm_fail(error, ALM_ERR_EXISTS, "model '" ALM_STR_FMT "', version '" ALM_STR_FMT
                        "', is there already", ALM_STR_ARG(name), ALM_STR_ARG(version));
    } else if (set->count == ALM_MODEL_SET_MODELS_MAX) {
        code = alm_fail(error, ALM_ERR_LIMIT, "at most %d models are served",
                        ALM_MODEL_SET_MODELS_MAX);
    } else {
        add(set, name, version, source);
    }
    alm_mutex_unlock(&set->writing);
    return code;
}

static alm_err check_free(const declared *d, alm_error *error)
{
    return d->is_loading ? alm_fail(error, ALM_ERR_CONFLICT, "model '" ALM_STR_FMT "', version '"
                                    ALM_STR_FMT "', is being loaded; ask again when it is",
                                    ALM_STR_ARG(d->name), ALM_STR_ARG(d->version))
                         : ALM_OK;
}

static alm_err begin_loading(alm_model_set *set, alm_str name, alm_str version, declared **out,
                             alm_error *error)
{
    alm_mutex_lock(&set->writing);
    alm_err code = find(set, name, version, out, error);
    code = code == ALM_OK ? check_free(*out, error) : code;
    if (code == ALM_OK) {
        (*out)->is_loading = true;
        if (!(*out)->model) {
            (*out)->state = ALM_MODEL_LOADING;
            set_reason(*out, "its first load is not over yet");
            publish(set);
        }
    }
    alm_mutex_unlock(&set->writing);
    return code;
}

/* ---- opening, without the lock ---- */

static void describe(alm_served_model *model, const declared *d, const alm_opened_model *opened)
{
    alm_served_info *info = &model->info;
    *info = (alm_served_info){.name = d->name, .version = d->version, .format = opened->format,
                              .description = opened->description, .approved = opened->approved,
                              .scorer = alm_scorer_describe(opened->scorer)};
    alm_digest_text(&opened->digest, info->digest);
    if (!info->approved) {
        info->notice = alm_str_of(alm_arena_printf(model->arena, "unapproved: " ALM_STR_FMT
                                                   " is not a promoted release",
                                                   ALM_STR_ARG(opened->description)));
    }
}

static alm_err open_model(const alm_model_set *set, const declared *d, alm_served_model **out,
                          alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_opened_model opened = {0};
    alm_err code = d->source.open(d->source.context, d->name, arena, &opened, error);
    if (code != ALM_OK) {
        alm_arena_destroy(arena);
        return code;
    }
    alm_served_model *model = ALM_NEW(arena, alm_served_model);
    *model = (alm_served_model){.arena = arena, .scorer = opened.scorer, .workers = set->workers,
                                .worker = ALM_NEW_ARRAY(arena, almi_model_worker, set->workers)};
    describe(model, d, &opened);
    code = almi_model_warm(model, error);
    if (code != ALM_OK) {
        destroy_model(model);
        return code;
    }
    *out = model;
    return ALM_OK;
}

alm_err alm_model_set_load(alm_model_set *set, alm_str name, alm_str version, alm_error *error)
{
    declared *d = NULL;
    ALM_TRY(begin_loading(set, name, version, &d, error));
    alm_error cause = {0};
    alm_served_model *made = NULL, *old = NULL;
    alm_err code = open_model(set, d, &made, &cause);
    alm_mutex_lock(&set->writing);
    d->is_loading = false;
    if (code == ALM_OK) {
        old = d->model;
        d->model = made;
        d->state = ALM_MODEL_READY;
        set_reason(d, "");
    } else {
        d->state = d->model ? ALM_MODEL_READY : ALM_MODEL_UNAVAILABLE;
        set_reason(d, cause.message);
    }
    publish(set);
    alm_mutex_unlock(&set->writing);
    retire(set, old);
    return code == ALM_OK ? code : alm_fail(error, code, "%s", cause.message);
}

bool alm_model_set_has(alm_model_set *set, alm_str name, alm_str version)
{
    declared *d = NULL;
    alm_mutex_lock(&set->writing);
    bool has = find(set, name, version, &d, NULL) == ALM_OK && d->model != NULL;
    alm_mutex_unlock(&set->writing);
    return has;
}

alm_err alm_model_set_unload(alm_model_set *set, alm_str name, alm_str version, alm_error *error)
{
    declared *d = NULL;
    alm_served_model *old = NULL;
    alm_mutex_lock(&set->writing);
    alm_err code = find(set, name, version, &d, error);
    code = code == ALM_OK ? check_free(d, error) : code;
    if (code == ALM_OK) {
        old = d->model;
        d->model = NULL;
        d->state = ALM_MODEL_UNAVAILABLE;
        set_reason(d, "unloaded");
        publish(set);
    }
    alm_mutex_unlock(&set->writing);
    retire(set, old);
    return code;
}

alm_err alm_model_set_choose(alm_model_set *set, alm_str name, alm_str version, alm_error *error)
{
    declared *d = NULL;
    alm_mutex_lock(&set->writing);
    alm_err code = find(set, name, version, &d, error);
    for (size_t i = 0; code == ALM_OK && i < set->count; i++) {
        declared *other = set->model[i];
        other->is_default = alm_str_equal(other->name, name) ? other == d : other->is_default;
    }
    if (code == ALM_OK) {
        publish(set);
    }
    alm_mutex_unlock(&set->writing);
    return code;
}
