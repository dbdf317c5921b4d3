/* diff.c: the arithmetic of a change by cause, over joined rows. */
#include "batch/diff.h"

#include <math.h>
#include <string.h>

struct alm_diff {
    alm_arena *arena; /* holds the struct too */
    alm_diff_run old_run, new_run, between;
    bool has_between;
    bool between_is_data; /* the third run has the new snapshot and the old release */
    alm_diff_cause base_cause;
    size_t top;
    alm_diff_level *level;
    size_t levels, level_capacity;
    alm_diff_node *node; /* the largest so far, sorted; the last one is the next to go */
    size_t nodes;
    alm_diff_node current; /* the node whose rows are being added */
    bool has_current;
    alm_date last_date;
};

const char *alm_diff_cause_text(alm_diff_cause cause)
{
    static const char *const texts[] = {"data", "release", "data and release", "unexplained",
                                        "reconciliation"};
    alm_assert(cause < ALM_DIFF_CAUSES);
    return texts[cause];
}

double alm_diff_mean_absolute(const alm_diff_level *level)
{
    return level->rows > 0 ? level->absolute_sum / (double)level->rows : NAN;
}

double alm_diff_churn(const alm_diff_level *level)
{
    return level->old_sum > 0.0 ? level->absolute_sum / level->old_sum : NAN;
}

/* ---- causes ---- */

static bool same_data(const alm_diff_run *a, const alm_diff_run *b)
{
    return alm_str_equal(a->snapshot_id, b->snapshot_id) &&
           a->prediction_date == b->prediction_date;
}

static bool same_release(const alm_diff_run *a, const alm_diff_run *b)
{
    return alm_str_equal(a->release_hash, b->release_hash);
}

static alm_diff_cause cause_of_base(const alm_diff_run *a, const alm_diff_run *b)
{
    if (same_data(a, b)) {
        return same_release(a, b) ? ALM_DIFF_UNEXPLAINED : ALM_DIFF_RELEASE;
    }
    return same_release(a, b) ? ALM_DIFF_DATA : ALM_DIFF_DATA_AND_RELEASE;
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data, text.size), text.size};
}

static alm_diff_run copy_run(alm_arena *arena, const alm_diff_run *run)
{
    return (alm_diff_run){copy(arena, run->run_id), copy(arena, run->model_version),
                          copy(arena, run->release_hash), copy(arena, run->snapshot_id),
                          run->prediction_date};
}

alm_err alm_diff_create(const alm_diff_run *old_run, const alm_diff_run *new_run,
                        const alm_diff_run *between, size_t top, alm_diff **out, alm_error *error)
{
    alm_diff_cause base_cause = cause_of_base(old_run, new_run);
    bool is_data = false;
    if (between) {
        is_data = same_data(between, new_run) && same_release(between, old_run);
        bool is_release = same_data(between, old_run) && same_release(between, new_run);
        if (base_cause != ALM_DIFF_DATA_AND_RELEASE || (!is_data && !is_release)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "run " ALM_STR_FMT " does not separate data from release: it must have "
                            "the snapshot of one run and the release of the other, and those two "
                            "must differ in both", ALM_STR_ARG(between->run_id));
        }
    }
    alm_arena *arena = alm_arena_create(0);
    alm_diff *diff = ALM_NEW(arena, alm_diff);
    diff->arena = arena;
    diff->old_run = copy_run(arena, old_run);
    diff->new_run = copy_run(arena, new_run);
    diff->has_between = between != NULL;
    diff->between = between ? copy_run(arena, between) : (alm_diff_run){0};
    diff->between_is_data = is_data;
    diff->base_cause = base_cause;
    diff->top = top;
    diff->node = ALM_NEW_ARRAY(arena, alm_diff_node, top + 1);
    *out = diff;
    return ALM_OK;
}

void alm_diff_destroy(alm_diff *diff)
{
    if (diff) {
        alm_arena_destroy(diff->arena);
    }
}

/* ---- adding rows ---- */

static bool is_before(const alm_diff_node *a, const alm_diff_node *b)
{
    if (a->absolute_sum != b->absolute_sum) {
        return a->absolute_sum > b->absolute_sum;
    }
    int order = alm_str_compare(a->level, b->level);
    return (order ? order : alm_str_compare(a->node, b->node)) < 0;
}

