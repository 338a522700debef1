"""What is checked before Snakemake reads the configuration.

Of a key that is there twice its reader drops the first without a word, and it ends with a traceback
where a file is not UTF-8 or nests too deeply. Files of `--configfile` it has read already.
"""

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.texts import read_yaml

if not workflow.remote_exec:
    try:
        for folder in (ROOT, Path.cwd()):
            if "{" in str(folder) or "}" in str(folder):
                raise UserError(
                    f"{folder}: rename it (no braces: Snakemake looks for names in them)"
                )
        for file in (*workflow.configfiles, Path("config.yaml")):
            if file.exists():
                read_yaml(Path(os.path.relpath(file)))
    except UserError as error:
        sys.exit(error.told)
