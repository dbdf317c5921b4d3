#include "table/panel.h"

#include <string.h>

size_t alm_panel_find_column(const alm_panel *panel, const char *name)
{
    for (size_t i = 0; i < panel->column_count; i++) {
        if (strcmp(panel->columns[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

size_t alm_panel_find_static(const alm_panel *panel, const char *name)
{
    for (size_t i = 0; i < panel->static_count; i++) {
        if (strcmp(panel->static_names[i], name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}
