"""What can go wrong: each error says what is wrong, where, and what to do."""

from __future__ import annotations

import os
from pathlib import Path


class VgmError(ValueError):
    """An expected failure. Any other exception is a defect."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}. {fix}.")
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type[VgmError], tuple[str, str]]:
        return type(self), (self.problem, self.fix)


class ModelError(VgmError):
    """What should be a model is none, or it lacks what is asked of it."""


class ValuesError(VgmError):
    """Numbers or categories that the column cannot have."""


class MatrixError(VgmError):
    """A matrix, or the description of one, that does not fit."""


class TopicError(VgmError):
    """A topic that cannot be read, or has other rows than it should."""


def file_bytes(file: str | os.PathLike[str], error_of: type[VgmError], fix: str) -> bytes:
    """The content of a file. A file that cannot be read is an error of the given class."""
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise error_of(f"{file} cannot be read: {error.strerror}", fix) from error


class MissingPackageError(ImportError):
    """A package of an extra is not installed."""

    def __init__(self, extra: str) -> None:
        super().__init__(f'This needs another package. Install it with: pip install "vgm-stream[{extra}]".')
