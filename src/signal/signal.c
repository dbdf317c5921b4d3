/* signal.c: opening: the plan of the document, and whether it makes what the models take. */
#include <string.h>

#include "signal/signal_internal.h"

static const alm_str *plan_names(const alm_bars_plan *plan, alm_arena *arena)
{
    size_t width = alm_bars_plan_width(plan);
    alm_str *names = ALM_NEW_ARRAY(arena, alm_str, width);
    for (size_t i = 0; i < width; i++) {
        names[i] = alm_str_of(alm_bars_plan_name(plan, i));
    }
    return names;
}

static size_t find_name(const alm_str *names, size_t count, alm_str name)
{
    size_t at = 0;
    while (at < count && !alm_str_equal(names[at], name)) {
        at++;
    }
    return at;
}

/* The windows are bound to all columns of the plan once, only to see that they are there. */
static alm_err check_names(const alm_signal *s, const alm_str *names, alm_error *error)
{
    const alm_scorer_info *info = s->info.scorer;
    alm_scorer_binding *binding = NULL;
    alm_scorer_columns columns = {names, s->width, names, s->width, info->steps};
    ALM_TRY(alm_scorer_bind(s->scorer, &columns, &binding, error));
    alm_scorer_binding_destroy(binding);
    return ALM_OK;
}

static alm_err bind_names(alm_signal *s, const alm_str *names, alm_error *error)
{
    const alm_scorer_info *info = s->info.scorer;
    ALM_TRY(check_names(s, names, error));
    size_t *place = ALM_NEW_ARRAY(s->arena, size_t, info->window_column_count);
    for (size_t i = 0; i < info->window_column_count; i++) {
        place[i] = find_name(names, s->width, info->window_column[i]);
        if (place[i] == s->width) { /* a blank for a '_' is not taken here */
            return alm_fail(error, ALM_ERR_INVALID, "1 column is missing in the windows: "
                            ALM_STR_FMT, ALM_STR_ARG(info->window_column[i]));
        }
    }
    s->window_column = place;
    alm_scorer_columns columns = {names, s->width, info->window_column,
                                  info->window_column_count, info->steps};
    return alm_scorer_bind(s->scorer, &columns, &s->binding, error);
}

static alm_digest shape_of(const alm_scorer_info *info)
{
    alm_hash hash;
    alm_hash_init(&hash);
    alm_hash_update_u64(&hash, info->steps);
    for (size_t i = 0; i < info->window_column_count; i++) {
        alm_hash_update_str(&hash, info->window_column[i]);
    }
    return alm_hash_final(&hash);
}

static uint64_t warmup_of(const alm_signal *s, const alm_str *names)
{
    uint64_t most = 0;
    for (size_t m = 0; m < s->info.scorer->member_count; m++) {
        const alm_scorer_member_info *member = &s->info.scorer->member[m];
        for (size_t i = 0; i < member->column_count; i++) {
            size_t column = find_name(names, s->width, member->column[i]);
            uint64_t bars = column < s->width ? alm_bars_plan_warmup(s->plan, column) : 0;
            bars += member->steps ? member->steps - 1 : 0;
            most = bars > most ? bars : most;
        }
    }
    return most;
}

static alm_err check_size(const alm_signal *s, alm_error *error)
{
    size_t row = s->window_width * sizeof(double) * 2;
    if (row > 0 && s->steps > ALM_SIGNAL_WINDOW_BYTES_MAX / row) {
        return alm_fail(error, ALM_ERR_LIMIT, "windows of %zu steps of %zu columns take more than "
                        "%zu bytes a symbol", s->steps, s->window_width,
                        ALM_SIGNAL_WINDOW_BYTES_MAX);
    }
    return ALM_OK;
}

static alm_err open_plan(alm_signal *s, alm_error *error)
{
    const alm_scorer_info *info = s->info.scorer;
    if (!info->bars.data) {
        return alm_fail(error, ALM_ERR_INVALID, "no `bars`: its columns are not made of bars, so "
                        "give it rows of its columns");
    }
    ALM_TRY(alm_bars_plan_read(info->bars, info->bars_name.data, &s->plan, error));
    s->width = alm_bars_plan_width(s->plan);
    s->window_width = info->window_column_count;
    s->steps = s->window_width ? info->steps : 0;
    ALM_TRY(check_size(s, error));
    const alm_str *names = plan_names(s->plan, s->arena);
    alm_err code = bind_names(s, names, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "the features of " ALM_STR_FMT " are not what the "
                              "models take", ALM_STR_ARG(info->bars_name));
    }
    s->shape = shape_of(info);
    s->info.plan = s->plan;
    s->info.warmup_bars = warmup_of(s, names);
    s->info.state_bytes = alm_bars_plan_state_bytes(s->plan) + sizeof(alm_signal_state) +
                          (s->width + s->window_width) * sizeof(double) +
                          (s->steps ? alm_signal_window_bytes(s->steps, s->window_width) : 0);
    return ALM_OK;
}

alm_err alm_signal_create(const alm_scorer *scorer, alm_signal **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_signal *s = ALM_NEW(arena, alm_signal);
    s->arena = arena;
    s->scorer = scorer;
    s->info.scorer = alm_scorer_describe(scorer);
    alm_err code = open_plan(s, error);
    if (code != ALM_OK) {
        code = alm_error_wrap(error, code, ALM_STR_FMT, ALM_STR_ARG(s->info.scorer->name));
        alm_signal_destroy(s);
        return code;
    }
    *out = s;
    return ALM_OK;
}

alm_err alm_signal_read(const alm_scorer_source *source, const char *name, alm_signal **out,
                        alm_error *error)
{
    alm_scorer *scorer = NULL;
    alm_signal *signal = NULL;
    ALM_TRY(alm_scorer_read(source, name, &scorer, error));
    alm_err code = alm_signal_create(scorer, &signal, error);
    if (code != ALM_OK) {
        alm_scorer_destroy(scorer);
        return code;
    }
    signal->owned = scorer;
    *out = signal;
    return ALM_OK;
}

alm_err alm_signal_open(const alm_env *env, const char *path, const char *name, alm_signal **out,
                        alm_error *error)
{
    alm_scorer_folder folder = {env->fs, path};
    alm_scorer_source source = alm_scorer_in_folder(&folder);
    source.env = env;
    return alm_signal_read(&source, name, out, error);
}

void alm_signal_destroy(alm_signal *signal)
{
    if (signal) {
        alm_scorer_binding_destroy(signal->binding);
        alm_bars_plan_destroy(signal->plan);
        alm_scorer_destroy(signal->owned);
        alm_arena_destroy(signal->arena); /* the struct lies in it */
    }
}

const alm_signal_info *alm_signal_describe(const alm_signal *signal)
{
    return &signal->info;
}
