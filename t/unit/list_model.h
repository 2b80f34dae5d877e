/*
 * What a list filter must do, by another JSON library: the answer to the only
 * request, without the elements whose name "visible" denies.
 */

#ifndef LIST_MODEL_H
#define LIST_MODEL_H

#include <jansson.h>

#include "mcp_list_filter.h"


typedef bool (*list_visible_pt)(const char *name);


static const char *const  list_members[] = {
    [MCP_LIST_TOOLS] = "tools",
    [MCP_LIST_PROMPTS] = "prompts",
    [MCP_LIST_RESOURCES] = "resources",
    [MCP_LIST_TEMPLATES] = "resourceTemplates"
};

static const char *const  list_names[] = {
    [MCP_LIST_TOOLS] = "name",
    [MCP_LIST_PROMPTS] = "name",
    [MCP_LIST_RESOURCES] = "uri",
    [MCP_LIST_TEMPLATES] = "uriTemplate"
};


static inline json_t *
list_read(const char *text, size_t length)
{
    return json_loadb(text, length, JSON_REJECT_DUPLICATES
                      | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY
                      | JSON_ALLOW_NUL, NULL);
}


/* Takes hidden elements out of the arrays of one kind. */
static inline void
list_remove(json_t *result, mcp_list_kind_t kind, list_visible_pt visible)
{
    size_t       n;
    json_t      *array;
    const char  *name;

    array = json_object_get(result, list_members[kind]);

    for (n = json_array_size(array); n > 0; n--) {
        name = json_string_value(json_object_get(json_array_get(array, n - 1),
                                                 list_names[kind]));

        if (name == NULL || !visible(name)) {
            json_array_remove(array, n - 1);
        }
    }
}

#endif /* LIST_MODEL_H */
