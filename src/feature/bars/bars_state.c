/* Streaming: one block of doubles per symbol, advanced a bar at a time. A clone is a copy of it, a
 * checkpoint its bytes. */
#include "feature/bars/bars_graph.h"

#include <string.h>

#define MICROSECONDS_PER_MINUTE INT64_C(60000000)
#define MICROSECONDS_PER_DAY (1440 * MICROSECONDS_PER_MINUTE)
/* 0001-01-02 and 9999-12-31: a session may open the day before. */
#define DAY_FIRST (-719161)
#define DAY_LAST 2932896

static const char MAGIC[8] = "almbars1";

struct alm_bars_state {
    const alm_bars_plan *plan;
    const almi_bars_layout *layout;
    uint64_t seen;    /* bars */
    alm_instant last; /* time of the newest */
    double words[];   /* layout->words of them */
};

static size_t bytes_of(const almi_bars_layout *layout)
{
    return sizeof(alm_bars_state) + layout->words * sizeof(double);
}

static alm_err allocate(const alm_bars_plan *plan, const almi_bars_layout *layout,
                        alm_bars_state **out, alm_error *error)
{
    void *memory;
    ALM_TRY(alm_heap_try(bytes_of(layout), &memory, error));
    *out = memory;
    (*out)->plan = plan;
    (*out)->layout = layout;
    return ALM_OK;
}

/* No bar yet: all cells are missing. */
static void restart(alm_bars_state *state)
{
    state->seen = 0;
    memset(state->words, 0, state->layout->words * sizeof *state->words);
    for (size_t i = 0; i < state->plan->graph.count; i++) {
        const almi_bars_place *place = &state->layout->places[i];
        for (size_t at = place->cells; at < place->words; at++) {
            state->words[at] = ALMI_NAN;
        }
    }
}

static alm_err create(const alm_bars_plan *plan, const almi_bars_layout *layout,
                      alm_bars_state **out, alm_error *error)
{
    ALM_TRY(allocate(plan, layout, out, error));
    restart(*out);
    return ALM_OK;
}

alm_err alm_bars_state_create(const alm_bars_plan *plan, alm_bars_state **out, alm_error *error)
{
    return create(plan, &plan->online, out, error);
}

void alm_bars_state_destroy(alm_bars_state *state)
{
    alm_heap_free(state);
}

alm_err alm_bars_state_clone(const alm_bars_state *state, alm_bars_state **out, alm_error *error)
{
    alm_bars_state *copy;
    ALM_TRY(allocate(state->plan, state->layout, &copy, error));
    memcpy(copy, state, bytes_of(state->layout));
    *out = copy;
    return ALM_OK;
}

/* ---- a stretch of bars ---- */


