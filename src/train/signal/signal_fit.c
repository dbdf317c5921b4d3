/* signal_fit.c: from samples to a scorer: folds, calibrators, stacker, final members, files. */
#include "train/signal/signal_fit.h"

#include <string.h>

#include "model/ensemble/calibrator.h"
#include "train/signal/signal_fit_internal.h"

/* Files of a signal: the plan, and for every horizon a stacker and three of every member. */
typedef struct file_list {
    alm_scorer_file *file;
    size_t count, room;
} file_list;

static void put_file(file_list *files, const char *name, alm_str bytes)
{
    alm_assert(files->count < files->room);
    files->file[files->count++] = (alm_scorer_file){alm_str_of(name), bytes};
}

/* Endings differ and none is part of another, so no name of a member can make two files one. */
static const char *file_name(almi_signal *s, int32_t bars, const almi_signal_member *member,
                             const char *ending)
{
    return alm_arena_printf(s->arena, "h%d." ALM_STR_FMT ".%s", bars,
                            ALM_STR_ARG(member->spec->name), ending);
}

static alm_err keep_bytes(alm_str bytes, alm_arena *arena, alm_str *out, alm_error *error)
{
    void *memory = NULL;
    ALM_TRY(alm_arena_try_alloc(arena, bytes.size + 1, &memory, error));
    memcpy(memory, bytes.data, bytes.size);
    *out = (alm_str){memory, bytes.size};
    return ALM_OK;
}

static alm_err keep_buffer(const alm_buffer *buffer, alm_arena *arena, alm_str *out,
                           alm_error *error)
{
    ALM_TRY(alm_buffer_status(buffer, error));
    return keep_bytes(alm_buffer_view(buffer), arena, out, error);
}

/* ---- calibrators ---- */

static alm_calibration_kind kind_of(alm_signal_calibration calibration)
{
    switch (calibration) {
    case ALM_SIGNAL_PLATT:
        return ALM_CALIBRATE_PLATT;
    case ALM_SIGNAL_BETA:
        return ALM_CALIBRATE_BETA;
    case ALM_SIGNAL_TEMPERATURE:
        return ALM_CALIBRATE_TEMPERATURE;
    default:
        return ALM_CALIBRATE_ISOTONIC;
    }
}

typedef struct horizon_fit {
    almi_signal *signal;
    const almi_signal_horizon *horizon;
    almi_signal_fold_result oof;
    alm_arena *scratch;
    file_list *files;
} horizon_fit;

static alm_err keep_calibrator(const horizon_fit *f, const alm_calibrator *calibrator,
                               size_t member, alm_error *error)
{
    almi_signal *s = f->signal;
    alm_buffer text = {0};
    alm_str bytes;
    alm_calibrator_write(calibrator, &text);
    alm_err code = keep_buffer(&text, s->arena, &bytes, error);
    alm_buffer_deinit(&text);
    if (code == ALM_OK) {
        put_file(f->files, file_name(s, f->horizon->bars, &s->member[member], "calibrator.json"),
                 bytes);
    }
    return code;
}

/* Fits it on the member's out-of-fold probabilities, and puts these through it. */
static alm_err calibrate(const horizon_fit *f, size_t member, alm_error *error)
{
    almi_signal *s = f->signal;
    size_t classes = s->class_count, members = s->spec->member_count;
    size_t count = f->horizon->train.count;
    double *own = ALM_NEW_ARRAY(f->scratch, double, count * classes);
    alm_calibrator *calibrator = NULL;
    for (size_t i = 0; i < count; i++) {
        memcpy(own + i * classes, f->oof.probability + (i * members + member) * classes,
               classes * sizeof *own);
    }
    alm_calibration_data data = {count, classes, own, f->horizon->train.label, NULL};
    ALM_TRY(alm_calibrator_fit(kind_of(s->spec->calibration), &data, &calibrator, error));
    for (size_t i = 0; i < count; i++) {
        alm_calibrator_apply(calibrator, own + i * classes,
                             f->oof.probability + (i * members + member) * classes);
    }
    alm_err code = keep_calibrator(f, calibrator, member, error);
    alm_calibrator_destroy(calibrator);
    return code;
}

