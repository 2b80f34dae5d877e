#include <stdarg.h>
#include <stdio.h>

#include "mcp_base.h"


mcp_rc_t
mcp_error_set(mcp_error_t *error, int code, size_t offset,
    const char *format, ...)
{
    va_list  args;

    if (error == NULL) {
        return MCP_ERROR;
    }

    error->code = code;
    error->offset = offset;

    va_start(args, format);

    if (vsnprintf(error->text, sizeof(error->text), format, args) < 0) {
        error->text[0] = '\0';
    }

    va_end(args);

    return MCP_ERROR;
}
