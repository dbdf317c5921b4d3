/* scorer_bind.c: where the columns of every unit lie in the caller's rows and windows. */
#include <stdio.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"

#define NAMES_SHOWN_BYTES 300

static const alm_str *copy_names(const alm_str *names, size_t count, alm_arena *arena)
{
    alm_str *copy = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = (alm_str){alm_arena_copy_text(arena, names[i].data, names[i].size),
                            names[i].size};
    }
    return copy;
}

typedef struct missing {
    alm_buffer list;
    size_t count, left_out;
} missing;

static void note_missing(missing *m, alm_str name)
{
    m->count++;
    if (m->list.size + name.size > NAMES_SHOWN_BYTES && m->count > 1) {
        m->left_out++; /* a message has its bounds */
        return;
    }
    alm_buffer_text(&m->list, m->count > 1 ? ", " : "");
    alm_buffer_visible(&m->list, name);
}

static alm_err check_missing(const missing *m, bool windows, alm_error *error)
{
    if (m->count == 0) {
        return ALM_OK;
    }
    char more[40] = "";
    if (m->left_out) {
        (void)snprintf(more, sizeof more, " and %zu more", m->left_out);
    }
    return alm_fail(error, ALM_ERR_INVALID, "%zu column%s missing in the %s: %s%s", m->count,
                    m->count == 1 ? " is" : "s are", windows ? "windows" : "rows",
                    m->list.size ? m->list.data : "", more);
}

/* All units of one kind. */
static alm_err place_units(alm_scorer_binding *b, bool windows, bool *used, missing *lacks,
                           alm_error *error)
{
    const alm_scorer *s = b->scorer;
    almi_names index = almi_names_index(windows ? b->window : b->row,
                                        windows ? b->window_count : b->row_count, b->arena);
    const alm_str *needed = windows ? s->info.window_column : s->info.row_column;
    size_t count = windows ? s->info.window_column_count : s->info.row_column_count;
    bool twice = false;
    for (size_t i = 0; i < count; i++) {
        size_t place = almi_names_find(&index, needed[i], &twice);
        if (place == SIZE_MAX) {
            note_missing(lacks, needed[i]);
        } else if (twice) {
            return alm_fail(error, ALM_ERR_INVALID, "column " ALM_STR_FMT " is there twice",
                            ALM_STR_ARG(needed[i]));
        }
    }
    ALM_TRY(check_missing(lacks, windows, error));
    for (size_t u = 0; u < s->unit_count; u++) {
        const almi_scorer_unit *unit = &s->unit[u];
        if ((unit->steps > 0) != windows) {
            continue;
        }
        b->place[u] = ALM_NEW_ARRAY(b->arena, size_t, unit->model->inputs);
        b->in_order[u] = true;
        for (size_t c = 0; c < unit->model->inputs; c++) {
            size_t place = almi_names_find(&index, unit->column[c], &twice);
            b->place[u][c] = place;
            b->in_order[u] = b->in_order[u] && place == b->place[u][0] + c;
            used[place] = true;
        }
    }
    return ALM_OK;
}

static alm_err place_kind(alm_scorer_binding *b, bool windows, alm_str *ignored, alm_error *error)
{
    size_t count = windows ? b->window_count : b->row_count;
    const alm_str *names = windows ? b->window : b->row;
    bool *used = ALM_NEW_ARRAY(b->arena, bool, count);
    missing lacks = {0};
    alm_err code = place_units(b, windows, used, &lacks, error);
    alm_buffer_deinit(&lacks.list);
    for (size_t i = 0; code == ALM_OK && i < count; i++) {
        if (!used[i]) {
            ignored[b->ignored_count++] = names[i];
        }
    }
    return code;
}

static alm_err bind(alm_scorer_binding *b, const alm_scorer_columns *columns, alm_error *error)
{
    const alm_scorer *s = b->scorer;
    if (columns->steps < s->info.steps || columns->steps > ALM_SCORER_STEPS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "windows of %zu steps: a net takes %zu (and at "
                        "most %d are allowed)", columns->steps, s->info.steps,
                        ALM_SCORER_STEPS_MAX);
    }
    b->row_count = columns->row_count;
    b->window_count = columns->window_count;
    b->steps = columns->steps;
    b->row = copy_names(columns->row, columns->row_count, b->arena);
    b->window = copy_names(columns->window, columns->window_count, b->arena);
    b->place = ALM_NEW_ARRAY(b->arena, size_t *, s->unit_count);
    b->in_order = ALM_NEW_ARRAY(b->arena, bool, s->unit_count);
    alm_str *ignored = ALM_NEW_ARRAY(b->arena, alm_str, b->row_count + b->window_count);
    b->ignored = ignored;
    ALM_TRY(place_kind(b, false, ignored, error));
    return place_kind(b, true, ignored, error);
}

alm_err alm_scorer_bind(const alm_scorer *scorer, const alm_scorer_columns *columns,
                        alm_scorer_binding **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_scorer_binding *b = ALM_NEW(arena, alm_scorer_binding);
    b->arena = arena;
    b->scorer = scorer;
    alm_err code = bind(b, columns, error);
    if (code != ALM_OK) {
        alm_scorer_binding_destroy(b);
        return code;
    }
    *out = b;
    return ALM_OK;
}

void alm_scorer_binding_destroy(alm_scorer_binding *binding)
{
    if (binding) {
        alm_arena_destroy(binding->arena); /* the struct lies in it */
    }
}

const alm_str *alm_scorer_ignored(const alm_scorer_binding *binding, size_t *count)
{
    *count = binding->ignored_count;
    return binding->ignored;
}
