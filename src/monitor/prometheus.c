#include "monitor/prometheus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    ACCEPT_BYTES_MAX = 4096, /* what lies behind is not looked at */
    BOUND_TEXT_BYTES = 40,
    QUALITY_ONE = 1000 /* qualities have three decimals */
};

static const uint64_t NANOSECONDS = 1000000000;

/* ---- which format ---- */

static bool is_word(alm_str text, const char *lower)
{
    size_t size = strlen(lower);
    if (text.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        char c = text.data[i];
        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != lower[i]) {
            return false;
        }
    }
    return true;
}

/* "0.5" as 500; 0 for what is no quality, as if the range were not there. */
static int quality_of(alm_str text)
{
    if (text.size == 0 || text.size > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.size > 1 && text.data[1] != '.')) {
        return 0;
    }
    int value = 0, place = QUALITY_ONE;
    for (size_t i = 0; i < text.size; i++) {
        if (i == 1) {
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        value += (text.data[i] - '0') * place;
        place /= 10;
    }
    return value <= QUALITY_ONE ? value : 0;
}

typedef struct wishes {
    int openmetrics;
    int text; /* named as text/plain */
} wishes;

static void take_range(alm_str range, wishes *wanted)
{
    int quality = QUALITY_ONE;
    alm_str version = {NULL, 0}, rest = range;
    alm_str type = alm_str_trim(alm_str_split(&rest, ';'));
    while (rest.data) {
        alm_str value = alm_str_split(&rest, ';');
        alm_str name = alm_str_trim(alm_str_split(&value, '='));
        if (!value.data) {
            continue;
        }
        value = alm_str_trim(value);
        if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"') {
            value = (alm_str){value.data + 1, value.size - 2};
        }
        if (is_word(name, "q")) {
            quality = quality_of(value);
        } else if (is_word(name, "version")) {
            version = value;
        }
    }
    if (is_word(type, "application/openmetrics-text") &&
        (!version.data || alm_str_is(version, "1.0.0"))) {
        wanted->openmetrics = quality > wanted->openmetrics ? quality : wanted->openmetrics;
    }
    if (is_word(type, "text/plain") && (!version.data || alm_str_is(version, "0.0.4"))) {
        wanted->text = quality > wanted->text ? quality : wanted->text;
    }
}

alm_prometheus_format alm_prometheus_choose(alm_str accept)
{
    wishes wanted = {0};
    alm_str rest = {accept.data, accept.size < ACCEPT_BYTES_MAX ? accept.size : ACCEPT_BYTES_MAX};
    while (rest.data && rest.size > 0) {
        take_range(alm_str_split(&rest, ','), &wanted);
    }
    return wanted.openmetrics > 0 && wanted.openmetrics >= wanted.text ? ALM_PROMETHEUS_OPENMETRICS
                                                                       : ALM_PROMETHEUS_TEXT;
}

