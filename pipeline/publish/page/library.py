"""What draws the charts in the browser: Vega, Vega-Lite and Vega-Embed as one script, put together once a version.

Belongs here: making it, and keeping it in a folder. Does not belong here: the pages.
"""

import os
from importlib.metadata import version
from pathlib import Path

KEPT = ".vega-{}.js"
PRIVATE = 0o600


def script(folder: Path) -> str:
    """The script. Putting it together takes a second, so it is kept in `folder`, where others may do the same."""
    kept = folder / KEPT.format(version("vl-convert-python"))
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    made = _made()
    for old in folder.glob(KEPT.format("*")):
        old.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{kept.name}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8", opener=_private) as file:
            file.write(made)
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)
    return made


def _made() -> str:
    import vl_convert  # noqa: PLC0415 - needed where it was not kept yet

    # Its stub wants an argument that it does not need.
    whole: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return whole.replace("</script", "<\\/script")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
