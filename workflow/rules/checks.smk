"""What is checked before Snakemake reads the configuration (hexplane/given.py).

Files of `--configfile` were looked at before, where the default profile is in use.
"""

from hexplane.given import check_file
from hexplane.plumbing.errors import UserError

if not workflow.remote_exec:
    try:
        for folder in (ROOT, Path.cwd()):
            if "{" in str(folder) or "}" in str(folder):
                raise UserError(
                    f"{folder}: rename it (no braces: Snakemake looks for names in them)"
                )
        for file in (*workflow.configfiles, Path("config.yaml")):
            if file.exists():
                check_file(Path(os.path.relpath(file)))
    except UserError as error:
        sys.exit(error.told)
