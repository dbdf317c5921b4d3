#include "serve/models/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *alm_replay_result_text(alm_replay_result result)
{
    static const char *const TEXT[] = {"equal", "different", "not replayable"};
    return TEXT[result];
}

void alm_replay_say(alm_replay *out, alm_replay_result result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->result = result;
    vsnprintf(out->detail, sizeof out->detail, format, arguments);
    va_end(arguments);
}

const double *alm_replay_outputs(const alm_inference_answer *a, alm_arena *arena, size_t *width)
{
    size_t h = a->horizons, p = a->horizons * a->classes;
    *width = a->classes ? 2 * h + p : h;
    if (a->classes == 0) {
        return a->value;
    }
    double *out = ALM_NEW_ARRAY(arena, double, a->rows * *width);
    for (size_t i = 0; i < a->rows; i++) {
        double *row = out + i * *width;
        memcpy(row, a->value + i * h, h * sizeof(double));
        memcpy(row + h, a->probability + i * p, p * sizeof(double));
        memcpy(row + h + p, a->confidence + i * h, h * sizeof(double));
    }
    return out;
}

/* Names that are the model's own are not looked up: they may be made up, or there twice. */
static bool has_own_names(const alm_scorer_info *info, const alm_prediction_record *record)
{
    if (record->column_count != info->row_column_count) {
        return false;
    }
    for (size_t i = 0; i < record->column_count; i++) {
        if (!alm_str_equal(record->column[i], info->row_column[i])) {
            return false;
        }
    }
    return true;
}

static void compare(const alm_prediction_record *record, const double *now, size_t width,
                    alm_replay *out)
{
    char before[32], after[32];
    if (width != record->output_count) {
        alm_replay_say(out, ALM_REPLAY_DIFFERENT, "%zu outputs are on record, the model has %zu",
                       record->output_count, width);
        return;
    }
    for (size_t i = 0; i < record->row_count * width; i++) {
        if (memcmp(&record->answer[i], &now[i], sizeof *now) != 0) {
            alm_double_text(record->answer[i], before);
            alm_double_text(now[i], after);
            alm_replay_say(out, ALM_REPLAY_DIFFERENT, "row %zu, output %zu: %s is on record, the "
                           "model says %s", i / width + 1, i % width + 1, before, after);
            return;
        }
    }
    alm_replay_say(out, ALM_REPLAY_EQUAL, "%s", "");
}

void alm_replay_inference(const alm_served_model *model, const alm_prediction_record *record,
                          alm_arena *arena, alm_replay *out)
{
    const alm_served_info *info = alm_served_model_describe(model);
    char digest[ALM_DIGEST_TEXT_BYTES];
    alm_digest_text(&record->model_hash, digest);
    alm_assert(strcmp(digest, info->digest) == 0);
    if (info->scorer->remote_count > 0) {
        alm_replay_say(out, ALM_REPLAY_IMPOSSIBLE, "another program answers a part of the model, "
                       "and its hash does not cover that");
        return;
    }
    alm_inference_input input = {.rows = record->row_count,
                                 .name = has_own_names(info->scorer, record) ? NULL
                                                                             : record->column,
                                 .column_count = record->column_count,
                                 .values = record->column_count ? record->value : NULL,
                                 .windows = record->steps ? record->window : NULL,
                                 .steps = record->steps,
                                 .window_width = record->window_width};
    alm_inference_answer answer;
    alm_error error = {0};
    if (alm_inference_run(model, 0, &input, arena, &answer, &error) != ALM_OK) {
        alm_replay_say(out, ALM_REPLAY_DIFFERENT, "an answer is on record, and the model says: %s",
                       error.message);
        return;
    }
    size_t width = 0;
    const double *now = alm_replay_outputs(&answer, arena, &width);
    compare(record, now, width, out);
}
