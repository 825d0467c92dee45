"""Salesforce's ids: 15 characters that tell capitals apart, and three that make them safe where nothing does.

Belongs here: making an id of a number. The same number gives the same id each time.
"""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
ORGANISATION = "5gK"
ACCOUNT, OPPORTUNITY, CONTACT, USER, STAGE, HISTORY = "001", "006", "003", "005", "01J", "008"
"""The first three characters tell the object."""
BODY, CHUNK = 9, 5


def salesforce_id(prefix: str, number: int | str) -> str:
    """The 18 characters of a record's id."""
    left, body = int(number), ""
    for _ in range(BODY):
        left, digit = divmod(left, len(DIGITS))
        body = DIGITS[digit] + body
    return eighteen(prefix + ORGANISATION + body)


def eighteen(short: str) -> str:
    """The 18 characters of 15: each of three more says which five before it are capitals."""
    chunks = (short[at : at + CHUNK] for at in range(0, len(short), CHUNK))
    bits = (sum(each.isupper() << place for place, each in enumerate(chunk)) for chunk in chunks)
    return short + "".join(CHECK[each] for each in bits)
