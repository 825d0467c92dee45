"""Identifiers as Stripe makes them: a prefix and letters that say nothing about time or order."""

from collections import Counter
from hashlib import blake2b

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTHS = {"cus": 14, "prod": 14, "si": 14, "ii": 24, "il": 24, "in": 24, "sub": 24, "evt": 24}


class Ids:
    """Makes ids that depend on the seed and on how many of the kind came before, nothing else."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.made: Counter[str] = Counter()

    def new(self, prefix: str) -> str:
        """The next id of a kind, for instance `new("cus")`."""
        self.made[prefix] += 1
        return f"{prefix}_{self.letters(prefix, LENGTHS.get(prefix, 24))}"

    def letters(self, kind: str, length: int) -> str:
        """`length` letters for the latest id of the kind."""
        text = f"{self.seed}:{kind}:{self.made[kind]}".encode()
        number = int.from_bytes(blake2b(text, digest_size=20).digest(), "big")
        letters = []
        for _ in range(length):
            number, index = divmod(number, 62)
            letters.append(ALPHABET[index])
        return "".join(letters)
