/* The canonical text of a plan (keys sorted, one spelling per value), its hash, and reading it.
 * Keys that came later are written only where they say something: older plans keep their text. */
#include "feature/feature_plan.h"

#define PLAN_FORMAT 1

static const char *anchor_name(alm_feature_anchor anchor)
{
    return anchor == ALM_ANCHOR_LAG ? "lag" : "age";
}

static void write_feature(const alm_feature_plan *plan, size_t index, alm_json_writer *writer)
{
    const alm_feature_spec *spec = &plan->specs[index];
    const almi_operator *op = almi_operator_of(spec->op);
    const almi_source *source = &plan->sources[index];
    alm_json_open_object(writer);
    alm_json_put_double(writer, "alpha", spec->alpha);
    alm_json_put_text(writer, "anchor", anchor_name(spec->anchor));
    if (spec->column) {
        alm_json_put_text(writer, "column", spec->column);
    }
    if (op->kernel->input == ALMI_INPUT_COLUMN) {
        /* Written where it is not the plan's, which is what plans said before columns had one. */
        int32_t delay = plan->column_delays[source->input];
        bool known = plan->column_roles[source->input] == ALM_ROLE_KNOWN;
        if (!known && delay != plan->delay) {
            alm_json_put_i64(writer, "delay", delay);
        }
    }
    if (op->kernel->takes & ALMI_TAKES_LEVEL) {
        alm_json_put_double(writer, "level", spec->level);
    }
    alm_json_put_text(writer, "name", spec->name);
    alm_json_put_i64(writer, "offset", spec->offset);
    alm_json_put_text(writer, "operator", op->name);
    alm_json_put_i64(writer, "revision", op->revision);
    if (op->kernel->input == ALMI_INPUT_COLUMN) {
        bool known = plan->streams[source->stream].part == ALMI_PART_KNOWN;
        alm_json_put_text(writer, "role", known ? "known" : "observed");
    }
    alm_json_put_bool(writer, "scaled", spec->scaled);
    alm_json_put_i64(writer, "season", spec->season);
    alm_json_put_bool(writer, "skip_closed", spec->skip_closed);
    if (spec->steps_max) { /* younger than the format: plans without it keep their text */
        alm_json_put_i64(writer, "steps_max", spec->steps_max);
    }
    alm_json_put_i64(writer, "window", spec->window);
    alm_json_close_object(writer);
}

void alm_feature_plan_write(const alm_feature_plan *plan, alm_buffer *out)
{
    alm_json_writer writer = alm_json_writer_on(out);
    alm_json_open_object(&writer);
    alm_json_key(&writer, "blocks");
    alm_json_open_array(&writer);
    for (size_t i = 0; i < plan->block_count; i++) {
        alm_json_open_array(&writer);
        alm_json_i64(&writer, plan->blocks[i].first);
        alm_json_i64(&writer, plan->blocks[i].last);
        alm_json_close_array(&writer);
    }
    alm_json_close_array(&writer);
    alm_json_put_i64(&writer, "delay", plan->delay);
    alm_json_key(&writer, "features");
    alm_json_open_array(&writer);
    for (size_t i = 0; i < plan->count; i++) {
        write_feature(plan, i, &writer);
    }
    alm_json_close_array(&writer);
    alm_json_put_i64(&writer, "format", PLAN_FORMAT);
    if (plan->recursive) {
        alm_json_put_i64(&writer, "recursive", plan->recursive);
    }
    if (plan->sold_out == ALM_SOLD_OUT_IMPUTED) { /* plans without it mask them */
        alm_json_put_text(&writer, "sold_out", "imputed");
    }
    alm_json_close_object(&writer);
}

void almi_plan_hash(alm_feature_plan *plan)
{
    alm_buffer text = {0};
    alm_feature_plan_write(plan, &text);
    /* A plan is small; without memory for its text no useful work is possible. */
    alm_assert(!text.failed);
    plan->version = alm_hash_bytes(text.data, text.size);
    alm_buffer_deinit(&text);
}

/* ---- reading ---- */

static alm_err bad(alm_error *error, const char *name, const char *what)
{
    return alm_fail(error, ALM_ERR_CORRUPT, "%s: %s", name, what);
}

static alm_err get_i32(const alm_json *object, const char *key, int32_t *out, alm_error *error)
{
    int64_t value;
    ALM_TRY(alm_json_get_i64(object, key, &value, error));
    if (value < 0 || value > INT32_MAX) {
        return alm_fail(error, ALM_ERR_CORRUPT, "'%s' is out of range", key);
    }
    *out = (int32_t)value;
    return ALM_OK;
}

