"""The Dockerfile's own lines, carried out in a folder in place of a container's file system.

Belongs here: reading instructions, and mapping a container's absolute paths into the folder. Does not belong here: what
the image should hold (the tests).
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATHS = re.compile(r"(?<![\w.}-])/(?=(?:opt|app|build)\b)")
"""Where an absolute path of the image begins."""
SHIMS = {
    "python": f'exec "{sys.executable}" "$@"',
    # Users and owners are the container's; here they would be this machine's.
    "useradd": "exit 0",
    "chown": "exit 0",
}


@dataclass
class Stage:
    """One `FROM`: its folder, and what its instructions set."""

    folder: Path
    workdir: str = "/"
    user: str = "root"
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """`text` with the image's absolute paths inside the folder."""
        return PATHS.sub(f"{self.folder}/", text)

    def place(self, path: str) -> Path:
        """Where a path of the image is; relative ones are relative to its working directory."""
        return self.folder / (Path(self.workdir) / path).relative_to("/")

    def variables(self) -> dict[str, str]:
        """The environment of a process in the image, with paths inside the folder."""
        shims = self.folder / "shims"
        # Of this machine's environment only what reaches the package registry.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.upper().startswith(("PIP_", "SSL_", "HTTP", "NO_PROXY"))
        }
        mapped = {name: self.here(value) for name, value in self.environment.items()}
        path = f"{shims}:/usr/local/bin:/usr/bin:/bin"
        mapped["PATH"] = mapped.get("PATH", "$PATH").replace("$PATH", path)
        return {**kept, "HOME": str(self.folder), **mapped}


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its argument, in order."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def last_stage(folder: Path) -> Stage:
    """The image's last stage without what other stages give it: its own files and settings."""
    return _carried_out(folder, only_last=True)


def first_stage(folder: Path) -> Stage:
    """The files that the image's package is built from, where they are before it is."""
    stage = _begun(folder)
    for name, argument in instructions()[1:]:
        if name == "FROM":
            break
        if name == "WORKDIR":
            _set(stage, name, argument)
        if name == "COPY":
            _copy(stage, argument, None)
    return stage


def built(folder: Path) -> Stage:
    """Every instruction carried out in order, in folders beneath `folder`; the last stage."""
    return _carried_out(folder, only_last=False)


def _carried_out(folder: Path, *, only_last: bool) -> Stage:
    stages: dict[str, Stage] = {}
    lines = instructions()
    last = max(number for number, (name, _) in enumerate(lines) if name == "FROM")
    stage = Stage(folder)
    for name, argument in lines[last:] if only_last else lines:
        if name == "FROM":
            called = argument.partition(" AS ")[2] or "last"
            stage = stages[called] = _begun(folder / called)
        elif name == "COPY":
            _copy(stage, argument, None if only_last else stages)
        elif name == "RUN":
            _run(stage, argument)
        else:
            _set(stage, name, argument)
    return stage


def _begun(folder: Path) -> Stage:
    shims = folder / "shims"
    shims.mkdir(parents=True)
    for name, body in SHIMS.items():
        (shims / name).write_text(f"#!/bin/sh\n{body}\n")
        (shims / name).chmod(0o755)
    return Stage(folder)


def _copy(stage: Stage, argument: str, stages: dict[str, Stage] | None) -> None:
    *sources, target = argument.split()
    if sources[0].startswith("--from="):
        if stages is not None:
            (source,) = sources[1:]
            # A virtual environment names its own place, which is the same in both stages.
            to = stage.place(target)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(stages[sources[0].removeprefix("--from=")].place(source))
        return
    for source in sources:
        origin = ROOT / source
        to = stage.place(target)
        if origin.is_dir():
            # Links stay links, as in an image: what they point to is to be there as well.
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin, to, symlinks=True, ignore=unwanted)
            continue
        if target.endswith("/"):
            to = to / origin.name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(origin, to)


def _run(stage: Stage, command: str) -> None:
    where = stage.place(".")
    where.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["/bin/sh", "-ec", stage.here(command)],
        cwd=where,
        env=stage.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def _set(stage: Stage, name: str, argument: str) -> None:
    match name:
        case "ENV":
            stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(argument))
        case "WORKDIR":
            stage.workdir = argument
        case "USER":
            stage.user = argument
        case "CMD":
            stage.command = json.loads(argument)
        case "HEALTHCHECK":
            stage.health = json.loads(argument.partition("CMD ")[2])
        case "VOLUME" | "EXPOSE":
            pass
        case _:
            raise AssertionError(f"The test does not know the instruction {name}.")