/* ---- stacker ---- */

alm_err almi_signal_stack(const almi_signal *s, const almi_signal_samples *samples,
                          const almi_signal_fold_result *oof, alm_arena *arena, alm_stacker *out,
                          alm_error *error)
{
    alm_out_of_fold data = {.count = samples->count,
                            .models = s->spec->member_count,
                            .classes = s->class_count,
                            .probability = oof->probability,
                            .label = samples->label,
                            .fold = oof->fold,
                            .fold_left_out = oof->fold_left_out};
    return alm_stacker_fit(&data, s->spec->stacker_l2, arena, out, error);
}

static alm_err stack(const horizon_fit *f, alm_error *error)
{
    almi_signal *s = f->signal;
    alm_stacker stacker;
    alm_buffer text = {0};
    alm_str bytes;
    ALM_TRY(almi_signal_stack(s, &f->horizon->train, &f->oof, f->scratch, &stacker, error));
    alm_stacker_write(&stacker, &text);
    alm_err code = keep_buffer(&text, s->arena, &bytes, error);
    alm_buffer_deinit(&text);
    if (code == ALM_OK) {
        put_file(f->files, alm_arena_printf(s->arena, "h%d.stacker.json", f->horizon->bars), bytes);
    }
    return code;
}

/* ---- members ---- */

typedef struct final_run {
    const horizon_fit *fit;
    almi_signal_model *model; /* of every member */
    alm_arena **arena;        /* and where it lies */
    bool nets;
} final_run;

static alm_err fit_final(void *context, size_t member, int worker, alm_error *error)
{
    const final_run *run = context;
    const almi_signal *s = run->fit->signal;
    const almi_signal_member *m = &s->member[member];
    (void)worker;
    if (m->is_net != run->nets) {
        return ALM_OK;
    }
    alm_err code = almi_signal_fit_member(s, m, &run->fit->horizon->train, run->arena[member],
                                          &run->model[member], error);
    return code == ALM_OK ? code
                          : alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d, "
                                           "member " ALM_STR_FMT, ALM_STR_ARG(s->spec->name),
                                           run->fit->horizon->bars, ALM_STR_ARG(m->spec->name));
}

/* Trees as tasks of the pool, then nets, which use it themselves. */
static alm_err run_finals(final_run *run, alm_error *error)
{
    const almi_signal *s = run->fit->signal;
    size_t members = s->spec->member_count;
    ALM_TRY(alm_pool_run(s->env->pool, members, fit_final, run, error));
    run->nets = true;
    for (size_t m = 0; m < members; m++) {
        ALM_TRY(fit_final(run, m, 0, error));
    }
    return ALM_OK;
}

static alm_err keep_finals(const final_run *run, alm_error *error)
{
    almi_signal *s = run->fit->signal;
    int32_t bars = run->fit->horizon->bars;
    for (size_t m = 0; m < s->spec->member_count; m++) {
        alm_str model, scaler;
        ALM_TRY(keep_bytes(run->model[m].model, s->arena, &model, error));
        put_file(run->fit->files, file_name(s, bars, &s->member[m], "model"), model);
        if (s->member[m].is_net) {
            ALM_TRY(keep_bytes(run->model[m].scaler, s->arena, &scaler, error));
            put_file(run->fit->files, file_name(s, bars, &s->member[m], "scaler.json"), scaler);
        }
    }
    return ALM_OK;
}

static alm_err fit_finals(const horizon_fit *f, alm_error *error)
{
    almi_signal *s = f->signal;
    size_t members = s->spec->member_count;
    final_run run = {.fit = f,
                     .model = ALM_NEW_ARRAY(f->scratch, almi_signal_model, members),
                     .arena = ALM_NEW_ARRAY(f->scratch, alm_arena *, members)};
    for (size_t m = 0; m < members; m++) {
        run.arena[m] = alm_arena_create(0);
    }
    alm_err code = run_finals(&run, error);
    if (code == ALM_OK) {
        code = keep_finals(&run, error);
    }
    for (size_t m = 0; m < members; m++) {
        alm_arena_destroy(run.arena[m]);
    }
    almi_signal_progress(s, members);
    return code;
}

