/* Compiling declarations to nodes; the canonical text of a plan, its hash, and reading it. */
#include "feature/bars/bars_graph.h"

#include <string.h>

#define PLAN_FORMAT 1
#define MINUTES_OF_DAY 1440

/* ---- nodes ---- */

static size_t cells_read(const almi_bars_node *node)
{
    return node->kernel->reads + (node->kernel->reads_window ? node->n : 0);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Warm-up, reach and class from the nodes that it reads. */
static void derive(const almi_bars_graph *graph, almi_bars_node *node)
{
    size_t before = cells_read(node) - 1;
    node->anchored = node->kernel->state_words > 0;
    for (size_t i = 0; i < node->kernel->inputs; i++) {
        almi_bars_node *input = &graph->nodes[node->input[i]];
        node->anchored = node->anchored || input->anchored;
        node->reach = larger(node->reach, input->reach + before);
        node->warmup = larger(node->warmup, input->warmup + before);
        input->span = larger(input->span, before + 1);
    }
    node->warmup += node->kernel->seeds ? node->n - 1 : 0;
}

uint32_t almi_bars_node_of(almi_bars_graph *graph, const almi_bars_kernel *kernel,
                           const uint32_t input[ALMI_BARS_INPUTS_MAX], size_t n, double k)
{
    almi_bars_node node = {.kernel = kernel, .n = n, .k = k, .span = 1};
    memcpy(node.input, input, kernel->inputs * sizeof *input);
    for (size_t i = 0; i < graph->count; i++) {
        const almi_bars_node *other = &graph->nodes[i];
        if (other->kernel == kernel && other->n == n && other->k == k &&
            memcmp(other->input, node.input, sizeof node.input) == 0) {
            return (uint32_t)i;
        }
    }
    derive(graph, &node);
    graph->nodes[graph->count] = node;
    return (uint32_t)graph->count++;
}

/* Gives every node its words. A stretch is written before the oldest cell of its first window goes
 * away: the ring has room for both. */
static void lay_out(alm_bars_plan *plan, size_t stretch, almi_bars_layout *out)
{
    const almi_bars_graph *graph = &plan->graph;
    out->stretch = stretch;
    out->places = ALM_NEW_ARRAY(plan->arena, almi_bars_place, graph->count);
    for (size_t i = 0; i < graph->count; i++) {
        const almi_bars_node *node = &graph->nodes[i];
        almi_bars_place *place = &out->places[i];
        place->capacity = stretch;
        while (place->capacity < node->span + stretch - 1) {
            place->capacity *= 2;
        }
        place->cells = out->words;
        place->words = place->cells + 2 * place->capacity;
        out->words = place->words + (node->kernel ? node->kernel->state_words : 0);
    }
}

/* ---- one declaration ---- */

static void put_argument(alm_buffer *out, char kind, const almi_bars_argument *argument,
                         alm_str column)
{
    if (kind == 'c') {
        alm_buffer_str(out, column);
    } else if (kind == 'k') {
        alm_buffer_double(out, argument->k);
    } else {
        alm_buffer_printf(out, "%zu", argument->n);
    }
}

/* The arguments, each behind the last with `separator` between them. */
static void put_arguments(alm_buffer *out, const almi_bars_declaration *declaration,
                          const almi_bars_argument *arguments, const char *separator)
{
    for (size_t i = 0; i < declaration->argument_count; i++) {
        alm_buffer_text(out, i ? separator : "");
        put_argument(out, declaration->op->takes[i], &arguments[i], declaration->arguments[i]);
    }
}

/* The name that columns have without `as`: the text with underscores, "rsi_close_14". */
static void put_default_name(alm_buffer *out, const almi_bars_declaration *declaration,
                             const almi_bars_argument *arguments)
{
    alm_buffer_text(out, declaration->op->name);
    alm_buffer_text(out, declaration->argument_count ? "_" : "");
    put_arguments(out, declaration, arguments, "_");
}

static void put_text(alm_buffer *out, const almi_bars_declaration *declaration,
                     const almi_bars_argument *arguments)
{
    alm_buffer_text(out, declaration->op->name);
    alm_buffer_text(out, "(");
    put_arguments(out, declaration, arguments, ", ");
    alm_buffer_text(out, ")");
    if (declaration->output != ALMI_BARS_ALL_OUTPUTS) {
        alm_buffer_printf(out, ".%s", declaration->op->outputs[declaration->output]);
    }
    if (declaration->name.size) {
        alm_buffer_text(out, " as ");
        alm_buffer_str(out, declaration->name);
    }
}

static alm_err add_column(alm_bars_plan *plan, alm_str name, uint32_t node, alm_error *error)
{
    if (!alm_str_is_safe_name(name)) {
        return alm_fail(error, ALM_ERR_CONFIG, "the column's name '" ALM_STR_FMT "' must be 1 to "
                        "100 of A-Z a-z 0-9 _ . -: give it one with 'as'", ALM_STR_ARG(name));
    }
    for (size_t i = 0; i < plan->width; i++) {
        if (alm_str_is(name, plan->columns[i].name)) {
            return alm_fail(error, ALM_ERR_CONFIG, "there is a column '" ALM_STR_FMT "' already: "
                            "give it another name with 'as'", ALM_STR_ARG(name));
        }
    }
    const char *copy = alm_arena_copy_text(plan->arena, name.data, name.size);
    plan->columns[plan->width++] = (almi_bars_column_of){copy, node};
    return ALM_OK;
}

/* One column per output; a chosen output that has a name of its own has just that. */
static alm_err add_columns(alm_bars_plan *plan, const almi_bars_declaration *declaration,
                           alm_str base, const uint32_t *nodes, alm_error *error)
{
    const char *const *outputs = declaration->op->outputs;
    bool bare = !outputs[0] || (declaration->output != ALMI_BARS_ALL_OUTPUTS &&
                                declaration->name.size);
    size_t chosen = declaration->output;
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && (i == 0 || outputs[i]); i++) {
        alm_buffer name = {0};
        alm_buffer_str(&name, base);
        if (!bare) {
            alm_buffer_printf(&name, "_%s", outputs[i]);
        }
        bool wanted = chosen == ALMI_BARS_ALL_OUTPUTS || chosen == i;
        code = alm_buffer_status(&name, error);
        code = code == ALM_OK && wanted ? add_column(plan, alm_buffer_view(&name), nodes[i], error)
                                        : code;
        alm_buffer_deinit(&name);
    }
    return code;
}

