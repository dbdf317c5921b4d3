/* jobs.c: the list, its thread, and what a job goes through.
 *
 * Invariants: `state` of a record is changed by the jobs' thread alone, under the lock; others set
 * `is_cancelling` and `canceller`. A record whose job has not ended stays where it is, so that the
 * jobs' thread works on it without the lock. A state is recorded (note, jobs.json) before it is
 * shown, and what a job does to the world comes after its record. */
#include "serve/jobs/jobs.h"

#include <string.h>

#include "base/thread.h"
#include "serve/jobs/job_output.h"
#include "serve/jobs/jobs_internal.h"

#define LISTEN_NS 100000000u  /* between looks at children */
#define RETRY_NS 1000000000u  /* after the list could not be written */
#define STOPPING_NS 20000000u

typedef struct record {
    alm_job job;
    const alm_job_kind *kind;
    alm_arena *arena; /* the record lies in it */
    const char **argument;
    size_t argument_count;
    /* The jobs' thread alone: */
    alm_child *child;
    almi_job_output output;
    bool is_asked;      /* to end */
    uint64_t asked_ns;
    bool is_forced;
    alm_error trouble;  /* of a note about it */
} record;

struct alm_jobs {
    const alm_env *env;
    alm_jobs_options options;
    alm_arena *arena;
    const char *folder;
    alm_thread *thread;
    alm_mutex lock;
    alm_condition wake;
    bool is_ending; /* the thread is to end */
    bool has_news;  /* something for the thread */
    record **list;  /* kept_max; numbers rise */
    size_t count;
    int64_t next;
    /* The jobs' thread alone: */
    record **active;
    alm_job *copies; /* kept_max, to be written */
    bool is_dirty;   /* the file is older than the list */
    int64_t next_saved;
    bool is_stopping;
};

const char *alm_job_state_text(alm_job_state state)
{
    static const char *const texts[] = {
#define STATE_TEXT(name, text) text,
        ALM_JOB_STATE_MAP(STATE_TEXT)
#undef STATE_TEXT
    };
    alm_assert((unsigned)state < ALM_JOB_STATE_COUNT);
    return texts[state];
}

bool alm_job_state_parse(alm_str text, alm_job_state *out)
{
    for (alm_job_state state = 0; state < ALM_JOB_STATE_COUNT; state++) {
        if (alm_str_is(text, alm_job_state_text(state))) {
            *out = state;
            return true;
        }
    }
    return false;
}

bool alm_job_has_ended(alm_job_state state)
{
    return state != ALM_JOB_QUEUED && state != ALM_JOB_RUNNING;
}

void almi_job_name(alm_job *job)
{
    alm_error text;
    (void)alm_fail(&text, ALM_ERR_INVALID, "job-%lld", (long long)job->number);
    bool fits = almi_job_text(job->id, sizeof job->id, alm_str_of(text.message));
    alm_assert(fits);
}

static alm_job copy_of(alm_jobs *jobs, const record *r)
{
    alm_mutex_lock(&jobs->lock);
    alm_job copy = r->job;
    alm_mutex_unlock(&jobs->lock);
    return copy;
}

static void say(alm_job *job, const alm_error *what)
{
    memcpy(job->message, what->message, sizeof job->message);
}

/* ---- the file ---- */

/* The list with `changed` (NULL: none) as it is about to be. */
static alm_err save(alm_jobs *jobs, const alm_job *changed, alm_error *error)
{
    alm_mutex_lock(&jobs->lock);
    almi_job_list list = {.job = jobs->copies, .count = jobs->count, .next = jobs->next};
    for (size_t i = 0; i < jobs->count; i++) {
        bool is_changed = changed && changed->number == jobs->list[i]->job.number;
        jobs->copies[i] = is_changed ? *changed : jobs->list[i]->job;
    }
    alm_mutex_unlock(&jobs->lock);
    alm_err code = almi_jobs_save(jobs->env->fs, jobs->folder, &list, error);
    jobs->is_dirty = code != ALM_OK;
    jobs->next_saved = code == ALM_OK ? list.next : jobs->next_saved;
    return code;
}

