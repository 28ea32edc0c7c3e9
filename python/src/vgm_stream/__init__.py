"""Models, transforms and training batches of vgm-stream, bit for bit as the product has them.

What needs an extra is in a module of its own: ``vgm_stream.topic`` (confluent-kafka), ``vgm_stream.torch`` (torch).
"""

from .batches import Batches, open_matrix, read_matrix
from .column import Column, Normalized
from .ctgan import fit_ctgan, sample_matrix
from .errors import MatrixError, MissingPackageError, ModelError, TopicError, ValuesError, VgmError
from .mixtures import import_column, import_model, to_rdt, to_sklearn
from .model import Model
from .rows import Chunk, ParquetRows, Rows, read_rows
from .spans import Span, SpanColumn, SpanInfo, Spans
from .transformer import VgmTransformer

__version__ = "0.2.0"

__all__ = [
    "Batches",
    "Chunk",
    "Column",
    "MatrixError",
    "MissingPackageError",
    "Model",
    "ModelError",
    "Normalized",
    "ParquetRows",
    "Rows",
    "Span",
    "SpanColumn",
    "SpanInfo",
    "Spans",
    "TopicError",
    "ValuesError",
    "VgmError",
    "VgmTransformer",
    "fit_ctgan",
    "import_column",
    "import_model",
    "open_matrix",
    "read_matrix",
    "read_rows",
    "sample_matrix",
    "to_rdt",
    "to_sklearn",
]
