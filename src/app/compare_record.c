#include "app/compare_record.h"

static alm_err append(almi_cli *cli, const almi_comparison *c, alm_str detail, int64_t *seq,
                      alm_error *error)
{
    const char *why = almi_option_text(cli, "why");
    why = why ? why
              : alm_arena_printf(cli->arena, "compared with " ALM_STR_FMT,
                                 ALM_STR_ARG(c->against));
    alm_ledger_note note = {.action = ALM_LEDGER_COMPARE,
                            .subject = c->candidate,
                            .detail = detail,
                            .when = alm_env_now(&cli->env),
                            .why = alm_str_of(why)};
    alm_ledger_entry entry;
    ALM_TRY(almi_who(cli, &note.who, error));
    ALM_TRY(alm_ledger_append(cli->registry, &note, cli->arena, &entry, error));
    *seq = entry.seq;
    return ALM_OK;
}

alm_err almi_comparison_record(almi_cli *cli, const almi_comparison *c, int64_t *seq,
                               alm_error *error)
{
    *seq = 0;
    if (almi_option_flag(cli, "dry-run")) {
        return ALM_OK;
    }
    alm_buffer detail = {0};
    alm_json_writer json = alm_json_writer_on(&detail);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "against", c->against);
    alm_json_put_i64(&json, "better", (int64_t)c->better);
    alm_json_key(&json, "figures");
    almi_grid_write_rows(c->grid, &json);
    alm_json_put_i64(&json, "worse", (int64_t)c->worse);
    alm_json_close_object(&json);
    alm_err code = alm_buffer_status(&detail, error);
    if (code == ALM_OK) {
        code = append(cli, c, alm_buffer_view(&detail), seq, error);
    }
    alm_buffer_deinit(&detail);
    return code;
}

void almi_comparison_write(almi_cli *cli, const almi_comparison *c, int64_t seq)
{
    alm_json_writer json = alm_json_writer_on(&cli->out);
    alm_json_open_object(&json);
    alm_json_put_str(&json, "candidate", c->candidate);
    alm_json_put_str(&json, "against", c->against);
    alm_json_put_i64(&json, "better", (int64_t)c->better);
    alm_json_put_i64(&json, "worse", (int64_t)c->worse);
    alm_json_key(&json, "ledger_entry");
    if (seq) {
        alm_json_i64(&json, seq);
    } else {
        alm_json_null(&json);
    }
    alm_json_key(&json, "figures");
    almi_grid_write_rows(c->grid, &json);
    alm_json_close_object(&json);
    alm_buffer_text(&cli->out, "\n");
}

void almi_comparison_conclude(almi_cli *cli, const almi_comparison *c, int64_t seq)
{
    alm_buffer_printf(&cli->out,
                      "\n" ALM_STR_FMT " against " ALM_STR_FMT
                      ": %zu figures better, %zu worse%s\n",
                      ALM_STR_ARG(c->candidate), ALM_STR_ARG(c->against), c->better, c->worse,
                      seq ? "; recorded in the ledger" : "; dry run, not recorded");
}
