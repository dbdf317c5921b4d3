/* cmd_optimize.c: order advice for one node of a committed run; the work is decide/replenish. */
#include <math.h>
#include <string.h>

#include "app/session.h"
#include "batch/run_paths.h"
#include "decide/replenish.h"

static const almi_option optimize_options[] = {
    {"model", "RELEASE", "model version or alias, always needed"},
    {"date", "DATE", "the run in force for this prediction date"},
    {"run", "RUN", "one run by its id, superseded or not"},
    {"schedule", "NAME", "needed when several schedules have a run for the date"},
    {"lead-time", "DAYS", "until an order arrives; a distribution is DAYS:SHARE,DAYS:SHARE"},
    {"review", "DAYS", "until one can order again (default: 1; 0: at any time)"},
    {"service-level", "SHARE", "goal: the chance that the protection interval has no stock-out"},
    {"fill-rate", "SHARE", "goal: the share of demand that is met from stock"},
    {"holding-cost", "COST", "of a unit and day; without a share above the goal is least cost"},
    {"shortage-cost", "COST", "of a unit that is missing"},
    {"order-cost", "COST", "of an order, whatever its size"},
    {"on-hand", "UNITS", "now, negative for backorders (default: as the run saw it)"},
    {"on-order", "LIST", "receipts by day from the first, DAY:UNITS,.. (default: likewise)"},
    {"multiple", "UNITS", "pack size (default: 1 for what is counted)"},
    {"minimum", "UNITS", "smallest order"},
    {"maximum", "UNITS", "largest order"},
    {"capacity", "UNITS", "room for stock and orders together"},
    {"lost-sales", NULL, "missing units are lost (default: backordered)"},
};

/* ---- options ---- */

static bool read_bounded(alm_str text, double *out)
{
    double number = 0;
    if (!alm_str_to_double(text, &number) || fabs(number) > ALM_ORDER_AMOUNT_MAX) {
        return false;
    }
    *out = number;
    return true;
}

static alm_err read_number(const almi_cli *cli, const char *name, double *out, alm_error *error)
{
    const char *text = almi_option_text(cli, name);
    if (text && !read_bounded(alm_str_of(text), out)) {
        return alm_fail(error, ALM_ERR_USAGE, "--%s takes a number, at most 1e15, not '%s'", name,
                        text);
    }
    return ALM_OK;
}

/* "DAY:NUMBER" of a list such as 5:0.7,8:0.3. */
static bool read_pair(alm_str text, int64_t *day, double *number)
{
    alm_str rest = text;
    alm_str first = alm_str_split(&rest, ':');
    return alm_str_to_i64(first, day) && *day >= 0 && *day <= 100000 && rest.data &&
           read_bounded(rest, number);
}

static alm_err read_lead_time(almi_cli *cli, alm_replenish_terms *terms, alm_error *error)
{
    alm_str text;
    ALM_TRY(almi_option_require(cli, "lead-time", &text, error));
    alm_lead_time *lead = ALM_NEW_ARRAY(cli->arena, alm_lead_time, ALM_LEAD_TIMES_MAX);
    int64_t days = 0;
    double share = 1;
    terms->lead_time = lead;
    if (alm_str_to_i64(text, &days) && days >= 0 && days <= 100000) {
        lead[0] = (alm_lead_time){(int32_t)days, 1};
        terms->lead_time_count = 1;
        return ALM_OK;
    }
    for (alm_str rest = text; rest.data;) {
        bool room = terms->lead_time_count < ALM_LEAD_TIMES_MAX;
        if (!room || !read_pair(alm_str_split(&rest, ','), &days, &share)) {
            return alm_fail(error, ALM_ERR_USAGE, "--lead-time takes days such as 7, or at most %d "
                            "of them with their shares such as 5:0.7,8:0.3, not '" ALM_STR_FMT "'",
                            ALM_LEAD_TIMES_MAX, ALM_STR_ARG(text));
        }
        lead[terms->lead_time_count++] = (alm_lead_time){(int32_t)days, share};
    }
    return ALM_OK;
}

static alm_err read_goal(const almi_cli *cli, alm_replenish_terms *terms, alm_error *error)
{
    bool cycle = almi_option_text(cli, "service-level") != NULL;
    bool fill = almi_option_text(cli, "fill-rate") != NULL;
    if (cycle && fill) {
        return alm_fail(error, ALM_ERR_USAGE, "--service-level and --fill-rate are two goals: "
                        "give one");
    }
    terms->goal = cycle ? ALM_SERVICE_CYCLE : fill ? ALM_SERVICE_FILL : ALM_SERVICE_COST;
    ALM_TRY(read_number(cli, "service-level", &terms->service, error));
    ALM_TRY(read_number(cli, "fill-rate", &terms->service, error));
    ALM_TRY(read_number(cli, "holding-cost", &terms->holding_cost, error));
    ALM_TRY(read_number(cli, "shortage-cost", &terms->shortage_cost, error));
    if (terms->goal == ALM_SERVICE_COST && !(terms->holding_cost > 0 && terms->shortage_cost > 0)) {
        return alm_fail(error, ALM_ERR_USAGE, "a goal is needed: --service-level or --fill-rate, "
                        "or --holding-cost and --shortage-cost above zero for least cost");
    }
    return read_number(cli, "order-cost", &terms->order_cost, error);
}

