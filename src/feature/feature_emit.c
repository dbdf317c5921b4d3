/* Rows from the rings: the values of a feature for some rows are a column; columns are written
 * side by side into the rows.
 *
 * Rows come in tiles. Mostly the origins of a tile are consecutive (every day of a series) or the
 * same (all steps of a run); then a column is a piece of a ring, or one value, and nothing is
 * looked up row by row. */
#include "feature/feature_replay.h"

#include "feature/stretch.h"

#include <string.h>

#define BLOCK_ROWS 32
/* The rows of a tile and their columns lie in the nearest cache. */
#define TILE_ROWS 128
#define TILE_COLUMNS 16
/* Fewer rows of one kind are not worth a tile of their own. */
#define TILE_ROWS_MIN 8

/* One feature and its ring. */
typedef struct source_view {
    const almi_source *source;
    const double *values;
    size_t mask;
} source_view;

/* How an index goes on from row to row. */
typedef enum rhythm { RHYTHM_ANY, RHYTHM_SAME, RHYTHM_NEXT } rhythm;

typedef struct tile {
    const almi_replay *replay;
    const alm_feature_row *rows;
    size_t count;
    rhythm origins;
    rhythm targets;
    double scale[TILE_ROWS]; /* where the plan has scaled features */
    bool one_scale;
} tile;

/* The values of a feature for the rows of a tile; with `same` there is one for all of them. */
typedef struct column {
    const double *values;
    bool same;
} column;

static source_view view_source(const almi_replay *replay, size_t feature)
{
    const struct almi_source_place *place = &replay->layout->sources[feature];
    const void *values = replay->part[place->part] + place->values;
    return (source_view){&replay->plan->sources[feature], values, place->slots - 1};
}

static inline size_t target_of(const alm_feature_row *row)
{
    return (size_t)row->origin + row->step;
}

static inline size_t end_period(const almi_source *source, const alm_feature_row *row)
{
    size_t from = source->from_target ? target_of(row) : row->origin;
    return from - (size_t)source->shift;
}

/* ---- columns: in `buffer`, or where they lie already ---- */

static column one_value(double value, double *buffer)
{
    buffer[0] = value;
    return (column){buffer, true};
}

/* As many values as rows. */
static const double *all_values(const tile *t, column c, double *buffer)
{
    if (!c.same) {
        return c.values;
    }
    double value = c.values[0];
    for (size_t r = 0; r < t->count; r++) {
        buffer[r] = value;
    }
    return buffer;
}

static column read_period(const tile *t, const source_view *view, double *buffer)
{
    rhythm periods = view->source->from_target ? t->targets : t->origins;
    size_t first = end_period(view->source, &t->rows[0]);
    if (periods == RHYTHM_NEXT) {
        return (column){almi_ring_stretch(view->values, view->mask, first, t->count, buffer),
                        false};
    }
    if (periods == RHYTHM_SAME) {
        return (column){view->values + (first & view->mask), true};
    }
    for (size_t r = 0; r < t->count; r++) {
        buffer[r] = view->values[end_period(view->source, &t->rows[r]) & view->mask];
    }
    return (column){buffer, false};
}

static column read_season(const tile *t, const source_view *view, double *buffer)
{
    size_t season = view->source->season;
    for (size_t r = 0; r < t->count; r++) {
        size_t target = target_of(&t->rows[r]);
        size_t distance = target - end_period(view->source, &t->rows[r]);
        size_t back = (distance + season - 1) / season * season;
        buffer[r] = view->values[(target - back) & view->mask];
    }
    return (column){buffer, false};
}

static column read_since(const tile *t, const source_view *view, double *buffer)
{
    for (size_t r = 0; r < t->count; r++) {
        size_t end = end_period(view->source, &t->rows[r]);
        double since = view->values[end & view->mask] + (double)(target_of(&t->rows[r]) - end);
        buffer[r] = since > view->source->cap ? view->source->cap : since;
    }
    return (column){buffer, false};
}

static column read_step(const tile *t, const source_view *view, double *buffer)
{
    (void)view;
    for (size_t r = 0; r < t->count; r++) {
        buffer[r] = t->rows[r].step;
    }
    return (column){buffer, false};
}

static column read_static(const tile *t, const source_view *view, double *buffer)
{
    return one_value(almi_finite(t->replay->statics[view->source->input]), buffer);
}

/* `steps_max`: the feature is missing behind it. */
static column leave_later_steps_out(const tile *t, const source_view *view, column c,
                                    double *buffer)
{
    const double *values = all_values(t, c, buffer);
    for (size_t r = 0; r < t->count; r++) {
        buffer[r] = t->rows[r].step > view->source->steps_max ? ALMI_NAN : values[r];
    }
    return (column){buffer, false};
}

static column scale_column(const tile *t, column c, double *buffer)
{
    if (c.same && t->one_scale) {
        return one_value(almi_finite(c.values[0] / t->scale[0]), buffer);
    }
    almi_stretch_ratio(all_values(t, c, buffer), t->scale, t->count, buffer);
    return (column){buffer, false};
}

static column read_column(const tile *t, const source_view *view, double *buffer)
{
    static column (*const readers[])(const tile *, const source_view *, double *) = {
        [ALMI_READ_PERIOD] = read_period, [ALMI_READ_SEASON] = read_season,
        [ALMI_READ_SINCE] = read_since,   [ALMI_READ_STEP] = read_step,
        [ALMI_READ_STATIC] = read_static,
    };
    column c = readers[view->source->read](t, view, buffer);
    c = view->source->scaled ? scale_column(t, c, buffer) : c;
    return view->source->steps_max ? leave_later_steps_out(t, view, c, buffer) : c;
}

