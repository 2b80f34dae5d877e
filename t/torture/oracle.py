"""What is wrong with a round: nothing, or a list of sentences.

Each begins with the invariant that is broken: forbidden, twice, changed,
answer, refused, limit, approval, audit, process.
"""

import case as cases_of
import check_approvals
import check_audit
import check_counters
import check_process
import check_traffic


def check(setting, record, remains):
    cases = cases_of.build(setting, record, remains)

    return [*check_traffic.check(cases, record, setting),
            *check_counters.check(cases, record, setting),
            *check_approvals.check(cases, record, setting),
            *check_audit.check(cases, record, remains, setting),
            *check_process.check(cases, record, remains, setting)]
