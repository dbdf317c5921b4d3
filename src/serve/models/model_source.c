#include "serve/models/model_source.h"

#include "model/model_file.h"

#define DIGEST_SHOWN 12

void alm_opened_model_describe(alm_scorer *scorer, alm_arena *arena, alm_opened_model *out)
{
    const alm_scorer_info *info = alm_scorer_describe(scorer);
    size_t parts = 0;
    const alm_scorer_part *part = alm_scorer_parts(scorer, &parts);
    alm_str format = info->of_model_file ? info->member[0].format : ALM_STR("scorer");
    *out = (alm_opened_model){.scorer = scorer,
                              .digest = info->of_model_file ? part->digest : info->digest};
    out->format = (alm_str){alm_arena_copy_text(arena, format.data, format.size), format.size};
    alm_str digest = alm_digest_str(&out->digest, arena);
    const char *remote = info->remote_count ? ", with remote members, whose answers the hash does "
                                              "not cover" : "";
    out->description = alm_str_of(alm_arena_printf(arena, ALM_STR_FMT " (" ALM_STR_FMT "%s, sha256 "
                                                   "%.*s)", ALM_STR_ARG(info->name),
                                                   ALM_STR_ARG(format), remote, DIGEST_SHOWN,
                                                   digest.data));
}

alm_env *alm_model_loading_begin(const alm_env *env, int threads, alm_arena *arena)
{
    alm_env *own = ALM_NEW(arena, alm_env);
    *own = *env;
    own->pool = alm_pool_if_any(threads < ALM_MODEL_FILE_THREADS_MAX ? threads
                                                                     : ALM_MODEL_FILE_THREADS_MAX);
    return own;
}

void alm_model_loading_end(alm_env *own)
{
    alm_pool_destroy(own->pool);
    own->pool = NULL;
}

static alm_err open_path(void *context, alm_str name, alm_arena *arena, alm_opened_model *out,
                         alm_error *error)
{
    const alm_model_path *from = context;
    alm_scorer *scorer = NULL;
    (void)name;
    alm_env *env = alm_model_loading_begin(from->env, from->threads, arena);
    alm_err code = alm_scorer_is_folder(env->fs, from->path)
                       ? alm_scorer_open(env, from->path, from->path, &scorer, error)
                       : alm_scorer_open_model_file(env, from->path, from->path,
                                                    from->category_codes, &scorer, error);
    alm_model_loading_end(env);
    ALM_TRY(code);
    alm_opened_model_describe(scorer, arena, out);
    return ALM_OK;
}

alm_model_source alm_model_source_path(const alm_model_path *path)
{
    return (alm_model_source){open_path, (void *)path};
}
