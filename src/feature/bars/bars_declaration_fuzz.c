/* Any bytes as a declaration, and as a plan's JSON: a plan whose canonical text compiles to the
 * same version and whose features of some bars are numbers, or one error. */
#include "feature/bars/bars_cases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Windows up to here are tried out; longer ones only take time. */
#define WORDS_MAX 20000

static void use_plan(const alm_bars_plan *plan)
{
    enum { BARS = 40 };
    alm_bar bars[BARS];
    size_t width = alm_bars_plan_width(plan);
    if (plan->online.words > WORDS_MAX || width > 20) {
        return;
    }
    double out[BARS * 20];
    case_bars(CASE_HOLES, width, bars, BARS);
    alm_err code = alm_bars_rows(plan, bars, BARS, out, width, NULL);
    alm_assert(code == ALM_OK);
    for (size_t i = 0; i < BARS * width; i++) {
        alm_assert(out[i] != out[i] || out[i] - out[i] == 0);
    }
}

static void check_round_trip(const alm_bars_plan *plan)
{
    alm_buffer text = {0};
    alm_bars_plan *again = NULL;
    alm_bars_plan_write(plan, &text);
    alm_err code = alm_bars_plan_read(alm_buffer_view(&text), "fuzz", &again, NULL);
    alm_assert(code == ALM_OK);
    alm_assert(alm_digest_equal(alm_bars_plan_version(plan), alm_bars_plan_version(again)));
    alm_bars_plan_destroy(again);
    alm_buffer_deinit(&text);
}

static void check(alm_err code, alm_bars_plan *plan, const alm_error *error)
{
    if (code == ALM_OK) {
        check_round_trip(plan);
        use_plan(plan);
    } else {
        alm_assert(!plan && error->message[0] != '\0' &&
                   alm_str_is_utf8(alm_str_of(error->message), NULL));
    }
    alm_bars_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alm_bars_plan *plan = NULL;
    alm_error error = {0};
    alm_str bytes = {(const char *)data, size};
    alm_err code = alm_bars_plan_compile(&bytes, 1, NULL, &plan, &error);
    check(code, plan, &error);
    plan = NULL;
    code = alm_bars_plan_read(bytes, "fuzz", &plan, &error);
    check(code, plan, &error);
    return 0;
}