static alm_err note(alm_jobs *jobs, alm_job_event event, const alm_job *job, alm_error *error)
{
    return jobs->options.note ? jobs->options.note(jobs->options.context, event, job, error)
                              : ALM_OK;
}

/* ---- the end of a job ---- */

static void let_go(record *r)
{
    alm_child_close(r->child);
    r->child = NULL;
    almi_job_output_deinit(&r->output);
    r->output = (almi_job_output){0};
}

/* What could not be noted is said where the job is shown. */
static void add_trouble(alm_job *job, const alm_error *trouble)
{
    alm_error both;
    (void)alm_fail(&both, ALM_ERR_IO, "%.240s%sa record of it could not be written: %.220s",
                   job->message, job->message[0] ? "; " : "", trouble->message);
    say(job, &both);
}

/* `why` NULL: nothing to say. */
static void finish(alm_jobs *jobs, record *r, alm_job_state state, const alm_error *why)
{
    alm_error error = {0};
    alm_job ended = copy_of(jobs, r);
    ended.state = state;
    ended.is_cancelling = false;
    ended.ended = alm_env_now(jobs->env);
    if (why) {
        say(&ended, why);
    }
    if (r->trouble.code != ALM_OK) {
        add_trouble(&ended, &r->trouble);
    }
    if (note(jobs, ALM_JOB_ENDS, &ended, &error) != ALM_OK) {
        add_trouble(&ended, &error);
    }
    (void)save(jobs, &ended, NULL); /* else the next turn tries again */
    let_go(r);
    alm_mutex_lock(&jobs->lock);
    r->job = ended;
    alm_mutex_unlock(&jobs->lock);
}

static void finish_with(alm_jobs *jobs, record *r, alm_job_state state, const char *why)
{
    alm_error error;
    (void)alm_fail(&error, ALM_ERR_INTERRUPTED, "%s", why);
    finish(jobs, r, state, &error);
}

static void put_result(alm_jobs *jobs, record *r, const char result[ALM_JOB_NAME_BYTES])
{
    alm_mutex_lock(&jobs->lock);
    memcpy(r->job.result, result, sizeof r->job.result);
    alm_mutex_unlock(&jobs->lock);
}

/* ---- children ---- */

static void conclude(alm_jobs *jobs, record *r, alm_child_end end)
{
    alm_error why = {0};
    char result[ALM_JOB_NAME_BYTES] = "";
    if (end.status == 0 && end.signal == 0) {
        if (almi_job_output_result(&r->output, r->kind->result, result)) {
            put_result(jobs, r, result);
            finish(jobs, r, ALM_JOB_DONE, NULL);
        } else {
            finish_with(jobs, r, ALM_JOB_DONE, "it succeeded, but what it says cannot be read");
        }
    } else if (jobs->is_stopping) {
        finish_with(jobs, r, ALM_JOB_INTERRUPTED, "the service stopped while it ran");
    } else if (r->is_asked) {
        finish_with(jobs, r, ALM_JOB_CANCELLED,
                    r->is_forced ? "it did not end when asked, and was ended by force" : "");
    } else {
        almi_job_output_why(&r->output, end, &why);
        finish(jobs, r, ALM_JOB_FAILED, &why);
    }
}

static void end_child(alm_jobs *jobs, record *r, bool by_force)
{
    r->child->children->ops->end(r->child, by_force);
    r->is_forced = by_force;
    r->is_asked = true;
    r->asked_ns = alm_env_monotonic_ns(jobs->env);
}

static void cancel_child(alm_jobs *jobs, record *r)
{
    alm_job job = copy_of(jobs, r);
    if (!job.is_cancelling) {
        return;
    }
    if (!r->is_asked) {
        (void)note(jobs, ALM_JOB_IS_CANCELLED, &job, &r->trouble);
        end_child(jobs, r, false);
    } else if (!r->is_forced &&
               alm_env_monotonic_ns(jobs->env) - r->asked_ns >= jobs->options.grace_ns) {
        end_child(jobs, r, true);
    }
}

