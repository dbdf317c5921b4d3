/* Online: the replay of one series, one period at a time.
 *
 * A state keeps, besides the rings, the raw cells of the last `retain` periods and the states of
 * the ANCHORED operators just before them. These alone are the checkpoint: the rings are made again
 * by replaying the kept periods, after a load as well as after a correction. The filter of sold-out
 * periods (sold_out.h) is kept as such a state is, and the rings hold what it made of the cells. */
#include "feature/feature_replay.h"
#include "feature/sold_out.h"

#include <string.h>

struct alm_feature_state {
    const alm_feature_plan *plan;
    almi_replay replay;
    size_t bytes;       /* of the whole block, this struct first */
    size_t first_kept;  /* the kept periods are first_kept..next-1 */
    size_t next;        /* periods seen; the origin is next - 1 */
    size_t calendar_to; /* calendar tracks have been run up to here */
    size_t trailing_bytes;
    double *statics;
    double *values;     /* kept periods x columns, slot = period % retain; unused columns: NaN */
    uint8_t *states;
    alm_censored_demand sold_out, trailing_sold_out; /* after `next`, before first_kept */
    char *trailing;     /* states of ANCHORED tracks before period first_kept, in track order */
    const double **columns; /* working space: where a period's values lie */
};

#define FILTER_WORDS 7 /* of alm_censored_demand */
#define ALIGNED(bytes) (((bytes) + 63) / 64 * 64)

static size_t trailing_size(const alm_feature_plan *plan)
{
    size_t bytes = 0;
    for (size_t i = 0; i < plan->track_count; i++) {
        bytes += plan->tracks[i].op->anchored ? plan->tracks[i].op->kernel->state_bytes : 0;
    }
    return bytes;
}

/* Sets the pointers into the block; it is one, so that a clone is a copy. */
static void place_parts(alm_feature_state *state)
{
    const alm_feature_plan *plan = state->plan;
    char *at = (char *)state + ALIGNED(sizeof *state);
    for (size_t part = 0; part < ALMI_PART_COUNT; part++) {
        state->replay.part[part] = at;
        at += plan->online.part_bytes[part];
    }
    state->statics = (double *)at;
    at += ALIGNED(plan->static_count * sizeof(double));
    state->values = (double *)at;
    at += ALIGNED(plan->retain * plan->column_count * sizeof(double));
    state->trailing = at;
    at += ALIGNED(state->trailing_bytes);
    state->columns = (const double **)(void *)at;
    at += ALIGNED(plan->column_count * sizeof(double *));
    state->states = (uint8_t *)at;
    at += ALIGNED(plan->retain);
    state->bytes = (size_t)(at - (char *)state);
    state->replay.statics = state->statics;
}

size_t alm_feature_plan_state_bytes(const alm_feature_plan *plan)
{
    alm_feature_state measure = {.plan = plan, .trailing_bytes = trailing_size(plan)};
    place_parts(&measure);
    return measure.bytes;
}

alm_err alm_feature_state_create(const alm_feature_plan *plan, alm_date first_day,
                                 const double *statics, alm_feature_state **out, alm_error *error)
{
    void *memory;
    ALM_TRY(alm_heap_try(alm_feature_plan_state_bytes(plan), &memory, error));
    alm_feature_state *state = memory;
    *state = (alm_feature_state){.plan = plan, .trailing_bytes = trailing_size(plan),
                                 .replay = {.plan = plan, .layout = &plan->online,
                                            .first_day = first_day}};
    place_parts(state);
    if (statics && plan->static_count) {
        memcpy(state->statics, statics, plan->static_count * sizeof *statics);
    }
    almi_replay_reset(&state->replay);
    *out = state;
    return ALM_OK;
}

void alm_feature_state_destroy(alm_feature_state *state)
{
    alm_heap_free(state);
}