static alm_err read_terms(almi_cli *cli, alm_replenish_terms *terms, alm_error *error)
{
    int64_t review = 1;
    *terms = (alm_replenish_terms){.lost_sales = almi_option_flag(cli, "lost-sales")};
    ALM_TRY(read_lead_time(cli, terms, error));
    ALM_TRY(almi_option_i64(cli, "review", &review, error));
    if (review < 0 || review > 100000) {
        return alm_fail(error, ALM_ERR_USAGE, "--review takes a number of days, not %lld",
                        (long long)review);
    }
    terms->review = (int32_t)review;
    ALM_TRY(read_goal(cli, terms, error));
    ALM_TRY(read_number(cli, "multiple", &terms->rules.multiple, error));
    ALM_TRY(read_number(cli, "minimum", &terms->rules.minimum, error));
    ALM_TRY(read_number(cli, "maximum", &terms->rules.maximum, error));
    return read_number(cli, "capacity", &terms->rules.capacity, error);
}

static alm_err read_stock(almi_cli *cli, const alm_node_paths *paths, alm_stock_position *out,
                          alm_error *error)
{
    const char *on_order = almi_option_text(cli, "on-order");
    if (!paths->has_stock && !almi_option_text(cli, "on-hand")) {
        return alm_fail(error, ALM_ERR_USAGE, "the run has no stock position of %s: give "
                        "--on-hand UNITS", cli->argument[0]);
    }
    *out = (alm_stock_position){paths->on_hand, paths->has_stock ? paths->receipts : NULL};
    ALM_TRY(read_number(cli, "on-hand", &out->on_hand, error));
    if (!on_order) {
        return ALM_OK;
    }
    double *receipts = ALM_NEW_ARRAY(cli->arena, double, paths->steps);
    for (alm_str rest = alm_str_of(on_order); rest.data;) {
        int64_t day = 0;
        double units = 0;
        if (!read_pair(alm_str_split(&rest, ','), &day, &units) || day == 0) {
            return alm_fail(error, ALM_ERR_USAGE, "--on-order takes units by day, the first being "
                            "day 1, such as 3:24,10:12, not '%s'", on_order);
        }
        if ((size_t)day <= paths->steps) { /* later ones come behind everything looked at */
            receipts[day - 1] += units;
        }
    }
    out->receipts = receipts;
    return ALM_OK;
}

/* ---- output ---- */

static const almi_grid_column advice_columns[] = {
    {.key = "node", .title = "NODE"},
    {.key = "level", .title = "LEVEL"},
    {.key = "model_version", .title = "RELEASE"},
    {.key = "run_id", .title = "RUN"},
    {.key = "prediction_date", .title = "DAY 1"},
    {.key = "order", .title = "ORDER NOW", .decimals = 2},
    {.key = "reason", .title = "BECAUSE"},
    {.key = "position", .title = "POSITION", .decimals = 2},
    {.key = "reorder_point", .title = "REORDER POINT", .decimals = 2},
    {.key = "safety_stock", .title = "SAFETY STOCK", .decimals = 2},
    {.key = "order_up_to", .title = "ORDER UP TO", .decimals = 2},
    {.key = "policy", .title = "POLICY"},
    {.key = "expected_demand", .title = "EXPECTED DEMAND", .decimals = 2},
    {.key = "cycle_service", .title = "SERVICE AT REORDER POINT", .decimals = 4},
    {.key = "stockout_before_arrival", .title = "STOCK-OUT BEFORE ARRIVAL", .decimals = 4},
    {.key = "stockout_probability", .title = "STOCK-OUT WITH THE ORDER", .decimals = 4},
    {.key = "stockout_probability_without", .title = "... WITHOUT", .decimals = 4},
    {.key = "shortage", .title = "UNITS SHORT WITH THE ORDER", .decimals = 2},
    {.key = "shortage_without", .title = "... WITHOUT", .decimals = 2},
    {.key = "fill_rate", .title = "FILL RATE WITH THE ORDER", .decimals = 4},
    {.key = "fill_rate_without", .title = "... WITHOUT", .decimals = 4},
    {.key = "cost", .title = "COST WITH THE ORDER", .decimals = 2},
    {.key = "cost_without", .title = "... WITHOUT", .decimals = 2},
    {.key = "days_of_cover", .title = "DAYS OF COVER WITH THE ORDER", .decimals = 1},
    {.key = "days_of_cover_without", .title = "... WITHOUT", .decimals = 1},
};

/* Without any cost given, a cost of zero would say something that nobody knows. */
static void add_cost(const alm_replenish_terms *terms, double cost, almi_grid *grid)
{
    bool known = terms->holding_cost > 0 || terms->shortage_cost > 0 || terms->order_cost > 0;
    if (known) {
        almi_grid_double(grid, cost);
    } else {
        almi_grid_none(grid);
    }
}

typedef struct chosen_run {
    alm_path_file *file;
    alm_run_paths_facts facts;
    alm_str level; /* of the node */
} chosen_run;

