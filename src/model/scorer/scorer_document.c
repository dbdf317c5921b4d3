/* scorer_document.c: scorer.json, strictly: every key is known, every number in its range. */
#include <math.h>
#include <string.h>

#include "model/scorer/scorer_internal.h"

#define FORMAT 1
#define TEXT_BYTES_MAX 1000

const char *const ALMI_SCORER_COMBINATION[] = {"none", "mean", "soft_vote", "hard_vote",
                                               "stacker"};
#define COMBINATION_COUNT (sizeof ALMI_SCORER_COMBINATION / sizeof *ALMI_SCORER_COMBINATION)

static alm_err take_text(const alm_json *value, const char *what, alm_arena *arena, alm_str *out,
                         alm_error *error)
{
    alm_str text;
    if (!alm_json_as_str(value, &text) || text.size == 0 || text.size > TEXT_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: a text of 1 to %d bytes is expected", what,
                        TEXT_BYTES_MAX);
    }
    *out = (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
    return ALM_OK;
}

static alm_err take_name(const alm_json *object, alm_arena *arena, alm_str *out, alm_error *error)
{
    alm_str name;
    ALM_TRY(alm_json_get_str(object, "name", &name, error));
    if (!alm_str_is_safe_name(name)) {
        return alm_fail(error, ALM_ERR_INVALID, "`name` '%.*s': 1 to 100 of A-Z a-z 0-9 . _ -, "
                        "and no . at the beginning", name.size < 60 ? (int)name.size : 60,
                        name.data);
    }
    *out = (alm_str){alm_arena_copy_text(arena, name.data, name.size), name.size};
    return ALM_OK;
}