const char *alm_prometheus_content_type(alm_prometheus_format format)
{
    return format == ALM_PROMETHEUS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- numbers ---- */

/* printf takes five times as long, and there are twenty thousand numbers in a large scrape. */
static void append_u64(alm_buffer *out, uint64_t value)
{
    char text[ALM_U64_TEXT_BYTES];
    alm_buffer_append(out, text, alm_u64_text(value, text));
}

static void append_i64(alm_buffer *out, int64_t value)
{
    if (value < 0) {
        alm_buffer_append(out, "-", 1);
    }
    append_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* A total in the unit that is shown: 1500000000 ns is 1.5. */
static void append_total(alm_buffer *out, uint64_t value, alm_meter_unit unit)
{
    if (unit != ALM_UNIT_SECONDS) {
        append_u64(out, value);
        return;
    }
    append_u64(out, value / NANOSECONDS);
    uint64_t rest = value % NANOSECONDS;
    if (rest == 0) {
        return;
    }
    char text[10] = ".";
    size_t size = 1;
    for (uint64_t place = NANOSECONDS / 10; rest > 0; place /= 10) {
        text[size++] = (char)('0' + rest / place);
        rest %= place;
    }
    alm_buffer_append(out, text, size);
}

static void append_gauge(alm_buffer *out, double value)
{
    if (isnan(value)) {
        alm_buffer_text(out, "NaN");
    } else if (isinf(value)) {
        alm_buffer_text(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        alm_buffer_double(out, value);
    }
}

/* The canonical numbers of OpenMetrics are what Go's %g writes, and ".0" behind what has neither
 * point nor exponent: 5e-05, 0.25, 10.0, 1.048576e+06. alm_double_text differs from 1e6 on only. */
static void bound_text(uint64_t bound, alm_meter_unit unit, char out[BOUND_TEXT_BYTES])
{
    double value = unit == ALM_UNIT_SECONDS ? (double)bound / (double)NANOSECONDS : (double)bound;
    char text[32], digits[32];
    size_t size = alm_double_text(value, text), count = 0;
    size_t before = strcspn(text, ".e"); /* digits before the point */
    if (value < 1e6 || strchr(text, 'e')) {
        snprintf(out, BOUND_TEXT_BYTES, "%s%s", text, before == size ? ".0" : "");
        return;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '.') {
            digits[count++] = text[i];
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    digits[count] = '\0';
    snprintf(out, BOUND_TEXT_BYTES, "%c%s%se+%02zu", digits[0], count > 1 ? "." : "", digits + 1,
             before - 1);
}

/* ---- text ---- */

/* Backslash and line break, and the quotation mark where it would end something. */
static void append_escaped(alm_buffer *out, alm_str text, bool quotes)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c != '\\' && c != '\n' && (c != '"' || !quotes)) {
            continue;
        }
        alm_buffer_append(out, text.data + start, i - start);
        alm_buffer_append(out, c == '\n' ? "\\n" : c == '"' ? "\\\"" : "\\\\", 2);
        start = i + 1;
    }
    alm_buffer_append(out, text.data + start, text.size - start);
}

typedef struct writer {
    const alm_meters *meters;
    size_t family;
    const alm_meter_family *info;
    alm_prometheus_format format;
    alm_buffer *out;
    alm_buffer labels; /* of the meter at hand, without braces: a="x",b="y" */
    char bound[ALM_METER_BOUNDS_MAX + 1][BOUND_TEXT_BYTES];
} writer;

static const char *type_text(const writer *w)
{
    switch (w->info->kind) {
    case ALM_METER_COUNTER: return "counter";
    case ALM_METER_HISTOGRAM: return "histogram";
    case ALM_METER_INFO: return w->format == ALM_PROMETHEUS_OPENMETRICS ? "info" : "gauge";
    default: return "gauge";
    }
}

/* OpenMetrics names a family without what its kind adds to the samples. */
static alm_str family_name(const writer *w)
{
    alm_str name = alm_str_of(w->info->name);
    if (w->format == ALM_PROMETHEUS_OPENMETRICS) {
        name.size -= w->info->kind == ALM_METER_COUNTER ? strlen("_total")
                     : w->info->kind == ALM_METER_INFO  ? strlen("_info")
                                                        : 0;
    }
    return name;
}

static void write_head(writer *w)
{
    alm_str name = family_name(w);
    bool openmetrics = w->format == ALM_PROMETHEUS_OPENMETRICS;
    alm_buffer_printf(w->out, "# HELP " ALM_STR_FMT " ", ALM_STR_ARG(name));
    append_escaped(w->out, alm_str_of(w->info->help), openmetrics);
    alm_buffer_printf(w->out, "\n# TYPE " ALM_STR_FMT " %s\n", ALM_STR_ARG(name), type_text(w));
    if (openmetrics && w->info->unit != ALM_UNIT_NONE) {
        alm_buffer_printf(w->out, "# UNIT " ALM_STR_FMT " %s\n", ALM_STR_ARG(name),
                          w->info->unit == ALM_UNIT_SECONDS ? "seconds" : "bytes");
    }
}

static void take_labels(writer *w, const alm_meter *meter)
{
    alm_buffer_clear(&w->labels);
    size_t count = alm_meters_label_count(w->meters, w->family);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            alm_buffer_append(&w->labels, ",", 1);
        }
        alm_buffer_str(&w->labels, alm_meters_label_name(w->meters, w->family, i));
        alm_buffer_append(&w->labels, "=\"", 2);
        append_escaped(&w->labels, alm_meter_label(meter, i), true);
        alm_buffer_append(&w->labels, "\"", 1);
    }
}