alm_err alm_feature_state_clone(const alm_feature_state *state, alm_feature_state **out,
                                alm_error *error)
{
    void *memory;
    ALM_TRY(alm_heap_try(state->bytes, &memory, error));
    memcpy(memory, state, state->bytes);
    alm_feature_state *clone = memory;
    place_parts(clone);
    *out = clone;
    return ALM_OK;
}

/* ---- update ---- */

static void run_observed(alm_feature_state *state, size_t period)
{
    const alm_feature_plan *plan = state->plan;
    size_t calendar_to = period + 1 + (size_t)plan->step_max;
    for (size_t i = 0; i < plan->track_count; i++) {
        const almi_kernel *kernel = plan->tracks[i].op->kernel;
        if (kernel->calendar) {
            almi_run_track(&state->replay, i, state->calendar_to, calendar_to);
        } else if (!kernel->lookahead) {
            almi_run_track(&state->replay, i, period, period + 1);
        }
    }
    state->calendar_to = calendar_to;
}

/* What the target's cell of a kept period counts as; `filter` moves over it. */
static void count_as(const alm_feature_state *state, size_t period, alm_censored_demand *filter,
                     double *target, uint8_t *seen)
{
    const alm_feature_plan *plan = state->plan;
    size_t slot = period % plan->retain;
    *target = plan->column_count > 0 ? state->values[slot * plan->column_count] : ALMI_NAN;
    *seen = state->states[slot];
    alm_sold_out_pass(plan->sold_out, filter, target, seen);
}

/* Pushes and runs one kept period. */
static void see_period(alm_feature_state *state, size_t period)
{
    size_t slot = period % state->plan->retain;
    size_t count = state->plan->column_count;
    for (size_t c = 0; c < count; c++) {
        state->columns[c] = state->values + slot * count + c;
    }
    double target;
    uint8_t seen;
    count_as(state, period, &state->sold_out, &target, &seen);
    if (count > 0) {
        state->columns[0] = &target;
    }
    almi_feed feed = {state->columns, &seen, period, period + 1};
    almi_push(&state->replay, ALMI_PART_OBSERVED, &feed, period, period + 1);
    almi_push(&state->replay, ALMI_PART_KNOWN, &feed, period, period + 1);
    run_observed(state, period);
}

static void keep_period(alm_feature_state *state, size_t period, const double *values,
                        alm_period_state period_state)
{
    const alm_feature_plan *plan = state->plan;
    size_t slot = period % plan->retain;
    for (size_t c = 0; c < plan->column_count; c++) {
        state->values[slot * plan->column_count + c] =
            plan->column_names[c] ? almi_finite(values[c]) + 0.0 : ALMI_NAN;
    }
    state->states[slot] = (uint8_t)period_state;
}

/* Moves the trailing checkpoint over the oldest kept period, whose slot is needed. */
static void leave_oldest(alm_feature_state *state)
{
    char *trailing = state->trailing;
    double target;
    uint8_t seen;
    count_as(state, state->first_kept, &state->trailing_sold_out, &target, &seen);
    for (size_t i = 0; i < state->plan->track_count; i++) {
        const almi_operator *op = state->plan->tracks[i].op;
        if (op->anchored) {
            almi_run_aside(&state->replay, i, trailing, state->first_kept);
            trailing += op->kernel->state_bytes;
        }
    }
    state->first_kept++;
}

alm_err alm_feature_update(alm_feature_state *state, const double *values,
                           alm_period_state period_state, alm_error *error)
{
    if (state->next >= UINT32_MAX - 1) {
        return alm_fail(error, ALM_ERR_LIMIT, "a series has at most %u periods", UINT32_MAX - 1);
    }
    if (state->next - state->first_kept == state->plan->retain) {
        leave_oldest(state);
    }
    keep_period(state, state->next, values, period_state);
    see_period(state, state->next);
    state->next++;
    return ALM_OK;
}

/* ---- retract ---- */