static alm_err add_entry(alm_bars_plan *plan, const almi_bars_declaration *declaration,
                         const almi_bars_argument *arguments, const uint32_t *nodes,
                         alm_error *error)
{
    alm_buffer text = {0};
    alm_buffer base = {0};
    put_text(&text, declaration, arguments);
    put_default_name(&base, declaration, arguments);
    alm_err code = alm_buffer_status(&text, error);
    code = code == ALM_OK ? alm_buffer_status(&base, error) : code;
    if (code == ALM_OK) {
        plan->entries[plan->entry_count++] =
            (almi_bars_entry){alm_arena_copy_text(plan->arena, text.data, text.size),
                              declaration->op->revision};
        alm_str name = declaration->name.size ? declaration->name : alm_buffer_view(&base);
        code = add_columns(plan, declaration, name, nodes, error);
    }
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&base);
    return code;
}

static alm_err add_declaration(alm_bars_plan *plan, alm_str text, alm_error *error)
{
    almi_bars_declaration declaration;
    almi_bars_argument arguments[ALMI_BARS_ARGUMENTS_MAX] = {{0}};
    uint32_t nodes[ALMI_BARS_OUTPUTS_MAX] = {0};
    size_t count = plan->graph.count;
    ALM_TRY(almi_bars_declaration_parse(text, &declaration, error));
    ALM_TRY(almi_bars_arguments_read(&declaration, &plan->graph, arguments, error));
    const char *reason = declaration.op->build(&plan->graph, arguments, nodes);
    alm_assert(plan->graph.count - count <= ALMI_BARS_OPERATOR_NODES_MAX);
    if (reason) {
        return alm_fail(error, ALM_ERR_CONFIG, "%s: %s", declaration.op->usage, reason);
    }
    return add_entry(plan, &declaration, arguments, nodes, error);
}

/* ---- compile ---- */

static alm_err hash_text(alm_bars_plan *plan, alm_error *error)
{
    alm_buffer text = {0};
    alm_bars_plan_write(plan, &text);
    alm_err code = alm_buffer_status(&text, error);
    if (code == ALM_OK) {
        plan->version = alm_hash_bytes(text.data, text.size);
    }
    alm_buffer_deinit(&text);
    return code;
}