/* Name, suffix and labels, `le` the last of them unless it is NULL, and the blank behind. */
static void write_key(writer *w, const char *suffix, const char *le)
{
    alm_buffer_text(w->out, w->info->name);
    alm_buffer_text(w->out, suffix);
    if (w->labels.size > 0 || le) {
        alm_buffer_append(w->out, "{", 1);
        alm_buffer_str(w->out, alm_buffer_view(&w->labels));
        if (le) {
            alm_buffer_text(w->out, w->labels.size > 0 ? ",le=\"" : "le=\"");
            alm_buffer_text(w->out, le);
            alm_buffer_append(w->out, "\"", 1);
        }
        alm_buffer_append(w->out, "}", 1);
    }
    alm_buffer_append(w->out, " ", 1);
}

static void write_histogram(writer *w, const alm_meter_reading *reading)
{
    uint64_t below = 0;
    for (size_t i = 0; i <= w->info->bound_count; i++) {
        below += reading->bucket[i];
        write_key(w, "_bucket", w->bound[i]);
        append_u64(w->out, below);
        alm_buffer_append(w->out, "\n", 1);
    }
    write_key(w, "_sum", NULL);
    append_total(w->out, reading->sum, w->info->unit);
    alm_buffer_append(w->out, "\n", 1);
    write_key(w, "_count", NULL);
    append_u64(w->out, reading->count);
}

static void write_meter(writer *w, const alm_meter *meter)
{
    alm_meter_reading reading;
    alm_meter_read(meter, &reading);
    take_labels(w, meter);
    if (w->info->kind == ALM_METER_HISTOGRAM) {
        write_histogram(w, &reading);
    } else {
        write_key(w, "", NULL);
    }
    switch (w->info->kind) {
    case ALM_METER_COUNTER: append_total(w->out, reading.total, w->info->unit); break;
    case ALM_METER_LEVEL: append_i64(w->out, reading.level); break;
    case ALM_METER_GAUGE: append_gauge(w->out, reading.gauge); break;
    case ALM_METER_INFO: alm_buffer_append(w->out, "1", 1); break;
    case ALM_METER_HISTOGRAM: break;
    }
    alm_buffer_append(w->out, "\n", 1);
}

static alm_err write_family(writer *w, size_t family, alm_arena *arena, alm_error *error)
{
    const alm_meter *const *meter = NULL;
    size_t count = 0;
    ALM_TRY(alm_meters_list(w->meters, family, arena, &meter, &count, error));
    w->family = family;
    w->info = alm_meters_family(w->meters, family);
    for (size_t i = 0; i < w->info->bound_count; i++) {
        bound_text(w->info->bounds[i], w->info->unit, w->bound[i]);
    }
    memcpy(w->bound[w->info->bound_count], "+Inf", 5);
    if (count > 0) {
        write_head(w);
    }
    for (size_t i = 0; i < count; i++) {
        write_meter(w, meter[i]);
    }
    return ALM_OK;
}

alm_err alm_prometheus_write(const alm_meters *meters, alm_prometheus_format format,
                             alm_buffer *out, alm_error *error)
{
    size_t before = out->size;
    writer w = {.meters = meters, .format = format, .out = out};
    alm_arena *arena = alm_arena_create(0);
    alm_err code = ALM_OK;
    for (size_t i = 0; code == ALM_OK && i < alm_meters_family_count(meters); i++) {
        code = write_family(&w, i, arena, error);
        alm_arena_reset(arena);
    }
    if (format == ALM_PROMETHEUS_OPENMETRICS) {
        alm_buffer_text(out, "# EOF\n");
    }
    if (code == ALM_OK) {
        code = alm_buffer_status(&w.labels, error);
    }
    if (code == ALM_OK) {
        code = alm_buffer_status(out, error);
    }
    if (code != ALM_OK && out->data) {
        out->size = before;
        out->data[before] = '\0';
    }
    alm_buffer_deinit(&w.labels);
    alm_arena_destroy(arena);
    return code;
}
