/* What the two files that print policy.json share. */

#ifndef CLI_PRINT_JSON_H
#define CLI_PRINT_JSON_H

#include "print.h"


typedef enum {
    CLI_JSON_REQUIRE,    /* "count" steps; 0: an entry that asks nothing */
    CLI_JSON_DENY_IF,
    CLI_JSON_DENY,
    CLI_JSON_LIMIT,
    CLI_JSON_APPROVE
} cli_json_kind_t;

/* An entry of a list of a tool. */
typedef struct {
    cli_json_kind_t     kind;
    const mcp_rule_t   *rule;       /* in which it stands */
    const mcp_step_t   *step;
    uint32_t            count;
    const mcp_text_t   *message;    /* or NULL */
} cli_json_item_t;

typedef struct {
    cli_print_t       *print;
    FILE              *out;
    bool               more;        /* something stands before it */
    cli_json_item_t   *items;       /* of one tool */
    uint32_t           count;
    uint32_t           room;
} cli_json_t;


/* print_json_rules.c */

/* What a block asks, as items; what policy.json cannot say is told. */
void cli_json_collect(cli_json_t *json, const mcp_block_t *block);

/* The condition of a requirement that was collected, the index-th. */
void cli_json_condition(cli_json_t *json,
    const mcp_requirement_t *requirement, uint32_t index);

/* With quotes; what JSON cannot have in a string is told. */
void cli_json_string(cli_json_t *json, const mcp_place_t *place,
    mcp_str_t s);

#endif /* CLI_PRINT_JSON_H */
