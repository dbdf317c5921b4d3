#include "http/endpoint/endpoints.h"
#include "http/endpoint/node_page.h"
#include "http/problem_schema.h"

static alm_err read_query(const alm_call *call, alm_node_query *out, alm_error *error)
{
    ALM_TRY(almi_page_read(call, out, error));
    ALM_TRY(almi_page_parameter(call, "level", &out->level, error));
    ALM_TRY(almi_page_parameter(call, "parent", &out->ask.node, error));
    ALM_TRY(almi_page_parameter(call, "parent_level", &out->ask.level, error));
    if (out->ask.level.size > 0 && out->ask.node.size == 0) {
        return alm_fail(error, ALM_ERR_INVALID, "'parent_level' is the level of 'parent', which is "
                        "not there");
    }
    return ALM_OK;
}

static void put_levels(const alm_node_tree *tree, alm_json_writer *json)
{
    alm_json_key(json, "levels");
    alm_json_open_array(json);
    for (size_t l = 0; l < tree->levels; l++) {
        alm_json_open_object(json);
        alm_json_put_str(json, "level", tree->level[l].name);
        alm_json_put_i64(json, "nodes", (int64_t)tree->level[l].count);
        alm_json_key(json, "parts");
        alm_json_open_array(json);
        for (size_t k = 0; tree->whole && k < tree->levels; k++) {
            if (tree->level[l].parts >> k & 1) {
                alm_json_str(json, tree->level[k].name);
            }
        }
        alm_json_close_array(json);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    almi_answer_put_text(json, "levels_problem", tree->problem);
}

static void put_name(const alm_node_page *page, size_t index, alm_json_writer *json)
{
    alm_committed_node node;
    alm_committed_at(page->source->run, index, &node);
    alm_json_put_str(json, "node", node.node);
    alm_json_put_str(json, "level", node.level);
}

/* The node whose parts these are, and what it is itself part of. */
static void put_parent(const alm_node_page *page, alm_json_writer *json)
{
    const alm_node_tree *tree = page->tree;
    alm_json_key(json, "parent");
    if (page->of == ALM_NODE_NONE) {
        alm_json_null(json);
        return;
    }
    alm_json_open_object(json);
    put_name(page, page->of, json);
    alm_json_key(json, "part_of");
    alm_json_open_array(json);
    for (size_t l = 0; l < tree->levels; l++) {
        uint32_t whole = tree->whole[page->of * tree->levels + l];
        if (whole != ALM_NODE_NONE) {
            alm_json_open_object(json);
            put_name(page, whole, json);
            alm_json_close_object(json);
        }
    }
    alm_json_close_array(json);
    alm_json_close_object(json);
}

static void put_page(const alm_node_page *page, alm_json_writer *json)
{
    alm_json_key(json, "nodes");
    alm_json_open_array(json);
    for (size_t i = 0; i < page->rows; i++) {
        const alm_node_row *row = &page->row[i];
        alm_json_open_object(json);
        alm_json_put_str(json, "node", row->node.node);
        alm_json_put_str(json, "level", row->node.level);
        alm_json_put_double(json, "demand", row->demand);
        alm_json_put_bool(json, "has_parts", row->has_parts);
        alm_json_put_double(json, "stockout_probability", row->probability); /* NaN: null */
        almi_answer_put_text(json, "fallback", row->node.fallback);
        alm_json_close_object(json);
    }
    alm_json_close_array(json);
    put_parent(page, json);
    put_levels(page->tree, json);
}

static void run(const alm_call *call, alm_reply *reply)
{
    almi_page_answer(call, read_query, alm_list_nodes, put_page, reply);
}

static const alm_parameter parameters[] = {
    {"level", &alm_schema_name, false, false, "Nodes of this level only."},
    {"parent", &alm_schema_name, false, false, "A node, whose parts are listed."},
    {"parent_level", &alm_schema_name, false, false, "Its level, where several have the name."},
    ALMI_PAGE_PARAMETERS,
};

static const alm_schema_member node_members[] = {
    {"node", &alm_schema_string, true, "Its name; of a series its keys, joined by a bar."},
    {"level", &alm_schema_string, true, "A level of the hierarchy, or `series`."},
    {"demand", &alm_schema_number, true, "Expected demand over all days of the run."},
    {"has_parts", &alm_schema_boolean, true, "It is a sum of nodes that are known."},
    {"stockout_probability", &almi_schema_number, true, "Of running out by the end of the run; "
                                                        "null: no stock position."},
    {"fallback", &almi_schema_text, true, "Why the model did not answer in the run."},
};
static const alm_schema node = {.name = "Node", .doc = "A node of a run.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(node_members)};
static const alm_schema nodes = {.kind = ALM_SCHEMA_ARRAY, .items = &node};
static const alm_schema names = {.kind = ALM_SCHEMA_ARRAY, .items = &alm_schema_string};
static const alm_schema_member level_members[] = {
    {"level", &alm_schema_string, true, "Its name."},
    {"nodes", &alm_schema_integer, true, "How many the run has."},
    {"parts", &names, true, "Levels of the next parts of its nodes."},
};
static const alm_schema level = {.name = "NodeLevel", .doc = "A level of the hierarchy.",
                                 .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(level_members)};
static const alm_schema levels = {.kind = ALM_SCHEMA_ARRAY, .items = &level};

static const alm_schema_member name_members[] = {
    {"node", &alm_schema_string, true, "Its name."},
    {"level", &alm_schema_string, true, "Its level."},
};
static const alm_schema name = {.name = "NodeName", .doc = "A node of a run.",
                                .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(name_members)};
static const alm_schema part_of = {.kind = ALM_SCHEMA_ARRAY, .items = &name};
static const alm_schema_member parent_members[] = {
    {"node", &alm_schema_string, true, "Its name."},
    {"level", &alm_schema_string, true, "Its level."},
    {"part_of", &part_of, true, "Nodes that have all of it, in the order of levels."},
};
static const alm_schema parent = {.name = "NodeParent", .doc = "The node whose parts are listed.",
                                  .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(parent_members),
                                  .is_nullable = true};

static const alm_schema_member reply_members[] = {
    {"nodes", &nodes, true, "Level by level, in the order of names."},
    {"parent", &parent, true, "The node that was asked for; null: none was."},
    {"levels", &levels, true, "All levels of the run, sums first."},
    {"levels_problem", &almi_schema_text, true, "Why it is not known what is part of what."},
    ALMI_PAGE_MEMBERS,
};
static const alm_schema reply_schema = {.name = "NodePage", .doc = "Nodes of a run.",
                                        .kind = ALM_SCHEMA_OBJECT, ALM_MEMBERS(reply_members)};

const alm_route almi_route_list_nodes = {
    .method = ALM_METHOD_GET,
    .path = "/api/v1/nodes",
    .operation = "listNodes",
    .tag = "Predictions",
    .summary = "The nodes of the run in force: by level, by name, or the parts of one",
    .text = "What is part of what is as of the run's prediction date. A page looks at 20000 nodes "
            "at most: a rare `search` may take several.",
    .scope = ALM_SCOPE_VIEWER,
    ALM_PARAMETERS(parameters),
    .response = {{200, ALM_TYPE_JSON, &reply_schema, "A page."},
                 {404, ALM_TYPE_PROBLEM, &almi_problem_schema, "Route, release, level or parent."},
                 {409, ALM_TYPE_PROBLEM, &almi_problem_schema,
                  "The cursor is of a run that is not in force any more."}},
    .run = run,
};