static alm_err get_text(const alm_json *object, const char *key, alm_arena *arena,
                        const char **out, alm_error *error)
{
    alm_str text;
    ALM_TRY(alm_json_get_str(object, key, &text, error));
    *out = alm_arena_copy_text(arena, text.data, text.size);
    return ALM_OK;
}

static alm_err read_operator(const alm_json *object, alm_feature_spec *spec, alm_error *error)
{
    alm_str name;
    int64_t revision;
    ALM_TRY(alm_json_get_str(object, "operator", &name, error));
    ALM_TRY(alm_json_get_i64(object, "revision", &revision, error));
    spec->op = almi_operator_find(name);
    if (spec->op == ALM_FEATURE_OP_COUNT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "feature '%s': this engine has no operator '"
                        ALM_STR_FMT "'", spec->name, ALM_STR_ARG(name));
    }
    int32_t known = almi_operator_of(spec->op)->revision;
    if (revision != known) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "feature '%s' needs revision %lld of operator "
                        "'" ALM_STR_FMT "', this engine has revision %d: use the engine that made "
                        "the plan, or train again", spec->name, (long long)revision,
                        ALM_STR_ARG(name), (int)known);
    }
    return ALM_OK;
}

/* The column is what it was when the plan was made: as observed, and as late. */
static alm_err check_column(const alm_json *object, const alm_feature_spec *spec,
                            const alm_feature_schema *schema, alm_error *error)
{
    alm_str role;
    int32_t delay = schema->delay;
    if (!alm_json_member(object, "role")) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_str(object, "role", &role, error));
    if (alm_json_member(object, "delay")) {
        ALM_TRY(get_i32(object, "delay", &delay, error));
    }
    for (size_t i = 0; spec->column && i < schema->column_count; i++) {
        const alm_panel_column *column = &schema->columns[i];
        bool known = column->role == ALM_ROLE_KNOWN;
        int32_t now = schema->column_delays ? schema->column_delays[i] : schema->delay;
        if (!alm_str_is(alm_str_of(spec->column), column->name)) {
            continue;
        }
        if (!alm_str_is(role, known ? "known" : "observed")) {
            return alm_fail(error, ALM_ERR_CONFLICT, "feature '%s': column '%s' was " ALM_STR_FMT
                            " when the plan was made and is %s now", spec->name, column->name,
                            ALM_STR_ARG(role), known ? "known" : "observed");
        }
        if (!known && delay != now) {
            return alm_fail(error, ALM_ERR_CONFLICT, "feature '%s' was made for publication delay "
                            "%d of column '%s', the project now says %d", spec->name, (int)delay,
                            column->name, (int)now);
        }
    }
    return ALM_OK;
}

static alm_err read_feature(const alm_json *object, alm_arena *arena, alm_feature_spec *spec,
                            alm_error *error)
{
    alm_str anchor;
    ALM_TRY(get_text(object, "name", arena, &spec->name, error));
    ALM_TRY(read_operator(object, spec, error));
    ALM_TRY(alm_json_get_double(object, "alpha", &spec->alpha, error));
    ALM_TRY(alm_json_get_str(object, "anchor", &anchor, error));
    if (!alm_str_is(anchor, "lag") && !alm_str_is(anchor, "age")) {
        return alm_fail(error, ALM_ERR_CORRUPT, "feature '%s': anchor '" ALM_STR_FMT "' is neither "
                        "lag nor age", spec->name, ALM_STR_ARG(anchor));
    }
    spec->anchor = alm_str_is(anchor, "lag") ? ALM_ANCHOR_LAG : ALM_ANCHOR_AGE;
    if (alm_json_member(object, "column")) {
        ALM_TRY(get_text(object, "column", arena, &spec->column, error));
    }
    if (alm_json_member(object, "level")) {
        ALM_TRY(alm_json_get_double(object, "level", &spec->level, error));
    }
    ALM_TRY(get_i32(object, "offset", &spec->offset, error));
    ALM_TRY(alm_json_get_bool(object, "scaled", &spec->scaled, error));
    ALM_TRY(get_i32(object, "season", &spec->season, error));
    ALM_TRY(alm_json_get_bool(object, "skip_closed", &spec->skip_closed, error));
    if (alm_json_member(object, "steps_max")) {
        ALM_TRY(get_i32(object, "steps_max", &spec->steps_max, error));
    }
    return get_i32(object, "window", &spec->window, error);
}