static void show(almi_cli *cli, const chosen_run *run, const alm_replenish_terms *terms,
                 const alm_replenish_advice *a)
{
    const alm_run_paths_facts *facts = &run->facts;
    char date[ALM_DATE_TEXT_BYTES];
    alm_date_text(facts->prediction_date, date);
    almi_grid *grid = almi_grid_create(cli->arena, advice_columns,
                                       sizeof advice_columns / sizeof advice_columns[0]);
    almi_grid_text(grid, cli->argument[0]);
    almi_grid_str(grid, run->level);
    almi_grid_str(grid, facts->model_version);
    almi_grid_str(grid, facts->run_id);
    almi_grid_text(grid, date);
    almi_grid_double(grid, a->order);
    almi_grid_text(grid, alm_order_reason_text(a->reason));
    almi_grid_double(grid, a->position);
    almi_grid_double(grid, a->reorder_point);
    almi_grid_double(grid, a->safety_stock);
    almi_grid_double(grid, a->order_up_to);
    almi_grid_text(grid, alm_order_policy_text(a->policy));
    almi_grid_double(grid, a->expected_demand);
    almi_grid_double(grid, a->cycle_service);
    almi_grid_double(grid, a->stockout_before_arrival);
    almi_grid_double(grid, a->with.stockout_probability);
    almi_grid_double(grid, a->without.stockout_probability);
    almi_grid_double(grid, a->with.shortage);
    almi_grid_double(grid, a->without.shortage);
    almi_grid_double(grid, a->with.fill_rate);
    almi_grid_double(grid, a->without.fill_rate);
    add_cost(terms, a->with.cost, grid);
    add_cost(terms, a->without.cost, grid);
    almi_grid_double(grid, a->with.days_of_cover);
    almi_grid_double(grid, a->without.days_of_cover);
    almi_show_facts(cli, grid);
}

static alm_err advise(almi_cli *cli, const alm_path_file *file, alm_replenish_terms *terms,
                      alm_replenish_advice *out, alm_error *error)
{
    alm_node_paths paths;
    alm_stock_position stock;
    ALM_TRY(alm_paths_of_node(file, alm_str_of(cli->argument[0]), cli->arena, &paths, error));
    ALM_TRY(read_stock(cli, &paths, &stock, error));
    if (paths.counts && !almi_option_text(cli, "multiple")) {
        terms->rules.multiple = 1;
    }
    alm_demand_paths demand = {.values = paths.values, .paths = paths.paths,
                               .steps = paths.steps};
    return alm_replenish(&demand, &stock, terms, cli->arena, out, error);
}

static alm_err open_run(almi_cli *cli, chosen_run *out, alm_error *error)
{
    alm_query_options options = {.date = ALM_DATE_NONE,
                                 .run = alm_str_of(almi_option_text(cli, "run")),
                                 .schedule = alm_str_of(almi_option_text(cli, "schedule"))};
    ALM_TRY(almi_option_require(cli, "model", &options.model, error));
    ALM_TRY(almi_option_date(cli, "date", &options.date, error));
    ALM_TRY(almi_open_predictions(cli, false, error));
    alm_read_stores stores = {.registry = cli->registry,
                              .objects = cli->objects,
                              .predictions = cli->predictions,
                              .threads = cli->threads};
    ALM_TRY(alm_run_paths_open(&stores, &options, cli->arena, &out->file, &out->facts, error));
    return alm_run_paths_level(&stores, &out->facts, alm_str_of(cli->argument[0]), cli->arena,
                               &out->level, error);
}

static alm_err run_optimize(almi_cli *cli, alm_error *error)
{
    alm_replenish_terms terms;
    chosen_run run = {.file = NULL};
    alm_replenish_advice advice;
    ALM_TRY(read_terms(cli, &terms, error));
    alm_err code = open_run(cli, &run, error);
    code = code == ALM_OK ? advise(cli, run.file, &terms, &advice, error) : code;
    alm_path_file_close(run.file);
    if (code == ALM_OK) {
        show(cli, &run, &terms, &advice);
    }
    return code;
}

const almi_command almi_cmd_optimize = {
    .name = "optimize",
    .arguments = "NODE",
    .arguments_min = 1,
    .arguments_max = 1,
    .summary = "say when and how much to order",
    .text = "Reorder point, order-up-to level and the quantity to order now for NODE, from the "
            "sample paths of a committed run: needs --model and one of --date and --run. The order "
            "answers for lead time + review days, which must lie within the days forecast. The "
            "goal is a service level, a fill rate, or least cost. Definitions: "
            "docs/replenishment.md.",
    .example = "almanac optimize '22423|United_Kingdom' --model production --date 2011-11-26 \\\n"
               "    --lead-time 7 --review 7 --service-level 0.95 --multiple 12\n"
               "almanac optimize sku_1 --model demand-1 --date 2024-02-01 --lead-time 5:0.7,8:0.3 "
               "\\\n    --holding-cost 0.02 --shortage-cost 1.5 --order-cost 20 --on-hand 40",
    ALMI_OPTIONS(optimize_options),
    .run = run_optimize,
};
