/* signal_samples.c: from bars and declarations to samples with labels, and the cut of the test. */
#include "train/signal/signal_fit_internal.h"

#include <math.h>
#include <string.h>

#include "feature/bars/bar_labels.h"

/* ---- what was declared ---- */

static alm_err config(alm_error *error, const alm_signal_spec *spec, const char *what)
{
    return alm_fail(error, ALM_ERR_CONFIG, "signals." ALM_STR_FMT ": %s", ALM_STR_ARG(spec->name),
                    what);
}

static alm_err check_horizons(const alm_signal_spec *spec, alm_error *error)
{
    if (spec->horizon_count < 1 || spec->horizon_count > ALM_SIGNAL_HORIZONS_MAX) {
        return config(error, spec, "1 to 64 horizons are needed");
    }
    for (size_t h = 0; h < spec->horizon_count; h++) {
        if (spec->horizon[h] < 1 || spec->horizon[h] > ALM_BARS_WINDOW_MAX ||
            (h > 0 && spec->horizon[h] <= spec->horizon[h - 1])) {
            return config(error, spec, "horizons must be in 1..10000 bars and rise");
        }
    }
    return ALM_OK;
}

static alm_err check_spec(const alm_signal_spec *spec, alm_error *error)
{
    ALM_TRY(check_horizons(spec, error));
    if (spec->member_count < 1) {
        return config(error, spec, "at least one member is needed");
    }
    if (spec->combination == ALM_SIGNAL_ONE && spec->member_count > 1) {
        return config(error, spec, "several members need a combination: soft_vote, hard_vote or "
                                   "stacked");
    }
    if (!(spec->profit >= 0 && spec->loss >= 0 && spec->profit + spec->loss > 0 &&
          isfinite(spec->profit + spec->loss))) {
        return config(error, spec, "profit and loss must not be negative, and one of them above 0");
    }
    if (!(spec->test_share > 0 && spec->test_share < 1)) {
        return config(error, spec, "test_share must be above 0 and below 1");
    }
    if (spec->folds < 2 || spec->folds > 1000 || spec->embargo < 0 ||
        spec->embargo > ALM_BARS_WINDOW_MAX) {
        return config(error, spec, "folds must be in 2..1000, the embargo in 0..10000 bars");
    }
    if (spec->combination == ALM_SIGNAL_STACKED &&
        !(spec->stacker_l2 > 0 && isfinite(spec->stacker_l2))) {
        return config(error, spec, "stacker_l2 must be above 0: the members' probabilities sum to "
                                   "1, so without a penalty the stacker is not determined");
    }
    return ALM_OK;
}

static alm_err member_fail(const almi_signal *s, const alm_signal_member_spec *m, alm_error *error,
                           const char *what)
{
    return alm_fail(error, ALM_ERR_CONFIG, "signals." ALM_STR_FMT ".members." ALM_STR_FMT ": %s",
                    ALM_STR_ARG(s->spec->name), ALM_STR_ARG(m->name), what);
}

static alm_err check_member(const almi_signal *s, const alm_signal_member_spec *m, bool is_net,
                            alm_error *error)
{
    if (!alm_str_is_safe_name(m->name)) {
        return member_fail(s, m, error, "a name of 1 to 100 letters, digits, '.', '_' or '-' that "
                                        "does not begin with '.' is needed");
    }
    if (!(m->learning_rate > 0 && isfinite(m->learning_rate))) {
        return member_fail(s, m, error, "learning_rate must be above 0");
    }
    if (is_net && (m->steps < 1 || m->steps > 10000 || m->units < 1 || m->layers < 1 ||
                   m->layers > ALM_NETWORK_LAYERS_MAX || m->epochs < 1 || m->batch < 1 ||
                   m->patience < 0)) {
        return member_fail(s, m, error, "steps must be in 1..10000, layers in 1..16, units, epochs "
                                        "and batch at least 1, patience at least 0");
    }
    if (!is_net && (m->trees < 1 || m->trees > 100000)) {
        return member_fail(s, m, error, "trees must be in 1..100000");
    }
    return ALM_OK;
}

/* Number of the column, or the width of the plan. */
static size_t find_column(const almi_signal *s, alm_str name)
{
    size_t c = 0;
    while (c < s->width && !alm_str_is(name, alm_bars_plan_name(s->plan, c))) {
        c++;
    }
    return c;
}