static bool needs_folds(const alm_signal_spec *spec)
{
    return spec->calibration != ALM_SIGNAL_UNCALIBRATED ||
           spec->combination == ALM_SIGNAL_STACKED;
}

static alm_err fit_parts(const horizon_fit *f, alm_error *error)
{
    almi_signal *s = f->signal;
    bool calibrated = s->spec->calibration != ALM_SIGNAL_UNCALIBRATED;
    for (size_t m = 0; calibrated && m < s->spec->member_count; m++) {
        alm_err code = calibrate(f, m, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d, calibrator of "
                                  ALM_STR_FMT, ALM_STR_ARG(s->spec->name), f->horizon->bars,
                                  ALM_STR_ARG(s->member[m].spec->name));
        }
    }
    if (s->spec->combination == ALM_SIGNAL_STACKED) {
        alm_err code = stack(f, error);
        if (code != ALM_OK) {
            return alm_error_wrap(error, code, "signals." ALM_STR_FMT ", horizon %d, stacker",
                                  ALM_STR_ARG(s->spec->name), f->horizon->bars);
        }
    }
    return fit_finals(f, error);
}

static alm_err fit_horizon(almi_signal *s, const almi_signal_horizon *h, file_list *files,
                           alm_error *error)
{
    horizon_fit f = {.signal = s, .horizon = h, .files = files};
    f.scratch = alm_arena_create(0);
    alm_err code = needs_folds(s->spec)
                       ? almi_signal_out_of_fold(s, h, f.scratch, &f.oof, error) : ALM_OK;
    if (code == ALM_OK) {
        code = fit_parts(&f, error);
    }
    alm_arena_destroy(f.scratch);
    return code;
}

/* ---- the document ---- */

static void write_member(almi_signal *s, int32_t bars, const almi_signal_member *m,
                         alm_json_writer *w)
{
    alm_json_open_object(w);
    if (s->spec->calibration != ALM_SIGNAL_UNCALIBRATED) {
        alm_json_put_text(w, "calibrator", file_name(s, bars, m, "calibrator.json"));
    }
    alm_json_key(w, "columns");
    alm_json_open_array(w);
    for (size_t c = 0; c < m->width; c++) {
        alm_json_text(w, alm_bars_plan_name(s->plan, m->place[c]));
    }
    alm_json_close_array(w);
    alm_json_put_text(w, "model", file_name(s, bars, m, "model"));
    alm_json_put_str(w, "name", m->spec->name);
    if (m->is_net) {
        alm_json_put_text(w, "scaler", file_name(s, bars, m, "scaler.json"));
        alm_json_put_i64(w, "steps", m->spec->steps);
    }
    alm_json_close_object(w);
}

static void write_horizon(almi_signal *s, int32_t bars, alm_json_writer *w)
{
    static const char *const kinds[] = {[ALM_SIGNAL_ONE] = "none",
                                        [ALM_SIGNAL_SOFT_VOTE] = "soft_vote",
                                        [ALM_SIGNAL_HARD_VOTE] = "hard_vote",
                                        [ALM_SIGNAL_STACKED] = "stacker"};
    alm_json_open_object(w);
    alm_json_key(w, "combination");
    alm_json_open_object(w);
    if (s->spec->combination == ALM_SIGNAL_STACKED) {
        alm_json_put_text(w, "file", alm_arena_printf(s->arena, "h%d.stacker.json", bars));
    }
    alm_json_put_text(w, "kind", kinds[s->spec->combination]);
    alm_json_close_object(w);
    alm_json_key(w, "members");
    alm_json_open_array(w);
    for (size_t m = 0; m < s->spec->member_count; m++) {
        write_member(s, bars, &s->member[m], w);
    }
    alm_json_close_array(w);
    alm_json_put_text(w, "name", alm_arena_printf(s->arena, "%d", bars));
    alm_json_close_object(w);
}

