#include "feature/feature_plan.h"

#include <string.h>

/* Bounds on parameters: 27 years of days, and sums that fit alm_fixed. */
#define PERIODS_MAX 10000
#define FEATURES_MAX 10000
#define REACH_MAX 100000
/* Corrections this far back are possible even with the smallest plan. */
#define RETRACT_PERIODS_MIN 32

_Static_assert(PERIODS_MAX < ALM_FIXED_TERM_COUNT_MAX, "a window's sum must fit alm_fixed");

static bool is_known(const alm_feature_plan *plan, const alm_feature_spec *spec, uint32_t column)
{
    const almi_kernel *kernel = almi_operator_of(spec->op)->kernel;
    return kernel->input == ALMI_INPUT_COLUMN && plan->column_roles[column] == ALM_ROLE_KNOWN;
}

/* ---- checks ---- */

static alm_err refuse(const alm_feature_spec *spec, const char *reason, alm_error *error)
{
    return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': %s", spec->name, reason);
}

static alm_err check_unused(const alm_feature_spec *spec, alm_error *error)
{
    const almi_operator *op = almi_operator_of(spec->op);
    const almi_kernel *kernel = op->kernel;
    const struct {
        bool given;
        bool taken;
        const char *what;
    } parameters[] = {
        {spec->window != 0, kernel->takes & ALMI_TAKES_WINDOW, "window"},
        {spec->season != 0, kernel->takes & ALMI_TAKES_SEASON, "season"},
        {spec->alpha != 0, kernel->takes & ALMI_TAKES_ALPHA, "alpha"},
        {spec->level != 0, kernel->takes & ALMI_TAKES_LEVEL, "level"},
        {spec->skip_closed, kernel->takes & ALMI_TAKES_CLOSED, "skip_closed"},
        {spec->scaled, kernel->takes & ALMI_TAKES_SCALE, "scaled"},
        {spec->column != NULL, kernel->input != ALMI_INPUT_NONE, "column"},
        {spec->offset != 0, kernel->input == ALMI_INPUT_COLUMN && !kernel->lookahead,
         "lag or age"},
    };
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        if (parameters[i].given && !parameters[i].taken) {
            return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': operator '%s' takes no %s",
                            spec->name, op->name, parameters[i].what);
        }
    }
    return ALM_OK;
}

static alm_err check_ranges(const alm_feature_spec *spec, alm_error *error)
{
    const almi_operator *op = almi_operator_of(spec->op);
    uint32_t takes = op->kernel->takes;
    if (spec->offset < 0 || spec->offset > PERIODS_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': lag or age %d is not in 0..%d",
                        spec->name, (int)spec->offset, PERIODS_MAX);
    }
    if ((takes & ALMI_TAKES_WINDOW) &&
        (spec->window < op->kernel->window_min || spec->window > PERIODS_MAX)) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': window %d is not in %d..%d",
                        spec->name, (int)spec->window, (int)op->kernel->window_min, PERIODS_MAX);
    }
    if ((takes & ALMI_TAKES_SEASON) && (spec->season < 1 || spec->season > PERIODS_MAX)) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': season %d is not in 1..%d",
                        spec->name, (int)spec->season, PERIODS_MAX);
    }
    if ((takes & ALMI_TAKES_SEASON) && almi_operator_reach(spec) > REACH_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': window x season reaches %zu periods "
                        "back, at most %d are kept", spec->name, almi_operator_reach(spec),
                        REACH_MAX);
    }
    if (spec->steps_max < 0 || spec->steps_max > PERIODS_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': steps_max %d is not in 0..%d",
                        spec->name, (int)spec->steps_max, PERIODS_MAX);
    }
    if ((takes & ALMI_TAKES_LEVEL) && !(spec->level > 0 && spec->level < 1)) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': level must be above 0 and below 1 "
                        "(0.5 is the median)", spec->name);
    }
    bool fraction = spec->op != ALM_FEATURE_target_encoding;
    if ((takes & ALMI_TAKES_ALPHA) &&
        !(spec->alpha > 0 && spec->alpha <= (fraction ? 1 : 1e9))) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': alpha must be above 0 and at most %s",
                        spec->name, fraction ? "1" : "1e9");
    }
    return ALM_OK;
}

