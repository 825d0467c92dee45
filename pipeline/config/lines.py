"""Finds the line of `pipeline.toml` that a key stands on.

Belongs here: a scan for table headers and keys, good enough to point at a line. The file itself is parsed by `tomllib`.
"""

import re
from collections import Counter

HEADER = re.compile(r"^\s*\[(\[)?\s*(.+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(
    r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=(.*)$"""
)
PART = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")
QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'|#.*$')

Path = tuple[str | int, ...]


def find_line(text: str, location: Path) -> int | None:
    """The line (from 1) of the key at `location`, else of the nearest key or table around it; None when absent."""
    lines = _lines(text)
    for length in range(len(location), 0, -1):
        around = location[:length]
        inside = [line for path, line in lines.items() if path[:length] == around]
        if inside:
            return lines.get(around, min(inside))
    return None


def _lines(text: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    table: Path = ()
    seen: Counter[Path] = Counter()
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if depth == 0 and (header := HEADER.match(line)):
            table = _indexed(_parts(header[2]), seen)
            if header[1]:
                table = (*table, seen[table])
                seen[table[:-1]] += 1
            found.setdefault(table, number)
            continue
        key = KEY.match(line) if depth == 0 else None
        if key:
            found.setdefault((*table, *_parts(key[1])), number)
        depth += _nesting(key[2] if key else line)
    return found


def _indexed(path: Path, seen: Counter[Path]) -> Path:
    """A sub-table of an array's last element: `[alerts.x]` after `[[alerts]]`."""
    if len(path) > 1 and seen[path[:1]]:
        return (path[0], seen[path[:1]] - 1, *path[1:])
    return path


def _parts(dotted: str) -> Path:
    return tuple(a or b or c for a, b, c in PART.findall(dotted))


def _nesting(text: str) -> int:
    """How many brackets the line leaves open."""
    bare = QUOTED.sub("", text)
    return sum(bare.count(bracket) for bracket in "[{") - sum(bare.count(b) for b in "]}")
