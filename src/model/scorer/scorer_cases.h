/* scorer_cases.h: a world of files in memory with forests, nets and calibrators; for tests only. */
#ifndef ALM_MODEL_SCORER_SCORER_CASES_H
#define ALM_MODEL_SCORER_SCORER_CASES_H

#include <stdio.h>
#include <string.h>

#include "model/forest/forest_cases.h"
#include "model/model_file.h"
#include "model/scorer/scorer.h"
#include "model/sequence/network.h"

#define CASE_FILES_MAX 24

typedef struct scorer_case {
    alm_arena *arena;
    alm_scorer_file file[CASE_FILES_MAX];
    alm_scorer_table table;
    alm_error error;
} scorer_case;

static inline void scorer_case_init(scorer_case *w)
{
    memset(w, 0, sizeof *w);
    w->arena = alm_arena_create(0);
    w->table.file = w->file;
}

/* Replaces a file of the same name. */
static inline void scorer_case_put(scorer_case *w, const char *name, alm_str bytes)
{
    size_t at = 0;
    while (at < w->table.count && !alm_str_is(w->file[at].name, name)) {
        at++;
    }
    alm_assert(at < CASE_FILES_MAX);
    w->file[at] = (alm_scorer_file){alm_str_of(name), bytes};
    w->table.count += at == w->table.count;
}

static inline void scorer_case_put_text(scorer_case *w, const char *name, const char *text)
{
    scorer_case_put(w, name, alm_str_of(text));
}

static inline alm_err scorer_case_read(scorer_case *w, const char *document, alm_scorer **out)
{
    scorer_case_put_text(w, ALM_SCORER_DOCUMENT, document);
    alm_scorer_source source = alm_scorer_memory(&w->table);
    return alm_scorer_read(&source, "folder", out, &w->error);
}

/* A LightGBM text of random trees with that objective. */
static inline alm_str scorer_case_lightgbm(alm_arena *arena, const forest_shape *shape,
                                           uint64_t seed, const char *objective)
{
    static const char OLD[] = "objective=custom";
    alm_str text = case_text(arena, shape, seed);
    const char *at = memmem(text.data, text.size, OLD, sizeof OLD - 1);
    size_t before = (size_t)(at - text.data);
    char *made = alm_arena_printf(arena, ALM_STR_FMT "objective=%s" ALM_STR_FMT, (int)before,
                                  text.data, objective,
                                  (int)(text.size - before - (sizeof OLD - 1)),
                                  at + sizeof OLD - 1);
    return alm_str_of(made);
}

static inline alm_str scorer_case_net(alm_arena *arena, const alm_network_spec *spec, uint64_t seed)
{
    alm_network *net = NULL;
    alm_buffer bytes = {0};
    alm_assert(alm_network_create(spec, seed, &net, NULL) == ALM_OK);
    alm_network_write(net, &bytes);
    alm_str out = {alm_arena_copy_text(arena, bytes.data, bytes.size), bytes.size};
    alm_buffer_deinit(&bytes);
    alm_network_destroy(net);
    return out;
}

/* "p0", "p1", ... */
static inline const alm_str *scorer_case_names(alm_arena *arena, const char *prefix, size_t count)
{
    alm_str *names = ALM_NEW_ARRAY(arena, alm_str, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = alm_str_of(alm_arena_printf(arena, "%s%zu", prefix, i));
    }
    return names;
}

/* ["p0","p1",...] from `first` on. */
static inline const char *scorer_case_list(alm_arena *arena, const char *prefix, size_t first,
                                           size_t count)
{
    alm_buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        alm_buffer_printf(&text, "%s\"%s%zu\"", i ? "," : "[", prefix, first + i);
    }
    alm_buffer_text(&text, "]");
    const char *out = alm_arena_copy_text(arena, text.data, text.size);
    alm_buffer_deinit(&text);
    return out;
}

#endif