static alm_err check_name(const alm_feature_plan *plan, size_t index, alm_error *error)
{
    const char *name = plan->specs[index].name;
    if (!name || !alm_str_is_safe_name(alm_str_of(name))) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature %zu: the name '%s' must be 1 to 100 of "
                        "A-Z a-z 0-9 _ . - and not start with a dot", index + 1,
                        name ? name : "");
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(plan->specs[i].name, name) == 0) {
            return alm_fail(error, ALM_ERR_CONFIG, "feature '%s' is declared twice (features %zu "
                            "and %zu)", name, i + 1, index + 1);
        }
    }
    return ALM_OK;
}

/* Periods from the origin back to the newest one whose cells the feature may read. Two columns are
 * read at the same periods, so the later one decides. The origin of a recursion has been forecast;
 * what has not is checked on its own. */
static int32_t delay_of(const alm_feature_plan *plan, const alm_feature_spec *spec, uint32_t column)
{
    int32_t delay = plan->column_delays[column];
    bool pair = almi_operator_of(spec->op)->kernel->pairs != ALMI_PAIRS_NONE;
    delay = pair && plan->delay > delay ? plan->delay : delay;
    return plan->recursive ? 0 : delay;
}

/* The one rule that keeps the future out: in block [a, b] a lag must be at least b + delay, or
 * steps_max + delay for a feature that is missing behind it. */
static alm_err check_leak(const alm_feature_plan *plan, const alm_feature_spec *spec,
                          uint32_t column, alm_error *error)
{
    int32_t delay = delay_of(plan, spec, column);
    for (size_t i = 0; spec->anchor == ALM_ANCHOR_LAG && i < plan->block_count; i++) {
        const alm_horizon_block *block = &plan->blocks[i];
        bool cut = spec->steps_max > 0 && spec->steps_max < block->last;
        int32_t legal = (cut ? spec->steps_max : block->last) + delay;
        if (spec->offset < legal && !(cut && spec->steps_max < block->first)) {
            return alm_fail(error, ALM_ERR_CONFIG,
                            "feature '%s' would see the future: lag %d of observed column '%s' in "
                            "horizon block %d..%d with publication delay %d; the smallest legal "
                            "lag is %d (or count back from the newest known value with age, or "
                            "leave later steps out with steps_max)",
                            spec->name, (int)spec->offset, spec->column, (int)block->first,
                            (int)block->last, (int)delay, (int)legal);
        }
    }
    return ALM_OK;
}

/* A recursion has its own forecasts behind the origin, of the target and of nothing else. It begins
 * behind the newest published target, so an earlier column has no more to give. */
static alm_err check_fed_back(const alm_feature_plan *plan, const alm_feature_spec *spec,
                              uint32_t column, alm_error *error)
{
    int32_t own = plan->column_delays[column];
    int32_t delay = own > plan->delay ? own : plan->delay;
    int32_t legal = plan->recursive + delay;
    bool from_target = spec->anchor == ALM_ANCHOR_LAG;
    if (spec->offset >= (from_target ? legal : legal - 1)) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_CONFIG,
                    "feature '%s' would see the future: a recursive forecast over %d steps with "
                    "publication delay %d has no values of the observed column '%s' behind its "
                    "origin; the smallest legal lag is %d, the smallest age %d", spec->name,
                    (int)plan->recursive, (int)delay, spec->column, (int)legal,
                    (int)legal - 1);
}

static alm_err check_roles(const alm_feature_plan *plan, const alm_feature_spec *spec,
                           uint32_t column, alm_error *error)
{
    const almi_kernel *kernel = almi_operator_of(spec->op)->kernel;
    if (is_known(plan, spec, column)) {
        if (spec->skip_closed) {
            return refuse(spec, "skip_closed needs an observed column", error);
        }
        if (kernel->pairs != ALMI_PAIRS_NONE) {
            return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': %s needs an observed column",
                            spec->name, almi_operator_of(spec->op)->name);
        }
        if (spec->op == ALM_FEATURE_days_since && spec->offset != 0) {
            return refuse(spec, "days_since of a known column is read at the target period and "
                          "takes no lag or age", error);
        }
        return ALM_OK;
    }
    if (kernel->known_only) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s' would see the future: '%s' needs a "
                        "column known in advance, and '%s' is observed", spec->name,
                        almi_operator_of(spec->op)->name, spec->column);
    }
    bool fed_back = plan->recursive == 0 || column == 0;
    return fed_back ? check_leak(plan, spec, column, error)
                    : check_fed_back(plan, spec, column, error);
}