/* Insertion into the short sorted list of the largest. */
static void close_node(alm_diff *diff)
{
    const alm_diff_node *node = &diff->current;
    if (!diff->has_current || node->absolute_sum == 0.0) {
        return;
    }
    size_t at = diff->nodes;
    while (at > 0 && is_before(node, &diff->node[at - 1])) {
        at--;
    }
    if (at >= diff->top) {
        return;
    }
    memmove(&diff->node[at + 1], &diff->node[at], (diff->nodes - at) * sizeof(diff->node[0]));
    diff->node[at] = *node;
    diff->nodes += diff->nodes < diff->top;
}

static alm_diff_level *open_level(alm_diff *diff, alm_str name)
{
    if (diff->levels > 0 && alm_str_equal(diff->level[diff->levels - 1].level, name)) {
        return &diff->level[diff->levels - 1];
    }
    if (diff->levels == diff->level_capacity) {
        size_t capacity = diff->levels ? 2 * diff->levels : 8;
        alm_diff_level *larger = ALM_NEW_ARRAY(diff->arena, alm_diff_level, capacity);
        if (diff->levels > 0) {
            memcpy(larger, diff->level, diff->levels * sizeof(*larger));
        }
        diff->level = larger;
        diff->level_capacity = capacity;
    }
    alm_diff_level *level = &diff->level[diff->levels++];
    *level = (alm_diff_level){.level = copy(diff->arena, name)};
    return level;
}

typedef struct joined_row {
    alm_str level, node;
    alm_date date;
    double old_mean, old_base, new_mean, new_base, between_base; /* NaN: not there */
} joined_row;

static alm_err enter_node(alm_diff *diff, const joined_row *row, alm_error *error)
{
    int order = -1;
    if (diff->has_current) {
        order = alm_str_compare(diff->current.level, row->level);
        order = order ? order : alm_str_compare(diff->current.node, row->node);
        if (order > 0 || (order == 0 && diff->last_date >= row->date)) {
            return alm_fail(error, ALM_ERR_INVALID,
                            "rows to compare are not sorted by level, node and target date (or "
                            "repeated) at node '" ALM_STR_FMT "'", ALM_STR_ARG(row->node));
        }
    }
    if (order < 0) {
        close_node(diff);
        alm_str level = open_level(diff, row->level)->level;
        diff->current = (alm_diff_node){.level = level, .node = copy(diff->arena, row->node)};
        diff->has_current = true;
    }
    diff->last_date = row->date;
    return ALM_OK;
}

/* The parts of one row's change; they sum to it but for rounding. */
static void split(const alm_diff *diff, const joined_row *row, double part[ALM_DIFF_CAUSES])
{
    memset(part, 0, ALM_DIFF_CAUSES * sizeof(part[0]));
    double base = row->new_base - row->old_base;
    part[ALM_DIFF_RECONCILIATION] =
        (row->new_mean - row->new_base) - (row->old_mean - row->old_base);
    if (diff->has_between && isfinite(row->between_base)) {
        double first = row->between_base - row->old_base;
        double second = row->new_base - row->between_base;
        part[ALM_DIFF_DATA] = diff->between_is_data ? first : second;
        part[ALM_DIFF_RELEASE] = diff->between_is_data ? second : first;
    } else {
        part[diff->base_cause] = base;
    }
}

static void add_compared(alm_diff *diff, const joined_row *row)
{
    alm_diff_level *level = &diff->level[diff->levels - 1];
    alm_diff_node *node = &diff->current;
    double part[ALM_DIFF_CAUSES];
    split(diff, row, part);
    double change = fabs(row->new_mean - row->old_mean);
    level->rows++;
    level->old_sum += row->old_mean;
    level->new_sum += row->new_mean;
    level->absolute_sum += change;
    node->rows++;
    node->old_sum += row->old_mean;
    node->new_sum += row->new_mean;
    node->absolute_sum += change;
    for (size_t c = 0; c < ALM_DIFF_CAUSES; c++) {
        level->net[c] += part[c];
        level->absolute[c] += fabs(part[c]);
        node->net[c] += part[c];
    }
}

/* ---- reading a joined table ---- */

static alm_err typed_column(const alm_table *table, const char *name, alm_type type,
                            const alm_column **out, alm_error *error)
{
    const alm_column *column = alm_table_column(table, name);
    if (!column || column->type != type) {
        return alm_fail(error, ALM_ERR_INVALID, "rows to compare need a column %s of type %s",
                        name, alm_type_name(type));
    }
    *out = column;
    return ALM_OK;
}

static double value_of(const alm_column *column, size_t row)
{
    return alm_column_is_valid(column, row) ? column->values.f64[row] : NAN;
}

