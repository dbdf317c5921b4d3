#include "serve/live/live_past.h"

#include "serve/live/live_internal.h"

struct alm_live_past {
    alm_live *live; /* never started */
    almi_live_line *line;
};

static alm_err open_run(alm_live *live, const alm_live_past_run *run, almi_live_line **out,
                        alm_error *error)
{
    const almi_live_want wanted = {.run_id = run->run_id, .manifest = run->manifest,
                                   .prediction_date = run->prediction_date};
    ALM_TRY(almi_live_read_since(live, &live->complete_since, error));
    ALM_TRY(almi_live_check_complete(live, &wanted, error));
    return almi_live_open_line(live, &wanted, live->options.memory_limit_bytes, out, error);
}

alm_err alm_live_past_open(const alm_live_options *options, const alm_live_past_run *run,
                           alm_live_past **out, alm_error *error)
{
    alm_live_options own = *options;
    alm_live *live = NULL;
    void *memory = NULL;
    almi_live_line *line = NULL;
    own.workers = 1;
    own.note = NULL;
    ALM_TRY(alm_live_create(&own, &live, error));
    alm_err code = open_run(live, run, &line, error);
    code = code == ALM_OK ? alm_heap_try(sizeof(alm_live_past), &memory, error) : code;
    if (code != ALM_OK) {
        almi_live_line_destroy(line);
        alm_live_destroy(live);
        return code;
    }
    *out = memory;
    **out = (alm_live_past){live, line};
    return ALM_OK;
}

void alm_live_past_close(alm_live_past *past)
{
    if (past) {
        almi_live_line_destroy(past->line);
        alm_live_destroy(past->live);
        alm_heap_free(past);
    }
}

static alm_date end_of(const alm_live_past *past)
{
    const alm_online_now *now = alm_online_state_enter(past->line->state, 0);
    alm_date end = now->end;
    alm_online_state_leave(past->line->state, 0);
    return end;
}

/* Sequences are from 1 on, so below 0 is as much as below 1. */
static uint64_t from_one(uint64_t events)
{
    return events > 0 ? events : 1;
}

bool alm_live_past_reaches(const alm_live_past *past, alm_date end, uint64_t events)
{
    return end >= end_of(past) && from_one(events) >= past->line->next_sequence;
}

/* Sequences have no gaps. So when the log has none of the last ones it has lost them, unless it has
 * released events and says so, of before days that matter here. */
static alm_err check_has(const alm_live_past *past, uint64_t seen, uint64_t events,
                         alm_error *error)
{
    return seen >= events || past->live->complete_since != ALM_DATE_NONE
               ? ALM_OK
               : alm_fail(error, ALM_ERR_CORRUPT, "the log of events ends with number %llu, and "
                          "%llu were counted then", (unsigned long long)(seen - 1),
                          (unsigned long long)(events - 1));
}

alm_err alm_live_past_move(alm_live_past *past, alm_date end, uint64_t events, alm_error *error)
{
    alm_online_state *state = past->line->state;
    uint64_t seen = 0;
    if (!alm_live_past_reaches(past, end, events)) {
        return alm_fail(error, ALM_ERR_INVALID, "run " ALM_STR_FMT " has no such state: its days "
                        "or its events are behind it", ALM_STR_ARG(past->line->run_id));
    }
    ALM_TRY(almi_live_replay(past->live, past->line, from_one(events), &seen, error));
    ALM_TRY(check_has(past, seen, from_one(events), error));
    ALM_TRY(alm_online_state_advance(state, end, error));
    return alm_online_state_publish(state, error);
}

void alm_live_past_enter(alm_live_past *past, alm_live_view *out)
{
    almi_live_view_of(past->line, 0, out);
}

void alm_live_past_leave(alm_live_past *past, const alm_live_view *view)
{
    (void)view;
    alm_online_state_leave(past->line->state, 0);
}
