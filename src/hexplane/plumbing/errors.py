"""The one exception that stands for a mistake in what the user handed in, and longer remedies."""

BUILD_NVDIFFRAST = (
    "pip install setuptools wheel ninja && pip install --no-build-isolation "
    "git+https://github.com/NVlabs/nvdiffrast.git@v0.4.0"
)
"""nvdiffrast is no registry's package: it is compiled against the torch that is installed."""


class UserError(Exception):
    """Bad input: the message is one clear line per mistake and is shown without a traceback."""

    @property
    def told(self) -> str:
        """What is printed: each line as an error."""
        return "\n".join(f"error: {line}" for line in str(self).split("\n"))