alm_err alm_diff_add(alm_diff *diff, const alm_table *joined, alm_error *error)
{
    static const char *const names[] = {"old_mean", "old_base", "new_mean", "new_base",
                                        "between_base"};
    const alm_column *level = NULL, *node = NULL, *date = NULL;
    const alm_column *value[5] = {0};
    ALM_TRY(typed_column(joined, "level", ALM_TYPE_TEXT, &level, error));
    ALM_TRY(typed_column(joined, "node", ALM_TYPE_TEXT, &node, error));
    ALM_TRY(typed_column(joined, "target_date", ALM_TYPE_DATE, &date, error));
    for (size_t i = 0; i < (diff->has_between ? 5u : 4u); i++) {
        ALM_TRY(typed_column(joined, names[i], ALM_TYPE_F64, &value[i], error));
    }
    for (size_t r = 0; r < joined->rows; r++) {
        joined_row row = {
            .level = level->values.text[r], .node = node->values.text[r],
            .date = date->values.date[r],
            .old_mean = value_of(value[0], r), .old_base = value_of(value[1], r),
            .new_mean = value_of(value[2], r), .new_base = value_of(value[3], r),
            .between_base = diff->has_between ? value_of(value[4], r) : NAN};
        ALM_TRY(enter_node(diff, &row, error));
        bool has_old = isfinite(row.old_mean) && isfinite(row.old_base);
        bool has_new = isfinite(row.new_mean) && isfinite(row.new_base);
        alm_diff_level *of_level = &diff->level[diff->levels - 1];
        if (has_old && has_new) {
            add_compared(diff, &row);
        } else {
            of_level->old_only += has_old;
            of_level->new_only += has_new;
        }
    }
    return ALM_OK;
}

void alm_diff_finish(alm_diff *diff, alm_diff_result *out)
{
    close_node(diff);
    diff->has_current = false;
    *out = (alm_diff_result){.old_run = diff->old_run, .new_run = diff->new_run,
                             .has_between = diff->has_between, .between = diff->between,
                             .level = diff->level, .levels = diff->levels,
                             .node = diff->node, .nodes = diff->nodes};
}

/* ---- contributions of the top nodes ---- */

static void offer(alm_diff_node *node, const alm_diff_contribution *offered)
{
    double size = fabs(offered->new_value - offered->old_value);
    size_t at = node->contribution_count;
    while (at > 0 && size > fabs(node->contribution[at - 1].new_value -
                                 node->contribution[at - 1].old_value)) {
        at--;
    }
    if (at >= ALM_DIFF_CONTRIBUTIONS_MAX || size == 0.0) {
        return;
    }
    size_t kept = node->contribution_count - at;
    kept -= node->contribution_count == ALM_DIFF_CONTRIBUTIONS_MAX;
    memmove(&node->contribution[at + 1], &node->contribution[at],
            kept * sizeof(node->contribution[0]));
    node->contribution[at] = *offered;
    node->contribution_count += node->contribution_count < ALM_DIFF_CONTRIBUTIONS_MAX;
}

alm_err alm_diff_explain(alm_diff *diff, const alm_table *contributions, alm_error *error)
{
    const alm_column *level = NULL, *node = NULL, *feature = NULL, *old_value = NULL;
    const alm_column *new_value = NULL;
    ALM_TRY(typed_column(contributions, "level", ALM_TYPE_TEXT, &level, error));
    ALM_TRY(typed_column(contributions, "node", ALM_TYPE_TEXT, &node, error));
    ALM_TRY(typed_column(contributions, "feature", ALM_TYPE_TEXT, &feature, error));
    ALM_TRY(typed_column(contributions, "old_value", ALM_TYPE_F64, &old_value, error));
    ALM_TRY(typed_column(contributions, "new_value", ALM_TYPE_F64, &new_value, error));
    for (size_t r = 0; r < contributions->rows; r++) {
        alm_diff_contribution offered = {
            .feature = copy(diff->arena, feature->values.text[r]),
            .old_value = alm_column_is_valid(old_value, r) ? old_value->values.f64[r] : 0.0,
            .new_value = alm_column_is_valid(new_value, r) ? new_value->values.f64[r] : 0.0};
        for (size_t n = 0; n < diff->nodes; n++) {
            if (alm_str_equal(diff->node[n].node, node->values.text[r]) &&
                alm_str_equal(diff->node[n].level, level->values.text[r])) {
                offer(&diff->node[n], &offered);
            }
        }
    }
    return ALM_OK;
}
