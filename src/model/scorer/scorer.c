/* scorer.c: from the document to models that fit together. */
#include "model/scorer/scorer.h"

#include <stdio.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"

#define JSON_BYTES_MAX ((size_t)64 << 20) /* of a scaler, calibrator or stacker */
#define MODEL_PATH "model" /* of a scorer made of one model file */
static const char NET_MAGIC[] = "ALMNET";

typedef struct loader {
    alm_scorer *scorer;
    const alm_scorer_source *source;
    alm_arena *bytes; /* of one file at a time */
    alm_model_file *ready; /* the model of MODEL_PATH, parsed already; or NULL */
    size_t ready_bytes;
} loader;

/* ---- files ---- */

static alm_err note_part(alm_scorer *s, const almi_scorer_ref *ref, size_t size, alm_error *error)
{
    for (size_t i = 0; i < s->part_count; i++) {
        if (!alm_str_equal(s->part[i].name, ref->path)) {
            continue;
        }
        return alm_digest_equal(&s->part[i].digest, &ref->digest)
                   ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT " changed while it was "
                                       "read", ALM_STR_ARG(ref->path));
    }
    s->part[s->part_count++] = (alm_scorer_part){ref->path, ref->digest, size};
    return ALM_OK;
}

/* The bytes of a file, whose hash is now known, until the next call. */
static alm_err read_file(loader *l, almi_scorer_ref *ref, size_t limit, alm_str *out,
                         alm_error *error)
{
    alm_arena_reset(l->bytes);
    ALM_TRY(l->source->read(l->source->context, ref->path.data, limit, l->bytes, out, error));
    alm_digest digest = alm_hash_bytes(out->data, out->size);
    if (ref->has_digest && !alm_digest_equal(&digest, &ref->digest)) {
        char text[ALM_DIGEST_TEXT_BYTES];
        alm_digest_text(&digest, text);
        return alm_fail(error, ALM_ERR_CORRUPT, ALM_STR_FMT ": its SHA-256 is %s, and not what "
                        "the document says", ALM_STR_ARG(ref->path), text);
    }
    ref->digest = digest;
    ref->has_digest = true;
    return note_part(l->scorer, ref, out->size, error);
}

static alm_err load_calibrator(loader *l, almi_scorer_ref *ref, alm_calibrator **out,
                               alm_error *error)
{
    alm_str bytes;
    if (!ref->path.data) {
        return ALM_OK;
    }
    ALM_TRY(read_file(l, ref, JSON_BYTES_MAX, &bytes, error));
    ALM_TRY(alm_calibrator_read(bytes, ref->path.data, out, error));
    size_t classes = alm_calibrator_classes(*out);
    if (classes != l->scorer->info.class_count) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " calibrates %zu classes, the scorer "
                        "has %zu", ALM_STR_ARG(ref->path), classes, l->scorer->info.class_count);
    }
    return ALM_OK;
}

/* ---- models ---- */

static almi_scorer_model *find_model(const alm_scorer *s, const alm_digest *digest)
{
    for (size_t i = 0; i < s->model_count; i++) {
        if (alm_digest_equal(&s->model[i].digest, digest)) {
            return &s->model[i];
        }
    }
    return NULL;
}

/* A model whose path was read before; a hash that differs is left to read_file. */
static almi_scorer_model *find_path(const alm_scorer *s, almi_scorer_ref *ref)
{
    for (size_t i = 0; i < s->part_count; i++) {
        const alm_scorer_part *part = &s->part[i];
        if (alm_str_equal(part->name, ref->path) &&
            (!ref->has_digest || alm_digest_equal(&part->digest, &ref->digest))) {
            ref->digest = part->digest;
            ref->has_digest = true;
            return find_model(s, &part->digest);
        }
    }
    return NULL;
}

