/* sklearn_ensemble.c: from scikit-learn's names to the texts of ensemble/, whose readers check the
 * numbers. */
#include "model/import/sklearn_ensemble.h"

#include <string.h>

/* What the snippet wrote about one object: a known class of the library. */
static alm_err check_class(const alm_json *object, const char *const *classes, size_t *which,
                           alm_error *error)
{
    alm_str library, class;
    ALM_TRY(alm_json_get_str(object, "library", &library, error));
    ALM_TRY(alm_json_get_str(object, "class", &class, error));
    for (*which = 0; classes[*which] != NULL; ++*which) {
        if (alm_str_is(library, "scikit-learn") && alm_str_is(class, classes[*which])) {
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_UNSUPPORTED, "`class` " ALM_STR_FMT " of " ALM_STR_FMT " is "
                    "not read here; %s is", (int)(class.size < 60 ? class.size : 60), class.data,
                    (int)(library.size < 60 ? library.size : 60), library.data, classes[0]);
}

static alm_err put_list(alm_json_writer *to, const char *to_key, const alm_json *object,
                        const char *key, alm_arena *arena, alm_error *error)
{
    const alm_json *array = NULL;
    void *memory = NULL;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_ARRAY, &array, error));
    size_t count = alm_json_count(array);
    ALM_TRY(alm_arena_try_alloc(arena, count * sizeof(double), &memory, error));
    if (!alm_json_as_doubles(array, memory)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` holds more than numbers", key);
    }
    alm_json_put_doubles(to, to_key, memory, count);
    return ALM_OK;
}

/* ---- calibrators ---- */

enum { ISOTONIC, SIGMOID, LOGISTIC };
static const char *const CALIBRATORS[] = {"IsotonicRegression", "_SigmoidCalibration",
                                          "LogisticRegression", NULL};

static alm_err put_isotonic(alm_json_writer *to, const alm_json *object, alm_arena *arena,
                            alm_error *error)
{
    alm_str bounds;
    bool rising = false;
    ALM_TRY(alm_json_get_str(object, "out_of_bounds", &bounds, error));
    ALM_TRY(alm_json_get_bool(object, "increasing_", &rising, error));
    if (!alm_str_is(bounds, "clip") || !rising) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "an IsotonicRegression that is %s is not a "
                        "calibrator; it needs %s", rising ? "not clipped" : "falling",
                        rising ? "out_of_bounds=\"clip\"" : "increasing=True");
    }
    ALM_TRY(put_list(to, "x", object, "X_thresholds_", arena, error));
    return put_list(to, "y", object, "y_thresholds_", arena, error);
}

/* One number in a list, or in a list of one list. */
static alm_err get_single(const alm_json *object, const char *key, double *out, alm_error *error)
{
    const alm_json *value = NULL;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_ARRAY, &value, error));
    for (size_t depth = 0; depth < 2 && alm_json_kind_of(value) == ALM_JSON_ARRAY; depth++) {
        if (alm_json_count(value) != 1) {
            return alm_fail(error, ALM_ERR_UNSUPPORTED, "`%s` has %zu entries; a calibrator has "
                            "one score and two classes", key, alm_json_count(value));
        }
        value = alm_json_at(value, 0);
    }
    return alm_json_as_double(value, out)
               ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "`%s` is not a number", key);
}

static alm_err put_sigmoid(alm_json_writer *to, const alm_json *object, bool logistic,
                           alm_error *error)
{
    double a = 0, b = 0;
    if (logistic) { /* 1 / (1 + exp(-(coef x + intercept))) */
        ALM_TRY(get_single(object, "coef_", &a, error));
        ALM_TRY(get_single(object, "intercept_", &b, error));
        a = -a;
        b = -b;
    } else {
        ALM_TRY(alm_json_get_double(object, "a_", &a, error));
        ALM_TRY(alm_json_get_double(object, "b_", &b, error));
    }
    alm_json_put_double(to, "a", a);
    alm_json_put_double(to, "b", b);
    return ALM_OK;
}

static alm_err put_calibrator(alm_json_writer *to, const alm_json *object, alm_arena *arena,
                              bool *isotonic, alm_error *error)
{
    size_t class = 0;
    ALM_TRY(check_class(object, CALIBRATORS, &class, error));
    *isotonic = class == ISOTONIC;
    alm_json_open_object(to);
    ALM_TRY(class == ISOTONIC ? put_isotonic(to, object, arena, error)
                              : put_sigmoid(to, object, class == LOGISTIC, error));
    alm_json_close_object(to);
    return ALM_OK;
}

/* The text that alm_calibrator_read takes. */
static alm_err put_calibrators(const alm_json *root, alm_buffer *text, alm_arena *arena,
                               alm_error *error)
{
    alm_json_writer to = alm_json_writer_on(text);
    bool list = alm_json_kind_of(root) == ALM_JSON_ARRAY, isotonic = false, first = false;
    size_t count = list ? alm_json_count(root) : 1;
    if (count == 0 || count > ALM_CALIBRATION_CLASSES_MAX) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%zu calibrators", count);
    }
    alm_json_open_object(&to);
    alm_json_put_i64(&to, "class_count", count < 2 ? 2 : (int64_t)count);
    alm_json_key(&to, "classes");
    alm_json_open_array(&to);
    for (size_t i = 0; i < count; i++) {
        const alm_json *object = list ? alm_json_at(root, i) : root;
        ALM_TRY(put_calibrator(&to, object, arena, &isotonic, error));
        first = i == 0 ? isotonic : first;
        if (first != isotonic || count == 2) {
            return alm_fail(error, ALM_ERR_CORRUPT, "%zu calibrators %s", count,
                            count == 2 ? "for two classes, which need one"
                                       : "of different classes");
        }
    }
    alm_json_close_array(&to);
    alm_json_put_text(&to, "kind", isotonic ? "isotonic" : "platt");
    alm_json_close_object(&to);
    return alm_buffer_status(text, error);
}

/* ---- both ---- */

static alm_err parse(alm_str json, const char *name, alm_json_document **out, alm_error *error)
{
    if (json.size > 0 && (unsigned char)json.data[0] == 0x80) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "%s is a Python pickle, which can run any code "
                        "when it is opened, so almanac never opens one; write the attributes as "
                        "JSON (src/model/ensemble/README.md)", name);
    }
    return alm_json_parse(json, name, out, error);
}

/* Invalid numbers of a file that is there are damage; what is not done stays that. */
static alm_err wrap(alm_err code, const char *name, alm_error *error)
{
    return alm_error_wrap(error, code == ALM_ERR_INVALID ? ALM_ERR_CORRUPT : code, "%s", name);
}

alm_err alm_calibrator_import_sklearn(alm_str json, const char *name, alm_calibrator **out,
                                      alm_error *error)
{
    alm_json_document *document = NULL;
    alm_arena *arena = alm_arena_create(0);
    alm_buffer text = {0};
    alm_err code = parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = put_calibrators(alm_json_root(document), &text, arena, error);
        code = code == ALM_OK ? code : wrap(code, name, error);
    }
    if (code == ALM_OK) {
        code = alm_calibrator_read(alm_buffer_view(&text), name, out, error);
    }
    alm_buffer_deinit(&text);
    alm_arena_destroy(arena);
    alm_json_document_destroy(document);
    return code;
}

/* ---- the scaler ---- */

/* A list, or null where the scaler does without. */
static alm_err get_column(const alm_json *object, const char *key, double without, size_t columns,
                          double *out, alm_error *error)
{
    const alm_json *value = alm_json_member(object, key);
    if (value == NULL || alm_json_kind_of(value) == ALM_JSON_NULL) {
        for (size_t i = 0; i < columns; i++) {
            out[i] = without;
        }
        return ALM_OK;
    }
    if (alm_json_kind_of(value) != ALM_JSON_ARRAY || alm_json_count(value) != columns ||
        !alm_json_as_doubles(value, out)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`%s` must be a list of %zu numbers", key,
                        columns);
    }
    return ALM_OK;
}

static alm_err read_scaler(const alm_json *root, alm_arena *arena, alm_robust_scaler *out,
                           alm_error *error)
{
    static const char *const SCALERS[] = {"RobustScaler", NULL};
    size_t ignored = 0;
    ALM_TRY(check_class(root, SCALERS, &ignored, error));
    const alm_json *centre = alm_json_member(root, "center_");
    const alm_json *scale = alm_json_member(root, "scale_");
    size_t columns = centre != NULL ? alm_json_count(centre) : 0;
    columns = columns == 0 && scale != NULL ? alm_json_count(scale) : columns;
    if (columns == 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "`center_` and `scale_` are both not there");
    }
    alm_robust_scaler scaler = {columns, ALM_NEW_ARRAY(arena, double, columns),
                                ALM_NEW_ARRAY(arena, double, columns)};
    ALM_TRY(get_column(root, "center_", 0, columns, scaler.centre, error));
    ALM_TRY(get_column(root, "scale_", 1, columns, scaler.scale, error));
    for (size_t i = 0; i < columns; i++) {
        if (!(scaler.scale[i] > 0)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "`scale_` of column %zu is %g, not above 0",
                            i + 1, scaler.scale[i]);
        }
    }
    *out = scaler;
    return ALM_OK;
}

alm_err alm_robust_scaler_import_sklearn(alm_str json, const char *name, alm_arena *arena,
                                         alm_robust_scaler *out, alm_error *error)
{
    alm_json_document *document = NULL;
    alm_err code = parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_scaler(alm_json_root(document), arena, out, error);
        code = code == ALM_OK ? code : wrap(code, name, error);
    }
    alm_json_document_destroy(document);
    return code;
}
