"""The mixtures of a data set's numeric columns, as one published version has them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .column import Column
from .errors import ModelError, file_bytes

_REQUIRED = ("recipe", "options", "seed", "lineage", "columns")


class Model(Mapping[str, Column]):
    """A model: its columns by name, in their order.

    ``Model.read`` takes the file of ``vgm model export``, ``Model.from_json`` what ``vgm model show --json`` prints,
    ``vgm_stream.topic.read_model`` the topic of models.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        missing = next((part for part in _REQUIRED if part not in content), None)
        if missing is not None:
            raise ModelError(f'A model needs "{missing}", and this has none', "Give what vgm model export has written")
        if not isinstance(content["columns"], list):
            raise ModelError("The columns of the model are no list", "Give what vgm model export has written")
        columns = [Column(column) for column in content["columns"]]
        self._columns = {column.name: column for column in columns}
        if len(self._columns) != len(columns) or not columns:
            raise ModelError("The model has no columns, or two of one name", "Give what vgm model export has written")
        self._content = dict(content)

    @classmethod
    def from_json(cls, text: str | bytes | Mapping[str, Any]) -> Model:
        """The model of a text, or of the object that it stands for."""
        if isinstance(text, Mapping):
            return cls(text)
        try:
            content = json.loads(text)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ModelError(f"The text is no JSON: {error}", "Give what vgm model export has written") from error
        if not isinstance(content, dict):
            raise ModelError("The text is no JSON object", "Give what vgm model export has written")
        return cls(content)

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> Model:
        """The model of a file that ``vgm model export`` or ``write`` has written."""
        return cls.from_json(file_bytes(file, ModelError, "Give a file of vgm model export"))

    @classmethod
    def of(
        cls,
        columns: Iterable[Column],
        *,
        fitted_by: str = "vgm_stream for Python",
        options: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> Model:
        """A model of columns that other programs have fitted, for ``vgm model import``."""
        listed = list(columns)
        rows = int(max((column.rows + column.nulls for column in listed), default=0))
        return cls(
            {
                "recipe": "sklearn",
                "options": {
                    "components": max((column.modes for column in listed), default=1),
                    "weightConcentrationPrior": 0.001,
                    "tolerance": 0.001,
                    "maxIterations": 100,
                    "minWeight": 0.005,
                    **(options or {}),
                },
                "seed": seed,
                "lineage": {
                    "topic": "",
                    "partitions": [],
                    "rowsSeen": rows,
                    "rowsUsed": rows,
                    "schemaId": 0,
                    "schemaFingerprint": "",
                    "softwareVersion": fitted_by,
                },
                "columns": [column.to_json() for column in listed],
            }
        )

    def to_json(self) -> str:
        """The text that ``vgm model import`` reads."""
        return json.dumps(self._content, allow_nan=False, ensure_ascii=False)

    def write(self, file: str | os.PathLike[str]) -> None:
        """Writes the file that ``vgm model import`` reads."""
        try:
            Path(file).write_text(f"{self.to_json()}\n", encoding="utf-8")
        except OSError as error:
            raise ModelError(f"{file} cannot be written: {error.strerror}", "Name a file in a folder of yours") from error

    @property
    def version(self) -> int | None:
        """The version in the topic of models; None for one that is not published."""
        return self._content.get("version")

    @property
    def dataset(self) -> str | None:
        return self._content.get("dataset")

    @property
    def content_sha256(self) -> str | None:
        """The hash of the content, equal for equal models; None for one that is not published."""
        return self._content.get("contentSha256")

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Model({self.dataset!r}, version {self.version}, {', '.join(self)})"