static alm_err find_columns(almi_signal *s, const alm_signal_member_spec *m,
                            almi_signal_member *out, alm_error *error)
{
    size_t count = m->feature_count > 0 ? m->feature_count : s->width;
    uint32_t *place = ALM_NEW_ARRAY(s->arena, uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        size_t c = m->feature_count > 0 ? find_column(s, m->features[i]) : i;
        bool twice = false;
        for (size_t j = 0; j < i; j++) {
            twice = twice || place[j] == c;
        }
        if (c == s->width || twice) {
            return alm_fail(error, ALM_ERR_CONFIG, "signals." ALM_STR_FMT ".members." ALM_STR_FMT
                            ": feature '" ALM_STR_FMT "' %s", ALM_STR_ARG(s->spec->name),
                            ALM_STR_ARG(m->name), ALM_STR_ARG(m->features[i]),
                            twice ? "is named twice" : "is no column of bars.features");
        }
        place[i] = (uint32_t)c;
    }
    out->place = place;
    out->width = count;
    return ALM_OK;
}

static alm_err open_members(almi_signal *s, alm_error *error)
{
    s->member = ALM_NEW_ARRAY(s->arena, almi_signal_member, s->spec->member_count);
    for (size_t i = 0; i < s->spec->member_count; i++) {
        const alm_signal_member_spec *m = &s->spec->members[i];
        bool is_net = m->learner == ALM_SIGNAL_LSTM || m->learner == ALM_SIGNAL_GRU ||
                      m->learner == ALM_SIGNAL_TCN;
        ALM_TRY(check_member(s, m, is_net, error));
        for (size_t j = 0; j < i; j++) {
            if (alm_str_equal(m->name, s->spec->members[j].name)) {
                return member_fail(s, m, error, "the name is there twice");
            }
        }
        s->member[i] = (almi_signal_member){.spec = m, .is_net = is_net};
        ALM_TRY(find_columns(s, m, &s->member[i], error));
        s->steps = is_net && (size_t)m->steps > s->steps ? (size_t)m->steps : s->steps;
    }
    return ALM_OK;
}

/* A barrier that there is not makes a class that there is not. */
static void choose_classes(almi_signal *s)
{
    if (s->spec->loss > 0) {
        s->class_label[s->class_count++] = -1;
    }
    s->class_label[s->class_count++] = 0;
    if (s->spec->profit > 0) {
        s->class_label[s->class_count++] = 1;
    }
}

/* ---- values ---- */

static alm_err check_symbols(const almi_signal *s, alm_error *error)
{
    const alm_signal_data *d = s->data;
    if (d->symbol_count < 1 || d->symbol_count > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_INVALID, "there are no bars to learn from");
    }
    for (size_t i = 0; i < d->symbol_count; i++) {
        if (i > 0 && alm_str_compare(d->symbol[i - 1].name, d->symbol[i].name) >= 0) {
            return alm_fail(error, ALM_ERR_INVALID, "symbol " ALM_STR_FMT ": symbols must be "
                            "different, and sorted by name", ALM_STR_ARG(d->symbol[i].name));
        }
        if (d->symbol[i].count > UINT32_MAX) {
            return alm_fail(error, ALM_ERR_LIMIT, "symbol " ALM_STR_FMT " has too many bars",
                            ALM_STR_ARG(d->symbol[i].name));
        }
    }
    return ALM_OK;
}

/* Values, the windows of the largest training set and the samples of all horizons are what takes
 * memory. */
static alm_err check_memory(const almi_signal *s, alm_error *error)
{
    double bars = 0, window = 0, limit = (double)s->env->memory_limit_bytes;
    for (size_t i = 0; i < s->data->symbol_count; i++) {
        bars += (double)s->data->symbol[i].count;
    }
    for (size_t i = 0; i < s->spec->member_count; i++) {
        double values = s->member[i].is_net
                            ? (double)s->member[i].width * s->member[i].spec->steps : 0;
        window = values > window ? values : window;
    }
    double need = bars * 8 * ((double)s->width + window + 3 * (double)s->spec->horizon_count);
    if (limit > 0 && need > limit) {
        return alm_fail(error, ALM_ERR_LIMIT, "signals." ALM_STR_FMT ": %.0f bars of %zu features "
                        "need about %.0f MiB, the limit is %.0f: take fewer features or shorter "
                        "windows, or raise the limit", ALM_STR_ARG(s->spec->name), bars, s->width,
                        need / 1048576, limit / 1048576);
    }
    return ALM_OK;
}