static alm_err read_blocks(const alm_json *root, alm_arena *arena, alm_horizon_block **blocks,
                           size_t *count, alm_error *error)
{
    const alm_json *array;
    ALM_TRY(alm_json_get(root, "blocks", ALM_JSON_ARRAY, &array, error));
    *count = alm_json_count(array);
    *blocks = ALM_NEW_ARRAY(arena, alm_horizon_block, *count);
    for (size_t i = 0; i < *count; i++) {
        const alm_json *pair = alm_json_at(array, i);
        int64_t first = 0, last = 0;
        if (alm_json_count(pair) != 2 || !alm_json_as_i64(alm_json_at(pair, 0), &first) ||
            !alm_json_as_i64(alm_json_at(pair, 1), &last) || first < 1 || last > INT32_MAX ||
            first > last) {
            return alm_fail(error, ALM_ERR_CORRUPT, "'blocks' item %zu is not [first, last]", i);
        }
        (*blocks)[i] = (alm_horizon_block){(int32_t)first, (int32_t)last};
    }
    return ALM_OK;
}

static alm_err read_sold_out(const alm_json *root, alm_sold_out_rule *out, alm_error *error)
{
    alm_str name;
    *out = ALM_SOLD_OUT_MASKED;
    if (!alm_json_member(root, "sold_out")) {
        return ALM_OK;
    }
    ALM_TRY(alm_json_get_str(root, "sold_out", &name, error));
    if (alm_str_is(name, "imputed")) {
        *out = ALM_SOLD_OUT_IMPUTED;
        return ALM_OK;
    }
    return alm_fail(error, ALM_ERR_UNSUPPORTED, "this engine has no rule '" ALM_STR_FMT "' for "
                    "sold-out periods: use the engine that made the plan, or train again",
                    ALM_STR_ARG(name));
}

static alm_err read_plan(const alm_json *root, const alm_feature_schema *now, alm_arena *arena,
                         alm_feature_plan **out, alm_error *error)
{
    alm_feature_schema as_made = *now;
    const alm_feature_schema *schema = &as_made;
    int64_t format, delay;
    alm_horizon_block *blocks;
    size_t block_count;
    const alm_json *features;
    ALM_TRY(alm_json_get_i64(root, "format", &format, error));
    if (format != PLAN_FORMAT) {
        return alm_fail(error, ALM_ERR_UNSUPPORTED, "plan format %lld is not known to this engine",
                        (long long)format);
    }
    ALM_TRY(alm_json_get_i64(root, "delay", &delay, error));
    if (delay != schema->delay) {
        return alm_fail(error, ALM_ERR_CONFLICT, "the plan was made for publication delay %lld, "
                        "the project now says %d", (long long)delay, (int)schema->delay);
    }
    ALM_TRY(read_sold_out(root, &as_made.sold_out, error));
    ALM_TRY(read_blocks(root, arena, &blocks, &block_count, error));
    ALM_TRY(alm_json_get(root, "features", ALM_JSON_ARRAY, &features, error));
    size_t count = alm_json_count(features);
    alm_feature_spec *specs = ALM_NEW_ARRAY(arena, alm_feature_spec, count);
    for (size_t i = 0; i < count; i++) {
        const alm_json *object = alm_json_at(features, i);
        ALM_TRY(read_feature(object, arena, &specs[i], error));
        ALM_TRY(check_column(object, &specs[i], schema, error));
    }
    if (alm_json_member(root, "recursive")) {
        int32_t horizon = 0;
        ALM_TRY(get_i32(root, "recursive", &horizon, error));
        return alm_feature_plan_compile_recursive(specs, count, horizon, schema, out, error);
    }
    return alm_feature_plan_compile(specs, count, blocks, block_count, schema, out, error);
}

alm_err alm_feature_plan_read(alm_str json, const char *name, const alm_feature_schema *schema,
                              alm_feature_plan **out, alm_error *error)
{
    alm_json_document *document;
    ALM_TRY(alm_json_parse(json, name, &document, error));
    const alm_json *root = alm_json_root(document);
    alm_arena *arena = alm_arena_create(0);
    alm_err code;
    if (alm_json_kind_of(root) != ALM_JSON_OBJECT) {
        code = bad(error, name, "a feature plan is an object");
    } else {
        code = read_plan(root, schema, arena, out, error);
        code = code == ALM_OK ? code : alm_error_wrap(error, code, "%s", name);
    }
    alm_arena_destroy(arena);
    alm_json_document_destroy(document);
    return code;
}