/* ---- rows ---- */

/* Two columns and two rows at once: every x86-64 has vectors of two doubles, and a store of two is
 * as cheap as one of one. */
typedef double pair __attribute__((vector_size(16)));

static inline pair load_pair(const double *from)
{
    pair both;
    memcpy(&both, from, sizeof both);
    return both;
}

static inline void store_pair(double *to, pair both)
{
    memcpy(to, &both, sizeof both);
}

static void write_two(const double *a, const double *b, size_t count, double *out, size_t stride)
{
    size_t r = 0;
    for (; r + 2 <= count; r += 2) {
        pair x = load_pair(a + r), y = load_pair(b + r);
        store_pair(out + r * stride, __builtin_shufflevector(x, y, 0, 2));
        store_pair(out + (r + 1) * stride, __builtin_shufflevector(x, y, 1, 3));
    }
    if (r < count) {
        out[r * stride] = a[r];
        out[r * stride + 1] = b[r];
    }
}

static void repeat_two(double a, double b, size_t count, double *out, size_t stride)
{
    for (size_t r = 0; r < count; r++) {
        store_pair(out + r * stride, (pair){a, b});
    }
}

typedef struct columns {
    column of[TILE_COLUMNS];
    double buffer[TILE_COLUMNS][TILE_ROWS];
    size_t width;
} columns;

/* Rows [first, first + count) of the tile, `out` of the first one. */
static void write_block(const columns *c, size_t first, size_t count, double *out, size_t stride)
{
    size_t f = 0;
    for (; f + 2 <= c->width; f += 2) {
        const column *a = &c->of[f], *b = &c->of[f + 1];
        if (a->same && b->same) {
            repeat_two(*a->values, *b->values, count, out + f, stride);
        } else {
            write_two(a->values + first, b->values + first, count, out + f, stride);
        }
    }
    for (size_t r = 0; f < c->width && r < count; r++) {
        out[r * stride + f] = c->of[f].values[c->of[f].same ? 0 : first + r];
    }
}

/* `width` features from `feature` on. */
static void read_columns(const tile *t, size_t feature, size_t width, columns *c)
{
    c->width = width;
    for (size_t k = 0; k < width; k++) {
        source_view view = view_source(t->replay, feature + k);
        c->of[k] = read_column(t, &view, c->buffer[k]);
    }
    for (size_t k = 0; k + 2 <= width; k += 2) {
        if (c->of[k].same != c->of[k + 1].same) {
            size_t one = c->of[k].same ? k : k + 1;
            c->of[one] = (column){all_values(t, c->of[one], c->buffer[one]), false};
        }
    }
}

static void emit_tile(const tile *t, double *out, size_t stride)
{
    const alm_feature_plan *plan = t->replay->plan;
    columns c;
    for (size_t f = 0; f < plan->count; f += TILE_COLUMNS) {
        size_t left = plan->count - f;
        read_columns(t, f, left < TILE_COLUMNS ? left : TILE_COLUMNS, &c);
        for (size_t r = 0; r < t->count; r += BLOCK_ROWS) {
            size_t rows = t->count - r < BLOCK_ROWS ? t->count - r : BLOCK_ROWS;
            write_block(&c, r, rows, out + r * stride + f, stride);
        }
    }
}

/* How far apart two rows are: origins in the low word, steps in the high one. Origins ascend, so
 * the low word never borrows. */
static inline uint64_t apart(const alm_feature_row *rows, size_t r)
{
    uint64_t here = (uint64_t)rows[r].step << 32 | rows[r].origin;
    return here - ((uint64_t)rows[r - 1].step << 32 | rows[r - 1].origin);
}

static rhythm rhythm_of(uint32_t distance)
{
    return distance == 0 ? RHYTHM_SAME : distance == 1 ? RHYTHM_NEXT : RHYTHM_ANY;
}

/* The rows from the first one on that go on in one rhythm, or any TILE_ROWS. */
static void cut_tile(tile *t, size_t left)
{
    size_t most = left < TILE_ROWS ? left : TILE_ROWS;
    uint64_t distance = most > 1 ? apart(t->rows, 1) : 0;
    t->count = most > 1 ? 2 : 1;
    t->origins = rhythm_of((uint32_t)distance);
    t->targets = rhythm_of((uint32_t)distance + (uint32_t)(distance >> 32));
    while (t->count < most && apart(t->rows, t->count) == distance) {
        t->count++;
    }
    if (t->count < TILE_ROWS_MIN && t->count < most) {
        t->count = most;
        t->origins = t->targets = RHYTHM_ANY;
    }
}

static void copy_scales(tile *t)
{
    t->one_scale = true;
    for (size_t r = 0; r < t->count; r++) {
        t->scale[r] = t->rows[r].scale;
        t->one_scale = t->one_scale && t->scale[r] == t->scale[0];
    }
}

void almi_emit(const almi_replay *replay, const alm_feature_row *rows, size_t count, double *out,
               size_t stride)
{
    tile t = {.replay = replay};
    for (size_t r = 0; r < count; r += t.count) {
        t.rows = rows + r;
        cut_tile(&t, count - r);
        if (replay->plan->any_scaled) {
            copy_scales(&t);
        }
        emit_tile(&t, out + r * stride, stride);
    }
}