static alm_err compute(const almi_signal *s, const alm_bars_plan *plan, double ***out,
                       alm_error *error)
{
    size_t width = alm_bars_plan_width(plan);
    double **values = ALM_NEW_ARRAY(s->arena, double *, s->data->symbol_count);
    for (size_t i = 0; i < s->data->symbol_count; i++) {
        const alm_signal_symbol *symbol = &s->data->symbol[i];
        void *memory = NULL;
        ALM_TRY(alm_arena_try_alloc(s->arena, symbol->count * width * sizeof(double), &memory,
                                    error));
        values[i] = memory;
        alm_err code = alm_bars_rows(plan, symbol->bars, symbol->count, values[i], width, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "symbol " ALM_STR_FMT, ALM_STR_ARG(symbol->name));
        }
    }
    *out = values;
    return ALM_OK;
}

static alm_err compute_scale(almi_signal *s, alm_error *error)
{
    const alm_bars_options options = {s->data->bars->session_open_minutes};
    alm_bars_plan *plan = NULL;
    if (s->spec->scale.size == 0) {
        return ALM_OK;
    }
    alm_err code = alm_bars_plan_compile(&s->spec->scale, 1, &options, &plan, error);
    if (code == ALM_OK && alm_bars_plan_width(plan) != 1) {
        code = alm_fail(error, ALM_ERR_CONFIG, "'" ALM_STR_FMT "' has several outputs: take one of "
                        "them", ALM_STR_ARG(s->spec->scale));
    }
    if (code == ALM_OK) {
        code = compute(s, plan, &s->scale, error);
    }
    alm_bars_plan_destroy(plan);
    return code == ALM_OK ? code : alm_error_wrap(error, code, "signals." ALM_STR_FMT ".scale",
                                                  ALM_STR_ARG(s->spec->name));
}

/* ---- candidates ---- */

static alm_instant time_of(const almi_signal *s, almi_signal_candidate c)
{
    return s->data->symbol[c.symbol].bars[c.bar].time;
}

static size_t first_candidate(const almi_signal *s)
{
    size_t warmup = 0;
    for (size_t c = 0; c < s->width; c++) {
        size_t own = alm_bars_plan_warmup(s->plan, c);
        warmup = own > warmup ? own : warmup;
    }
    return warmup + (s->steps > 0 ? s->steps - 1 : 0);
}

/* Is the bar's row of finite numbers, where the member is a net? */
static bool is_whole(const almi_signal_member *m, const double *row)
{
    bool whole = true;
    for (size_t c = 0; m->is_net && c < m->width; c++) {
        whole = whole && isfinite(row[m->place[c]]);
    }
    return whole;
}

/* One symbol's candidates; run: how many bars up to this one are whole, of every member. */
static size_t list_symbol(almi_signal *s, uint32_t symbol, size_t first, size_t *run,
                          almi_signal_candidate *out)
{
    size_t members = s->spec->member_count, found = 0;
    memset(run, 0, members * sizeof *run);
    for (size_t bar = 0; bar < s->data->symbol[symbol].count; bar++) {
        bool complete = true;
        for (size_t m = 0; m < members; m++) {
            const almi_signal_member *member = &s->member[m];
            size_t steps = member->is_net ? (size_t)member->spec->steps : 0;
            run[m] = is_whole(member, s->values[symbol] + bar * s->width) ? run[m] + 1 : 0;
            complete = complete && run[m] >= steps;
        }
        if (bar >= first && complete) {
            out[found++] = (almi_signal_candidate){symbol, (uint32_t)bar};
        }
        s->missing += bar >= first && !complete;
    }
    return found;
}

/* Merges two neighbouring runs; of equal times the one with the smaller symbol, which is in the
 * first run, comes first. */
static void merge_runs(const almi_signal *s, const almi_signal_candidate *from, const size_t at[3],
                       almi_signal_candidate *to)
{
    size_t i = at[0], j = at[1];
    for (size_t k = at[0]; k < at[2]; k++) {
        bool second = i == at[1] ||
                      (j < at[2] && time_of(s, from[j]) < time_of(s, from[i]));
        to[k] = second ? from[j++] : from[i++];
    }
}

/* start: symbols + 1 places where the symbols' candidates begin. Both arrays have room for all;
 * returns the one that is sorted. */
