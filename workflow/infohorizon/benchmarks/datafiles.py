"""Which files of a local folder are data: by their endings. Imports nothing heavy, since the Snakefile imports it."""

from pathlib import Path

DATA = (".parquet", ".arrow", ".jsonl", ".json", ".csv", ".tsv", ".gz")
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def data_files(path: Path) -> list[Path]:
    """The file itself, or all data and image files below a folder; a note beside them is no data."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in (*DATA, *IMAGES) and file.is_file())
