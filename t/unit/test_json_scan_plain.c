/* As test_json_scan.c, in plain C. */

#define MCP_JSON_PLAIN  1

#include "test_json_scan.c"