static void take_forest(almi_scorer_model *m, alm_model_file *forest)
{
    const alm_model_file_info *info = alm_model_file_describe(forest);
    m->forest = forest;
    m->transform = info->transform;
    m->inputs = info->forest.feature_count;
    if (m->transform.kind == ALM_TRANSFORM_ARGMAX) {
        m->transform.kind = ALM_TRANSFORM_SOFTMAX; /* the class is its largest */
        m->transform.output_count = m->transform.input_count;
    }
    m->outputs = m->transform.output_count;
}

static alm_err parse_model(alm_str bytes, const char *name, almi_scorer_model *m, alm_error *error)
{
    alm_model_file *forest = NULL;
    if (!alm_str_starts_with(bytes, NET_MAGIC)) {
        ALM_TRY(alm_model_file_parse(bytes, name, &forest, error));
        take_forest(m, forest);
        return ALM_OK;
    }
    ALM_TRY(alm_network_read(bytes, name, &m->network, error));
    const alm_network_spec *spec = alm_network_describe(m->network);
    m->inputs = spec->feature_count;
    m->outputs = spec->output_count;
    return ALM_OK;
}

/* The first file of a digest is parsed, the others are the same. */
static alm_err load_model(loader *l, almi_scorer_ref *ref, almi_scorer_model **out,
                          alm_error *error)
{
    alm_scorer *s = l->scorer;
    alm_str bytes;
    *out = find_path(s, ref);
    if (!*out) {
        ALM_TRY(read_file(l, ref, ALM_MODEL_FILE_BYTES_MAX, &bytes, error));
        *out = find_model(s, &ref->digest);
    }
    if (!*out) {
        almi_scorer_model *m = &s->model[s->model_count];
        m->digest = ref->digest;
        ALM_TRY(parse_model(bytes, ref->path.data, m, error));
        s->model_count++;
        *out = m;
    }
    return ALM_OK;
}

/* Does it give a probability for every class? */
static alm_err check_classes(const alm_scorer *s, const almi_scorer_member *m,
                             const almi_scorer_model *model, alm_error *error)
{
    size_t classes = s->info.class_count;
    bool probable = false;
    if (model->network) {
        probable = alm_network_describe(model->network)->head == ALM_HEAD_CLASSES;
    } else if (model->transform.is_known) {
        alm_transform_kind kind = model->transform.kind;
        bool sigmoid = kind == ALM_TRANSFORM_SIGMOID || kind == ALM_TRANSFORM_LOGISTIC;
        /* One against all does not sum to 1; calibration of several classes sees to that. */
        probable = kind == ALM_TRANSFORM_SOFTMAX || kind == ALM_TRANSFORM_SOFTMAX_PLAIN ||
                   (sigmoid && (model->outputs == 1 || m->calibrator.path.data));
    }
    if (!probable) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " gives no probabilities that sum "
                        "to 1: classes need a logistic or softmax objective, or a net with "
                        "classes; one against all needs a calibrator",
                        ALM_STR_ARG(m->model.path));
    }
    size_t given = model->outputs == 1 ? 2 : model->outputs;
    if (given != classes) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " tells %zu classes apart, the scorer "
                        "has %zu labels", ALM_STR_ARG(m->model.path), given, classes);
    }
    return ALM_OK;
}

static alm_err check_output(const alm_scorer *s, const almi_scorer_member *m,
                            const almi_scorer_model *model, alm_error *error)
{
    if (s->info.task == ALM_SCORER_CLASSES) {
        return check_classes(s, m, model, error);
    }
    if (m->output >= model->outputs) {
        return alm_fail(error, ALM_ERR_INVALID, "`output` %zu: " ALM_STR_FMT " has %zu output%s, "
                        "counted from 0", m->output, ALM_STR_ARG(m->model.path), model->outputs,
                        model->outputs == 1 ? "" : "s");
    }
    return ALM_OK;
}

static alm_err check_steps(const almi_scorer_member *m, const almi_scorer_model *model,
                           alm_error *error)
{
    bool window = model->network != NULL;
    if (window && m->steps == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "`steps` is missing: " ALM_STR_FMT " is a net, "
                        "and takes windows of so many steps", ALM_STR_ARG(m->model.path));
    }
    if (!window && m->steps > 0) {
        return alm_fail(error, ALM_ERR_INVALID, "`steps` is for nets, and " ALM_STR_FMT " is none",
                        ALM_STR_ARG(m->model.path));
    }
    return ALM_OK;
}