static alm_err take_count(const alm_json *object, const char *key, int64_t least, int64_t most,
                          size_t *out, alm_error *error)
{
    int64_t number = 0;
    ALM_TRY(alm_json_get_i64(object, key, &number, error));
    if (number < least || number > most) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s` is %lld: %lld to %lld", key,
                        (long long)number, (long long)least, (long long)most);
    }
    *out = (size_t)number;
    return ALM_OK;
}

/* ---- files ---- */

/* No part leads out of the folder. */
static bool is_safe_path(alm_str path)
{
    bool safe = path.size > 0 && path.size <= TEXT_BYTES_MAX;
    for (alm_str rest = path; rest.data && safe;) {
        safe = alm_str_is_safe_name(alm_str_split(&rest, '/'));
    }
    return safe && !alm_str_is(path, ALM_SCORER_DOCUMENT);
}

/* {"path":..,"sha256":..}, or the path alone. */
static alm_err take_file(const alm_json *object, const char *key, alm_arena *arena,
                         almi_scorer_ref *out, alm_error *error)
{
    const alm_json *value = alm_json_member(object, key);
    alm_str path, digest;
    if (!alm_json_as_str(value, &path)) {
        alm_err code = alm_json_check_keys(value, "path sha256", error);
        code = code == ALM_OK ? alm_json_get_str(value, "path", &path, error) : code;
        code = code == ALM_OK ? alm_json_get_str(value, "sha256", &digest, error) : code;
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "`%s`", key);
        }
        if (!alm_digest_parse(digest, &out->digest)) {
            return alm_fail(error, ALM_ERR_INVALID, "`%s`: `sha256` is 64 digits 0-9 a-f", key);
        }
        out->has_digest = true;
    }
    if (!is_safe_path(path)) {
        return alm_fail(error, ALM_ERR_INVALID, "`%s`: '%.*s' is no file below the scorer's "
                        "folder: parts of A-Z a-z 0-9 . _ - between /, none beginning with .",
                        key, path.size < 60 ? (int)path.size : 60, path.data);
    }
    out->path = (alm_str){alm_arena_copy_text(arena, path.data, path.size), path.size};
    return ALM_OK;
}

static alm_err take_optional_file(const alm_json *object, const char *key, alm_arena *arena,
                                  almi_scorer_ref *out, alm_error *error)
{
    return alm_json_member(object, key) ? take_file(object, key, arena, out, error) : ALM_OK;
}

/* ---- members ---- */

static alm_err take_columns(const alm_json *object, alm_scorer *s, size_t *total,
                            almi_scorer_member *m, alm_error *error)
{
    const alm_json *list = NULL;
    if (!alm_json_member(object, "columns")) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get(object, "columns", ALM_JSON_ARRAY, &list, error));
    m->column_count = alm_json_count(list);
    *total += m->column_count;
    if (m->column_count == 0 || *total > ALM_SCORER_COLUMNS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "`columns` has %zu names: at least one, and at "
                        "most %d of all members", m->column_count, ALM_SCORER_COLUMNS_MAX);
    }
    alm_str *column = ALM_NEW_ARRAY(s->arena, alm_str, m->column_count);
    for (size_t i = 0; i < m->column_count; i++) {
        ALM_TRY(take_text(alm_json_at(list, i), "`columns`", s->arena, &column[i], error));
    }
    m->column = column;
    return ALM_OK;
}

static size_t label_place(const alm_scorer *s, int64_t label)
{
    size_t k = 0;
    while (k < s->info.class_count && s->info.label[k] != label) {
        k++;
    }
    return k;
}

/* `classes`: the labels in the model's own order. */
static alm_err take_classes(const alm_json *object, alm_scorer *s, almi_scorer_member *m,
                            alm_error *error)
{
    const alm_json *list = NULL;
    size_t count = s->info.class_count;
    if (!alm_json_member(object, "classes")) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get(object, "classes", ALM_JSON_ARRAY, &list, error));
    size_t *place = ALM_NEW_ARRAY(s->arena, size_t, count);
    bool *seen = ALM_NEW_ARRAY(s->arena, bool, count + 1);
    bool fits = s->info.task == ALM_SCORER_CLASSES && alm_json_count(list) == count;
    for (size_t i = 0; fits && i < count; i++) {
        int64_t label = 0;
        fits = alm_json_as_i64(alm_json_at(list, i), &label);
        place[i] = fits ? label_place(s, label) : count;
        fits = fits && place[i] < count && !seen[place[i]];
        seen[place[i]] = true;
    }
    m->class_place = place;
    return fits ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "`classes` is not each of the "
                                    "scorer's `labels` once, in the model's order");
}

/* `model`, a file, or `remote`, a server. */
static alm_err take_model(const alm_json *object, alm_scorer *s, almi_scorer_member *m,
                          alm_error *error)
{
    const alm_json *remote = alm_json_member(object, "remote");
    if ((alm_json_member(object, "model") != NULL) == (remote != NULL)) {
        return alm_fail(error, ALM_ERR_INVALID, remote ? "`model` and `remote`: a member is one "
                        "of both" : "`model` is missing: the file of the model");
    }
    if (!remote) {
        ALM_TRY(take_file(object, "model", s->arena, &m->model, error));
        m->model_name = m->model.path;
        return take_optional_file(object, "description", s->arena, &m->description, error);
    }
    alm_remote_spec *spec = ALM_NEW(s->arena, alm_remote_spec);
    alm_err code = alm_remote_spec_read(remote, s->arena, spec, error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "`remote`");
    }
    if (alm_json_member(object, "description") || alm_json_member(object, "result")) {
        return alm_fail(error, ALM_ERR_INVALID, "`description` and `result` are for files, and "
                        "this member is `remote`");
    }
    m->remote = spec;
    m->model_name = spec->model;
    return ALM_OK;
}

static alm_err take_member(const alm_json *object, alm_scorer *s, size_t *total,
                           almi_scorer_member *m, alm_error *error)
{
    ALM_TRY(alm_json_check_keys(object, "calibrator? category_codes? classes? columns? "
                                "description? model? name output? remote? result? scaler? steps?",
                                error));
    ALM_TRY(take_name(object, s->arena, &m->name, error));
    ALM_TRY(take_model(object, s, m, error));
    ALM_TRY(take_optional_file(object, "scaler", s->arena, &m->scaler, error));
    ALM_TRY(take_optional_file(object, "calibrator", s->arena, &m->calibrator, error));
    if (alm_json_member(object, "category_codes")) {
        ALM_TRY(alm_json_get_bool(object, "category_codes", &m->category_codes, error));
    }
    if (alm_json_member(object, "result")) {
        ALM_TRY(take_text(alm_json_member(object, "result"), "`result`", s->arena, &m->result,
                          error));
    }
    if (alm_json_member(object, "steps")) {
        ALM_TRY(take_count(object, "steps", 1, ALM_SCORER_STEPS_MAX, &m->steps, error));
    }
    if (alm_json_member(object, "output")) {
        ALM_TRY(take_count(object, "output", 0, INT32_MAX, &m->output, error));
    }
    bool values = s->info.task == ALM_SCORER_VALUE;
    if (values && m->calibrator.path.data) {
        return alm_fail(error, ALM_ERR_INVALID, "`calibrator` is for classes, the task is value");
    }
    if (!values && alm_json_member(object, "output")) {
        return alm_fail(error, ALM_ERR_INVALID, "`output` is for values, the task is classes");
    }
    ALM_TRY(take_classes(object, s, m, error));
    return take_columns(object, s, total, m, error);
}

/* ---- horizons ---- */

static alm_err take_weights(const alm_json *object, alm_scorer *s, almi_scorer_horizon *h,
                            alm_error *error)
{
    const alm_json *list = NULL;
    double sum = 0;
    if (!alm_json_member(object, "weights")) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get(object, "weights", ALM_JSON_ARRAY, &list, error));
    bool fits = alm_json_count(list) == h->member_count;
    h->weight = ALM_NEW_ARRAY(s->arena, double, h->member_count);
    fits = fits && alm_json_as_doubles(list, h->weight);
    for (size_t i = 0; fits && i < h->member_count; i++) {
        fits = h->weight[i] >= 0;
        h->weight[i] = fits ? h->weight[i] + 0.0 : 0; /* -0 is 0 */
        sum += h->weight[i];
    }
    return fits && sum > 0 && isfinite(sum)
               ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "`weights` is one number per member "
                                   "(%zu), none below 0 and not all 0", h->member_count);
}

static alm_err check_combination(const alm_scorer *s, const almi_scorer_horizon *h,
                                 alm_error *error)
{
    bool classes = s->info.task == ALM_SCORER_CLASSES;
    const char *kind = ALMI_SCORER_COMBINATION[h->combination];
    if (h->combination == ALM_SCORER_NONE && h->member_count > 1) {
        return alm_fail(error, ALM_ERR_INVALID, "%zu members and no `combination`: say how they "
                        "become one answer", h->member_count);
    }
    if (h->combination != ALM_SCORER_NONE && classes == (h->combination == ALM_SCORER_MEAN)) {
        return alm_fail(error, ALM_ERR_INVALID, "combination %s is for %s: %s", kind,
                        classes ? "values" : "classes",
                        classes ? "soft_vote, hard_vote or stacker here" : "mean here");
    }
    bool weighs = h->combination != ALM_SCORER_NONE && h->combination != ALM_SCORER_STACKER;
    if (h->weight && !weighs) {
        return alm_fail(error, ALM_ERR_INVALID, "`weights` are not for combination %s", kind);
    }
    if ((h->stacker.path.data != NULL) != (h->combination == ALM_SCORER_STACKER)) {
        return alm_fail(error, ALM_ERR_INVALID, "`file` is what combination stacker has, and it "
                        "alone");
    }
    return ALM_OK;
}

static alm_err take_combination(const alm_json *object, alm_scorer *s, almi_scorer_horizon *h,
                                alm_error *error)
{
    const alm_json *value = alm_json_member(object, "combination");
    if (value) {
        alm_str name;
        size_t kind = 0;
        ALM_TRY(alm_json_check_keys(value, "file? kind weights?", error));
        ALM_TRY(alm_json_get_str(value, "kind", &name, error));
        while (kind < COMBINATION_COUNT && !alm_str_is(name, ALMI_SCORER_COMBINATION[kind])) {
            kind++;
        }
        if (kind == COMBINATION_COUNT) {
            return alm_fail(error, ALM_ERR_INVALID, "`kind` '%.*s': none, mean, soft_vote, "
                            "hard_vote or stacker", name.size < 60 ? (int)name.size : 60,
                            name.data);
        }
        h->combination = (alm_scorer_combination)kind;
        ALM_TRY(take_weights(value, s, h, error));
        ALM_TRY(take_optional_file(value, "file", s->arena, &h->stacker, error));
    }
    return check_combination(s, h, error);
}

static alm_err take_horizon(const alm_json *object, alm_scorer *s, size_t *total,
                            almi_scorer_horizon *h, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_check_keys(object, "calibrator? combination? members name", error));
    ALM_TRY(take_name(object, s->arena, &h->name, error));
    ALM_TRY(alm_json_get(object, "members", ALM_JSON_ARRAY, &list, error));
    h->member_count = alm_json_count(list);
    for (size_t i = 0; i < h->member_count; i++) {
        almi_scorer_member *m = &s->member[h->member_first + i];
        alm_err code = take_member(alm_json_at(list, i), s, total, m, error);
        for (size_t j = 0; code == ALM_OK && j < i; j++) {
            if (alm_str_equal(s->member[h->member_first + j].name, m->name)) {
                code = alm_fail(error, ALM_ERR_INVALID, "a second member is called " ALM_STR_FMT,
                                ALM_STR_ARG(m->name));
            }
        }
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "members[%zu]", i);
        }
    }
    ALM_TRY(take_optional_file(object, "calibrator", s->arena, &h->calibrator, error));
    if (h->calibrator.path.data && s->info.task == ALM_SCORER_VALUE) {
        return alm_fail(error, ALM_ERR_INVALID, "`calibrator` is for classes, the task is value");
    }
    alm_err code = take_combination(object, s, h, error);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "`combination`");
}

/* Members of all horizons lie in one array, so they are counted first. */
static alm_err count_members(const alm_json *horizons, alm_scorer *s, alm_error *error)
{
    size_t count = alm_json_count(horizons), members = 0;
    if (count == 0 || count > ALM_SCORER_HORIZONS_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "`horizons` has %zu entries: 1 to %d", count,
                        ALM_SCORER_HORIZONS_MAX);
    }
    s->horizon = ALM_NEW_ARRAY(s->arena, almi_scorer_horizon, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *list = alm_json_member(alm_json_at(horizons, i), "members");
        size_t own = list && alm_json_kind_of(list) == ALM_JSON_ARRAY ? alm_json_count(list) : 0;
        s->horizon[i].member_first = members;
        members += own;
        if (own == 0 || members > ALM_SCORER_MEMBERS_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "horizons[%zu]: `members` is a list: at least "
                            "one, and at most %d of all horizons", i, ALM_SCORER_MEMBERS_MAX);
        }
    }
    s->member = ALM_NEW_ARRAY(s->arena, almi_scorer_member, members);
    s->info.horizon_count = count;
    s->info.member_count = members;
    return ALM_OK;
}

static alm_err take_horizons(const alm_json *root, alm_scorer *s, alm_error *error)
{
    const alm_json *list = NULL;
    size_t total = 0;
    ALM_TRY(alm_json_get(root, "horizons", ALM_JSON_ARRAY, &list, error));
    ALM_TRY(count_members(list, s, error));
    for (size_t i = 0; i < s->info.horizon_count; i++) {
        alm_err code = take_horizon(alm_json_at(list, i), s, &total, &s->horizon[i], error);
        for (size_t j = 0; code == ALM_OK && j < i; j++) {
            if (alm_str_equal(s->horizon[j].name, s->horizon[i].name)) {
                code = alm_fail(error, ALM_ERR_INVALID, "a second horizon is called " ALM_STR_FMT,
                                ALM_STR_ARG(s->horizon[i].name));
            }
        }
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "horizons[%zu]", i);
        }
    }
    return ALM_OK;
}

/* ---- the task ---- */

static alm_err take_labels(const alm_json *root, alm_scorer *s, alm_error *error)
{
    const alm_json *list = NULL;
    ALM_TRY(alm_json_get(root, "labels", ALM_JSON_ARRAY, &list, error));
    size_t count = alm_json_count(list);
    int64_t *label = ALM_NEW_ARRAY(s->arena, int64_t, count);
    bool fits = count >= 2 && count <= ALM_CALIBRATION_CLASSES_MAX;
    for (size_t i = 0; fits && i < count; i++) {
        fits = alm_json_as_i64(alm_json_at(list, i), &label[i]) &&
               label[i] >= -ALM_SCORER_LABEL_MAX && label[i] <= ALM_SCORER_LABEL_MAX;
        for (size_t j = 0; fits && j < i; j++) {
            fits = label[j] != label[i];
        }
    }
    s->info.label = label;
    s->info.class_count = count;
    return fits ? ALM_OK : alm_fail(error, ALM_ERR_INVALID, "`labels` is a list of 2 to %d "
                                    "different whole numbers within 2^53",
                                    ALM_CALIBRATION_CLASSES_MAX);
}

static alm_err take_document(const alm_json *root, alm_scorer *s, alm_error *error)
{
    int64_t format = 0;
    alm_str task;
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT || !alm_json_member(root, "almanac_scorer")) {
        return alm_fail(error, ALM_ERR_INVALID, "no scorer: the key `almanac_scorer` is missing");
    }
    ALM_TRY(alm_json_get_i64(root, "almanac_scorer", &format, error));
    if (format != FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "format %lld is not known, %d is",
                        (long long)format, FORMAT);
    }
    ALM_TRY(alm_json_check_keys(root, "almanac_scorer bars? horizons labels? task", error));
    ALM_TRY(alm_json_get_str(root, "task", &task, error));
    if (alm_str_is(task, "classes")) {
        s->info.task = ALM_SCORER_CLASSES;
        ALM_TRY(take_labels(root, s, error));
    } else if (!alm_str_is(task, "value")) {
        return alm_fail(error, ALM_ERR_INVALID, "`task` is value or classes");
    } else if (alm_json_member(root, "labels")) {
        return alm_fail(error, ALM_ERR_INVALID, "`labels` are for classes, the task is value");
    }
    ALM_TRY(take_optional_file(root, "bars", s->arena, &s->bars, error));
    return take_horizons(root, s, error);
}

alm_err almi_scorer_parse(alm_str text, alm_scorer *scorer, alm_error *error)
{
    alm_json_document *document = NULL;
    ALM_TRY(alm_json_parse(text, ALM_SCORER_DOCUMENT, &document, error));
    alm_err code = take_document(alm_json_root(document), scorer, error);
    alm_json_document_destroy(document);
    return code == ALM_OK ? code : alm_error_wrap(error, code, ALM_SCORER_DOCUMENT);
}