/* Does it still run? Afterwards a record whose job has ended may be gone. */
static bool listen(alm_jobs *jobs, record *r)
{
    alm_child_end end = {0};
    bool has_ended = almi_job_output_look(&r->output, r->child, &end);
    if (r->output.has_progress) {
        alm_mutex_lock(&jobs->lock);
        memcpy(r->job.stage, r->output.stage, sizeof r->job.stage);
        r->job.done = r->output.done;
        r->job.total = r->output.total;
        alm_mutex_unlock(&jobs->lock);
    }
    if (has_ended) {
        conclude(jobs, r, end);
    } else if (!jobs->is_stopping) {
        cancel_child(jobs, r);
    }
    return !has_ended;
}

/* ---- the beginning of a job ---- */

static void work(alm_jobs *jobs, record *r)
{
    alm_error error = {0};
    char result[ALM_JOB_NAME_BYTES] = "";
    alm_job job = copy_of(jobs, r);
    alm_err code = r->kind->run(jobs->options.context, &job, r->argument, result, &error);
    if (code != ALM_OK) {
        finish(jobs, r, ALM_JOB_FAILED, &error);
        return;
    }
    put_result(jobs, r, result);
    finish(jobs, r, ALM_JOB_DONE, NULL);
}

/* Does it run now, as a child? */
static bool begin(alm_jobs *jobs, record *r)
{
    static const char *const variables[] = {"ALMANAC_PROGRESS=json"};
    alm_error error = {0};
    alm_job job = copy_of(jobs, r);
    job.state = ALM_JOB_RUNNING;
    job.started = alm_env_now(jobs->env);
    alm_err code = note(jobs, ALM_JOB_BEGINS, &job, &error);
    code = code == ALM_OK ? save(jobs, &job, &error) : code;
    alm_mutex_lock(&jobs->lock);
    r->job.state = job.state;
    r->job.started = job.started;
    alm_mutex_unlock(&jobs->lock);
    if (code == ALM_OK && r->kind->run) {
        work(jobs, r);
        return false;
    }
    alm_child_order order = {.argument = r->argument,
                             .argument_count = r->argument_count,
                             .variable = variables,
                             .variable_count = sizeof variables / sizeof variables[0]};
    alm_children *children = jobs->options.children;
    if (code == ALM_OK) {
        code = children->ops->start(children, &order, &r->child, &error);
    }
    if (code != ALM_OK) {
        (void)alm_error_wrap(&error, code, "it did not begin");
        finish(jobs, r, ALM_JOB_FAILED, &error);
    }
    return code == ALM_OK;
}

static void cancel_queued(alm_jobs *jobs, record *r, const alm_job *job)
{
    (void)note(jobs, ALM_JOB_IS_CANCELLED, job, &r->trouble);
    finish_with(jobs, r, ALM_JOB_CANCELLED, "it had not begun");
}

/* ---- a turn ---- */

/* Jobs that have not ended, the oldest first, in jobs->active. */
static size_t collect(alm_jobs *jobs)
{
    size_t count = 0;
    alm_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++) {
        if (!alm_job_has_ended(jobs->list[i]->job.state)) {
            jobs->active[count++] = jobs->list[i];
        }
    }
    jobs->is_dirty = jobs->is_dirty || jobs->next != jobs->next_saved; /* also what waits */
    alm_mutex_unlock(&jobs->lock);
    return count;
}

uint64_t alm_jobs_turn(alm_jobs *jobs)
{
    size_t running = 0;
    size_t count = collect(jobs);
    for (size_t i = 0; i < count; i++) {
        record *r = jobs->active[i];
        alm_job job = copy_of(jobs, r);
        if (r->child) {
            running += listen(jobs, r);
        } else if (job.is_cancelling) {
            cancel_queued(jobs, r, &job);
        } else if (r->kind->run || running < jobs->options.at_once) {
            running += begin(jobs, r);
        }
    }
    if (jobs->is_dirty && save(jobs, NULL, NULL) != ALM_OK) {
        return running > 0 ? LISTEN_NS : RETRY_NS;
    }
    return running > 0 ? LISTEN_NS : UINT64_MAX;
}

