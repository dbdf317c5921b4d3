#include "table/long_columns.h"

#include <string.h>

#define NONE SIZE_MAX
#define NAMES_BYTES 160
#define WIDE_TIMES_MIN 3 /* columns called by dates, and a row is a series */

/* Usual names, in lower case; earlier ones go first. A name of SINGLE tells series apart alone,
 * those of JOINED do so together; LAST are often numbers of rows, and taken when there is nothing
 * else. */
static const char *const SINGLE[] = {"unique_id", "series_id", "series", "ts_id", NULL};
static const char *const JOINED[] = {
    "item_id", "item", "item_nbr", "sku", "product_id", "product", "store_id", "store",
    "store_nbr", "shop", "shop_id", "region", "country", "location", "warehouse", "symbol",
    "ticker", "customer", "customer_id", "sensor", "meter", "device", "dept", "market", "channel",
    "branch", "outlet", "site", "plant", "zone", "city", "state", "family", "machine", NULL};
static const char *const LAST[] = {"id", "key", "name", NULL};
static const char *const TIMES[] = {"ds", "timestamp", "datetime", "date", "time", "day", "week",
                                    "month", "quarter", "year", "period", "t", "index", NULL};
static const char *const VALUES[] = {
    "y", "value", "target", "sales", "unit_sales", "units", "units_sold", "quantity", "qty",
    "demand", "close", "volume", "amount", "revenue", "count", "price", "load", "observed", NULL};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_letters(alm_str a, const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size && i < a.size; i++) {
        if (lower(a.data[i]) != text[i]) {
            return false;
        }
    }
    return a.size == size;
}

typedef struct choice {
    const alm_long_options *options;
    const alm_str *header;
    size_t count;
    const alm_str *row; /* the first; may be NULL */
    bool *taken;
    almi_long_columns *out;
    alm_arena *arena;
} choice;

/* "a, b, c and 9 more" of the columns that nothing was found for (all: of every column). */
static void list_columns(const choice *c, bool all, alm_buffer *out)
{
    size_t left_out = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->taken[i] && !all) {
            continue;
        }
        if (out->size > 0 && out->size + c->header[i].size > NAMES_BYTES) {
            left_out++;
            continue;
        }
        alm_buffer_text(out, out->size ? ", " : "");
        alm_buffer_visible(out, c->header[i]);
    }
    if (left_out) {
        alm_buffer_printf(out, " and %zu more", left_out);
    }
}

static alm_err refuse(const choice *c, const char *before, const char *after, alm_error *error)
{
    alm_buffer names = {0};
    list_columns(c, true, &names);
    alm_err code = alm_fail(error, ALM_ERR_INVALID, "%s: %s; the columns are: %s%s",
                            c->options->name, before, names.data ? names.data : "", after);
    alm_buffer_deinit(&names);
    return code;
}

/* ---- by name ---- */

static size_t column_called(const choice *c, alm_str name)
{
    for (size_t i = 0; i < c->count; i++) {
        if (alm_str_equal(c->header[i], name)) {
            return i;
        }
    }
    return NONE;
}

static alm_err take_named(const choice *c, alm_str name, size_t *out, alm_error *error)
{
    size_t found = column_called(c, name);
    if (found == NONE) {
        alm_buffer before = {0};
        alm_buffer_text(&before, "there is no column '");
        alm_buffer_visible(&before, name);
        alm_buffer_text(&before, "'");
        alm_err code = refuse(c, before.data ? before.data : "", "", error);
        alm_buffer_deinit(&before);
        return code;
    }
    if (c->taken[found]) {
        return alm_fail(error, ALM_ERR_INVALID, "%s: column '" ALM_STR_FMT "' is asked for twice",
                        c->options->name, ALM_STR_ARG(name));
    }
    c->taken[found] = true;
    *out = found;
    return ALM_OK;
}

static alm_err take_named_ids(const choice *c, alm_error *error)
{
    const char *text = c->options->id;
    for (alm_str rest = text ? alm_str_of(text) : (alm_str){0}; rest.data;) {
        alm_str name = alm_str_trim(alm_str_split(&rest, ','));
        if (c->out->id_count == ALMI_LONG_IDS_MAX) {
            return alm_fail(error, ALM_ERR_INVALID, "%s: at most %d columns tell series apart",
                            c->options->name, ALMI_LONG_IDS_MAX);
        }
        ALM_TRY(take_named(c, name, &c->out->id[c->out->id_count], error));
        c->out->id_count++;
    }
    return ALM_OK;
}

