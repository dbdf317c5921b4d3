/* scorer_load.c: the files of a scorer, and what must fit together. */
#include <string.h>

#include "model/backend/onnx_backend.h"
#include "model/backend/remote_backend.h"
#include "model/import/sklearn_ensemble.h"
#include "model/import/torch_network.h"
#include "model/scorer/scorer_internal.h"

#define JSON_BYTES_MAX ((size_t)64 << 20) /* of a scaler, calibrator or stacker */
static const char NET_MAGIC[] = "ALMNET";

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
static alm_err read_file(almi_scorer_loader *l, almi_scorer_ref *ref, size_t limit, alm_str *out,
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

/* Attributes of a scikit-learn object, and not the text of ensemble/. */
static bool is_sklearn(alm_str json)
{
    static const char MARK[] = "\"scikit-learn\"";
    return memmem(json.data, json.size, MARK, sizeof MARK - 1) != NULL;
}

static alm_err load_calibrator(almi_scorer_loader *l, almi_scorer_ref *ref, alm_calibrator **out,
                               alm_error *error)
{
    alm_str bytes;
    if (!ref->path.data) {
        return ALM_OK;
    }
    ALM_TRY(read_file(l, ref, JSON_BYTES_MAX, &bytes, error));
    ALM_TRY((is_sklearn(bytes) ? alm_calibrator_import_sklearn : alm_calibrator_read)(
        bytes, ref->path.data, out, error));
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

/* Was the path read before? A hash that differs is left to read_file. */
static bool is_known(const alm_scorer *s, almi_scorer_ref *ref)
{
    for (size_t i = 0; i < s->part_count; i++) {
        const alm_scorer_part *part = &s->part[i];
        if (alm_str_equal(part->name, ref->path) &&
            (!ref->has_digest || alm_digest_equal(&part->digest, &ref->digest))) {
            ref->digest = part->digest;
            ref->has_digest = true;
            return true;
        }
    }
    return false;
}

/* The digest that a member's model has; its files are known. */
static alm_digest model_digest(const almi_scorer_member *m)
{
    alm_hash hash;
    if (!m->description.path.data && m->result.size == 0) {
        return m->model.digest;
    }
    alm_hash_init(&hash);
    alm_hash_update(&hash, m->model.digest.bytes, ALM_DIGEST_BYTES);
    if (m->description.path.data) {
        alm_hash_update(&hash, m->description.digest.bytes, ALM_DIGEST_BYTES);
    }
    alm_hash_update(&hash, m->result.data, m->result.size);
    return alm_hash_final(&hash);
}

void almi_scorer_close_model(almi_scorer_model *m)
{
    alm_model_file_close(m->forest);
    alm_network_destroy(m->network);
    alm_backend_destroy(m->backend);
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

/* Another ONNX graph than a forest. */
static alm_err parse_graph(const alm_env *env, const almi_scorer_bytes *from,
                           almi_scorer_model *m, alm_error *error)
{
    alm_onnx_options options = {from->content->bytes, from->name, from->result, 0};
    ALM_TRY(alm_onnx_backend_open(env, &options, &m->backend, error));
    m->inputs = m->backend->info.columns;
    m->outputs = m->backend->info.outputs;
    return ALM_OK;
}

static alm_err fail_result(const char *name, const char *what, alm_error *error)
{
    return alm_fail(error, ALM_ERR_INVALID, "`result` is for ONNX graphs, and %s is read as %s",
                    name, what);
}

static alm_err parse_file(const alm_env *env, const almi_scorer_bytes *from, almi_scorer_model *m,
                          alm_error *error)
{
    alm_model_file *forest = NULL;
    alm_err code = alm_model_file_parse_content(env != NULL ? env->pool : NULL, from->content,
                                                from->name, &forest, error);
    if (code == ALM_ERR_UNSUPPORTED && alm_model_file_is_onnx(from->content->bytes)) {
        return parse_graph(env, from, m, error);
    }
    ALM_TRY(code);
    take_forest(m, forest);
    return from->result.size == 0 ? ALM_OK : fail_result(from->name, "a forest", error);
}

static bool is_net(const alm_fs_content *content)
{
    alm_str head = {content->bytes.data, sizeof NET_MAGIC - 1};
    return alm_fs_read_on(content, head.size) && alm_str_starts_with(head, NET_MAGIC);
}

alm_err almi_scorer_parse_model(const alm_env *env, const almi_scorer_bytes *from,
                                almi_scorer_model *m, alm_error *error)
{
    if (!from->description.data && !is_net(from->content)) {
        return parse_file(env, from, m, error);
    }
    ALM_TRY(alm_fs_read_end(from->content, error));
    alm_str bytes = from->content->bytes;
    if (from->result.size > 0) {
        return fail_result(from->name, "a net", error);
    }
    if (from->description.data) {
        ALM_TRY(alm_network_import_torch(bytes, from->description, from->name, &m->network,
                                         error));
    } else {
        ALM_TRY(alm_network_read(bytes, from->name, &m->network, error));
    }
    const alm_network_spec *spec = alm_network_describe(m->network);
    m->inputs = spec->feature_count;
    m->outputs = spec->output_count;
    return ALM_OK;
}

/* The first files of a digest are parsed, the others are the same. `kept` holds a description. */
static alm_err read_model(almi_scorer_loader *l, almi_scorer_member *m, alm_arena *kept,
                          almi_scorer_model **out, alm_error *error)
{
    alm_scorer *s = l->scorer;
    alm_str bytes, description = {NULL, 0};
    if (m->description.path.data) {
        ALM_TRY(read_file(l, &m->description, JSON_BYTES_MAX, &bytes, error));
        description =
            (alm_str){alm_arena_copy_text(kept, bytes.data, bytes.size), bytes.size};
    }
    ALM_TRY(read_file(l, &m->model, ALM_MODEL_FILE_BYTES_MAX, &bytes, error));
    alm_digest digest = model_digest(m);
    *out = find_model(s, &digest);
    if (!*out) {
        almi_scorer_model *fresh = &s->model[s->model_count];
        alm_fs_content content = {.bytes = bytes, .digest = &m->model.digest};
        almi_scorer_bytes from = {&content, description, m->result, m->model.path.data};
        fresh->digest = digest;
        ALM_TRY(almi_scorer_parse_model(l->source->env, &from, fresh, error));
        s->model_count++;
        *out = fresh;
    }
    return ALM_OK;
}

/* Of all that determines what a server is asked; not of what it answers. */
static alm_err remote_digest(const almi_scorer_member *m, alm_digest *out, alm_error *error)
{
    alm_buffer text = {0};
    alm_json_writer w = alm_json_writer_on(&text);
    alm_json_open_array(&w);
    alm_remote_spec_write(&w, m->remote);
    alm_json_i64(&w, (int64_t)m->column_count);
    alm_json_i64(&w, (int64_t)m->steps);
    alm_json_close_array(&w);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        *out = alm_hash_bytes(text.data, text.size);
    }
    alm_buffer_deinit(&text);
    return code;
}

static alm_err load_remote(almi_scorer_loader *l, almi_scorer_member *m, almi_scorer_model **out,
                           alm_error *error)
{
    alm_scorer *s = l->scorer;
    alm_digest digest;
    if (!m->column) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` is missing: what is sent to model "
                        ALM_STR_FMT, ALM_STR_ARG(m->model_name));
    }
    ALM_TRY(remote_digest(m, &digest, error));
    *out = find_model(s, &digest);
    if (*out) {
        return ALM_OK;
    }
    almi_scorer_model *fresh = &s->model[s->model_count];
    alm_remote_options options = {m->remote, m->column_count, m->steps};
    ALM_TRY(alm_remote_backend_open(l->source->env, &options, &fresh->backend, error));
    fresh->digest = digest;
    fresh->inputs = m->column_count;
    fresh->outputs = fresh->backend->info.outputs;
    s->model_count++;
    *out = fresh;
    return ALM_OK;
}

static alm_err load_model(almi_scorer_loader *l, almi_scorer_member *m, almi_scorer_model **out,
                          alm_error *error)
{
    if (m->remote) {
        return load_remote(l, m, out, error);
    }
    if (is_known(l->scorer, &m->model) &&
        (!m->description.path.data || is_known(l->scorer, &m->description))) {
        alm_digest digest = model_digest(m);
        *out = find_model(l->scorer, &digest);
    }
    if (*out) {
        return ALM_OK;
    }
    alm_arena *kept = alm_arena_create(0);
    alm_err code = read_model(l, m, kept, out, error);
    alm_arena_destroy(kept);
    return code;
}

/* Does it give a probability for every class? */
static alm_err check_classes(const alm_scorer *s, const almi_scorer_member *m,
                             const almi_scorer_model *model, alm_error *error)
{
    size_t classes = s->info.class_count;
    bool probable = false;
    if (model->backend) {
        probable = true; /* every answer is looked at */
    } else if (model->network) {
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
                        ALM_STR_ARG(m->model_name));
    }
    size_t given = model->outputs == 1 ? 2 : model->outputs;
    if (given != classes) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " tells %zu classes apart, the scorer "
                        "has %zu labels", ALM_STR_ARG(m->model_name), given, classes);
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
                        "counted from 0", m->output, ALM_STR_ARG(m->model_name), model->outputs,
                        model->outputs == 1 ? "" : "s");
    }
    return ALM_OK;
}

static alm_err check_steps(const almi_scorer_member *m, const almi_scorer_model *model,
                           alm_error *error)
{
    bool window = almi_scorer_takes_windows(model);
    size_t own = model->backend ? model->backend->info.steps : 0;
    if (window && m->steps == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "`steps` is missing: " ALM_STR_FMT " is a net, "
                        "and takes windows of so many steps", ALM_STR_ARG(m->model_name));
    }
    if (!window && m->steps > 0) {
        return alm_fail(error, ALM_ERR_INVALID, "`steps` is for nets, and " ALM_STR_FMT " is none",
                        ALM_STR_ARG(m->model_name));
    }
    if (window && own && m->steps != own) {
        return alm_fail(error, ALM_ERR_INVALID, "`steps` is %zu: " ALM_STR_FMT " takes windows of "
                        "%zu steps", m->steps, ALM_STR_ARG(m->model_name), own);
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
    own = model->backend ? model->backend->info.column : own;
    if (model->inputs == 0) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, ALM_STR_FMT " takes no columns",
                        ALM_STR_ARG(m->model_name));
    }
    if (!m->column && !own) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` is missing: " ALM_STR_FMT " has no "
                        "names for its %zu columns", ALM_STR_ARG(m->model_name), model->inputs);
    }
    if (m->column && m->column_count != model->inputs) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` has %zu names, " ALM_STR_FMT " takes "
                        "%zu columns", m->column_count, ALM_STR_ARG(m->model_name), model->inputs);
    }
    for (size_t i = 0; m->column && own && i < model->inputs; i++) {
        if (!same_name(m->column[i], own[i])) {
            return alm_fail(error, ALM_ERR_INVALID, "`columns`: the %zu-th is '" ALM_STR_FMT "', "
                            "and '" ALM_STR_FMT "' in " ALM_STR_FMT, i + 1,
                            ALM_STR_ARG(m->column[i]), ALM_STR_ARG(own[i]),
                            ALM_STR_ARG(m->model_name));
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
                        ALM_STR_ARG(m->model_name));
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
            s->unit[m->unit].must_sum = s->unit[m->unit].must_sum || unit.must_sum;
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

static alm_err load_scaler(almi_scorer_loader *l, almi_scorer_member *m, almi_scorer_unit *unit,
                           alm_error *error)
{
    alm_str bytes;
    if (!m->scaler.path.data) {
        return ALM_OK;
    }
    alm_robust_scaler *scaler = ALM_NEW(l->scorer->arena, alm_robust_scaler);
    ALM_TRY(read_file(l, &m->scaler, JSON_BYTES_MAX, &bytes, error));
    ALM_TRY((is_sklearn(bytes) ? alm_robust_scaler_import_sklearn : alm_robust_scaler_read)(
        bytes, m->scaler.path.data, l->scorer->arena, scaler, error));
    if (scaler->columns != m->column_count) {
        return alm_fail(error, ALM_ERR_INVALID, ALM_STR_FMT " scales %zu columns, the member has "
                        "%zu", ALM_STR_ARG(m->scaler.path), scaler->columns, m->column_count);
    }
    unit->scaler = scaler;
    unit->scaler_digest = m->scaler.digest;
    return ALM_OK;
}

static alm_err load_member(almi_scorer_loader *l, almi_scorer_member *m, alm_error *error)
{
    almi_scorer_model *model = NULL;
    ALM_TRY(load_model(l, m, &model, error));
    ALM_TRY(check_steps(m, model, error));
    ALM_TRY(check_output(l->scorer, m, model, error));
    ALM_TRY(check_columns(l->scorer, m, model, error));
    ALM_TRY(check_codes(m, model, error));
    almi_scorer_unit unit = {.model = model, .column = m->column, .steps = m->steps,
                             .user = m->name.data, .must_sum = !m->calibrator.path.data};
    ALM_TRY(load_scaler(l, m, &unit, error));
    join_unit(l->scorer, m, unit);
    return load_calibrator(l, &m->calibrator, &m->calibration, error);
}

/* ---- horizons ---- */

static alm_err load_stacker(almi_scorer_loader *l, almi_scorer_horizon *h, alm_error *error)
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

static alm_err load_horizon(almi_scorer_loader *l, almi_scorer_horizon *h, alm_error *error)
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

/* What it says is for signal/, above; here it is bytes. */
static alm_err load_bars(almi_scorer_loader *l, alm_error *error)
{
    alm_scorer *s = l->scorer;
    alm_str bytes;
    if (!s->bars.path.data) {
        return ALM_OK;
    }
    ALM_TRY(read_file(l, &s->bars, ALM_SCORER_BARS_BYTES_MAX, &bytes, error));
    s->info.bars_name = s->bars.path;
    s->info.bars = (alm_str){alm_arena_copy_text(s->arena, bytes.data, bytes.size), bytes.size};
    return ALM_OK;
}

static void take_ready(almi_scorer_loader *l)
{
    alm_scorer *s = l->scorer;
    s->model[s->model_count++] = *l->ready;
    s->part[s->part_count++] = (alm_scorer_part){ALM_STR(ALMI_SCORER_MODEL_PATH),
                                                 l->ready->digest, l->ready_bytes};
    *l->ready = (almi_scorer_model){0};
}

alm_err almi_scorer_load(almi_scorer_loader *l, alm_error *error)
{
    alm_scorer *s = l->scorer;
    /* Every reference may be a file of its own. */
    s->part = ALM_NEW_ARRAY(s->arena, alm_scorer_part,
                            4 * s->info.member_count + 2 * s->info.horizon_count + 1);
    s->model = ALM_NEW_ARRAY(s->arena, almi_scorer_model, s->info.member_count);
    s->unit = ALM_NEW_ARRAY(s->arena, almi_scorer_unit, s->info.member_count);
    if (l->ready) {
        take_ready(l);
    }
    ALM_TRY(load_bars(l, error));
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        alm_err code = load_horizon(l, &s->horizon[i], error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "horizon " ALM_STR_FMT,
                                  ALM_STR_ARG(s->horizon[i].name));
        }
    }
    return ALM_OK;
}