static void run_thread(void *context)
{
    alm_jobs *jobs = context;
    uint64_t pause = 0;
    alm_mutex_lock(&jobs->lock);
    while (!jobs->is_ending) {
        if (!jobs->has_news && pause == UINT64_MAX) {
            alm_condition_wait(&jobs->wake, &jobs->lock);
        } else if (!jobs->has_news && pause > 0) {
            (void)alm_condition_wait_ns(&jobs->wake, &jobs->lock, pause);
        }
        jobs->has_news = false;
        if (!jobs->is_ending) {
            alm_mutex_unlock(&jobs->lock);
            pause = alm_jobs_turn(jobs);
            alm_mutex_lock(&jobs->lock);
        }
    }
    alm_mutex_unlock(&jobs->lock);
}

/* ---- creating ---- */

static void put_defaults(alm_jobs_options *options)
{
    options->at_once = options->at_once ? options->at_once : 1;
    options->queued_max = options->queued_max ? options->queued_max : 16;
    options->kept_max = options->kept_max ? options->kept_max : 256;
    options->grace_ns = options->grace_ns ? options->grace_ns : UINT64_C(10000000000);
    alm_assert(options->kept_max <= ALM_JOBS_KEPT_MAX);
    alm_assert(options->queued_max + options->at_once < options->kept_max);
}

static record *new_record(void)
{
    alm_arena *arena = alm_arena_create(4096);
    record *r = ALM_NEW(arena, record);
    r->arena = arena;
    return r;
}

static void destroy_record(record *r)
{
    let_go(r);
    alm_arena_destroy(r->arena);
}