static alm_err find_input(const alm_feature_plan *plan, const alm_feature_schema *schema,
                          const alm_feature_spec *spec, uint32_t *index, alm_error *error)
{
    almi_input input = almi_operator_of(spec->op)->kernel->input;
    *index = ALMI_INDEX_NONE;
    if (input == ALMI_INPUT_NONE) {
        return ALM_OK;
    }
    if (!spec->column) {
        return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': operator '%s' needs a column",
                        spec->name, almi_operator_of(spec->op)->name);
    }
    bool is_static = input == ALMI_INPUT_STATIC;
    size_t count = is_static ? plan->static_count : plan->column_count;
    for (size_t i = 0; i < count; i++) {
        const char *name = is_static ? schema->static_names[i] : schema->columns[i].name;
        if (strcmp(name, spec->column) == 0) {
            *index = (uint32_t)i;
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_CONFIG, "feature '%s': there is no %s '%s'", spec->name,
                    is_static ? "static attribute" : "column", spec->column);
}

/* ---- shared parts ---- */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static uint32_t share_stream(alm_feature_plan *plan, uint32_t column, almi_cells cells)
{
    for (size_t i = 0; i < plan->stream_count; i++) {
        if (plan->streams[i].column == column && plan->streams[i].cells == cells) {
            return (uint32_t)i;
        }
    }
    bool known = plan->column_roles[column] == ALM_ROLE_KNOWN;
    plan->streams[plan->stream_count] = (almi_stream){
        .column = column, .cells = cells,
        .part = known ? ALMI_PART_KNOWN : ALMI_PART_OBSERVED};
    return (uint32_t)plan->stream_count++;
}

static uint32_t share_ledger(alm_feature_plan *plan, uint32_t stream, size_t stride, uint32_t needs)
{
    size_t i = 0;
    while (i < plan->ledger_count &&
           (plan->ledgers[i].stream != stream || plan->ledgers[i].stride != stride)) {
        i++;
    }
    if (i == plan->ledger_count) {
        plan->ledgers[plan->ledger_count++] = (almi_ledger){.stream = stream, .stride = stride};
    }
    plan->ledgers[i].needs |= needs;
    return (uint32_t)i;
}

static bool same_track(const almi_track *a, const almi_track *b)
{
    return a->op == b->op && a->stream == b->stream && a->second == b->second &&
           a->window == b->window && a->season == b->season && a->reach == b->reach &&
           a->alpha == b->alpha && a->level == b->level;
}

static almi_cells cells_of(const alm_feature_spec *spec)
{
    if (!spec->skip_closed) {
        return ALMI_CELLS_ALL;
    }
    const almi_operator *op = almi_operator_of(spec->op);
    bool positional = !op->anchored && op->kernel->read != ALMI_READ_SEASON;
    return positional ? ALMI_CELLS_OPEN : ALMI_CELLS_HOLED;
}

static uint32_t share_second(alm_feature_plan *plan, const almi_track *track, uint32_t column)
{
    uint32_t second = share_stream(plan, column, ALMI_CELLS_ALL);
    almi_stream *stream = &plan->streams[second];
    stream->span = larger(stream->span, track->window + 1);
    stream->checkpointed = stream->checkpointed || track->op->anchored;
    return second;
}

static uint32_t share_track(alm_feature_plan *plan, const alm_feature_spec *spec, uint32_t column)
{
    const almi_kernel *kernel = almi_operator_of(spec->op)->kernel;
    almi_track track = {.op = almi_operator_of(spec->op), .stream = ALMI_INDEX_NONE,
                        .ledger = ALMI_INDEX_NONE, .second = ALMI_INDEX_NONE,
                        .window = (size_t)spec->window, .season = (size_t)spec->season,
                        .reach = almi_operator_reach(spec), .alpha = spec->alpha,
                        .level = spec->level};
    bool over_target = kernel->pairs == ALMI_PAIRS_OVER_TARGET;
    if (!kernel->calendar) {
        track.stream = share_stream(plan, over_target ? 0 : column, cells_of(spec));
        almi_stream *stream = &plan->streams[track.stream];
        track.part = stream->part;
        stream->span = larger(stream->span, track.reach + 1);
        stream->checkpointed = stream->checkpointed || track.op->anchored;
    }
    if (kernel->pairs != ALMI_PAIRS_NONE) {
        track.second = share_second(plan, &track, over_target ? column : 0);
    }
    for (size_t i = 0; i < plan->track_count; i++) {
        if (same_track(&plan->tracks[i], &track)) {
            return (uint32_t)i;
        }
    }
    if (kernel->needs) {
        size_t stride = track.season ? track.season : 1;
        track.ledger = share_ledger(plan, track.stream, stride, kernel->needs);
        almi_ledger *ledger = &plan->ledgers[track.ledger];
        ledger->span = larger(ledger->span, track.reach + stride + 1);
    }
    plan->tracks[plan->track_count] = track;
    return (uint32_t)plan->track_count++;
}