static bool same_name(alm_str column, alm_str feature)
{
    bool same = column.size == feature.size;
    for (size_t i = 0; same && i < column.size; i++) {
        same = (column.data[i] == ' ' ? '_' : column.data[i]) ==
               (feature.data[i] == ' ' ? '_' : feature.data[i]);
    }
    return same;
}

/* Names that the model has itself are its columns; others cannot be right. */
static alm_err check_columns(alm_scorer *s, almi_scorer_member *m, const almi_scorer_model *model,
                             alm_error *error)
{
    const alm_model_file_info *info = model->forest ? alm_model_file_describe(model->forest) : NULL;
    const alm_str *own = info && !info->is_generic ? info->feature_names : NULL;
    if (model->inputs == 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " takes no columns",
                        ALM_STR_ARG(m->model.path));
    }
    if (!m->column && !own) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` is missing: " ALM_STR_FMT " has no "
                        "names for its %zu columns", ALM_STR_ARG(m->model.path), model->inputs);
    }
    if (m->column && m->column_count != model->inputs) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` has %zu names, " ALM_STR_FMT " takes "
                        "%zu columns", m->column_count, ALM_STR_ARG(m->model.path), model->inputs);
    }
    for (size_t i = 0; m->column && own && i < model->inputs; i++) {
        if (!same_name(m->column[i], own[i])) {
            return alm_fail(error, ALM_ERR_INVALID, "`columns`: the %zu-th is '" ALM_STR_FMT "', "
                            "and '" ALM_STR_FMT "' in " ALM_STR_FMT, i + 1,
                            ALM_STR_ARG(m->column[i]), ALM_STR_ARG(own[i]),
                            ALM_STR_ARG(m->model.path));
        }
    }
    if (!m->column) {
        m->column = own; /* the model lives as long as the scorer */
        m->column_count = model->inputs;
    }
    size_t unique = 0;
    (void)almi_names_unique(m->column, m->column_count, s->arena, &unique);
    return unique == m->column_count
               ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "`columns` has a name twice");
}

static alm_err check_codes(const almi_scorer_member *m, const almi_scorer_model *model,
                           alm_error *error)
{
    bool needed = model->forest && alm_model_file_describe(model->forest)->has_pandas_categories;
    if (needed && !m->category_codes) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " has categories that it knows by "
                        "lists or hashes of texts, and rows hold numbers: put pandas codes "
                        "(frame[column].cat.codes) or CatBoost's whole numbers there, and say "
                        "that the category codes are meant (`category_codes`)",
                        ALM_STR_ARG(m->model.path));
    }
    return ALM_OK;
}

/* ---- units ---- */

static bool same_unit(const almi_scorer_unit *a, const almi_scorer_unit *b)
{
    bool same = a->model == b->model && a->steps == b->steps && !a->scaler == !b->scaler &&
                (!a->scaler || alm_digest_equal(&a->scaler_digest, &b->scaler_digest));
    for (size_t i = 0; same && i < a->model->inputs; i++) {
        same = alm_str_equal(a->column[i], b->column[i]);
    }
    return same;
}

static void join_unit(alm_scorer *s, almi_scorer_member *m, almi_scorer_unit unit)
{
    for (m->unit = 0; m->unit < s->unit_count; m->unit++) {
        if (same_unit(&s->unit[m->unit], &unit)) {
            return;
        }
    }
    const almi_scorer_model *model = unit.model;
    size_t scores = model->forest ? model->transform.input_count : 0;
    unit.width = scores > model->outputs ? scores : model->outputs;
    unit.at = s->width;
    s->width += unit.width;
    s->unit[s->unit_count++] = unit;
}

