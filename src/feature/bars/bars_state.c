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
    uint64_t seen;    /* bars */
    alm_instant last; /* time of the newest */
    double words[];   /* plan->words of them */
};

static alm_err allocate(const alm_bars_plan *plan, alm_bars_state **out, alm_error *error)
{
    void *memory;
    ALM_TRY(alm_heap_try(sizeof(alm_bars_state) + plan->words * sizeof(double), &memory, error));
    *out = memory;
    (*out)->plan = plan;
    return ALM_OK;
}

alm_err alm_bars_state_create(const alm_bars_plan *plan, alm_bars_state **out, alm_error *error)
{
    alm_bars_state *state;
    ALM_TRY(allocate(plan, &state, error));
    for (size_t i = 0; i < plan->graph.count; i++) {
        const almi_bars_node *node = &plan->graph.nodes[i];
        for (size_t cell = 0; cell < 2 * node->span; cell++) {
            state->words[node->cells + cell] = ALMI_NAN;
        }
    }
    *out = state;
    return ALM_OK;
}

void alm_bars_state_destroy(alm_bars_state *state)
{
    alm_heap_free(state);
}

alm_err alm_bars_state_clone(const alm_bars_state *state, alm_bars_state **out, alm_error *error)
{
    alm_bars_state *copy;
    ALM_TRY(allocate(state->plan, &copy, error));
    memcpy(copy, state, sizeof *state + state->plan->words * sizeof(double));
    *out = copy;
    return ALM_OK;
}

/* ---- one bar ---- */

static int64_t floor_quotient(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

/* Cells that the bar itself says. */
static void read_bar(const alm_bars_plan *plan, const alm_bar *bar, double *cell)
{
    bool ranged = !(bar->high < bar->low);
    int64_t opens = plan->session_open_minutes * MICROSECONDS_PER_MINUTE;
    int64_t session = floor_quotient(bar->time - opens, MICROSECONDS_PER_DAY);
    int64_t within = bar->time - opens - session * MICROSECONDS_PER_DAY;
    cell[ALMI_BARS_OPEN] = almi_finite(bar->open);
    cell[ALMI_BARS_HIGH] = ranged ? almi_finite(bar->high) : ALMI_NAN;
    cell[ALMI_BARS_LOW] = ranged ? almi_finite(bar->low) : ALMI_NAN;
    cell[ALMI_BARS_CLOSE] = almi_finite(bar->close);
    cell[ALMI_BARS_VOLUME] = bar->volume >= 0 ? almi_finite(bar->volume) : ALMI_NAN;
    cell[ALMI_BARS_SESSION] = (double)session;
    cell[ALMI_BARS_MINUTES] = (double)(within / MICROSECONDS_PER_MINUTE);
}

/* The second writing of the newest cell; those before it lie before it. */
static double *newest_of(double *words, const almi_bars_node *node, uint64_t seen)
{
    return words + node->cells + node->span + (seen & (node->span - 1));
}

static double run_node(alm_bars_state *state, const almi_bars_node *node)
{
    const almi_bars_kernel *kernel = node->kernel;
    almi_bars_run run = {.n = node->n, .k = node->k, .state = state->words + node->words};
    for (size_t i = 0; i < kernel->inputs; i++) {
        const almi_bars_node *input = &state->plan->graph.nodes[node->input[i]];
        run.in[i] = newest_of(state->words, input, state->seen);
    }
    return almi_finite(kernel->step(&run));
}

static void advance(alm_bars_state *state, const alm_bar *bar)
{
    const almi_bars_graph *graph = &state->plan->graph;
    double cell[ALMI_BARS_SOURCE_COUNT];
    read_bar(state->plan, bar, cell);
    for (size_t i = 0; i < graph->count; i++) {
        const almi_bars_node *node = &graph->nodes[i];
        double value = node->kernel ? run_node(state, node) : cell[i];
        double *newest = newest_of(state->words, node, state->seen);
        newest[0] = value;
        newest[-(ptrdiff_t)node->span] = value;
    }
    state->last = bar->time;
    state->seen++;
}

alm_err alm_bars_update(alm_bars_state *state, const alm_bar *bar, alm_error *error)
{
    if (bar->time < DAY_FIRST * MICROSECONDS_PER_DAY ||
        bar->time >= (DAY_LAST + 1) * MICROSECONDS_PER_DAY) {
        return alm_fail(error, ALM_ERR_INVALID, "the time of a bar, %lld us since 1970, is not in "
                        "the years 0001 to 9999", (long long)bar->time);
    }
    if (state->seen > 0 && bar->time <= state->last) {
        char own[ALM_INSTANT_TEXT_BYTES];
        char before[ALM_INSTANT_TEXT_BYTES];
        alm_instant_text(bar->time, own);
        alm_instant_text(state->last, before);
        return alm_fail(error, ALM_ERR_INVALID, "the bar of %s does not follow the one of %s: give "
                        "every bar once, in the order of time", own, before);
    }
    advance(state, bar);
    return ALM_OK;
}

void alm_bars_emit(const alm_bars_state *state, double *out)
{
    const alm_bars_plan *plan = state->plan;
    for (size_t i = 0; i < plan->width; i++) {
        const almi_bars_node *node = &plan->graph.nodes[plan->columns[i].node];
        /* Before the first bar this is a cell that is missing. */
        out[i] = state->words[node->cells + ((state->seen - 1) & (node->span - 1))];
    }
}

alm_err alm_bars_rows(const alm_bars_plan *plan, const alm_bar *bars, size_t count, double *out,
                      size_t stride, alm_error *error)
{
    alm_bars_state *state;
    alm_assert(stride >= plan->width);
    ALM_TRY(alm_bars_state_create(plan, &state, error));
    alm_err code = ALM_OK;
    for (size_t i = 0; i < count; i++) {
        code = alm_bars_update(state, &bars[i], error);
        if (code != ALM_OK) {
            code = alm_error_wrap(error, code, "bar %zu", i + 1);
            break;
        }
        alm_bars_emit(state, out + i * stride);
    }
    alm_bars_state_destroy(state);
    return code;
}

/* ---- checkpoints: magic, plan version, bars seen, time, words, hash of all before ---- */

static void put_u64(alm_buffer *out, uint64_t value)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    alm_buffer_append(out, bytes, sizeof bytes);
}