static alm_bars_plan *plan_create(size_t count, int32_t session_open_minutes)
{
    alm_arena *arena = alm_arena_create(0);
    alm_bars_plan *plan = ALM_NEW(arena, alm_bars_plan);
    *plan = (alm_bars_plan){.arena = arena, .session_open_minutes = session_open_minutes};
    plan->graph.nodes = ALM_NEW_ARRAY(arena, almi_bars_node, ALMI_BARS_SOURCE_COUNT +
                                      count * ALMI_BARS_OPERATOR_NODES_MAX);
    for (size_t i = 0; i < ALMI_BARS_SOURCE_COUNT; i++) {
        plan->graph.nodes[i] = (almi_bars_node){.span = 1, .reach = 1};
    }
    plan->graph.count = ALMI_BARS_SOURCE_COUNT;
    plan->entries = ALM_NEW_ARRAY(arena, almi_bars_entry, count);
    plan->columns = ALM_NEW_ARRAY(arena, almi_bars_column_of, count * ALMI_BARS_OUTPUTS_MAX);
    return plan;
}

static alm_err complete(alm_bars_plan *plan, const alm_str *declarations, size_t count,
                        alm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        alm_err code = add_declaration(plan, declarations[i], error);
        if (code != ALM_OK) {
            alm_str shown = alm_str_visible(declarations[i], plan->arena);
            int size = (int)(shown.size < 100 ? shown.size : 100);
            return alm_error_wrap(error, code, "declaration %zu '%.*s'", i + 1, size, shown.data);
        }
    }
    lay_out(plan, 1, &plan->online);
    lay_out(plan, ALMI_BARS_STRETCH, &plan->batch);
    if (plan->online.words > ALM_BARS_STATE_BYTES_MAX / sizeof(double)) {
        return alm_fail(error, ALM_ERR_LIMIT, "the windows of %zu declarations would take %zu "
                        "bytes per symbol, at most %zu are allowed: shorten them", count,
                        plan->online.words * sizeof(double), ALM_BARS_STATE_BYTES_MAX);
    }
    return hash_text(plan, error);
}

alm_err alm_bars_plan_compile(const alm_str *declarations, size_t count,
                              const alm_bars_options *options, alm_bars_plan **out,
                              alm_error *error)
{
    int32_t opens = options ? options->session_open_minutes : 0;
    if (count == 0 || count > ALM_BARS_DECLARATIONS_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "a plan over bars has 1 to %d declarations, not "
                        "%zu", ALM_BARS_DECLARATIONS_MAX, count);
    }
    if (opens < 0 || opens >= MINUTES_OF_DAY) {
        return alm_fail(error, ALM_ERR_CONFIG, "a session opens at a minute in 0..%d of the day, "
                        "not %d", MINUTES_OF_DAY - 1, (int)opens);
    }
    alm_bars_plan *plan = plan_create(count, opens);
    alm_err code = complete(plan, declarations, count, error);
    if (code != ALM_OK) {
        alm_bars_plan_destroy(plan);
        return code;
    }
    *out = plan;
    return ALM_OK;
}

void alm_bars_plan_destroy(alm_bars_plan *plan)
{
    if (plan) {
        alm_arena_destroy(plan->arena);
    }
}

/* ---- questions ---- */

size_t alm_bars_plan_width(const alm_bars_plan *plan)
{
    return plan->width;
}

const char *alm_bars_plan_name(const alm_bars_plan *plan, size_t column)
{
    alm_assert(column < plan->width);
    return plan->columns[column].name;
}

const alm_digest *alm_bars_plan_version(const alm_bars_plan *plan)
{
    return &plan->version;
}

static const almi_bars_node *node_of(const alm_bars_plan *plan, size_t column)
{
    alm_assert(column < plan->width);
    return &plan->graph.nodes[plan->columns[column].node];
}

bool alm_bars_plan_is_anchored(const alm_bars_plan *plan, size_t column)
{
    return node_of(plan, column)->anchored;
}

size_t alm_bars_plan_warmup(const alm_bars_plan *plan, size_t column)
{
    return node_of(plan, column)->warmup;
}

size_t alm_bars_plan_state_bytes(const alm_bars_plan *plan)
{
    return plan->online.words * sizeof(double);
}

