#include "model/ensemble/calibrator.h"

#include <math.h>
#include <string.h>

#include "model/ensemble/logistic.h"
#include "num/elementary.h"

#define LEAST 1e-15

typedef struct curve { /* of one class */
    double a, b, c;
    size_t count; /* isotonic: points, rising x */
    double *x, *y;
} curve;

struct alm_calibrator {
    alm_arena *arena; /* the struct lies in it */
    alm_calibration_kind kind;
    size_t classes;
    size_t curve_count; /* 1 for two classes and for temperature */
    curve *curves;
};

static const char *const KINDS[] = {"isotonic", "platt", "beta", "temperature"};

static double inside(double p)
{
    return p < LEAST ? LEAST : p > 1 - LEAST ? 1 - LEAST : p;
}

static alm_calibrator *create(alm_calibration_kind kind, size_t classes)
{
    alm_arena *arena = alm_arena_create(0);
    alm_calibrator *c = ALM_NEW(arena, alm_calibrator);
    c->arena = arena;
    c->kind = kind;
    c->classes = classes;
    c->curve_count = kind == ALM_CALIBRATE_TEMPERATURE || classes == 2 ? 1 : classes;
    c->curves = ALM_NEW_ARRAY(arena, curve, c->curve_count);
    return c;
}

void alm_calibrator_destroy(alm_calibrator *calibrator)
{
    if (calibrator) {
        alm_arena_destroy(calibrator->arena);
    }
}

size_t alm_calibrator_classes(const alm_calibrator *calibrator)
{
    return calibrator->classes;
}

/* ---- fitting ---- */

static alm_err check_data(const alm_calibration_data *d, alm_error *error)
{
    if (d->count == 0 || d->classes < 2 || d->classes > ALM_CALIBRATION_CLASSES_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "calibrating %zu classes on %zu rows: at least one "
                        "row and 2 to %d classes", d->classes, d->count,
                        ALM_CALIBRATION_CLASSES_MAX);
    }
    for (size_t i = 0; i < d->count; i++) {
        for (size_t k = 0; k < d->classes; k++) {
            double p = d->probability[i * d->classes + k];
            if (!(p >= 0 && p <= 1)) {
                return alm_fail(error, ALM_ERR_INVALID, "row %zu, class %zu: %g is no probability",
                                i + 1, k, p);
            }
        }
        if (d->label[i] >= d->classes) {
            return alm_fail(error, ALM_ERR_INVALID, "row %zu: class %u of %zu", i + 1,
                            d->label[i], d->classes);
        }
        if (d->weight && !(d->weight[i] >= 0 && isfinite(d->weight[i]))) {
            return alm_fail(error, ALM_ERR_INVALID, "row %zu: the weight %g", i + 1, d->weight[i]);
        }
    }
    return ALM_OK;
}

typedef struct point {
    double x, y, weight;
} point;

/* Scores of one class with their outcomes; the weight of either outcome. */
typedef struct sample {
    point *points;
    size_t count;
    double positive, negative;
} sample;

static alm_err sample_of(const alm_calibration_data *d, size_t class, alm_arena *arena,
                         sample *out, alm_error *error)
{
    *out = (sample){ALM_NEW_ARRAY(arena, point, d->count), d->count, 0, 0};
    for (size_t i = 0; i < d->count; i++) {
        double weight = d->weight ? d->weight[i] : 1;
        bool is = d->label[i] == class;
        out->points[i] = (point){d->probability[i * d->classes + class], is, weight};
        out->positive += is ? weight : 0;
        out->negative += is ? 0 : weight;
    }
    if (!(out->positive > 0 && out->negative > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "class %zu %s: it cannot be calibrated", class,
                        out->positive > 0 ? "always occurs" : "never occurs");
    }
    return ALM_OK;
}

