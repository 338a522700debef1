"""`python -m hexplane`: the `hexplane` command, run by the workflow's server where there is one."""

import sys

from hexplane.forkserver import end_with_owner, run_in_fork
from hexplane.plumbing.ending import end_orderly

end_orderly()
end_with_owner()
status = run_in_fork(sys.argv[1:])
if status is not None:
    sys.exit(status)

from hexplane.cli import main  # noqa: E402 (most jobs never need it)

main()
