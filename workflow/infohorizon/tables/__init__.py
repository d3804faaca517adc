"""Arrow tables: schemas, files, and tables written cell by cell."""

from infohorizon.tables.files import from_rows, read, read_arrow, read_cells, read_metadata, write
from infohorizon.tables.places import matching, place
from infohorizon.tables.schemas import TABLES

__all__ = ["TABLES", "from_rows", "matching", "place", "read", "read_arrow", "read_cells", "read_metadata", "write"]
