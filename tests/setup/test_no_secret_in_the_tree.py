"""No key, token or password is in a file of the repository, nor in what any commit that is here ever added.

The patterns are detect-secrets' own, and those of the services that this pipeline has keys of. Guesses by entropy are
left out: the locks are full of hashes.
"""

import importlib
import inspect
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from detect_secrets import plugins
from detect_secrets.plugins.base import RegexBasedDetector

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "Stripe key": r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{24,}",
    "Stripe signing secret": r"\bwhsec_[0-9A-Za-z+/]{24,}",
    "HubSpot token": r"\bpat-(?:na|eu|ap)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "Slack token": r"\bxox[abeprs]-(?:\d+-)+[0-9A-Za-z]{20,}",
    "Slack webhook": r"hooks\.slack\.com/services/T\w+/B\w+/\w{20,}",
    "Salesforce consumer key": r"\b3MVG9[0-9A-Za-z._]{60,}",
}
LOOKALIKES = {"Public IP (ipv4)"}
"""What is no secret here: addresses."""
SHOWN = re.compile(r"password|secret|hush|hidden|me:wo@|[${]", re.IGNORECASE)
"""A password in an address that is an example or a variable."""
PUBLIC = "4eC39HqLyjWD"
"""Part of the key of Stripe's own documentation, which examples and tests use."""


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = [(name, re.compile(pattern)) for name, pattern in OURS.items()]
    for module in pkgutil.iter_modules(plugins.__path__):
        room = importlib.import_module(f"{plugins.__name__}.{module.name}")
        for _, kind in inspect.getmembers(room, inspect.isclass):
            if not issubclass(kind, RegexBasedDetector) or inspect.isabstract(kind):
                continue
            if kind.secret_type not in LOOKALIKES:
                found += [(kind.secret_type, pattern) for pattern in kind.denylist]
    return found


PATTERNS = _patterns()


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        pytest.skip("this is no clone of the repository")
    return done.stdout


def _secrets(text: str) -> list[str]:
    """Each secret in `text`: what it is and how it begins, never the whole."""
    hits = {(kind, hit.group()) for kind, pattern in PATTERNS for hit in pattern.finditer(text)}
    return [
        f"{kind}: {found[:12]}..."
        for kind, found in sorted(hits)
        if PUBLIC not in found and (kind != "Basic Auth Credentials" or not SHOWN.search(found))
    ]


def test_no_file_holds_a_secret() -> None:
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    files = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    assert len(files) > 100
    found = {
        str(path.relative_to(ROOT)): hits
        for path in files
        if (hits := _secrets(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


def test_no_commit_ever_added_one() -> None:
    log = _git("log", "--patch", "--unified=0", "--no-color", "--no-ext-diff", "--text")
    added = "\n".join(line for line in log.splitlines() if line.startswith("+"))
    assert added
    assert _secrets(added) == []


@pytest.mark.parametrize(
    "parts",
    [
        ("sk_live", "_" + "7QnZw2Kx9VbRt5LmEj3Hs8Yd"),
        ("rk_test", "_" + "7QnZw2Kx9VbRt5LmEj3Hs8Yd"),
        ("pat-na1", "-0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"),
        ("xoxb", "-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"),
        ("hooks.slack.com/services", "/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
        ("-----BEGIN RSA", " PRIVATE KEY-----"),
        ("postgresql://", "owner:" + "q8Zr" + "@host/base"),
    ],
)
def test_the_search_finds(parts: tuple[str, str]) -> None:
    assert _secrets(f"before {''.join(parts)} after")
