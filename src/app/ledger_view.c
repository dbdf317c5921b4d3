#include "app/ledger_view.h"

/* X(key, title in a table, title as a fact, options): the cells of almi_ledger_add, in order. */
#define COLUMN_MAP(X)                               \
    X("seq", "SEQ", "ledger entry", .right = true)  \
    X("when", "WHEN", "when", .right = false)       \
    X("action", "ACTION", "done", .right = false)   \
    X("release", "RELEASE", "release", .right = false) \
    X("alias", "ALIAS", "alias", .right = false)    \
    X("who", "WHO", "by", .wrap = true)             \
    X("why", "WHY", "because", .wrap = true)        \
    X("object", NULL, NULL, .right = false)         \
    X("hash", NULL, "hash", .right = false)

#define TABLE_COLUMN(name, table, fact, option) {.key = name, .title = table, option},
#define FACT_COLUMN(name, table, fact, option) {.key = name, .title = fact, option},

static const almi_grid_column table_columns[] = {COLUMN_MAP(TABLE_COLUMN)};
static const almi_grid_column fact_columns[] = {COLUMN_MAP(FACT_COLUMN)};

almi_grid *almi_ledger_grid(alm_arena *arena, bool is_table)
{
    return almi_grid_create(arena, is_table ? table_columns : fact_columns,
                            sizeof table_columns / sizeof table_columns[0]);
}

void almi_ledger_add(almi_grid *grid, const alm_ledger_entry *entry)
{
    almi_grid_i64(grid, entry->seq);
    almi_grid_instant(grid, entry->when);
    almi_grid_text(grid, alm_ledger_action_text(entry->action));
    almi_grid_str(grid, entry->subject);
    almi_grid_optional(grid, entry->alias);
    almi_grid_str(grid, entry->who);
    almi_grid_str(grid, entry->why);
    almi_grid_str(grid, entry->object);
    almi_grid_digest(grid, &entry->hash);
}
