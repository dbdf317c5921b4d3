/* project_checker.h: what the files with checks share; only they include it.
 *
 * The parsed structs carry no lines; every check knows the path of its key in the document and
 * finds the node again only to name its place in the message. */
#ifndef ALM_PROJECT_PROJECT_CHECKER_H
#define ALM_PROJECT_PROJECT_CHECKER_H

#include "project/project_schema.h"

#include <stdio.h>

typedef struct checker {
    const alm_yaml *root;
    const alm_project *project;
    alm_error *error;
} checker;

/* The node at a path of up to four keys; the last one that exists when the path ends early. */
static inline const alm_yaml *find(const checker *c, const char *a, const char *b, const char *d,
                                   const char *e)
{
    const char *keys[] = {a, b, d, e};
    const alm_yaml *node = c->root;
    for (int i = 0; i < 4 && keys[i]; i++) {
        const alm_yaml *next = alm_yaml_member(node, keys[i]);
        if (!next) {
            break;
        }
        node = next;
    }
    return node;
}

/* "there is no source NAME: did you mean X?", `what` being the part before the name. */
static inline alm_err fail_dangling(const checker *c, const alm_yaml *node, const char *what,
                                    alm_str name, const char *const *names, size_t count)
{
    const char *closest = almi_closest(name, names, count);
    return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG, "%s " ALM_STR_FMT "%s%s%s",
                         what, ALM_STR_ARG(name), closest ? ": did you mean " : "",
                         closest ? closest : "", closest ? "?" : "");
}

static inline alm_err need_source(const checker *c, const alm_yaml *node, alm_str name,
                                  const alm_source **out)
{
    const alm_project *p = c->project;
    const char *names[64];
    size_t count = 0;
    *out = alm_project_source(p, name);
    for (size_t i = 0; i < p->source_count && count < 64; i++) {
        names[count++] = p->sources[i].name.data; /* scalars end with a NUL */
    }
    return *out ? ALM_OK : fail_dangling(c, node, "there is no source", name, names, count);
}

static inline alm_err need_column(const checker *c, const alm_yaml *node, const alm_source *source,
                                  alm_str name, const alm_source_column **out)
{
    *out = alm_source_find_column(source, name);
    if (*out) {
        return ALM_OK;
    }
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < source->column_count && count < 64; i++) {
        names[count++] = source->columns[i].name.data;
    }
    char what[160];
    (void)snprintf(what, sizeof(what), "source %.100s has no column", source->name.data);
    return fail_dangling(c, node, what, name, names, count);
}

static inline bool is_number(alm_type type)
{
    return type == ALM_TYPE_I64 || type == ALM_TYPE_F64 || type == ALM_TYPE_BOOL;
}

static inline alm_err need_number(const checker *c, const alm_yaml *node, const alm_source *source,
                                  alm_str name)
{
    const alm_source_column *column = NULL;
    ALM_TRY(need_column(c, node, source, name, &column));
    if (is_number(column->type)) {
        return ALM_OK;
    }
    return alm_yaml_fail(node, c->error, ALM_ERR_CONFIG,
                         "column " ALM_STR_FMT " of source " ALM_STR_FMT
                         " must be a number, it is declared as %s", ALM_STR_ARG(name),
                         ALM_STR_ARG(source->name), alm_type_name(column->type));
}

static inline bool contains(const alm_str *list, size_t count, alm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (alm_str_equal(list[i], name)) {
            return true;
        }
    }
    return false;
}

static inline const alm_yaml *item(const alm_yaml *node, size_t index)
{
    return node->kind == ALM_YAML_LIST && index < node->count ? &node->child[index] : node;
}

/* signal_check.c: sections `bars` and `signals`. */
ALM_NODISCARD alm_err almi_check_bars(const checker *c);
/* deployment_parse.c: sections `deployments` and `policies`; a project of bars has none. */
ALM_NODISCARD alm_err almi_check_deployments(const checker *c);
ALM_NODISCARD alm_err almi_check_no_deployments(const checker *c);

#endif