static almi_signal_candidate *merge_symbols(const almi_signal *s, size_t *start,
                                            almi_signal_candidate *from, almi_signal_candidate *to)
{
    size_t runs = s->data->symbol_count;
    while (runs > 1) {
        size_t made = 0;
        for (size_t r = 0; r < runs; r += 2) {
            size_t second = r + 1 < runs ? r + 1 : runs, end = r + 2 < runs ? r + 2 : runs;
            size_t at[3] = {start[r], start[second], start[end]};
            merge_runs(s, from, at, to);
            start[made++] = at[0];
        }
        start[made] = start[runs];
        runs = made;
        almi_signal_candidate *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

static alm_err make_candidates(almi_signal *s, size_t first, size_t most, alm_error *error)
{
    void *one = NULL, *two = NULL;
    size_t symbols = s->data->symbol_count;
    size_t *start = ALM_NEW_ARRAY(s->arena, size_t, symbols + 1);
    size_t *run = ALM_NEW_ARRAY(s->arena, size_t, s->spec->member_count);
    ALM_TRY(alm_arena_try_alloc(s->arena, most * sizeof(almi_signal_candidate), &one, error));
    ALM_TRY(alm_arena_try_alloc(s->arena, most * sizeof(almi_signal_candidate), &two, error));
    for (size_t i = 0; i < symbols; i++) {
        start[i + 1] = start[i] + list_symbol(s, (uint32_t)i, first, run,
                                              (almi_signal_candidate *)one + start[i]);
    }
    s->candidate_count = start[symbols];
    s->candidate = merge_symbols(s, start, one, two);
    return ALM_OK;
}

static alm_err list_candidates(almi_signal *s, alm_error *error)
{
    size_t first = first_candidate(s), most = 0;
    bool any = false;
    for (size_t i = 0; i < s->data->symbol_count; i++) {
        const alm_signal_symbol *symbol = &s->data->symbol[i];
        most += symbol->count > first ? symbol->count - first : 0;
        for (size_t b = 0; b < symbol->count; b += symbol->count > 1 ? symbol->count - 1 : 1) {
            alm_instant time = symbol->bars[b].time;
            s->first = !any || time < s->first ? time : s->first;
            s->last = !any || time > s->last ? time : s->last;
            any = true;
        }
    }
    if (most > UINT32_MAX) {
        return alm_fail(error, ALM_ERR_LIMIT, "more than 4,294,967,295 bars");
    }
    ALM_TRY(make_candidates(s, first, most, error));
    if (s->candidate_count == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "signals." ALM_STR_FMT ": no symbol has a bar that "
                        "can be learned from: features and windows need %zu bars before it%s",
                        ALM_STR_ARG(s->spec->name), first,
                        s->missing > 0 ? ", without a missing value where there are nets" : "");
    }
    /* Of the bars' times alone: no price, so no label either, moves the test. */
    double length = (double)s->last - (double)s->first;
    s->cut = s->last - (alm_instant)floor(length * s->spec->test_share);
    return ALM_OK;
}

/* ---- labels ---- */

/* Stamp of the bar `ahead` behind `bar`, or where it would be expected, if that is an instant. */
static alm_instant time_ahead(const alm_signal_symbol *symbol, size_t bar, size_t ahead)
{
    size_t last = symbol->count - 1;
    if (bar + ahead <= last) {
        return symbol->bars[bar + ahead].time;
    }
    double length = (double)symbol->bars[last].time - (double)symbol->bars[0].time;
    double mean = last > 0 ? length / (double)last : 0;
    double behind = ceil(mean * (double)(bar + ahead - last));
    return (double)symbol->bars[last].time + behind < 0x1p63
               ? symbol->bars[last].time + (alm_instant)behind : INT64_MAX;
}

/* Of a barrier's labels, those whose window is not whole: bars behind the last one, a bar without a
 * range, or no close at the horizon. Some of them are known, namely where a barrier was touched
 * before that, which says something about them; so all are forgotten. */
static void forget_selected(const alm_signal_symbol *symbol, size_t horizon, alm_bar_label *label)
{
    size_t broken = SIZE_MAX; /* the nearest bar behind i without a range */
    for (size_t i = symbol->count; i-- > 0;) {
        const alm_bar *bar = &symbol->bars[i];
        size_t end = i + horizon;
        if (end >= symbol->count || broken <= end || !isfinite(symbol->bars[end].close)) {
            label[i].value = NAN;
        }
        if (!(isfinite(bar->high) && isfinite(bar->low) && bar->high >= bar->low)) {
            broken = i;
        }
    }
}

static alm_err label_symbols(const almi_signal *s, int32_t bars, alm_arena *scratch,
                             alm_bar_label **out, alm_error *error)
{
    for (size_t i = 0; i < s->data->symbol_count; i++) {
        const alm_signal_symbol *symbol = &s->data->symbol[i];
        void *memory = NULL;
        alm_label_options options = {.horizon = (size_t)bars,
                                     .profit = s->spec->profit,
                                     .loss = s->spec->loss,
                                     .scale = s->scale ? s->scale[i] : NULL};
        ALM_TRY(alm_arena_try_alloc(scratch, symbol->count * sizeof(alm_bar_label), &memory,
                                    error));
        out[i] = memory;
        alm_err code = s->spec->label == ALM_SIGNAL_THRESHOLD
                           ? alm_label_threshold(symbol->bars, symbol->count, &options, out[i],
                                                 error)
                           : alm_label_triple_barrier(symbol->bars, symbol->count, &options, out[i],
                                                      error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "labels of " ALM_STR_FMT,
                                  ALM_STR_ARG(symbol->name));
        }
        if (s->spec->label != ALM_SIGNAL_THRESHOLD) {
            forget_selected(symbol, (size_t)bars, out[i]);
        }
    }
    return ALM_OK;
}