/* Periods behind the origin that the feature's end period can lie. */
static size_t periods_behind(const almi_source *source)
{
    int64_t behind = source->shift - (source->from_target ? 1 : 0);
    return (size_t)(behind > 0 ? behind : 0) + source->season;
}

static void count_periods(alm_feature_plan *plan, const almi_source *source,
                          const alm_feature_spec *spec)
{
    const almi_operator *op = almi_operator_of(spec->op);
    size_t behind = periods_behind(source);
    size_t reach = almi_operator_reach(spec);
    if (source->track != ALMI_INDEX_NONE) {
        almi_track *track = &plan->tracks[source->track];
        track->span = larger(track->span, behind + 1);
    } else {
        almi_stream *stream = &plan->streams[source->stream];
        stream->span = larger(stream->span, behind + 1);
    }
    if (op->kernel->calendar) {
        return;
    }
    plan->any_anchored = plan->any_anchored || op->anchored;
    plan->lookback = op->anchored ? plan->lookback : larger(plan->lookback, behind + reach);
    plan->retain = larger(plan->retain, behind + reach);
    if (plan->streams[source->stream].part == ALMI_PART_KNOWN) {
        int64_t ahead = source->from_target ? plan->step_max - source->shift : 0;
        size_t further = op->kernel->lookahead ? (size_t)spec->window : 0;
        plan->any_known = true;
        plan->ahead = larger(plan->ahead, (size_t)(ahead > 0 ? ahead : 0) + further);
    }
}

static void add_source(alm_feature_plan *plan, size_t index, uint32_t input)
{
    const alm_feature_spec *spec = &plan->specs[index];
    const almi_kernel *kernel = almi_operator_of(spec->op)->kernel;
    almi_source *source = &plan->sources[index];
    *source = (almi_source){.read = kernel->read, .track = ALMI_INDEX_NONE,
                            .stream = ALMI_INDEX_NONE, .input = input,
                            .season = (size_t)spec->season, .cap = spec->window,
                            .steps_max = (uint32_t)spec->steps_max, .scaled = spec->scaled};
    plan->any_scaled = plan->any_scaled || spec->scaled;
    if (kernel->read == ALMI_READ_STEP || kernel->read == ALMI_READ_STATIC) {
        return;
    }
    bool known = is_known(plan, spec, input);
    /* The value of a known column, and distances to its events, belong to the target period. */
    bool at_target = known && (spec->op == ALM_FEATURE_value || spec->op == ALM_FEATURE_days_to ||
                               spec->op == ALM_FEATURE_days_since);
    source->from_target = kernel->calendar || at_target || spec->anchor == ALM_ANCHOR_LAG;
    source->shift = spec->offset + (source->from_target || known ? 0 : delay_of(plan, spec, input));
    if (kernel->run) {
        source->track = share_track(plan, spec, input);
        source->stream = plan->tracks[source->track].stream;
    } else {
        source->stream = share_stream(plan, input, ALMI_CELLS_ALL);
    }
    count_periods(plan, source, spec);
}

/* ---- compile ---- */

static alm_err check_delay(int32_t delay, alm_error *error)
{
    return delay >= 0 && delay <= PERIODS_MAX
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CONFIG, "publication delay %d is not in 0..%d",
                          (int)delay, PERIODS_MAX);
}

