/* Policy files in JSON. */

#define FUZZ_FILE  "p.json"

#include "policy_file.h"
