/* The text of a declaration: `operator(arguments).output as name`. */
#include "feature/bars/bars_graph.h"

#include <stddef.h>

#define FACTOR_MAX 1000

/* Texts in messages: a declaration is at most this long, and control bytes are shown. */
static alm_err refuse(alm_error *error, const char *what, alm_str where)
{
    alm_buffer shown = {0};
    alm_buffer_visible(&shown, where);
    int size = (int)(shown.size < 100 ? shown.size : 100);
    alm_err code = alm_fail(error, ALM_ERR_CONFIG, "%s '%.*s'", what, size,
                            shown.data ? shown.data : "");
    alm_buffer_deinit(&shown);
    return code;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Bytes up to the first one that is not [A-Za-z0-9_.-], without a leading dot; moves `rest` behind
 * the blanks after them. */
static alm_str take_word(alm_str *rest)
{
    size_t size = 0;
    while (size < rest->size && is_word_byte(rest->data[size])) {
        size++;
    }
    alm_str word = {rest->data, size};
    *rest = alm_str_trim((alm_str){rest->data + size, rest->size - size});
    return word;
}

static bool take_byte(alm_str *rest, char byte)
{
    if (rest->size == 0 || rest->data[0] != byte) {
        return false;
    }
    *rest = alm_str_trim((alm_str){rest->data + 1, rest->size - 1});
    return true;
}

static alm_err parse_arguments(alm_str *rest, almi_bars_declaration *out, alm_error *error)
{
    if (!take_byte(rest, '(')) {
        return refuse(error, "expected '(' behind the operator at", *rest);
    }
    while (!take_byte(rest, ')')) {
        if (out->argument_count > 0 && !take_byte(rest, ',')) {
            return refuse(error, "expected ',' or ')' at", *rest);
        }
        alm_str word = take_word(rest);
        if (word.size == 0) {
            return refuse(error, "expected a column or a number at", *rest);
        }
        if (out->argument_count == ALMI_BARS_ARGUMENTS_MAX) {
            return alm_fail(error, ALM_ERR_CONFIG, "too many arguments: it is %s", out->op->usage);
        }
        out->arguments[out->argument_count++] = word;
    }
    return ALM_OK;
}

static alm_err parse_output(alm_str *rest, almi_bars_declaration *out, alm_error *error)
{
    out->output = ALMI_BARS_ALL_OUTPUTS;
    if (rest->size == 0 || rest->data[0] != '.') {
        return ALM_OK;
    }
    *rest = (alm_str){rest->data + 1, rest->size - 1};
    alm_str word = take_word(rest);
    for (size_t i = 0; out->op->outputs[i]; i++) {
        if (alm_str_is(word, out->op->outputs[i])) {
            out->output = i;
            return ALM_OK;
        }
    }
    return alm_fail(error, ALM_ERR_CONFIG, "operator '%s' has no output '" ALM_STR_FMT "'",
                    out->op->name, ALM_STR_ARG(word));
}

static alm_err parse_name(alm_str *rest, almi_bars_declaration *out, alm_error *error)
{
    if (rest->size == 0) {
        return ALM_OK;
    }
    alm_str behind = *rest;
    if (!alm_str_is(take_word(rest), "as")) {
        return refuse(error, "expected '.output', 'as name' or the end at", behind);
    }
    behind = *rest;
    out->name = take_word(rest);
    if (!alm_str_is_safe_name(out->name) || rest->size != 0) {
        return refuse(error, "a name is 1 to 100 of A-Z a-z 0-9 _ . - and does not start with a "
                      "dot, not", behind);
    }
    return ALM_OK;
}

alm_err almi_bars_declaration_parse(alm_str text, almi_bars_declaration *out, alm_error *error)
{
    if (text.size > ALMI_BARS_DECLARATION_BYTES_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "%zu bytes are too long for a declaration, at most "
                        "%d are", text.size, ALMI_BARS_DECLARATION_BYTES_MAX);
    }
    almi_bars_declaration parsed = {0};
    alm_str rest = alm_str_trim(text);
    alm_str name = take_word(&rest);
    parsed.op = almi_bars_operator_find(name);
    if (!parsed.op) {
        return refuse(error, "there is no operator", name.size ? name : rest);
    }
    ALM_TRY(parse_arguments(&rest, &parsed, error));
    ALM_TRY(parse_output(&rest, &parsed, error));
    ALM_TRY(parse_name(&rest, &parsed, error));
    *out = parsed;
    return ALM_OK;
}

/* ---- arguments ---- */

static alm_err read_window(const almi_bars_operator *op, alm_str text, int64_t least, size_t *out,
                           alm_error *error)
{
    int64_t n;
    if (!alm_str_to_i64(text, &n) || n < least || n > ALM_BARS_WINDOW_MAX) {
        return alm_fail(error, ALM_ERR_CONFIG, "%s takes a whole number in %d..%d, not '"
                        ALM_STR_FMT "'", op->usage, (int)least, ALM_BARS_WINDOW_MAX,
                        ALM_STR_ARG(text));
    }
    *out = (size_t)n;
    return ALM_OK;
}

static alm_err read_argument(const almi_bars_operator *op, char kind, alm_str text,
                             almi_bars_graph *graph, almi_bars_argument *out, alm_error *error)
{
    switch (kind) {
    case 'c':
        return almi_bars_column(graph, text, &out->node)
                   ? ALM_OK
                   : alm_fail(error, ALM_ERR_CONFIG, "%s: there is no column '" ALM_STR_FMT "'",
                              op->usage, ALM_STR_ARG(text));
    case 'n':
    case 'm':
        return read_window(op, text, kind == 'm' ? 2 : 1, &out->n, error);
    default:
        alm_assert(kind == 'k');
        return alm_str_to_double(text, &out->k) && out->k > 0 && out->k <= FACTOR_MAX
                   ? ALM_OK
                   : alm_fail(error, ALM_ERR_CONFIG, "%s takes a factor above 0 and at most %d, "
                              "not '" ALM_STR_FMT "'", op->usage, FACTOR_MAX, ALM_STR_ARG(text));
    }
}

alm_err almi_bars_arguments_read(const almi_bars_declaration *declaration, almi_bars_graph *graph,
                                 almi_bars_argument out[ALMI_BARS_ARGUMENTS_MAX], alm_error *error)
{
    const almi_bars_operator *op = declaration->op;
    size_t count = 0;
    while (op->takes[count]) {
        count++;
    }
    if (declaration->argument_count != count) {
        return alm_fail(error, ALM_ERR_CONFIG, "%s takes %zu arguments, not %zu", op->usage, count,
                        declaration->argument_count);
    }
    for (size_t i = 0; i < count; i++) {
        ALM_TRY(read_argument(op, op->takes[i], declaration->arguments[i], graph, &out[i], error));
    }
    return ALM_OK;
}