static alm_err load_scaler(loader *l, almi_scorer_member *m, almi_scorer_unit *unit,
                           alm_error *error)
{
    alm_str bytes;
    if (!m->scaler.path.data) {
        return ALM_OK;
    }
    alm_robust_scaler *scaler = ALM_NEW(l->scorer->arena, alm_robust_scaler);
    ALM_TRY(read_file(l, &m->scaler, JSON_BYTES_MAX, &bytes, error));
    ALM_TRY(alm_robust_scaler_read(bytes, m->scaler.path.data, l->scorer->arena, scaler, error));
    if (scaler->columns != m->column_count) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " scales %zu columns, the member has "
                        "%zu", ALM_STR_ARG(m->scaler.path), scaler->columns, m->column_count);
    }
    unit->scaler = scaler;
    unit->scaler_digest = m->scaler.digest;
    return ALM_OK;
}

static alm_err load_member(loader *l, almi_scorer_member *m, alm_error *error)
{
    almi_scorer_model *model = NULL;
    ALM_TRY(load_model(l, &m->model, &model, error));
    ALM_TRY(check_steps(m, model, error));
    ALM_TRY(check_output(l->scorer, m, model, error));
    ALM_TRY(check_columns(l->scorer, m, model, error));
    ALM_TRY(check_codes(m, model, error));
    almi_scorer_unit unit = {.model = model, .column = m->column, .steps = m->steps,
                             .user = m->name.data};
    ALM_TRY(load_scaler(l, m, &unit, error));
    join_unit(l->scorer, m, unit);
    return load_calibrator(l, &m->calibrator, &m->calibration, error);
}

/* ---- horizons ---- */

static alm_err load_stacker(loader *l, almi_scorer_horizon *h, alm_error *error)
{
    alm_str bytes;
    if (!h->stacker.path.data) {
        return ALM_OK;
    }
    ALM_TRY(read_file(l, &h->stacker, JSON_BYTES_MAX, &bytes, error));
    ALM_TRY(alm_stacker_read(bytes, h->stacker.path.data, l->scorer->arena, &h->stacked, error));
    if (h->stacked.models != h->member_count || h->stacked.classes != l->scorer->info.class_count) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " stacks %zu models of %zu classes, "
                        "the horizon has %zu of %zu", ALM_STR_ARG(h->stacker.path),
                        h->stacked.models, h->stacked.classes, h->member_count,
                        l->scorer->info.class_count);
    }
    return ALM_OK;
}

static alm_err load_horizon(loader *l, almi_scorer_horizon *h, alm_error *error)
{
    for (size_t i = 0; i < h->member_count; i++) {
        almi_scorer_member *m = &l->scorer->member[h->member_first + i];
        alm_err code = load_member(l, m, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "member " ALM_STR_FMT, ALM_STR_ARG(m->name));
        }
    }
    ALM_TRY(load_stacker(l, h, error));
    return load_calibrator(l, &h->calibrator, &h->calibration, error);
}

static void take_ready(loader *l)
{
    alm_scorer *s = l->scorer;
    alm_digest digest = alm_model_file_describe(l->ready)->digest;
    s->model[s->model_count].digest = digest;
    take_forest(&s->model[s->model_count++], l->ready);
    l->ready = NULL;
    s->part[s->part_count++] = (alm_scorer_part){ALM_STR(MODEL_PATH), digest, l->ready_bytes};
}

static alm_err load_files(loader *l, alm_error *error)
{
    alm_scorer *s = l->scorer;
    /* Every reference may be a file of its own. */
    s->part = ALM_NEW_ARRAY(s->arena, alm_scorer_part,
                            3 * s->info.member_count + 2 * s->info.horizon_count);
    s->model = ALM_NEW_ARRAY(s->arena, almi_scorer_model, s->info.member_count);
    s->unit = ALM_NEW_ARRAY(s->arena, almi_scorer_unit, s->info.member_count);
    if (l->ready) {
        take_ready(l);
    }
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        alm_err code = load_horizon(l, &s->horizon[i], error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "horizon " ALM_STR_FMT,
                                  ALM_STR_ARG(s->horizon[i].name));
        }
    }
    return ALM_OK;
}

