/* model_set_cases.h: models made in memory, and a set that serves them; for tests only. */
#ifndef ALM_SERVE_MODEL_SET_CASES_H
#define ALM_SERVE_MODEL_SET_CASES_H

#include "model/scorer/scorer_cases.h"
#include "serve/models/inference.h"
#include "serve/models/model_source.h"

/* Opens one of several texts of model files, and fails when asked to. */
typedef struct case_source {
    alm_str text[4];
    size_t next;    /* the one that the next load opens */
    alm_err fail;   /* ALM_OK: do not */
    bool approved;
    bool of_folder; /* the files of `folder` instead */
    scorer_case *folder;
} case_source;

/* The text with columns that are called f0, f1, ... instead of what LightGBM makes up. */
static inline alm_str case_named(alm_arena *arena, alm_str text)
{
    static const char OLD[] = "Column_";
    char *out = alm_arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size;) {
        bool old = text.size - i >= sizeof OLD - 1 &&
                   memcmp(text.data + i, OLD, sizeof OLD - 1) == 0;
        out[size++] = old ? 'f' : text.data[i];
        i += old ? sizeof OLD - 1 : 1;
    }
    return (alm_str){out, size};
}

static inline alm_err case_open(void *context, alm_str name, alm_arena *arena,
                                alm_opened_model *out, alm_error *error)
{
    case_source *c = context;
    alm_scorer *scorer = NULL;
    (void)name;
    if (c->fail != ALM_OK) {
        return alm_fail(error, c->fail, "told to fail");
    }
    if (c->of_folder) {
        alm_scorer_source source = alm_scorer_memory(&c->folder->table);
        ALM_TRY(alm_scorer_read(&source, "folder", &scorer, error));
    } else {
        ALM_TRY(alm_scorer_of_model_file(NULL, c->text[c->next], "model.txt", false, &scorer,
                                         error));
    }
    alm_opened_model_describe(scorer, arena, out);
    out->approved = c->approved;
    return ALM_OK;
}

static inline alm_model_source case_model(case_source *c)
{
    return (alm_model_source){case_open, c};
}

/* A forest of `features` rows and a net of windows, two columns wide and four steps long, three
 * classes in two horizons; `source` gives the files of `files`, which is made here. */
static inline void case_forest_and_net(alm_arena *arena, size_t features, alm_layer_kind cell,
                                       scorer_case *files, case_source *source)
{
    static const char DOCUMENT[] =
        "{\"almanac_scorer\":1,\"task\":\"classes\",\"labels\":[0,1,2],\"horizons\":["
        "{\"name\":\"a\",\"members\":[{\"name\":\"boost\",\"model\":\"boost.txt\"},"
        "{\"name\":\"net\",\"model\":\"net.bin\",\"steps\":4,\"columns\":[\"x\",\"y\"]}],"
        "\"combination\":{\"kind\":\"soft_vote\"}},"
        "{\"name\":\"b\",\"members\":[{\"name\":\"boost\",\"model\":\"boost.txt\"}]}]}";
    forest_shape shape = {.trees = 3, .outputs = 3, .features = features, .leaves = 12, .grid = 8};
    alm_network_spec spec = {.feature_count = 2, .layer_count = 1, .output_count = 3,
                             .head = ALM_HEAD_CLASSES, .layer = {{.kind = cell, .units = 5}}};
    scorer_case_init(files);
    scorer_case_put(files, "boost.txt",
                    case_named(arena, scorer_case_lightgbm(arena, &shape, 3,
                                                           "multiclass num_class:3")));
    scorer_case_put(files, "net.bin", scorer_case_net(arena, &spec, 11));
    scorer_case_put_text(files, ALM_SCORER_DOCUMENT, DOCUMENT);
    source->of_folder = true;
    source->folder = files;
}

/* A set with one READY model. */
static inline alm_model_set *case_set(size_t workers, const char *name, case_source *c)
{
    alm_model_set *set = NULL;
    alm_error error = {0};
    alm_model_source source = case_model(c);
    alm_err code = alm_model_set_create(workers, &set, &error);
    code = code == ALM_OK ? alm_model_set_declare(set, alm_str_of(name), ALM_STR("1"), &source,
                                                  &error) : code;
    code = code == ALM_OK ? alm_model_set_load(set, alm_str_of(name), (alm_str){0}, &error) : code;
    if (code != ALM_OK) {
        fprintf(stderr, "%s\n", error.message);
    }
    alm_assert(code == ALM_OK);
    return set;
}

#endif