/* Stable merge sort by x. */
static void sort_points(point *points, point *work, size_t count)
{
    if (count < 2) {
        return;
    }
    size_t half = count / 2;
    sort_points(points, work, half);
    sort_points(points + half, work, count - half);
    memcpy(work, points, count * sizeof *points);
    for (size_t i = 0, a = 0, b = half; i < count; i++) {
        bool left = b >= count || (a < half && work[a].x <= work[b].x);
        points[i] = left ? work[a++] : work[b++];
    }
}

static size_t pool_ties(point *points, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count;) {
        point sum = {points[i].x, 0, 0};
        for (; i < count && points[i].x == sum.x; i++) {
            sum.y += points[i].weight * points[i].y;
            sum.weight += points[i].weight;
        }
        if (sum.weight > 0) {
            sum.y /= sum.weight;
            points[kept++] = sum;
        }
    }
    return kept;
}

/* Pool adjacent violators: blocks of means, ends[b] the first point behind block b. */
static size_t pool_violators(const point *points, size_t count, point *blocks, size_t *ends)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        blocks[used] = points[i];
        ends[used++] = i + 1;
        while (used > 1 && blocks[used - 2].y >= blocks[used - 1].y) {
            point *low = &blocks[used - 2];
            const point *high = &blocks[used - 1];
            double weight = low->weight + high->weight;
            low->y = (low->weight * low->y + high->weight * high->y) / weight;
            low->weight = weight;
            ends[used - 2] = ends[used - 1];
            used--;
        }
    }
    return used;
}

static alm_err fit_isotonic(const sample *s, alm_arena *arena, alm_arena *scratch, curve *out)
{
    point *work = ALM_NEW_ARRAY(scratch, point, s->count);
    size_t *ends = ALM_NEW_ARRAY(scratch, size_t, s->count);
    sort_points(s->points, work, s->count);
    size_t count = pool_ties(s->points, s->count);
    size_t blocks = pool_violators(s->points, count, work, ends);
    out->x = ALM_NEW_ARRAY(arena, double, 2 * blocks);
    out->y = ALM_NEW_ARRAY(arena, double, 2 * blocks);
    for (size_t b = 0, first = 0; b < blocks; first = ends[b++]) {
        out->x[out->count] = s->points[first].x;
        out->y[out->count++] = work[b].y;
        if (ends[b] - first > 1) {
            out->x[out->count] = s->points[ends[b] - 1].x;
            out->y[out->count++] = work[b].y;
        }
    }
    return ALM_OK;
}

/* Logistic regression of the second class on some inputs; coefficient[features] the intercept. */
static alm_err fit_logistic(const sample *s, const double *x, size_t features, bool smoothed,
                            double *coefficient, alm_error *error)
{
    alm_arena *scratch = alm_arena_create(0);
    double *target = ALM_NEW_ARRAY(scratch, double, 2 * s->count);
    double *weight = ALM_NEW_ARRAY(scratch, double, s->count);
    double high = smoothed ? (s->positive + 1) / (s->positive + 2) : 1;
    double low = smoothed ? 1 / (s->negative + 2) : 0;
    for (size_t i = 0; i < s->count; i++) {
        target[2 * i + 1] = s->points[i].y > 0 ? high : low;
        target[2 * i] = 1 - target[2 * i + 1];
        weight[i] = s->points[i].weight;
    }
    alm_logistic_data data = {s->count, features, 2, x, target, weight};
    double *fitted = NULL;
    alm_err code = alm_logistic_fit(&data, 0, scratch, &fitted, error);
    if (code == ALM_OK) {
        memcpy(coefficient, fitted + features + 1, (features + 1) * sizeof *coefficient);
    }
    alm_arena_destroy(scratch);
    return code;
}

static alm_err fit_platt(const sample *s, alm_arena *scratch, curve *out, alm_error *error)
{
    double *x = ALM_NEW_ARRAY(scratch, double, s->count);
    double coefficient[2];
    for (size_t i = 0; i < s->count; i++) {
        x[i] = s->points[i].x;
    }
    ALM_TRY(fit_logistic(s, x, 1, true, coefficient, error));
    out->a = -coefficient[0];
    out->b = -coefficient[1];
    return ALM_OK;
}