/* Makes the rings again from the trailing checkpoint and the kept periods. */
static void rebuild(alm_feature_state *state)
{
    const alm_feature_plan *plan = state->plan;
    const char *trailing = state->trailing;
    state->sold_out = state->trailing_sold_out;
    almi_replay_reset(&state->replay);
    for (size_t i = 0; i < plan->track_count; i++) {
        const almi_operator *op = plan->tracks[i].op;
        if (op->anchored) {
            memcpy(almi_track_state(&state->replay, i), trailing, op->kernel->state_bytes);
            trailing += op->kernel->state_bytes;
        }
    }
    state->calendar_to = state->first_kept;
    for (size_t period = state->first_kept; period < state->next; period++) {
        see_period(state, period);
    }
}

size_t alm_feature_state_kept(const alm_feature_state *state)
{
    return state->next - state->first_kept;
}

static alm_err check_kept(const alm_feature_state *state, uint32_t periods_back, alm_error *error)
{
    size_t kept = alm_feature_state_kept(state);
    return periods_back < kept
               ? ALM_OK
               : alm_fail(error, ALM_ERR_LIMIT, "a correction %u periods back lies before the %zu "
                          "periods that the state keeps: replay the series from its history",
                          periods_back, kept);
}

alm_err alm_feature_retract_all(alm_feature_state *state, const alm_feature_cells *cells,
                                size_t count, alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(check_kept(state, cells[i].periods_back, error));
    }
    for (size_t i = 0; i < count; i++) {
        keep_period(state, state->next - 1 - cells[i].periods_back, cells[i].values,
                    cells[i].state);
    }
    if (count > 0) {
        rebuild(state);
    }
    return ALM_OK;
}

alm_err alm_feature_retract(alm_feature_state *state, uint32_t periods_back, const double *values,
                            alm_period_state period_state, alm_error *error)
{
    alm_feature_cells cell = {periods_back, values, period_state};
    return alm_feature_retract_all(state, &cell, 1, error);
}

static double *kept_value(const alm_feature_state *state, uint32_t periods_back, uint32_t column)
{
    const alm_feature_plan *plan = state->plan;
    size_t slot = (state->next - 1 - periods_back) % plan->retain;
    return &state->values[slot * plan->column_count + column];
}

alm_err alm_feature_amend(alm_feature_state *state, const alm_feature_amendment *amendment,
                          size_t count, alm_error *error)
{
    const alm_feature_plan *plan = state->plan;
    for (size_t i = 0; i < count; i++) {
        alm_assert(amendment[i].column < plan->column_count);
        ALM_TRY(check_kept(state, amendment[i].periods_back, error));
    }
    for (size_t i = 0; i < count; i++) {
        const alm_feature_amendment *a = &amendment[i];
        if (plan->column_names[a->column]) {
            *kept_value(state, a->periods_back, a->column) = almi_finite(a->value) + 0.0;
        }
        if (a->column == 0) {
            state->states[(state->next - 1 - a->periods_back) % plan->retain] = (uint8_t)a->state;
        }
    }
    if (count > 0) {
        rebuild(state);
    }
    return ALM_OK;
}

double alm_feature_state_value(const alm_feature_state *state, uint32_t periods_back,
                               uint32_t column)
{
    alm_assert(periods_back < alm_feature_state_kept(state));
    return *kept_value(state, periods_back, column);
}

/* ---- emit ---- */

/* Carries the known columns on past the origin, on a copy of their part. */
static alm_err carry_on(const alm_feature_state *state, almi_replay *ahead, uint32_t step,
                        const double *known, size_t known_stride, alm_error *error)
{
    const alm_feature_plan *plan = state->plan;
    void *memory;
    size_t bytes = plan->online.part_bytes[ALMI_PART_KNOWN];
    ALM_TRY(alm_heap_try(bytes + plan->column_count * sizeof(double *), &memory, error));
    const double **columns = (const double **)(void *)((char *)memory + bytes);
    memcpy(memory, state->replay.part[ALMI_PART_KNOWN], bytes);
    ahead->part[ALMI_PART_KNOWN] = memory;
    for (size_t c = 0; c < plan->column_count; c++) {
        columns[c] = known ? known + c * known_stride : NULL;
    }
    size_t first = state->next;
    almi_feed feed = {columns, NULL, first, first + (known ? known_stride : 0)};
    almi_push(ahead, ALMI_PART_KNOWN, &feed, first, first + plan->ahead);
    size_t run = almi_known_run(plan);
    size_t target = first - 1 + step;
    size_t to = run < step ? first + run : target + 1;
    for (size_t i = 0; i < plan->track_count; i++) {
        if (plan->tracks[i].part == ALMI_PART_KNOWN) {
            almi_run_track(ahead, i, plan->tracks[i].op->kernel->lookahead ? target : first, to);
        }
    }
    return ALM_OK;
}