/* ---- by usual names ---- */

static size_t usual(const choice *c, const char *const *names)
{
    for (; *names; names++) {
        for (size_t i = 0; i < c->count; i++) {
            if (!c->taken[i] && same_letters(c->header[i], *names)) {
                return i;
            }
        }
    }
    return NONE;
}

static void take_usual(const choice *c, const char *const *names, size_t *out)
{
    *out = *out == NONE ? usual(c, names) : *out;
    if (*out != NONE) {
        c->taken[*out] = true;
    }
}

static bool is_among(alm_str name, const char *const *names)
{
    for (; *names; names++) {
        if (same_letters(name, *names)) {
            return true;
        }
    }
    return false;
}

static void add_id(const choice *c, size_t column)
{
    if (column != NONE && c->out->id_count < ALMI_LONG_IDS_MAX) {
        c->out->id[c->out->id_count++] = column;
        c->taken[column] = true;
    }
}

static void take_usual_ids(const choice *c)
{
    add_id(c, usual(c, SINGLE));
    bool alone = c->out->id_count > 0;
    for (size_t i = 0; !alone && i < c->count; i++) {
        if (!c->taken[i] && is_among(c->header[i], JOINED)) {
            add_id(c, i);
        }
    }
    if (c->out->id_count == 0) {
        add_id(c, usual(c, LAST));
    }
}

/* A date is a time, whatever its column is called; a whole number may be anything. */
static void take_dates(const choice *c)
{
    size_t found = NONE;
    for (size_t i = 0; i < c->count; i++) {
        alm_time_style style;
        if (!c->taken[i] && alm_time_style_of(alm_str_trim(c->row[i]), &style) &&
            style.form != ALM_TIME_INDEX && style.form != ALM_TIME_COMPACT) {
            if (found != NONE) {
                return;
            }
            found = i;
        }
    }
    if (found != NONE) {
        c->out->time = found;
        c->taken[found] = true;
    }
}

/* The only columns that are left over can be nothing else: time before value. */
static void take_rest(const choice *c)
{
    size_t free_count = 0;
    size_t free[2] = {NONE, NONE};
    for (size_t i = 0; i < c->count; i++) {
        if (!c->taken[i]) {
            free[free_count < 2 ? free_count : 1] = i;
            free_count++;
        }
    }
    size_t wanted = (size_t)(c->out->time == NONE) + (size_t)(c->out->value == NONE);
    if (wanted == 0 || free_count != wanted) {
        return;
    }
    size_t next = 0;
    if (c->out->time == NONE) {
        c->out->time = free[next++];
        c->taken[c->out->time] = true;
    }
    if (c->out->value == NONE) {
        c->out->value = free[next];
        c->taken[c->out->value] = true;
    }
}

/* ---- wide files ---- */

bool almi_long_missing(alm_str text)
{
    static const char *const WORDS[] = {"", "nan", "NaN", "NAN", "NA", "N/A", "na", "null", "NULL",
                                        "None", "<NA>"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (alm_str_is(text, WORDS[i])) {
            return true;
        }
    }
    return false;
}

/* The years of a table of years are whole numbers. */
static bool is_header_time(alm_str name, const alm_time_style *style)
{
    int64_t year = 0;
    return style->form != ALM_TIME_INDEX ||
           (name.size == 4 && alm_str_to_i64(name, &year) && year >= 1000);
}

/* Columns that are called by times, all in one style. */
static void take_times(const choice *c)
{
    almi_long_columns *out = c->out;
    size_t *many = ALM_NEW_ARRAY(c->arena, size_t, c->count);
    int64_t *times = ALM_NEW_ARRAY(c->arena, int64_t, c->count);
    alm_time_style style = {0};
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        alm_str name = alm_str_trim(c->header[i]);
        alm_time_style own;
        if (c->taken[i] || !alm_time_style_of(name, &own) || !is_header_time(name, &own)) {
            continue;
        }
        style = count == 0 ? own : style;
        if (own.form == style.form && alm_time_read(&style, name, &times[count])) {
            many[count++] = i;
        }
    }
    if (count < WIDE_TIMES_MIN) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        c->taken[many[i]] = true;
    }
    out->many = many;
    out->times = times;
    out->many_count = count;
    out->style = style;
}

static bool says_number(alm_str text)
{
    double value = 0;
    text = alm_str_trim(text);
    return almi_long_missing(text) || alm_str_to_double(text, &value);
}