/* A negative a or b would turn the order around: it is left out and the rest fitted again. */
static alm_err fit_beta(const sample *s, alm_arena *scratch, curve *out, alm_error *error)
{
    double *x = ALM_NEW_ARRAY(scratch, double, 2 * s->count);
    double coefficient[3];
    for (size_t i = 0; i < s->count; i++) {
        double p = inside(s->points[i].x);
        x[2 * i] = alm_log(p);
        x[2 * i + 1] = -alm_log1p(-p);
    }
    ALM_TRY(fit_logistic(s, x, 2, false, coefficient, error));
    if (coefficient[0] >= 0 && coefficient[1] >= 0) {
        *out = (curve){.a = coefficient[0], .b = coefficient[1], .c = coefficient[2]};
        return ALM_OK;
    }
    size_t keep = coefficient[0] < 0 ? 1 : 0;
    double *one = ALM_NEW_ARRAY(scratch, double, s->count);
    for (size_t i = 0; i < s->count; i++) {
        one[i] = x[2 * i + keep];
    }
    ALM_TRY(fit_logistic(s, one, 1, false, coefficient, error));
    double slope = coefficient[0] > 0 ? coefficient[0] : 0;
    *out = (curve){.a = keep ? 0 : slope, .b = keep ? slope : 0, .c = coefficient[1]};
    return ALM_OK;
}

/* First and second derivative of the log loss by the scale s. */
static void temperature_slope(const alm_calibration_data *d, double s, double *p, double *first,
                              double *second)
{
    *first = 0;
    *second = 0;
    for (size_t i = 0; i < d->count; i++) {
        const double *row = d->probability + i * d->classes;
        double weight = d->weight ? d->weight[i] : 1;
        double mean = 0, square = 0;
        for (size_t k = 0; k < d->classes; k++) {
            p[k] = s * alm_log(inside(row[k]));
        }
        alm_softmax(p, d->classes);
        for (size_t k = 0; k < d->classes; k++) {
            double z = alm_log(inside(row[k]));
            mean += p[k] * z;
            square += p[k] * z * z;
        }
        *first += weight * (mean - alm_log(inside(row[d->label[i]])));
        *second += weight * (square - mean * mean);
    }
}

/* The slope rises with s: bisection, whose bounds are powers of two, ends at a double. */
static void fit_temperature(const alm_calibration_data *d, alm_arena *scratch, curve *out)
{
    double *p = ALM_NEW_ARRAY(scratch, double, d->classes);
    double low = 1.0 / 128, high = 128;
    for (int step = 0; step < 100; step++) {
        double middle = (low + high) / 2, first = 0, second = 0;
        temperature_slope(d, middle, p, &first, &second);
        low = first < 0 ? middle : low;
        high = first < 0 ? high : middle;
    }
    out->a = (low + high) / 2;
}

static alm_err fit_curve(const alm_calibrator *c, const alm_calibration_data *d, size_t number,
                         alm_arena *scratch, alm_error *error)
{
    curve *out = &c->curves[number];
    if (c->kind == ALM_CALIBRATE_TEMPERATURE) {
        fit_temperature(d, scratch, out);
        return ALM_OK;
    }
    sample s;
    ALM_TRY(sample_of(d, c->curve_count == 1 ? 1 : number, scratch, &s, error));
    switch (c->kind) {
    case ALM_CALIBRATE_ISOTONIC:
        return fit_isotonic(&s, c->arena, scratch, out);
    case ALM_CALIBRATE_PLATT:
        return fit_platt(&s, scratch, out, error);
    default:
        return fit_beta(&s, scratch, out, error);
    }
}

