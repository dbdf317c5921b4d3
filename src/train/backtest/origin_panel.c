#include "train/backtest/origin_panel.h"

alm_err alm_origin_source_open(const alm_origin_panels *panels, size_t end,
                               alm_panel_source **out, alm_error *error)
{
    const alm_panel *final = &panels->final->blocks[0];
    alm_assert(end > 0 && end <= final->periods);
    size_t behind = final->periods - end;
    alm_panel_options options = {.start = final->start,
                                 .end = final->start + (alm_date)end,
                                 .future = (int32_t)(behind < panels->horizon ? behind
                                                                              : panels->horizon),
                                 .membership_date = panels->snapshot->end,
                                 .block_series = panels->final->block_series,
                                 .series_of = panels->source};
    char day[ALM_DATE_TEXT_BYTES];
    alm_date_text(options.end, day);
    alm_err code = alm_panel_source_open(panels->env, panels->project, panels->objects,
                                         panels->snapshot, &options, out, error);
    return code == ALM_OK ? ALM_OK
                          : alm_error_wrap(error, code, "as known on %s", day);
}

alm_err alm_origin_panel_at(alm_origin_panels *panels, size_t end, const alm_training_panel **out,
                            alm_error *error)
{
    if (!panels->restated || end == panels->final->blocks[0].periods) {
        *out = panels->final;
        return ALM_OK;
    }
    if (panels->end != end) {
        alm_env quiet = *panels->env; /* the caller counts origins, not blocks */
        quiet.progress = NULL;
        alm_origin_panels_close(panels);
        ALM_TRY(alm_origin_source_open(panels, end, &panels->past_source, error));
        ALM_TRY(alm_training_panel_read(&quiet, panels->past_source, panels->final->delay,
                                        &panels->past, error));
        panels->end = end;
    }
    *out = &panels->past;
    return ALM_OK;
}

void alm_origin_panels_close(alm_origin_panels *panels)
{
    alm_training_panel_deinit(&panels->past);
    alm_panel_source_close(panels->past_source);
    panels->past_source = NULL;
    panels->end = 0;
}
