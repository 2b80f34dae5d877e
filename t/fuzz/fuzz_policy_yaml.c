/* Policy files in YAML. */

#define FUZZ_FILE  "p.yaml"

#include "policy_file.h"