static uint64_t get_u64(const char *data)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)(uint8_t)data[i] << (8 * i);
    }
    return value;
}

#define WORDS_AT (sizeof MAGIC + ALM_DIGEST_BYTES + 16)

alm_err alm_bars_state_save(const alm_bars_state *state, alm_buffer *out, alm_error *error)
{
    size_t start = out->size;
    alm_buffer_append(out, MAGIC, sizeof MAGIC);
    alm_buffer_append(out, state->plan->version.bytes, ALM_DIGEST_BYTES);
    put_u64(out, state->seen);
    put_u64(out, (uint64_t)state->last);
    for (size_t i = 0; i < state->plan->words; i++) {
        put_u64(out, alm_bits_of_double(state->words[i]));
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
    if (body - WORDS_AT != plan->words * sizeof(double)) {
        return alm_fail(error, ALM_ERR_CORRUPT, "the state over bars has %zu bytes of cells, its "
                        "plan needs %zu", body - WORDS_AT, plan->words * sizeof(double));
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
        const almi_bars_node *node = &graph->nodes[i];
        size_t end = node->words + (node->kernel ? node->kernel->state_words : 0);
        for (size_t at = node->cells; at < end; at++) {
            double word = state->words[at];
            plausible = plausible && (word - word == 0 || (word != word && at < node->words));
        }
    }
    return plausible;
}

alm_err alm_bars_state_load(const alm_bars_plan *plan, alm_str bytes, alm_bars_state **out,
                            alm_error *error)
{
    alm_bars_state *state;
    ALM_TRY(check_frame(plan, bytes, error));
    ALM_TRY(allocate(plan, &state, error));
    state->seen = get_u64(bytes.data + WORDS_AT - 16);
    state->last = (alm_instant)get_u64(bytes.data + WORDS_AT - 8);
    for (size_t i = 0; i < plan->words; i++) {
        state->words[i] = alm_double_of_bits(get_u64(bytes.data + WORDS_AT + 8 * i));
    }
    if (!is_plausible(state)) {
        alm_bars_state_destroy(state);
        return alm_fail(error, ALM_ERR_CORRUPT, "the state over bars holds what no bars lead to: "
                        "replay the symbol from its history");
    }
    *out = state;
    return ALM_OK;
}