static int64_t floor_quotient(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

/* The cell of a bar in the second writing: those before it lie before it, and the rest of a
 * stretch that begins with it behind it. */
static double *cells_at(alm_bars_state *state, size_t node, uint64_t bar)
{
    const almi_bars_place *place = &state->layout->places[node];
    return state->words + place->cells + place->capacity + (bar & (place->capacity - 1));
}

/* Writes a stretch that lies in the second half of the ring into the first half too. */
static void write_twice(const alm_bars_state *state, size_t node, double *cells, size_t count)
{
    size_t capacity = state->layout->places[node].capacity;
    memcpy(cells - capacity, cells, count * sizeof *cells);
}

/* Cells that the bar itself says. */
static void read_bar(const alm_bars_plan *plan, const alm_bar *bar,
                     double *const cells[ALMI_BARS_SOURCE_COUNT], size_t j)
{
    bool ranged = !(bar->high < bar->low);
    int64_t opens = plan->session_open_minutes * MICROSECONDS_PER_MINUTE;
    int64_t session = floor_quotient(bar->time - opens, MICROSECONDS_PER_DAY);
    int64_t within = bar->time - opens - session * MICROSECONDS_PER_DAY;
    cells[ALMI_BARS_OPEN][j] = almi_finite(bar->open);
    cells[ALMI_BARS_HIGH][j] = ranged ? almi_finite(bar->high) : ALMI_NAN;
    cells[ALMI_BARS_LOW][j] = ranged ? almi_finite(bar->low) : ALMI_NAN;
    cells[ALMI_BARS_CLOSE][j] = almi_finite(bar->close);
    cells[ALMI_BARS_VOLUME][j] = bar->volume >= 0 ? almi_finite(bar->volume) : ALMI_NAN;
    cells[ALMI_BARS_SESSION][j] = (double)session;
    cells[ALMI_BARS_MINUTES][j] = (double)(within / MICROSECONDS_PER_MINUTE);
}

static void run_sources(alm_bars_state *state, const alm_bar *bars, size_t count)
{
    double *cells[ALMI_BARS_SOURCE_COUNT];
    for (size_t i = 0; i < ALMI_BARS_SOURCE_COUNT; i++) {
        cells[i] = cells_at(state, i, state->seen);
    }
    for (size_t j = 0; j < count; j++) {
        read_bar(state->plan, &bars[j], cells, j);
    }
    for (size_t i = 0; i < ALMI_BARS_SOURCE_COUNT; i++) {
        write_twice(state, i, cells[i], count);
    }
}

static void run_node(alm_bars_state *state, size_t index, size_t count)
{
    const almi_bars_node *node = &state->plan->graph.nodes[index];
    double *out = cells_at(state, index, state->seen);
    almi_bars_run run = {.n = node->n, .k = node->k,
                         .state = state->words + state->layout->places[index].words};
    for (size_t i = 0; i < ALMI_BARS_INPUTS_MAX; i++) {
        /* Inputs that the kernel has not are node 0. */
        run.in[i] = cells_at(state, node->input[i], state->seen);
    }
    node->kernel->run(&run, out, count);
    for (size_t j = 0; j < count; j++) {
        out[j] = almi_finite(out[j]);
    }
    write_twice(state, index, out, count);
}

/* The next `count` bars, which are in order: a stretch, or what is left of the last one. */
static void advance(alm_bars_state *state, const alm_bar *bars, size_t count)
{
    alm_assert(count > 0 && count <= state->layout->stretch &&
               state->seen % state->layout->stretch == 0);
    run_sources(state, bars, count);
    for (size_t i = ALMI_BARS_SOURCE_COUNT; i < state->plan->graph.count; i++) {
        run_node(state, i, count);
    }
    state->last = bars[count - 1].time;
    state->seen += count;
}

/* `before` is the time of the bar before; NULL: there is none. */
static alm_err check_time(const alm_bar *bar, const alm_instant *before, alm_error *error)
{
    if (bar->time < DAY_FIRST * MICROSECONDS_PER_DAY ||
        bar->time >= (DAY_LAST + 1) * MICROSECONDS_PER_DAY) {
        return alm_fail(error, ALM_ERR_INVALID, "the time of a bar, %lld us since 1970, is not in "
                        "the years 0001 to 9999", (long long)bar->time);
    }
    if (before && bar->time <= *before) {
        char own_text[ALM_INSTANT_TEXT_BYTES];
        char before_text[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text(bar->time, own_text);
        alm_instant_text(*before, before_text);
        return alm_fail(error, ALM_ERR_INVALID, "the bar of %s does not follow the one of %s: give "
                        "every bar once, in the order of time", own_text, before_text);
    }
    return ALM_OK;
}

alm_err alm_bars_update(alm_bars_state *state, const alm_bar *bar, alm_error *error)
{
    ALM_TRY(check_time(bar, state->seen > 0 ? &state->last : NULL, error));
    advance(state, bar, 1);
    return ALM_OK;
}

uint64_t alm_bars_state_seen(const alm_bars_state *state)
{
    return state->seen;
}

void alm_bars_emit(const alm_bars_state *state, double *out)
{
    const alm_bars_plan *plan = state->plan;
    for (size_t i = 0; i < plan->width; i++) {
        const almi_bars_place *place = &state->layout->places[plan->columns[i].node];
        /* Before the first bar this is a cell that is missing. */
        out[i] = state->words[place->cells + ((state->seen - 1) & (place->capacity - 1))];
    }
}

/* ---- batch ---- */

/* Rows of the newest `count` bars, which are one stretch. */
static void emit_stretch(alm_bars_state *state, size_t count, double *out, size_t stride)
{
    const alm_bars_plan *plan = state->plan;
    for (size_t i = 0; i < plan->width; i++) {
        const double *cells = cells_at(state, plan->columns[i].node, state->seen - count);
        for (size_t j = 0; j < count; j++) {
            out[j * stride + i] = cells[j];
        }
    }
}

struct alm_bars_replay {
    alm_bars_state *state; /* of the layout `batch` */
};

/* Bars from `from` on that are in order, at most a stretch; the error is that of the next one. */
static size_t count_in_order(const alm_bars_state *state, const alm_bar *bars, size_t count,
                             alm_err *code, alm_error *error)
{
    size_t end = 0;
    *code = ALM_OK;
    while (end < count && end < ALMI_BARS_STRETCH && *code == ALM_OK) {
        const alm_instant *before = end > 0 ? &bars[end - 1].time : &state->last;
        *code = check_time(&bars[end], end > 0 || state->seen > 0 ? before : NULL, error);
        end += *code == ALM_OK;
    }
    if (*code != ALM_OK) {
        *code = alm_error_wrap(error, *code, "bar %llu",
                               (unsigned long long)(state->seen + end + 1));
    }
    return end;
}

static alm_err replay_rows(alm_bars_state *state, const alm_bar *bars, size_t count, double *out,
                           size_t stride, alm_error *error)
{
    alm_err code = ALM_OK;
    alm_assert(stride >= state->plan->width);
    for (size_t from = 0; from < count && code == ALM_OK;) {
        size_t length = count_in_order(state, bars + from, count - from, &code, error);
        if (length > 0) {
            advance(state, bars + from, length);
            emit_stretch(state, length, out + from * stride, stride);
        }
        from += length;
    }
    return code;
}

alm_err alm_bars_rows(const alm_bars_plan *plan, const alm_bar *bars, size_t count, double *out,
                      size_t stride, alm_error *error)
{
    alm_bars_state *state;
    ALM_TRY(create(plan, &plan->batch, &state, error));
    alm_err code = replay_rows(state, bars, count, out, stride, error);
    alm_bars_state_destroy(state);
    return code;
}

alm_err alm_bars_replay_create(const alm_bars_plan *plan, alm_bars_replay **out, alm_error *error)
{
    void *memory;
    _Static_assert(ALM_BARS_PIECE == ALMI_BARS_STRETCH, "a piece is whole stretches");
    ALM_TRY(alm_heap_try(sizeof(alm_bars_replay), &memory, error));
    alm_bars_replay *replay = memory;
    alm_err code = create(plan, &plan->batch, &replay->state, error);
    if (code != ALM_OK) {
        alm_bars_replay_destroy(replay);
        return code;
    }
    *out = replay;
    return ALM_OK;
}

void alm_bars_replay_destroy(alm_bars_replay *replay)
{
    if (replay) {
        alm_bars_state_destroy(replay->state);
        alm_heap_free(replay);
    }
}

void alm_bars_replay_restart(alm_bars_replay *replay)
{
    restart(replay->state);
}

alm_err alm_bars_replay_rows(alm_bars_replay *replay, const alm_bar *bars, size_t count,
                             double *out, size_t stride, alm_error *error)
{
    return replay_rows(replay->state, bars, count, out, stride, error);
}

/* ---- checkpoints: magic, plan version, bars seen, time, words, hash of all before ---- */

#define WORDS_AT (sizeof MAGIC + ALM_DIGEST_BYTES + 16)

alm_err alm_bars_state_save(const alm_bars_state *state, alm_buffer *out, alm_error *error)
{
    size_t start = out->size;
    alm_buffer_append(out, MAGIC, sizeof MAGIC);
    alm_buffer_append(out, state->plan->version.bytes, ALM_DIGEST_BYTES);
    alm_buffer_u64(out, state->seen);
    alm_buffer_u64(out, (uint64_t)state->last);
    for (size_t i = 0; i < state->layout->words; i++) {
        alm_buffer_u64(out, alm_bits_of_double(state->words[i]));
    }
    ALM_TRY(alm_buffer_status(out, error));
    alm_digest digest = alm_hash_bytes(out->data + start, out->size - start);
    alm_buffer_append(out, digest.bytes, sizeof digest.bytes);
    return alm_buffer_status(out, error);
}

static alm_err check_frame(const alm_bars_plan *plan, alm_str bytes, alm_error *error)
{
    if (bytes.size < WORDS_AT + ALM_DIGEST_BYTES || memcmp(bytes.data, MAGIC, sizeof MAGIC) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "these %zu bytes are no state over bars",
                        bytes.size);
    }
    size_t body = bytes.size - ALM_DIGEST_BYTES;
    alm_digest digest = alm_hash_bytes(bytes.data, body);
    if (memcmp(digest.bytes, bytes.data + body, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the hash of the state over bars does not match "
                        "its %zu bytes: replay the symbol from its history", bytes.size);
    }
    if (memcmp(bytes.data + sizeof MAGIC, plan->version.bytes, ALM_DIGEST_BYTES) != 0) {
        return alm_fail(error, ALM_ERR_CONFLICT, "the state over bars belongs to another feature "
                        "version: replay the symbol from its history");
    }
    if (body - WORDS_AT != plan->online.words * sizeof(double)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the state over bars has %zu bytes of cells, its "
                        "plan needs %zu", body - WORDS_AT, plan->online.words * sizeof(double));
    }
    return ALM_OK;
}