size_t alm_bars_plan_lookback(const alm_bars_plan *plan)
{
    size_t lookback = 1;
    for (size_t i = 0; i < plan->width; i++) {
        const almi_bars_node *node = node_of(plan, i);
        lookback = node->anchored ? lookback : larger(lookback, node->reach);
    }
    return lookback;
}

/* ---- the canonical text ---- */

void alm_bars_plan_write(const alm_bars_plan *plan, alm_buffer *out)
{
    alm_json_writer writer = alm_json_writer_on(out);
    alm_json_open_object(&writer);
    alm_json_put_i64(&writer, "bars_format", PLAN_FORMAT);
    alm_json_key(&writer, "declarations");
    alm_json_open_array(&writer);
    for (size_t i = 0; i < plan->entry_count; i++) {
        alm_json_open_object(&writer);
        alm_json_put_i64(&writer, "revision", plan->entries[i].revision);
        alm_json_put_text(&writer, "text", plan->entries[i].text);
        alm_json_close_object(&writer);
    }
    alm_json_close_array(&writer);
    alm_json_put_i64(&writer, "session_open_minutes", plan->session_open_minutes);
    alm_json_close_object(&writer);
}

/* Revisions are looked at before anything is compiled: what an operator takes may have changed. */
static alm_err read_entry(const alm_json *entry, alm_str *text, alm_error *error)
{
    int64_t revision;
    ALM_TRY(alm_json_get_str(entry, "text", text, error));
    ALM_TRY(alm_json_get_i64(entry, "revision", &revision, error));
    size_t size = 0;
    while (size < text->size && text->data[size] != '(') {
        size++;
    }
    alm_str name = alm_str_trim((alm_str){text->data, size});
    const almi_bars_operator *op = almi_bars_operator_find(name);
    if (!op) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "this engine has no operator over bars '"
                        ALM_STR_FMT "'", (int)(name.size < 100 ? name.size : 100), name.data);
    }
    if (revision != op->revision) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "the plan needs revision %lld of operator "
                        "'%s', this engine has revision %d: use the engine that made the plan",
                        (long long)revision, op->name, (int)op->revision);
    }
    return ALM_OK;
}

static alm_err read_document(const alm_json *root, alm_str json, alm_bars_plan **out,
                             alm_error *error)
{
    int64_t format;
    int64_t opens;
    const alm_json *entries;
    alm_str texts[ALM_BARS_DECLARATIONS_MAX];
    ALM_TRY(alm_json_get_i64(root, "bars_format", &format, error));
    if (format != PLAN_FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "a plan over bars of format %lld; this engine "
                        "reads format %d", (long long)format, PLAN_FORMAT);
    }
    ALM_TRY(alm_json_get_i64(root, "session_open_minutes", &opens, error));
    ALM_TRY(alm_json_get(root, "declarations", ALM_JSON_ARRAY, &entries, error));
    size_t count = alm_json_count(entries);
    if (count > ALM_BARS_DECLARATIONS_MAX || opens < 0 || opens >= MINUTES_OF_DAY) {
        return alm_fail(error, ALM_ERR_CORRUPT, "a number of the plan is out of range");
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_entry(alm_json_at(entries, i), &texts[i], error));
    }
    alm_bars_plan *plan;
    const alm_bars_options options = {(int32_t)opens};
    ALM_TRY(alm_bars_plan_compile(texts, count, &options, &plan, error));
    alm_buffer again = {0};
    alm_bars_plan_write(plan, &again);
    alm_err code = alm_buffer_status(&again, error);
    if (code == ALM_OK && !alm_str_equal(alm_buffer_view(&again), json)) {
        code = alm_fail(error, ALM_ERR_CORRUPT, "the plan is not in its canonical form: it is not "
                        "what was written");
    }
    alm_buffer_deinit(&again);
    if (code != ALM_OK) {
        alm_bars_plan_destroy(plan);
        return code;
    }
    *out = plan;
    return ALM_OK;
}

alm_err alm_bars_plan_read(alm_str json, const char *name, alm_bars_plan **out, alm_error *error)
{
    alm_json_document *document;
    ALM_TRY(alm_json_parse(json, name, &document, error));
    alm_err code = read_document(alm_json_root(document), json, out, error);
    alm_json_document_destroy(document);
    return code == ALM_OK ? ALM_OK : alm_error_wrap(error, code, "%s", name);
}
