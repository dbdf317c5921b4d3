#include "serve/model_source.h"

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

static alm_err open_file(const alm_model_path *from, alm_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    alm_model_bytes bytes;
    alm_err code = alm_model_file_read(from->env->fs, from->path, arena, &bytes, error);
    if (code == ALM_OK) {
        code = alm_scorer_of_model_file(from->env, bytes.content, from->path, from->category_codes,
                                        out, error);
    }
    alm_arena_destroy(arena);
    return code;
}

static alm_err open_path(void *context, alm_str name, alm_arena *arena, alm_opened_model *out,
                         alm_error *error)
{
    const alm_model_path *from = context;
    alm_scorer *scorer = NULL;
    (void)name;
    if (alm_scorer_is_folder(from->env->fs, from->path)) {
        ALM_TRY(alm_scorer_open(from->env, from->path, from->path, &scorer, error));
    } else {
        ALM_TRY(open_file(from, &scorer, error));
    }
    alm_opened_model_describe(scorer, arena, out);
    return ALM_OK;
}

alm_model_source alm_model_source_path(const alm_model_path *path)
{
    return (alm_model_source){open_path, (void *)path};
}