alm_err alm_feature_emit(const alm_feature_state *state, uint32_t step, double scale,
                         const double *known, size_t known_stride, double *out, alm_error *error)
{
    const alm_feature_plan *plan = state->plan;
    if (state->next == 0) {
        return alm_fail(error, ALM_ERR_INCOMPLETE, "no period has been seen yet");
    }
    if (!almi_plan_has_step(plan, step)) {
        return alm_fail(error, ALM_ERR_INVALID, "step %u lies in no horizon block of the plan",
                        step);
    }
    if (!(scale > 0)) {
        return alm_fail(error, ALM_ERR_INVALID, "the scale must be above 0");
    }
    almi_replay replay = state->replay;
    if (plan->ahead > 0) {
        ALM_TRY(carry_on(state, &replay, step, known, known_stride, error));
    }
    alm_feature_row row = {(uint32_t)(state->next - 1), step, scale};
    almi_emit(&replay, &row, 1, out, plan->count);
    if (plan->ahead > 0) {
        alm_heap_free(replay.part[ALMI_PART_KNOWN]);
    }
    return ALM_OK;
}

/* ---- checkpoint: little-endian words; the SHA-256 of all before it at the end ---- */

static const char MAGIC[8] = {'A', 'L', 'M', 'S', 'T', 'A', 'T', '1'};

/* One NaN, no negative zero: equal states are equal bytes. */
static void put_double(alm_buffer *out, double value)
{
    uint64_t bits;
    value = value == value ? value + 0.0 : ALMI_NAN;
    memcpy(&bits, &value, sizeof bits);
    alm_buffer_u64(out, bits);
}

static void put_doubles(alm_buffer *out, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_double(out, values[i]);
    }
}

/* Numbers of a filter. Plans by which sold-out periods are not known have none. */
static size_t filter_words(const alm_feature_plan *plan)
{
    return plan->sold_out == ALM_SOLD_OUT_MASKED ? 0 : FILTER_WORDS;
}

static void put_filter(const alm_feature_plan *plan, const alm_censored_demand *f, alm_buffer *out)
{
    const double words[FILTER_WORDS] = {f->weights, f->demand, f->squares, f->means,
                                        f->mean_squares, f->sold, f->fractions};
    put_doubles(out, words, filter_words(plan));
}

alm_err alm_feature_state_save(const alm_feature_state *state, alm_buffer *out, alm_error *error)
{
    const alm_feature_plan *plan = state->plan;
    size_t start = out->size;
    alm_buffer_append(out, MAGIC, sizeof MAGIC);
    alm_buffer_append(out, plan->version.bytes, sizeof plan->version.bytes);
    alm_buffer_u64(out, (uint64_t)(int64_t)state->replay.first_day);
    alm_buffer_u64(out, plan->static_count);
    alm_buffer_u64(out, plan->column_count);
    alm_buffer_u64(out, state->first_kept);
    alm_buffer_u64(out, state->next);
    put_doubles(out, state->statics, plan->static_count);
    put_filter(plan, &state->trailing_sold_out, out);
    put_doubles(out, (const double *)state->trailing, state->trailing_bytes / sizeof(double));
    for (size_t period = state->first_kept; period < state->next; period++) {
        size_t slot = period % plan->retain;
        alm_buffer_u64(out, state->states[slot]);
        put_doubles(out, state->values + slot * plan->column_count, plan->column_count);
    }
    ALM_TRY(alm_buffer_status(out, error));
    alm_digest digest = alm_hash_bytes(out->data + start, out->size - start);
    alm_buffer_append(out, digest.bytes, sizeof digest.bytes);
    return alm_buffer_status(out, error);
}

