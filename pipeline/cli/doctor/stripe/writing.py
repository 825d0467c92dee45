"""Whether the key could write, which the pipeline never does and no key of it should be able to.

Belongs here: the one kind of request that is no reading. It is an update without any change, of an object that does not
exist: its id is made up at random for the occasion. Stripe looks at permissions first: 403 means that the key may not
write, 404 that it may, and that there is no such object. Either way nothing is changed.
"""

from concurrent.futures import Executor
from uuid import uuid4

from pipeline.cli.doctor.finding import Found
from pipeline.cli.doctor.stripe.asking import Account
from pipeline.cli.doctor.stripe.permissions import APIKEYS, named

SECRET = ("sk_live_", "sk_test_")
TRIED = {
    "customers": "cus_",
    "subscriptions": "sub_",
    "invoices": "in_",
    "products": "prod_",
    "coupons": "",
}
"""Resource -> how its ids begin."""
NOT_FOUND = 404


def examined(account: Account, key: str, pool: Executor) -> Found:
    """Try an update of nothing on each of `TRIED`; a secret key is known to write."""
    if key.startswith(SECRET):
        return Found(
            "Writing",
            "note",
            f"this key may change everything, and the pipeline only reads. Create a restricted key with Read alone at "
            f"{APIKEYS}/create and write it into STRIPE_API_KEY.",
        )
    told = dict(zip(TRIED, pool.map(lambda name: _may_write(account, name), TRIED), strict=True))
    may = [name for name, answer in told.items() if answer]
    unclear = [name for name, answer in told.items() if answer is None]
    if may:
        return Found(
            "Writing",
            "note",
            f"this key may change {', '.join(may)}, and the pipeline only reads. Set that to Read at {APIKEYS}: the "
            f"key, Edit key.",
        )
    if unclear:
        return Found(
            "Writing", "note", f"whether the key may change {', '.join(unclear)} is unclear"
        )
    return Found("Writing", "ok", f"the key cannot change {', '.join(TRIED)}")


def _may_write(account: Account, name: str) -> bool | None:
    """Whether a permission to write is there; null: the answer does not tell."""
    refused = account.post(f"/v1/{name}/{TRIED[name]}expansion_doctor_{uuid4().hex}").refused
    if refused is None or refused.status == NOT_FOUND:
        return True
    return False if named(refused) else None