/* ---- what it is ---- */

static const alm_str *collect_columns(const alm_scorer *s, bool windows, size_t *count)
{
    size_t total = 0;
    for (size_t i = 0; i < s->unit_count; i++) {
        total += (s->unit[i].steps > 0) == windows ? s->unit[i].model->inputs : 0;
    }
    alm_str *all = ALM_NEW_ARRAY(s->arena, alm_str, total);
    size_t at = 0;
    for (size_t i = 0; i < s->unit_count; i++) {
        for (size_t c = 0; (s->unit[i].steps > 0) == windows && c < s->unit[i].model->inputs; c++) {
            all[at++] = s->unit[i].column[c];
        }
    }
    return almi_names_unique(all, total, s->arena, count);
}

static void describe_members(alm_scorer *s)
{
    alm_scorer_member_info *member =
        ALM_NEW_ARRAY(s->arena, alm_scorer_member_info, s->info.member_count);
    alm_scorer_horizon_info *horizon =
        ALM_NEW_ARRAY(s->arena, alm_scorer_horizon_info, s->info.horizon_count);
    for (size_t i = 0; i < s->info.member_count; i++) {
        const almi_scorer_member *m = &s->member[i];
        const almi_scorer_model *model = s->unit[m->unit].model;
        const char *format =
            model->forest ? alm_model_file_describe(model->forest)->format : "net";
        member[i] = (alm_scorer_member_info){m->name, alm_str_of(format), m->steps, m->column,
                                             m->column_count, m->scaler.path.data != NULL,
                                             m->calibration != NULL};
        s->info.steps = m->steps > s->info.steps ? m->steps : s->info.steps;
    }
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        const almi_scorer_horizon *h = &s->horizon[i];
        horizon[i] = (alm_scorer_horizon_info){h->name, h->combination, h->member_first,
                                               h->member_count, h->calibration != NULL};
    }
    s->info.member = member;
    s->info.horizon = horizon;
}

static void sort_parts(alm_scorer *s)
{
    for (size_t i = 1; i < s->part_count; i++) {
        alm_scorer_part part = s->part[i];
        size_t at = i;
        for (; at > 0 && alm_str_compare(s->part[at - 1].name, part.name) > 0; at--) {
            s->part[at] = s->part[at - 1];
        }
        s->part[at] = part;
    }
}

static alm_err finish(alm_scorer *s, alm_error *error)
{
    alm_buffer text = {0};
    alm_scorer_write(s, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        s->info.digest = alm_hash_bytes(text.data, text.size);
        s->info.row_column = collect_columns(s, false, &s->info.row_column_count);
        s->info.window_column = collect_columns(s, true, &s->info.window_column_count);
        describe_members(s);
        sort_parts(s);
    }
    alm_buffer_deinit(&text);
    return code;
}

static alm_err read_all(loader *l, alm_error *error)
{
    alm_str text;
    ALM_TRY(l->source->read(l->source->context, ALM_SCORER_DOCUMENT,
                            ALM_SCORER_DOCUMENT_BYTES_MAX, l->bytes, &text, error));
    ALM_TRY(almi_scorer_parse(text, l->scorer, error));
    ALM_TRY(load_files(l, error));
    return finish(l->scorer, error);
}

static alm_err load(loader *l, const char *name, alm_scorer **out, alm_error *error)
{
    alm_arena *arena = alm_arena_create(0);
    l->scorer = ALM_NEW(arena, alm_scorer);
    l->scorer->arena = arena;
    l->scorer->info.name = alm_str_of(alm_arena_copy_text(arena, name, strlen(name)));
    l->bytes = alm_arena_create(0);
    alm_err code = read_all(l, error);
    alm_arena_destroy(l->bytes);
    alm_model_file_close(l->ready);
    if (code != ALM_OK) {
        alm_scorer_destroy(l->scorer);
        return alm_error_wrap(error, code, "%s", name);
    }
    *out = l->scorer;
    return ALM_OK;
}