/* The jobs of the file; those that had not ended were interrupted. */
static alm_err read_list(alm_jobs *jobs, alm_error *error)
{
    almi_job_list list;
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = almi_jobs_load(jobs->env->fs, jobs->folder, jobs->options.kept_max, scratch,
                                  &list, error);
    if (code == ALM_OK) {
        jobs->next = jobs->next_saved = list.next;
        jobs->count = list.count;
        for (size_t i = 0; i < list.count; i++) {
            jobs->list[i] = new_record();
            jobs->list[i]->job = list.job[i];
        }
        for (size_t i = 0; i < list.count; i++) {
            record *r = jobs->list[i];
            if (!alm_job_has_ended(r->job.state)) {
                finish_with(jobs, r, ALM_JOB_INTERRUPTED,
                            r->job.state == ALM_JOB_QUEUED
                                ? "the service ended before it began"
                                : "the service ended while it ran; 'almanac models list' shows "
                                  "whether it still came to a result");
            }
        }
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err alm_jobs_create(const alm_env *env, const alm_jobs_options *options, alm_jobs **out,
                        alm_error *error)
{
    ALM_TRY(alm_fs_make_directories(env->fs, options->folder, error));
    alm_arena *arena = alm_arena_create(0);
    alm_jobs *jobs = ALM_NEW(arena, alm_jobs);
    *jobs = (alm_jobs){.env = env, .options = *options, .arena = arena};
    put_defaults(&jobs->options);
    size_t kept = jobs->options.kept_max;
    jobs->folder = alm_arena_copy_text(arena, options->folder, strlen(options->folder));
    jobs->list = ALM_NEW_ARRAY(arena, record *, kept);
    jobs->active = ALM_NEW_ARRAY(arena, record *, kept);
    jobs->copies = ALM_NEW_ARRAY(arena, alm_job, kept);
    alm_mutex_init(&jobs->lock);
    alm_condition_init(&jobs->wake);
    alm_err code = read_list(jobs, error);
    if (code == ALM_OK && jobs->is_dirty) {
        code = save(jobs, NULL, error);
    }
    if (code != ALM_OK) {
        alm_jobs_destroy(jobs);
        return code;
    }
    *out = jobs;
    return ALM_OK;
}

alm_err alm_jobs_start(alm_jobs *jobs, alm_error *error)
{
    return alm_thread_start("jobs", run_thread, jobs, &jobs->thread, error);
}

/* ---- destroying ---- */

static size_t listen_to_all(alm_jobs *jobs)
{
    size_t running = 0;
    size_t count = collect(jobs);
    for (size_t i = 0; i < count; i++) {
        if (jobs->active[i]->child) {
            running += listen(jobs, jobs->active[i]);
        }
    }
    return running;
}

/* Asks what runs to end, and waits for it; turns are counted, so that no clock is needed. */
static void stop_children(alm_jobs *jobs)
{
    size_t count = collect(jobs);
    for (size_t i = 0; i < count; i++) {
        record *r = jobs->active[i];
        if (r->child && !r->is_asked) {
            end_child(jobs, r, false);
        }
    }
    uint64_t turns = jobs->options.grace_ns / STOPPING_NS + 1;
    while (listen_to_all(jobs) > 0 && turns-- > 0) {
        alm_mutex_lock(&jobs->lock);
        (void)alm_condition_wait_ns(&jobs->wake, &jobs->lock, STOPPING_NS);
        alm_mutex_unlock(&jobs->lock);
    }
    count = collect(jobs);
    for (size_t i = 0; i < count; i++) {
        record *r = jobs->active[i];
        finish_with(jobs, r, ALM_JOB_INTERRUPTED,
                    r->child ? "the service stopped while it ran; it was ended by force"
                             : "the service stopped before it began");
    }
}

void alm_jobs_destroy(alm_jobs *jobs)
{
    if (!jobs) {
        return;
    }
    alm_mutex_lock(&jobs->lock);
    jobs->is_ending = true;
    alm_condition_broadcast(&jobs->wake);
    alm_mutex_unlock(&jobs->lock);
    alm_thread_join(jobs->thread);
    jobs->is_stopping = true;
    stop_children(jobs);
    if (jobs->is_dirty) {
        (void)save(jobs, NULL, NULL); /* the next start finds them as interrupted */
    }
    for (size_t i = 0; i < jobs->count; i++) {
        destroy_record(jobs->list[i]);
    }
    alm_condition_deinit(&jobs->wake);
    alm_mutex_deinit(&jobs->lock);
    alm_arena_destroy(jobs->arena);
}

/* ---- asking, from any thread ---- */

static void wake(alm_jobs *jobs) /* locked */
{
    jobs->has_news = true;
    alm_condition_signal(&jobs->wake);
}

static size_t count_queued(const alm_jobs *jobs) /* locked */
{
    size_t queued = 0;
    for (size_t i = 0; i < jobs->count; i++) {
        queued += jobs->list[i]->job.state == ALM_JOB_QUEUED;
    }
    return queued;
}

/* Makes room for one more; locked. */
static void forget_oldest(alm_jobs *jobs)
{
    size_t at = 0;
    if (jobs->count < jobs->options.kept_max) {
        return;
    }
    while (at < jobs->count && !alm_job_has_ended(jobs->list[at]->job.state)) {
        at++;
    }
    alm_assert(at < jobs->count); /* kept_max is more than can be queued and running */
    destroy_record(jobs->list[at]);
    memmove(&jobs->list[at], &jobs->list[at + 1],
            (jobs->count - at - 1) * sizeof jobs->list[0]);
    jobs->count--;
}

static const alm_job_kind *find_kind(const alm_jobs *jobs, const char *name)
{
    for (size_t i = 0; i < jobs->options.kind_count; i++) {
        if (strcmp(jobs->options.kind[i].name, name) == 0) {
            return &jobs->options.kind[i];
        }
    }
    alm_assert(!"a job of a kind that there is not");
    return NULL;
}

static record *record_of(alm_jobs *jobs, const alm_job_request *request, alm_error *error)
{
    record *r = new_record();
    alm_job *job = &r->job;
    alm_assert(request->argument_count <= ALM_CHILD_ARGUMENTS_MAX);
    r->kind = find_kind(jobs, request->kind);
    if (!almi_job_text(job->kind, sizeof job->kind, alm_str_of(request->kind)) ||
        !almi_job_text(job->model, sizeof job->model, request->model) ||
        !almi_job_text(job->object, sizeof job->object, request->object)) {
        (void)alm_fail(error, ALM_ERR_INVALID, "a name is longer than %d bytes",
                       ALM_JOB_NAME_BYTES - 1);
        destroy_record(r);
        return NULL;
    }
    job->asker = *request->asker;
    job->queued = alm_env_now(jobs->env);
    r->argument_count = request->argument_count;
    r->argument = ALM_NEW_ARRAY(r->arena, const char *, request->argument_count + 1);
    for (size_t i = 0; i < request->argument_count; i++) {
        r->argument[i] =
            alm_arena_copy_text(r->arena, request->argument[i], strlen(request->argument[i]));
    }
    return r;
}

alm_err alm_jobs_add(alm_jobs *jobs, const alm_job_request *request, alm_job *out,
                     alm_error *error)
{
    record *r = record_of(jobs, request, error);
    if (!r) {
        return ALM_ERR_INVALID;
    }
    alm_mutex_lock(&jobs->lock);
    bool has_room = count_queued(jobs) < jobs->options.queued_max;
    if (has_room) {
        forget_oldest(jobs);
        r->job.number = jobs->next++;
        almi_job_name(&r->job);
        jobs->list[jobs->count++] = r;
        *out = r->job;
        wake(jobs);
    }
    alm_mutex_unlock(&jobs->lock);
    if (!has_room) {
        destroy_record(r);
        return alm_fail(error, ALM_ERR_LIMIT, "%zu jobs wait already; ask again when one has begun",
                        jobs->options.queued_max);
    }
    return ALM_OK;
}

static record *find(alm_jobs *jobs, alm_str id) /* locked */
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (alm_str_is(id, jobs->list[i]->job.id)) {
            return jobs->list[i];
        }
    }
    return NULL;
}

