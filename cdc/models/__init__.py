"""Named data types: what the documents of a collection must be. Stands alone, so that a team can build on it."""

from cdc.models.data_type import DataType
from cdc.models.document import Decimal, Document, ObjectId, Part

__all__ = ["DataType", "Decimal", "Document", "ObjectId", "Part"]