static alm_err check_blocks(const alm_horizon_block *blocks, size_t count, alm_error *error)
{
    if (count == 0 || count > ALM_BLOCKS_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "a feature plan has 1 to %d horizon blocks, not "
                        "%zu", ALM_BLOCKS_MAX, count);
    }
    for (size_t i = 0; i < count; i++) {
        int32_t after = i ? blocks[i - 1].last : 0;
        if (blocks[i].first <= after || blocks[i].last < blocks[i].first ||
            blocks[i].last > PERIODS_MAX) {
            return alm_fail(error, ALM_ERR_CONFIG, "horizon block %zu (%d..%d) must begin after "
                            "step %d, end where it begins or later and at most at %d", i + 1,
                            (int)blocks[i].first, (int)blocks[i].last, (int)after, PERIODS_MAX);
        }
    }
    return ALM_OK;
}

static const char *copy_name(alm_arena *arena, const char *name)
{
    return name ? alm_arena_copy_text(arena, name, strlen(name)) : NULL;
}

static alm_feature_plan *plan_create(const alm_feature_spec *specs, size_t count,
                                     const alm_horizon_block *blocks, size_t block_count,
                                     const alm_feature_schema *schema)
{
    alm_arena *arena = alm_arena_create(0);
    alm_feature_plan *plan = ALM_NEW(arena, alm_feature_plan);
    *plan = (alm_feature_plan){.arena = arena, .count = count, .block_count = block_count,
                               .step_max = blocks[block_count - 1].last, .delay = schema->delay,
                               .sold_out = schema->sold_out,
                               .column_count = schema->column_count,
                               .static_count = schema->static_count};
    plan->specs = ALM_NEW_ARRAY(arena, alm_feature_spec, count);
    plan->sources = ALM_NEW_ARRAY(arena, almi_source, count);
    plan->blocks = ALM_NEW_ARRAY(arena, alm_horizon_block, block_count);
    plan->column_names = ALM_NEW_ARRAY(arena, const char *, schema->column_count);
    plan->column_roles = ALM_NEW_ARRAY(arena, alm_column_role, schema->column_count);
    plan->column_delays = ALM_NEW_ARRAY(arena, int32_t, schema->column_count);
    plan->static_names = ALM_NEW_ARRAY(arena, const char *, schema->static_count);
    /* A feature adds at most a stream per column of its own. */
    plan->streams = ALM_NEW_ARRAY(arena, almi_stream, 2 * count);
    plan->ledgers = ALM_NEW_ARRAY(arena, almi_ledger, count);
    plan->tracks = ALM_NEW_ARRAY(arena, almi_track, count);
    memcpy(plan->blocks, blocks, block_count * sizeof *blocks);
    for (size_t i = 0; i < schema->column_count; i++) {
        bool known = schema->columns[i].role == ALM_ROLE_KNOWN;
        plan->column_roles[i] = schema->columns[i].role;
        plan->column_delays[i] = known                  ? 0
                                 : schema->column_delays ? schema->column_delays[i]
                                                         : schema->delay;
    }
    for (size_t i = 0; i < count; i++) {
        plan->specs[i] = specs[i];
        plan->specs[i].name = copy_name(arena, specs[i].name);
        plan->specs[i].column = copy_name(arena, specs[i].column);
    }
    return plan;
}

static alm_err add_feature(alm_feature_plan *plan, size_t index, const alm_feature_schema *schema,
                           alm_error *error)
{
    const alm_feature_spec *spec = &plan->specs[index];
    uint32_t input = ALMI_INDEX_NONE;
    ALM_TRY(check_name(plan, index, error));
    ALM_TRY(check_unused(spec, error));
    ALM_TRY(check_ranges(spec, error));
    ALM_TRY(find_input(plan, schema, spec, &input, error));
    almi_input kind = almi_operator_of(spec->op)->kernel->input;
    if (kind == ALMI_INPUT_COLUMN) {
        ALM_TRY(check_roles(plan, spec, input, error));
        plan->column_names[input] = spec->column;
    } else if (kind == ALMI_INPUT_STATIC) {
        plan->static_names[input] = spec->column;
    }
    if (almi_operator_of(spec->op)->kernel->pairs != ALMI_PAIRS_NONE) {
        plan->column_names[0] = copy_name(plan->arena, schema->columns[0].name);
    }
    add_source(plan, index, input);
    return ALM_OK;
}

static alm_err check_count(size_t count, alm_error *error)
{
    if (count == 0 || count > FEATURES_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "a feature plan has 1 to %d features, not %zu",
                        FEATURES_MAX, count);
    }
    return ALM_OK;
}