alm_err alm_scorer_read(const alm_scorer_source *source, const char *name, alm_scorer **out,
                        alm_error *error)
{
    loader l = {.source = source};
    return load(&l, name, out, error);
}

/* ---- one model file ---- */

static void put_only_member(alm_json_writer *w, const alm_model_file_info *info, bool codes)
{
    alm_json_open_object(w);
    alm_json_put_bool(w, "category_codes", codes);
    if (info->is_generic) {
        alm_json_key(w, "columns");
        alm_json_open_array(w);
        for (size_t i = 0; i < info->forest.feature_count; i++) {
            alm_json_str(w, info->feature_names[i]);
        }
        alm_json_close_array(w);
    }
    alm_json_put_text(w, "model", MODEL_PATH);
    alm_json_put_text(w, "name", MODEL_PATH);
}

static void write_only(const alm_model_file_info *info, bool codes, alm_buffer *out)
{
    const alm_transform *t = &info->transform;
    bool classes = t->is_known && t->input_count > 1 &&
                   (t->kind == ALM_TRANSFORM_SOFTMAX || t->kind == ALM_TRANSFORM_ARGMAX ||
                    t->kind == ALM_TRANSFORM_SOFTMAX_PLAIN);
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_scorer", 1);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t i = 0; i < (classes ? 1 : t->output_count); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i);
        alm_json_open_object(&w);
        alm_json_put_text(&w, "name", name);
        alm_json_key(&w, "members");
        alm_json_open_array(&w);
        put_only_member(&w, info, codes);
        if (!classes) {
            alm_json_put_i64(&w, "output", (int64_t)i);
        }
        alm_json_close_object(&w);
        alm_json_close_array(&w);
        alm_json_close_object(&w);
    }
    alm_json_close_array(&w);
    alm_json_put_text(&w, "task", classes ? "classes" : "value");
    if (classes) {
        alm_json_key(&w, "labels");
        alm_json_open_array(&w);
        for (size_t k = 0; k < t->input_count; k++) {
            alm_json_i64(&w, (int64_t)k);
        }
        alm_json_close_array(&w);
    }
    alm_json_close_object(&w);
}

alm_err alm_scorer_of_model_file(alm_str bytes, const char *name, bool category_codes,
                                 alm_scorer **out, alm_error *error)
{
    loader l = {.ready_bytes = bytes.size};
    alm_buffer text = {0};
    ALM_TRY(alm_model_file_parse(bytes, name, &l.ready, error));
    write_only(alm_model_file_describe(l.ready), category_codes, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code != ALM_OK) {
        alm_model_file_close(l.ready);
        return code;
    }
    alm_scorer_file document = {ALM_STR(ALM_SCORER_DOCUMENT), alm_buffer_view(&text)};
    alm_scorer_table table = {&document, 1};
    alm_scorer_source source = alm_scorer_memory(&table);
    l.source = &source;
    code = load(&l, name, out, error);
    alm_buffer_deinit(&text);
    return code;
}

void alm_scorer_destroy(alm_scorer *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; s->model && i < s->info.member_count; i++) {
        alm_model_file_close(s->model[i].forest);
        alm_network_destroy(s->model[i].network);
    }
    for (size_t i = 0; s->member && i < s->info.member_count; i++) {
        alm_calibrator_destroy(s->member[i].calibration);
    }
    for (size_t i = 0; s->horizon && i < s->info.horizon_count; i++) {
        alm_calibrator_destroy(s->horizon[i].calibration);
    }
    alm_arena_destroy(s->arena); /* the struct lies in it */
}

const alm_scorer_info *alm_scorer_describe(const alm_scorer *scorer)
{
    return &scorer->info;
}

const alm_scorer_part *alm_scorer_parts(const alm_scorer *scorer, size_t *count)
{
    *count = scorer->part_count;
    return scorer->part;
}