/* Kernels rely on it: cells are finite or missing, what they remember is finite. */
static bool is_plausible(const alm_bars_state *state)
{
    const almi_bars_graph *graph = &state->plan->graph;
    bool plausible = state->last >= DAY_FIRST * MICROSECONDS_PER_DAY &&
                     state->last < (DAY_LAST + 1) * MICROSECONDS_PER_DAY;
    for (size_t i = 0; plausible && i < graph->count; i++) {
        const almi_bars_kernel *kernel = graph->nodes[i].kernel;
        const almi_bars_place *place = &state->layout->places[i];
        size_t end = place->words + (kernel ? kernel->state_words : 0);
        for (size_t at = place->cells; at < end; at++) {
            double word = state->words[at];
            plausible = plausible && (word - word == 0 || (word != word && at < place->words));
        }
    }
    return plausible;
}

alm_err alm_bars_state_load(const alm_bars_plan *plan, alm_str bytes, alm_bars_state **out,
                            alm_error *error)
{
    alm_bars_state *state;
    ALM_TRY(check_frame(plan, bytes, error));
    ALM_TRY(allocate(plan, &plan->online, &state, error));
    state->seen = alm_u64_at(bytes.data + WORDS_AT - 16);
    state->last = (alm_instant)alm_u64_at(bytes.data + WORDS_AT - 8);
    for (size_t i = 0; i < plan->online.words; i++) {
        state->words[i] = alm_double_of_bits(alm_u64_at(bytes.data + WORDS_AT + 8 * i));
    }
    if (!is_plausible(state)) {
        alm_bars_state_destroy(state);
        return alm_fail(error, ALM_ERR_CORRUPT, "the state over bars holds what no bars lead to: "
                        "replay the symbol from its history");
    }
    *out = state;
    return ALM_OK;
}