static alm_err fail_unknown(alm_str id, alm_error *error)
{
    return alm_fail(error, ALM_ERR_NOT_FOUND,
                    "there is no job '%.*s'; /api/v1/jobs lists those that are remembered",
                    (int)(id.size < 64 ? id.size : 64), id.data);
}

alm_err alm_jobs_get(alm_jobs *jobs, alm_str id, alm_job *out, alm_error *error)
{
    alm_mutex_lock(&jobs->lock);
    const record *r = find(jobs, id);
    if (r) {
        *out = r->job;
    }
    alm_mutex_unlock(&jobs->lock);
    return r ? ALM_OK : fail_unknown(id, error);
}

size_t alm_jobs_kept_max(const alm_jobs *jobs)
{
    return jobs->options.kept_max;
}

size_t alm_jobs_list(alm_jobs *jobs, alm_job *out, size_t max)
{
    alm_mutex_lock(&jobs->lock);
    size_t count = jobs->count < max ? jobs->count : max;
    for (size_t i = 0; i < count; i++) {
        out[i] = jobs->list[jobs->count - 1 - i]->job;
    }
    alm_mutex_unlock(&jobs->lock);
    return count;
}

alm_err alm_jobs_cancel(alm_jobs *jobs, alm_str id, const alm_job_asker *asker, alm_job *out,
                        alm_error *error)
{
    alm_job_state state = ALM_JOB_QUEUED;
    bool is_child = false;
    alm_mutex_lock(&jobs->lock);
    record *r = find(jobs, id);
    if (r) {
        state = r->job.state;
        is_child = r->kind && !r->kind->run;
    }
    if (r && is_child && !alm_job_has_ended(state)) {
        if (!r->job.is_cancelling) {
            r->job.is_cancelling = true;
            r->job.canceller = *asker;
        }
        *out = r->job;
        wake(jobs);
    }
    alm_mutex_unlock(&jobs->lock);
    if (!r) {
        return fail_unknown(id, error);
    }
    if (alm_job_has_ended(state)) {
        return alm_fail(error, ALM_ERR_CONFLICT, ALM_STR_FMT " is %s already", ALM_STR_ARG(id),
                        alm_job_state_text(state));
    }
    return is_child ? ALM_OK
                    : alm_fail(error, ALM_ERR_CONFLICT,
                               ALM_STR_FMT " takes moments and cannot be cancelled",
                               ALM_STR_ARG(id));
}