static void write_document(almi_signal *s, alm_buffer *out)
{
    alm_json_writer w = alm_json_writer_on(out);
    alm_json_open_object(&w);
    alm_json_put_i64(&w, "almanac_scorer", 1);
    alm_json_put_text(&w, "bars", ALMI_SIGNAL_PLAN);
    alm_json_key(&w, "horizons");
    alm_json_open_array(&w);
    for (size_t h = 0; h < s->spec->horizon_count; h++) {
        write_horizon(s, s->spec->horizon[h], &w);
    }
    alm_json_close_array(&w);
    alm_json_key(&w, "labels");
    alm_json_open_array(&w);
    for (size_t k = 0; k < s->class_count; k++) {
        alm_json_i64(&w, s->class_label[k]);
    }
    alm_json_close_array(&w);
    alm_json_put_text(&w, "task", "classes");
    alm_json_close_object(&w);
}

/* The canonical form, by way of the scorer itself: what it cannot read does not come out. */
static alm_err canonical_document(almi_signal *s, file_list *files, alm_error *error)
{
    alm_buffer text = {0}, canonical = {0};
    alm_scorer *scorer = NULL;
    alm_str draft, bytes;
    write_document(s, &text);
    alm_err code = keep_buffer(&text, s->arena, &draft, error);
    if (code == ALM_OK) {
        put_file(files, ALM_SCORER_DOCUMENT, draft);
        alm_scorer_table table = {files->file, files->count};
        alm_scorer_source source = alm_scorer_memory(&table);
        code = alm_scorer_read(&source, "the scorer just fitted", &scorer, error);
    }
    if (code == ALM_OK) {
        alm_scorer_write(scorer, &canonical);
        code = keep_buffer(&canonical, s->arena, &bytes, error);
    }
    if (code == ALM_OK) {
        files->file[files->count - 1].bytes = bytes;
    }
    alm_scorer_destroy(scorer);
    alm_buffer_deinit(&text);
    alm_buffer_deinit(&canonical);
    return code;
}

/* ---- all of it ---- */

static void sort_files(file_list *files)
{
    for (size_t i = 1; i < files->count; i++) {
        alm_scorer_file file = files->file[i];
        size_t j = i;
        for (; j > 0 && alm_str_compare(files->file[j - 1].name, file.name) > 0; j--) {
            files->file[j] = files->file[j - 1];
        }
        files->file[j] = file;
    }
}

static alm_err put_plan(almi_signal *s, file_list *files, alm_error *error)
{
    alm_buffer text = {0};
    alm_str bytes;
    alm_bars_plan_write(s->plan, &text);
    alm_err code = keep_buffer(&text, s->arena, &bytes, error);
    alm_buffer_deinit(&text);
    if (code == ALM_OK) {
        put_file(files, ALMI_SIGNAL_PLAN, bytes);
    }
    return code;
}

void almi_signal_progress(almi_signal *s, size_t fits)
{
    s->done += fits;
    alm_env_progress(s->env, "signal", s->done, s->total);
}

static alm_err fit_all(almi_signal *s, alm_signal_result *out, alm_error *error)
{
    size_t members = s->spec->member_count, horizons = s->spec->horizon_count;
    file_list files = {.room = 2 + horizons * (3 * members + 1)};
    files.file = ALM_NEW_ARRAY(s->arena, alm_scorer_file, files.room);
    s->total = horizons * members * (needs_folds(s->spec) ? (uint64_t)s->spec->folds + 1 : 1);
    ALM_TRY(put_plan(s, &files, error));
    for (size_t h = 0; h < horizons; h++) {
        ALM_TRY(fit_horizon(s, &s->horizon[h], &files, error));
    }
    ALM_TRY(canonical_document(s, &files, error));
    sort_files(&files);
    alm_signal_result result = {.file = files.file, .file_count = files.count};
    ALM_TRY(almi_signal_report(s, &result, &result.report, error));
    *out = result;
    return ALM_OK;
}

alm_err alm_signal_fit(const alm_env *env, const alm_signal_spec *spec,
                       const alm_signal_data *data, alm_arena *arena, alm_signal_result *out,
                       alm_error *error)
{
    almi_signal signal = {.env = env, .spec = spec, .data = data, .arena = arena};
    alm_err code = almi_signal_open(&signal, error);
    if (code == ALM_OK) {
        code = fit_all(&signal, out, error);
    }
    almi_signal_close(&signal);
    return code;
}