static alm_err check_delays(const alm_feature_schema *schema, alm_error *error)
{
    ALM_TRY(check_delay(schema->delay, error));
    for (size_t i = 0; schema->column_delays && i < schema->column_count; i++) {
        ALM_TRY(check_delay(schema->column_delays[i], error));
    }
    alm_assert(!schema->column_delays || schema->column_delays[0] == schema->delay);
    return ALM_OK;
}

/* Takes the plan over. */
static alm_err complete(alm_feature_plan *plan, const alm_feature_schema *schema,
                        alm_feature_plan **out, alm_error *error)
{
    for (size_t i = 0; i < plan->count; i++) {
        alm_err code = add_feature(plan, i, schema, error);
        if (code != ALM_OK) {
            alm_feature_plan_destroy(plan);
            return code;
        }
    }
    plan->retain += RETRACT_PERIODS_MIN;
    almi_plan_lay_out(plan);
    almi_plan_hash(plan);
    *out = plan;
    return ALM_OK;
}

alm_err alm_feature_plan_compile(const alm_feature_spec *specs, size_t count,
                                 const alm_horizon_block *blocks, size_t block_count,
                                 const alm_feature_schema *schema, alm_feature_plan **out,
                                 alm_error *error)
{
    ALM_TRY(check_count(count, error));
    ALM_TRY(check_blocks(blocks, block_count, error));
    ALM_TRY(check_delays(schema, error));
    return complete(plan_create(specs, count, blocks, block_count, schema), schema, out, error);
}

alm_err alm_feature_plan_compile_recursive(const alm_feature_spec *specs, size_t count,
                                           int32_t horizon, const alm_feature_schema *schema,
                                           alm_feature_plan **out, alm_error *error)
{
    static const alm_horizon_block NEXT = {1, 1};
    ALM_TRY(check_count(count, error));
    ALM_TRY(check_delays(schema, error));
    if (horizon < 1 || horizon > PERIODS_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "a recursive horizon of %d is not in 1..%d",
                        (int)horizon, PERIODS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (specs[i].steps_max != 0) {
            return refuse(&specs[i], "a recursive plan knows one step, steps_max has no meaning",
                          error);
        }
    }
    alm_feature_plan *plan = plan_create(specs, count, &NEXT, 1, schema);
    plan->recursive = horizon;
    return complete(plan, schema, out, error);
}

void alm_feature_plan_destroy(alm_feature_plan *plan)
{
    if (plan) {
        alm_arena_destroy(plan->arena);
    }
}

alm_sold_out_rule alm_feature_plan_sold_out(const alm_feature_plan *plan)
{
    return plan->sold_out;
}

size_t alm_feature_plan_width(const alm_feature_plan *plan)
{
    return plan->count;
}

const char *alm_feature_plan_name(const alm_feature_plan *plan, size_t feature)
{
    alm_assert(feature < plan->count);
    return plan->specs[feature].name;
}

const alm_digest *alm_feature_plan_version(const alm_feature_plan *plan)
{
    return &plan->version;
}

size_t alm_feature_plan_block_count(const alm_feature_plan *plan)
{
    return plan->block_count;
}

alm_horizon_block alm_feature_plan_block(const alm_feature_plan *plan, size_t block)
{
    alm_assert(block < plan->block_count);
    return plan->blocks[block];
}

int32_t alm_feature_plan_recursive(const alm_feature_plan *plan)
{
    return plan->recursive;
}

bool alm_feature_plan_is_anchored(const alm_feature_plan *plan)
{
    return plan->any_anchored || plan->sold_out != ALM_SOLD_OUT_MASKED;
}

size_t alm_feature_plan_lookback(const alm_feature_plan *plan)
{
    return plan->lookback;
}

bool alm_feature_plan_reads(const alm_feature_plan *plan, size_t column)
{
    return column < plan->column_count && plan->column_names[column] != NULL;
}

size_t alm_feature_plan_ahead(const alm_feature_plan *plan)
{
    return plan->ahead;
}

bool almi_plan_has_step(const alm_feature_plan *plan, uint32_t step)
{
    for (size_t i = 0; i < plan->block_count; i++) {
        if (step >= (uint32_t)plan->blocks[i].first && step <= (uint32_t)plan->blocks[i].last) {
            return true;
        }
    }
    return false;
}
