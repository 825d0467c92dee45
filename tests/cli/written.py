"""Everything that the command has written: each file's bytes, the rows of Parquet files, the cells of SQLite files."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

SQLITE = b"SQLite format 3"


def written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """(file, what is in it) of every file below `folder`."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        yield path, content
        if path.suffix == ".parquet":
            yield path, pl.read_parquet(path).write_ndjson().encode()
        elif content.startswith(SQLITE):
            yield path, "\n".join(_cells(path)).encode()


def _cells(path: Path) -> Iterator[str]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as opened:
        tables = opened.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            for row in opened.execute(f'select * from "{table}"'):
                yield from (each if isinstance(each, str) else repr(each) for each in row)
    opened.close()


def found(folder: Path, words: Iterable[str]) -> list[str]:
    """`file: word` of each word that stands in something written, also as JSON escapes it."""
    wanted = {word: {word.encode(), ascii_of(word)} for word in words}
    return sorted(
        {
            f"{path.relative_to(folder)}: {word}"
            for path, content in written(folder)
            for word, forms in wanted.items()
            if any(form in content for form in forms)
        }
    )


def ascii_of(word: str) -> bytes:
    """The word as JSON in ASCII has it."""
    return word.encode("ascii", "backslashreplace")