/* Times, and else nothing but numbers: each column is a series. */
static void take_series(const choice *c)
{
    almi_long_columns *out = c->out;
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (!c->taken[i] && !says_number(c->row[i])) {
            return;
        }
        count += c->taken[i] ? 0 : 1;
    }
    if (count < 2) {
        return;
    }
    out->many = ALM_NEW_ARRAY(c->arena, size_t, count);
    for (size_t i = 0; i < c->count; i++) {
        if (!c->taken[i]) {
            out->many[out->many_count++] = i;
            c->taken[i] = true;
        }
    }
}

/* "north,south": a column of this name, or two. */
static alm_err take_named_values(const choice *c, alm_error *error)
{
    alm_str all = alm_str_of(c->options->value);
    if (column_called(c, all) != NONE || !memchr(all.data, ',', all.size)) {
        return take_named(c, all, &c->out->value, error);
    }
    c->out->many = ALM_NEW_ARRAY(c->arena, size_t, c->count);
    for (alm_str rest = all; rest.data;) {
        size_t *next = &c->out->many[c->out->many_count];
        ALM_TRY(take_named(c, alm_str_trim(alm_str_split(&rest, ',')), next, error));
        c->out->many_count++;
    }
    return ALM_OK;
}

/* ---- what cannot be right ---- */

/* A first row of data would be lost as a header. */
static bool is_data(const alm_str *header, size_t count)
{
    bool time = false;
    bool number = false;
    for (size_t i = 0; i < count; i++) {
        alm_time_style style;
        double value = 0;
        bool is_number = alm_str_to_double(alm_str_trim(header[i]), &value);
        bool is_time = alm_time_style_of(alm_str_trim(header[i]), &style);
        time = time || (is_time && (!is_number || i == 0));
        number = number || is_number;
    }
    return time && number && count <= 3;
}

static alm_err check_shape(const choice *c, alm_error *error)
{
    if (is_data(c->header, c->count)) {
        return alm_fail(error, ALM_ERR_INVALID,
                        "%s: the first row holds data: a header with the names of the columns is "
                        "needed, as unique_id,ds,y", c->options->name);
    }
    return ALM_OK;
}

static alm_err check_found(const choice *c, alm_error *error)
{
    if (c->out->time == NONE && !c->out->times) {
        return refuse(c, "which column holds the times? None is called ds, date, time, month or "
                      "the like", ": name it with --time", error);
    }
    if (c->out->value == NONE && c->out->many_count == 0) {
        return refuse(c, "which column holds the values? None is called y, value, target, sales or "
                      "the like", ": name it with --value", error);
    }
    return ALM_OK;
}

static alm_str copy(alm_arena *arena, alm_str text)
{
    return (alm_str){alm_arena_copy_text(arena, text.data ? text.data : "", text.size), text.size};
}

/* "north, south, west", "1998-01 to 2002-03" */
static alm_str name_many(const choice *c)
{
    const almi_long_columns *out = c->out;
    alm_buffer text = {0};
    if (out->times) {
        alm_buffer_visible(&text, c->header[out->many[0]]);
        alm_buffer_text(&text, " to ");
        alm_buffer_visible(&text, c->header[out->many[out->many_count - 1]]);
    }
    size_t shown = 0;
    for (; !out->times && shown < out->many_count && text.size < NAMES_BYTES; shown++) {
        alm_buffer_text(&text, shown ? ", " : "");
        alm_buffer_visible(&text, c->header[out->many[shown]]);
    }
    if (!out->times && shown < out->many_count) {
        alm_buffer_printf(&text, " and %zu more", out->many_count - shown);
    }
    alm_str name = copy(c->arena, alm_buffer_view(&text));
    alm_buffer_deinit(&text);
    return name;
}

static alm_err take_sold_out(const choice *c, alm_error *error)
{
    const char *name = c->options->sold_out ? c->options->sold_out : c->options->stock;
    return name ? take_named(c, alm_str_of(name), &c->out->sold_out, error) : ALM_OK;
}

/* Of a wide file nobody can tell which of its values a column speaks of. */
static alm_err check_sold_out(const choice *c, alm_error *error)
{
    if (c->out->sold_out == NONE || c->out->many_count == 0) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID,
                    "%s: column '" ALM_STR_FMT "' can say what was sold out in a file with a row "
                    "per series and time, and one value in each; this one has a column per %s",
                    c->options->name, ALM_STR_ARG(c->header[c->out->sold_out]),
                    c->out->times ? "time" : "series");
}

