#include "serve/models/inference_join.h"

#include <string.h>

static void run_alone(size_t worker, alm_inference_part *p, alm_arena *arena)
{
    p->joined = 1;
    p->code = alm_inference_run(p->model, worker, p->input, arena, &p->answer, &p->error);
}

static bool fits(const alm_inference_part *a, const alm_inference_part *b)
{
    const alm_inference_input *x = a->input, *y = b->input;
    bool same_form = a->model == b->model && x->column_count == y->column_count &&
                     x->steps == y->steps && x->window_width == y->window_width &&
                     x->refuse_extra == y->refuse_extra && !x->name == !y->name &&
                     !x->values == !y->values && !x->windows == !y->windows;
    for (size_t i = 0; same_form && x->name && i < x->column_count; i++) {
        same_form = alm_str_equal(x->name[i], y->name[i]);
    }
    return same_form;
}

/* Rows or windows of all members behind each other. */
static alm_err put_together(alm_inference_part *const *member, size_t count, bool windows,
                            size_t rows, alm_arena *arena, const double **out)
{
    void *memory = NULL;
    const alm_inference_input *first = member[0]->input;
    size_t width = windows ? first->steps * first->window_width : first->column_count;
    size_t at = 0;
    ALM_TRY(alm_arena_try_alloc(arena, rows * width * sizeof(double), &memory, NULL));
    double *values = memory;
    for (size_t i = 0; i < count; i++) {
        const alm_inference_input *input = member[i]->input;
        size_t size = input->rows * width;
        memcpy(values + at, windows ? input->windows : input->values, size * sizeof(double));
        at += size;
    }
    *out = values;
    return ALM_OK;
}

static alm_err run_together(size_t worker, alm_inference_part *const *member, size_t count,
                            size_t rows, alm_arena *arena)
{
    alm_inference_input all = *member[0]->input;
    alm_inference_answer answer;
    all.rows = rows;
    if (all.values) {
        ALM_TRY(put_together(member, count, false, rows, arena, &all.values));
    }
    if (all.windows) {
        ALM_TRY(put_together(member, count, true, rows, arena, &all.windows));
    }
    ALM_TRY(alm_inference_run(member[0]->model, worker, &all, arena, &answer, NULL));
    for (size_t i = 0, row = 0; i < count; i++) {
        alm_inference_answer *own = &member[i]->answer;
        size_t before = row * answer.horizons;
        *own = answer;
        own->rows = member[i]->input->rows;
        own->value += before;
        own->probability += answer.probability ? before * answer.classes : 0;
        own->confidence += answer.confidence ? before : 0;
        member[i]->code = ALM_OK;
        member[i]->joined = count;
        row += own->rows;
    }
    return ALM_OK;
}

void alm_inference_run_parts(size_t worker, alm_inference_part *part, size_t count,
                             alm_arena *arena)
{
    alm_inference_part *member[ALM_JOINED_ROWS_MAX];
    for (size_t i = 0; i < count; i++) {
        part[i].joined = 0; /* not answered yet */
    }
    for (size_t i = 0; i < count; i++) {
        size_t members = 0, rows = 0;
        for (size_t k = i; k < count && part[i].joined == 0; k++) {
            bool has_room = part[k].input->rows <= ALM_JOINED_ROWS_MAX - rows;
            if (part[k].joined == 0 && has_room && part[k].input->rows > 0 &&
                fits(&part[i], &part[k])) {
                member[members++] = &part[k];
                rows += part[k].input->rows;
            }
        }
        if (members > 1 && run_together(worker, member, members, rows, arena) == ALM_OK) {
            continue;
        }
        if (part[i].joined == 0) {
            run_alone(worker, &part[i], arena);
        }
        for (size_t k = 1; k < members; k++) {
            run_alone(worker, member[k], arena);
        }
    }
}