typedef struct sample_list {
    uint32_t *candidate, *label;
    alm_label_span *span;
    size_t count;
} sample_list;

static alm_err list_create(const almi_signal *s, sample_list *list, alm_error *error)
{
    size_t n = s->candidate_count;
    void *candidate, *label, *span;
    ALM_TRY(alm_arena_try_alloc(s->arena, n * sizeof(uint32_t), &candidate, error));
    ALM_TRY(alm_arena_try_alloc(s->arena, n * sizeof(uint32_t), &label, error));
    ALM_TRY(alm_arena_try_alloc(s->arena, n * sizeof(alm_label_span), &span, error));
    *list = (sample_list){candidate, label, span, 0};
    return ALM_OK;
}

static almi_signal_samples part_of(const sample_list *list, size_t first, size_t end)
{
    return (almi_signal_samples){list->candidate + first, list->label + first, list->span + first,
                                 end - first};
}

static void list_samples(const almi_signal *s, almi_signal_horizon *h, alm_bar_label **labels,
                         sample_list *list)
{
    size_t train = 0; /* they stand before the test's, because candidates are sorted by time */
    size_t ahead = (size_t)h->bars + (size_t)s->spec->embargo;
    for (size_t i = 0; i < s->candidate_count; i++) {
        almi_signal_candidate c = s->candidate[i];
        const alm_signal_symbol *symbol = &s->data->symbol[c.symbol];
        double value = labels[c.symbol][c.bar].value;
        if (isnan(value)) {
            continue;
        }
        uint32_t k = 0;
        while (s->class_label[k] != (int32_t)value) {
            k++;
        }
        alm_label_span span = {time_of(s, c), time_ahead(symbol, c.bar, ahead)};
        if (span.start < s->cut && span.end >= s->cut) {
            h->purged++;
            continue;
        }
        list->candidate[list->count] = (uint32_t)i;
        list->label[list->count] = k;
        list->span[list->count++] = span;
        train += span.start < s->cut;
    }
    h->train = part_of(list, 0, train);
    h->test = part_of(list, train, list->count);
}

static alm_err check_samples(const almi_signal *s, const almi_signal_horizon *h, alm_error *error)
{
    if (h->train.count + h->test.count + h->purged == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "signals." ALM_STR_FMT ", horizon %d: no bar that "
                        "can be learned from has a label: there are too few bars behind it, prices "
                        "do not move (the scale is 0), or fields are missing",
                        ALM_STR_ARG(s->spec->name), h->bars);
    }
    if (h->train.count < (size_t)s->spec->folds || h->test.count < 1) {
        return alm_fail(error, ALM_ERR_INVALID, "signals." ALM_STR_FMT ", horizon %d: %zu training "
                        "samples and %zu of the test are too few: more bars, a smaller embargo or "
                        "another test_share are needed", ALM_STR_ARG(s->spec->name), h->bars,
                        h->train.count, h->test.count);
    }
    return almi_signal_check_classes(s, h->bars, &h->train, "the training", error);
}