alm_err alm_calibrator_fit(alm_calibration_kind kind, const alm_calibration_data *data,
                           alm_calibrator **out, alm_error *error)
{
    ALM_TRY(check_data(data, error));
    alm_calibrator *c = create(kind, data->classes);
    alm_arena *scratch = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (size_t k = 0; code == ALM_OK && k < c->curve_count; k++) {
        alm_arena_reset(scratch);
        code = fit_curve(c, data, k, scratch, error);
    }
    alm_arena_destroy(scratch);
    if (code != ALM_OK) {
        alm_calibrator_destroy(c);
        return code;
    }
    *out = c;
    return ALM_OK;
}

/* ---- applying ---- */

static double interpolate(const curve *c, double x)
{
    size_t low = 0, high = c->count - 1;
    if (x <= c->x[0]) {
        return c->y[0];
    }
    if (x >= c->x[high]) {
        return c->y[high];
    }
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (c->x[middle] <= x) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double share = (x - c->x[low]) / (c->x[high] - c->x[low]);
    return c->y[low] + share * (c->y[high] - c->y[low]);
}

static double sigmoid(double z)
{
    return 1 / (1 + alm_exp(-z));
}

static double apply_curve(alm_calibration_kind kind, const curve *c, double x)
{
    switch (kind) {
    case ALM_CALIBRATE_ISOTONIC:
        return interpolate(c, x);
    case ALM_CALIBRATE_PLATT:
        return sigmoid(-(c->a * x + c->b));
    default:
        x = inside(x);
        return sigmoid(c->a * alm_log(x) - c->b * alm_log1p(-x) + c->c);
    }
}

void alm_calibrator_apply(const alm_calibrator *c, const double *probability, double *out)
{
    if (c->kind == ALM_CALIBRATE_TEMPERATURE) {
        for (size_t k = 0; k < c->classes; k++) {
            out[k] = c->curves[0].a * alm_log(inside(probability[k]));
        }
        alm_softmax(out, c->classes);
        return;
    }
    if (c->curve_count == 1) {
        out[1] = apply_curve(c->kind, &c->curves[0], probability[1]);
        out[0] = 1 - out[1];
        return;
    }
    double sum = 0;
    for (size_t k = 0; k < c->classes; k++) {
        out[k] = apply_curve(c->kind, &c->curves[k], probability[k]);
        sum += out[k];
    }
    for (size_t k = 0; k < c->classes; k++) {
        out[k] = sum > 0 ? out[k] / sum : 1 / (double)c->classes;
    }
}

/* ---- text ---- */

static void put_curve(alm_json_writer *w, alm_calibration_kind kind, const curve *c)
{
    alm_json_open_object(w);
    if (kind == ALM_CALIBRATE_ISOTONIC) {
        alm_json_put_doubles(w, "x", c->x, c->count);
        alm_json_put_doubles(w, "y", c->y, c->count);
    } else if (kind == ALM_CALIBRATE_TEMPERATURE) {
        alm_json_put_double(w, "scale", c->a);
    } else {
        alm_json_put_double(w, "a", c->a);
        alm_json_put_double(w, "b", c->b);
        if (kind == ALM_CALIBRATE_BETA) {
            alm_json_put_double(w, "c", c->c);
        }
    }
    alm_json_close_object(w);
}

void alm_calibrator_write(const alm_calibrator *c, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "class_count", (int64_t)c->classes);
    alm_json_key(&w, "classes");
    alm_json_open_array(&w);
    for (size_t k = 0; k < c->curve_count; k++) {
        put_curve(&w, c->kind, &c->curves[k]);
    }
    alm_json_close_array(&w);
    alm_json_put_text(&w, "kind", KINDS[c->kind]);
    alm_json_close_object(&w);
}

static alm_err get_array(const alm_json *object, const char *key, alm_arena *arena, double **out,
                         size_t *count, alm_error *error)
{
    const alm_json *array = NULL;
    ALM_TRY(alm_json_get(object, key, ALM_JSON_ARRAY, &array, error));
    *count = alm_json_count(array);
    *out = ALM_NEW_ARRAY(arena, double, *count);
    return alm_json_as_doubles(array, *out)
               ? ALM_OK : alm_fail(error, ALM_ERR_CORRUPT, "`%s` holds more than numbers", key);
}