static uint64_t take_u64(alm_str *rest)
{
    uint64_t value = alm_u64_at(rest->data);
    *rest = (alm_str){rest->data + 8, rest->size - 8};
    return value;
}

static void take_doubles(alm_str *rest, double *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = take_u64(rest);
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static void take_filter(const alm_feature_plan *plan, alm_str *rest, alm_censored_demand *f)
{
    double words[FILTER_WORDS] = {0};
    take_doubles(rest, words, filter_words(plan));
    *f = (alm_censored_demand){.weights = words[0], .demand = words[1], .squares = words[2],
                               .means = words[3], .mean_squares = words[4], .sold = words[5],
                               .fractions = words[6]};
}

#define HEADER_BYTES (sizeof MAGIC + ALM_DIGEST_BYTES + 5 * sizeof(uint64_t))

static alm_err check_frame(const alm_feature_plan *plan, alm_str bytes, alm_error *error)
{
    if (bytes.size < HEADER_BYTES + ALM_DIGEST_BYTES ||
        memcmp(bytes.data, MAGIC, sizeof MAGIC) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "these %zu bytes are no feature state",
                        bytes.size);
    }
    size_t body = bytes.size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes.data, body);
    if (memcmp(digest.bytes, bytes.data + body, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the feature state's hash does not match its "
                        "%zu bytes: replay the series from its history", bytes.size);
    }
    if (memcmp(bytes.data + sizeof MAGIC, plan->version.bytes, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CONFLICT, "the feature state belongs to another feature "
                        "version: replay the series from its history");
    }
    return ALM_OK;
}

static alm_err check_sizes(const alm_feature_plan *plan, const uint64_t head[5], size_t left,
                           alm_error *error)
{
    uint64_t kept = head[4] - head[3];
    bool plausible = head[1] == plan->static_count && head[2] == plan->column_count &&
                     head[4] < UINT32_MAX && head[3] <= head[4] && kept <= plan->retain &&
                     (head[3] == 0 || kept == plan->retain);
    size_t words = plan->static_count + filter_words(plan) + trailing_size(plan) / sizeof(double) +
                   (plausible ? (size_t)kept : 0) * (1 + plan->column_count);
    if (!plausible || left != words * sizeof(uint64_t)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the feature state's sizes contradict each other "
                        "or its plan");
    }
    return ALM_OK;
}

alm_err alm_feature_state_load(const alm_feature_plan *plan, alm_str bytes, alm_feature_state **out,
                               alm_error *error)
{
    uint64_t head[5];
    alm_feature_state *state;
    ALM_TRY(check_frame(plan, bytes, error));
    size_t skipped = sizeof MAGIC + ALM_DIGEST_BYTES;
    alm_str rest = {bytes.data + skipped, bytes.size - skipped - ALM_DIGEST_BYTES};
    for (size_t i = 0; i < 5; i++) {
        head[i] = take_u64(&rest);
    }
    ALM_TRY(check_sizes(plan, head, rest.size, error));
    ALM_TRY(alm_feature_state_create(plan, (alm_date)(int64_t)head[0], NULL, &state, error));
    take_doubles(&rest, state->statics, plan->static_count);
    take_filter(plan, &rest, &state->trailing_sold_out);
    take_doubles(&rest, (double *)(void *)state->trailing,
                 state->trailing_bytes / sizeof(double));
    state->first_kept = head[3];
    state->next = head[4];
    for (size_t period = state->first_kept; period < state->next; period++) {
        size_t slot = period % plan->retain;
        state->states[slot] = (uint8_t)take_u64(&rest);
        take_doubles(&rest, state->values + slot * plan->column_count, plan->column_count);
    }
    rebuild(state);
    *out = state;
    return ALM_OK;
}