static alm_err open_horizon(almi_signal *s, almi_signal_horizon *h, alm_arena *scratch,
                            alm_error *error)
{
    sample_list list;
    alm_bar_label **labels = ALM_NEW_ARRAY(scratch, alm_bar_label *, s->data->symbol_count);
    ALM_TRY(list_create(s, &list, error));
    ALM_TRY(label_symbols(s, h->bars, scratch, labels, error));
    list_samples(s, h, labels, &list);
    return check_samples(s, h, error);
}

alm_err almi_signal_check_classes(const almi_signal *s, int32_t bars,
                                  const almi_signal_samples *samples, const char *where,
                                  alm_error *error)
{
    size_t seen[ALMI_SIGNAL_CLASSES_MAX] = {0};
    for (size_t i = 0; i < samples->count; i++) {
        seen[samples->label[i]]++;
    }
    for (size_t k = 0; k < s->class_count; k++) {
        if (seen[k] == 0) {
            return alm_fail(error, ALM_ERR_INVALID, "signals." ALM_STR_FMT ", horizon %d: class %d "
                            "occurs in none of the %zu samples of %s: other barriers, more bars or "
                            "fewer folds are needed", ALM_STR_ARG(s->spec->name), bars,
                            s->class_label[k], samples->count, where);
        }
    }
    return ALM_OK;
}

/* ---- all of it ---- */

static alm_err open_horizons(almi_signal *s, alm_error *error)
{
    alm_err code = ALM_OK;
    alm_arena *scratch = alm_arena_create(0);
    s->horizon = ALM_NEW_ARRAY(s->arena, almi_signal_horizon, s->spec->horizon_count);
    for (size_t h = 0; code == ALM_OK && h < s->spec->horizon_count; h++) {
        s->horizon[h].bars = s->spec->horizon[h];
        code = open_horizon(s, &s->horizon[h], scratch, error);
        alm_arena_reset(scratch);
    }
    alm_arena_destroy(scratch);
    return code;
}

alm_err almi_signal_open(almi_signal *s, alm_error *error)
{
    const alm_bars_spec *bars = s->data->bars;
    const alm_bars_options options = {bars->session_open_minutes};
    ALM_TRY(check_spec(s->spec, error));
    ALM_TRY(check_symbols(s, error));
    alm_err code = alm_bars_plan_compile(bars->features, bars->feature_count, &options, &s->plan,
                                         error);
    if (code != ALM_OK) {
        return alm_error_wrap(error, code, "bars.features");
    }
    s->width = alm_bars_plan_width(s->plan);
    choose_classes(s);
    ALM_TRY(open_members(s, error));
    ALM_TRY(check_memory(s, error));
    ALM_TRY(compute(s, s->plan, &s->values, error));
    ALM_TRY(compute_scale(s, error));
    ALM_TRY(list_candidates(s, error));
    return open_horizons(s, error);
}

void almi_signal_close(almi_signal *s)
{
    alm_bars_plan_destroy(s->plan);
    s->plan = NULL;
}

/* ---- access ---- */

almi_signal_samples almi_signal_pick(const almi_signal_samples *samples, const uint32_t *number,
                                     size_t count, alm_arena *arena)
{
    uint32_t *candidate = ALM_NEW_ARRAY(arena, uint32_t, count);
    uint32_t *label = ALM_NEW_ARRAY(arena, uint32_t, count);
    alm_label_span *span = ALM_NEW_ARRAY(arena, alm_label_span, count);
    for (size_t i = 0; i < count; i++) {
        candidate[i] = samples->candidate[number[i]];
        label[i] = samples->label[number[i]];
        span[i] = samples->span[number[i]];
    }
    return (almi_signal_samples){candidate, label, span, count};
}

void almi_signal_row(const almi_signal *s, size_t candidate, const uint32_t *place, size_t count,
                     double *out)
{
    almi_signal_candidate c = s->candidate[candidate];
    const double *row = s->values[c.symbol] + c.bar * s->width;
    for (size_t i = 0; i < count; i++) {
        out[i] = row[place[i]];
    }
}

void almi_signal_window(const almi_signal *s, size_t candidate, const almi_signal_member *member,
                        size_t steps, double *out)
{
    almi_signal_candidate c = s->candidate[candidate];
    const double *row = s->values[c.symbol] + (c.bar + 1 - steps) * s->width;
    for (size_t t = 0; t < steps; t++, row += s->width) {
        for (size_t i = 0; i < member->width; i++) {
            *out++ = row[member->place[i]];
        }
    }
}
