/* Any bytes as reconcile.json: a rule whose canonical text is its own, or one error. */
#include "pipeline/reconcile_rule.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_arena *arena = alm_arena_create(0);
    alm_reconcile_rule rule;
    alm_error error = {0};
    alm_str text = {(const char *)data, size};
    if (alm_reconcile_rule_read(text, "reconcile.json", arena, &rule, &error) == ALM_OK) {
        for (size_t i = 0; i < rule.node_count; i++) {
            alm_assert(rule.variance[i] >= 0 && isfinite(rule.variance[i]));
            alm_assert(alm_reconcile_rule_find(&rule, &rule.nodes[i]) == i);
        }
        alm_buffer once = {0};
        alm_buffer twice = {0};
        alm_reconcile_rule again;
        alm_reconcile_rule_write(&rule, &once);
        alm_assert(alm_reconcile_rule_read(alm_buffer_view(&once), "again", arena, &again,
                                           &error) == ALM_OK);
        alm_reconcile_rule_write(&again, &twice);
        alm_assert(alm_str_equal(alm_buffer_view(&once), alm_buffer_view(&twice)));
        alm_buffer_deinit(&once);
        alm_buffer_deinit(&twice);
    } else {
        alm_assert(error.message[0]);
    }
    alm_arena_destroy(arena);
    return 0;
}