static alm_err get_isotonic(const alm_json *object, alm_arena *arena, curve *out, alm_error *error)
{
    size_t values = 0;
    ALM_TRY(get_array(object, "x", arena, &out->x, &out->count, error));
    ALM_TRY(get_array(object, "y", arena, &out->y, &values, error));
    if (out->count == 0 || values != out->count) {
        return alm_fail(error, ALM_ERR_CORRUPT, "%zu values of x and %zu of y: as many, and at "
                        "least one", out->count, values);
    }
    for (size_t i = 0; i < values; i++) {
        bool rises = i == 0 || (out->x[i] > out->x[i - 1] && out->y[i] >= out->y[i - 1]);
        if (!rises || !(out->y[i] >= 0 && out->y[i] <= 1)) {
            return alm_fail(error, ALM_ERR_CORRUPT, "point %zu: x must rise, y must not fall and "
                            "lie in 0 to 1", i + 1);
        }
    }
    return ALM_OK;
}

static alm_err get_curve(const alm_json *object, const alm_calibrator *c, curve *out,
                         alm_error *error)
{
    switch (c->kind) {
    case ALM_CALIBRATE_ISOTONIC:
        return get_isotonic(object, c->arena, out, error);
    case ALM_CALIBRATE_TEMPERATURE:
        ALM_TRY(alm_json_get_double(object, "scale", &out->a, error));
        return out->a > 0 ? ALM_OK
                          : alm_fail(error, ALM_ERR_CORRUPT, "`scale` %g is not above 0", out->a);
    case ALM_CALIBRATE_BETA:
        ALM_TRY(alm_json_get_double(object, "c", &out->c, error));
        break;
    default:
        break;
    }
    ALM_TRY(alm_json_get_double(object, "a", &out->a, error));
    return alm_json_get_double(object, "b", &out->b, error);
}

static alm_err read_calibrator(const alm_json *root, alm_calibrator **out, alm_error *error)
{
    alm_str name;
    int64_t classes = 0;
    const alm_json *list = NULL;
    size_t kind = 0;
    ALM_TRY(alm_json_get_str(root, "kind", &name, error));
    while (kind < sizeof KINDS / sizeof KINDS[0] && !alm_str_is(name, KINDS[kind])) {
        kind++;
    }
    ALM_TRY(alm_json_get_i64(root, "class_count", &classes, error));
    ALM_TRY(alm_json_get(root, "classes", ALM_JSON_ARRAY, &list, error));
    if (kind == sizeof KINDS / sizeof KINDS[0] || classes < 2 ||
        classes > ALM_CALIBRATION_CLASSES_MAX) {
        return alm_fail(error, ALM_ERR_CORRUPT, "calibration '" ALM_STR_FMT "' of %lld classes",
                        ALM_STR_ARG(name), (long long)classes);
    }
    alm_calibrator *c = create((alm_calibration_kind)kind, (size_t)classes);
    alm_err code = ALM_OK;
    if (alm_json_count(list) != c->curve_count) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "`classes` has %zu entries, not %zu",
                        alm_json_count(list), c->curve_count);
    }
    for (size_t k = 0; code == ALM_OK && k < c->curve_count; k++) {
        code = get_curve(alm_json_at(list, k), c, &c->curves[k], error);
    }
    if (code != ALM_OK) {
        alm_calibrator_destroy(c);
        return code;
    }
    *out = c;
    return ALM_OK;
}

alm_err alm_calibrator_read(alm_str json, const char *name, alm_calibrator **out,
                            alm_error *error)
{
    alm_json_document *document = NULL;
    alm_err code = alm_json_parse(json, name, &document, error);
    if (code == ALM_OK) {
        code = read_calibrator(alm_json_root(document), out, error);
    }
    alm_json_document_destroy(document);
    return code == ALM_OK ? code : alm_error_wrap(error, ALM_ERR_CORRUPT, "%s", name);
}