static void tell(const choice *c, alm_long_facts *facts)
{
    const almi_long_columns *out = c->out;
    alm_buffer text = {0};
    facts->wide = out->times ? ALM_LONG_TIMES : out->many_count > 0 ? ALM_LONG_SERIES : ALM_LONG;
    facts->time = out->times ? name_many(c) : copy(c->arena, c->header[out->time]);
    facts->value = facts->wide == ALM_LONG_TIMES    ? (alm_str){"", 0}
                   : facts->wide == ALM_LONG_SERIES ? name_many(c)
                                                    : copy(c->arena, c->header[out->value]);
    facts->time_named = c->options->time != NULL;
    facts->value_named = c->options->value != NULL;
    facts->id_named = c->options->id != NULL;
    facts->sold_out = out->sold_out == NONE ? (alm_str){"", 0}
                                            : copy(c->arena, c->header[out->sold_out]);
    for (size_t i = 0; i < out->id_count; i++) {
        alm_buffer_text(&text, i ? "/" : "");
        alm_buffer_str(&text, c->header[out->id[i]]);
    }
    facts->id = copy(c->arena, alm_buffer_view(&text));
    alm_buffer_clear(&text);
    list_columns(c, false, &text);
    facts->unused = copy(c->arena, alm_buffer_view(&text));
    alm_buffer_deinit(&text);
}

/* Of a table with a column per time: what tells its rows apart, if there is one thing. */
static void take_only_id(const choice *c)
{
    size_t only = NONE;
    for (size_t i = 0; c->out->id_count == 0 && i < c->count; i++) {
        if (!c->taken[i]) {
            if (only != NONE) {
                return;
            }
            only = i;
        }
    }
    add_id(c, only);
}

static void guess(const choice *c)
{
    almi_long_columns *out = c->out;
    if (!c->options->time && !c->options->value) {
        take_times(c);
    }
    if (!out->times) {
        take_usual(c, TIMES, &out->time);
    }
    if (!out->times && out->time == NONE && c->row) {
        take_dates(c);
    }
    if (out->many_count == 0) {
        take_usual(c, VALUES, &out->value);
    }
    if (!c->options->id) {
        take_usual_ids(c);
    }
    if (out->times) {
        take_only_id(c);
    } else if (out->many_count == 0) {
        take_rest(c);
    }
    if (out->many_count == 0 && out->time != NONE && out->value == NONE && out->id_count == 0 &&
        c->row) {
        take_series(c);
    }
}

/* Before anything is guessed: a price may be a value, too. */
static alm_err take_regressors(const choice *c, const almi_cells *cells, alm_error *error)
{
    size_t count = cells ? almi_cells_columns(cells) : 0;
    c->out->regressor = ALM_NEW_ARRAY(c->arena, size_t, count);
    for (size_t i = 0; i < count; i++) {
        alm_str name = almi_cells_name(cells, i);
        c->out->regressor[i] = ALMI_NO_COLUMN;
        if (column_called(c, name) != NONE || !c->options->regressors->future) {
            ALM_TRY(take_named(c, name, &c->out->regressor[i], error));
        }
    }
    return ALM_OK;
}

/* A table with a column per time has no room for them. */
static alm_err check_regressors(const choice *c, const almi_cells *cells, alm_error *error)
{
    if (!cells || !c->out->times) {
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_INVALID, "%s has a column per time: regressors need a row per "
                    "series and time, or name the columns with --time and --value",
                    c->options->name);
}

alm_err almi_long_choose(const alm_long_options *options, const almi_long_head *head,
                         alm_arena *arena, almi_long_columns *out, alm_long_facts *facts,
                         alm_error *error)
{
    *out = (almi_long_columns){.time = NONE, .value = NONE, .sold_out = NONE};
    choice c = {options, head->name, head->count, head->row,
                ALM_NEW_ARRAY(arena, bool, head->count), out, arena};
    ALM_TRY(check_shape(&c, error));
    ALM_TRY(take_named_ids(&c, error));
    if (options->time) {
        ALM_TRY(take_named(&c, alm_str_of(options->time), &out->time, error));
    }
    if (options->value) {
        ALM_TRY(take_named_values(&c, error));
    }
    ALM_TRY(take_sold_out(&c, error));
    ALM_TRY(take_regressors(&c, head->regressors, error));
    guess(&c);
    ALM_TRY(check_sold_out(&c, error));
    ALM_TRY(check_found(&c, error));
    ALM_TRY(check_regressors(&c, head->regressors, error));
    tell(&c, facts);
    return ALM_OK;
}
