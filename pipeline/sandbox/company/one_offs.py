# ruff: noqa: PLR2004 - the numbers of this module are chances
"""What customers pay once, and what they get back: none of it is recurring.

What belongs here: features `one_offs` (a fee that waits for the next invoice of a subscription, or that has an invoice
of its own) and `balances` (credit notes before and after payment, voided ones, credit balances). Drawn apart from the
usual life.
"""

from random import Random

from pipeline.sandbox.company import invoices
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.records import Subscription

FEE = 4_900


class OneOffs:
    """Fees, credit notes and balances of every subscription's customer."""

    def __init__(self, books: Books, seed: int, features: frozenset[str]) -> None:
        self.books = books
        self.seed = seed
        kinds = {
            "one_offs": (self.add_fee, self.add_fee, self.bill_fee),
            "balances": (self.give_credit, self.credit_latest, self.credit_latest),
        }
        self.acts = [act for name, some in kinds.items() if name in features for act in some]
        self.prices: dict[tuple[str, str], str] = {}

    def prepare(self, sub: Subscription) -> None:
        """From now on something of the kind happens every month or two."""
        rng = Random(f"{self.seed}/one-offs/{sub.id}")  # noqa: S311
        if rng.random() < 0.3 and self.add_fee in self.acts:
            self.add_fee(sub, rng)  # a set-up fee on the first invoice
        self._plan(sub, rng)

    def _plan(self, sub: Subscription, rng: Random) -> None:
        at = self.books.now + rng.randint(5, 70) * DAY + rng.randint(0, DAY)
        self.books.schedule(at, Rank.PERSON, self._act, sub, rng)

    def _act(self, sub: Subscription, rng: Random) -> None:
        if sub.ended or sub.customer.deleted:
            return
        rng.choice(self.acts)(sub, rng)
        self._plan(sub, rng)

    # fees

    def add_fee(self, sub: Subscription, rng: Random) -> None:
        """Waits for the subscription's next invoice."""
        sub.pending.append(self._fee(sub, rng, {"subscription": sub.id, "subscription_item": None}))

    def bill_fee(self, sub: Subscription, rng: Random) -> None:
        """An invoice that no subscription made: paid at once, left open or voided."""
        books, customer = self.books, sub.customer
        fee = self._fee(sub, rng, None)
        invoice_id = books.ids.new("in")
        line = {**invoices.pending_line(fee, direct=False), "id": books.ids.new("il")}
        line["invoice"] = fee["invoice"] = invoice_id
        bare = Subscription("", customer, sub.currency, books.now, books.now)
        inv = invoices.invoice(invoice_id, books.now, bare, [line], [], "manual") | {"parent": None}
        books.objects["invoice"][invoice_id] = inv
        books.log.emit("invoice.created", books.now, invoices.snapshot(inv))
        number = customer.obj["next_invoice_sequence"]
        customer.obj["next_invoice_sequence"] = number + 1
        final = {"finalized_at": books.now}
        inv.update(
            status="open",
            number=f"{customer.obj['invoice_prefix']}-{number:04d}",
            effective_at=books.now,
            ending_balance=0,
            status_transitions=inv["status_transitions"] | final,
        )
        books.log.emit("invoice.finalized", books.now, invoices.snapshot(inv))
        status = rng.choice(("paid", "paid", "void", "open"))
        if status == "open":
            return
        instant = {"paid": "paid_at", "void": "voided_at"}[status]
        paid = inv["amount_due"] if status == "paid" else 0
        inv.update(
            status=status,
            amount_paid=paid,
            amount_remaining=inv["amount_due"] - paid,
            attempted=status == "paid",
            auto_advance=False,
            status_transitions=inv["status_transitions"] | {instant: books.now},
        )
        kind = {"paid": "invoice.paid", "void": "invoice.voided"}[status]
        books.log.emit(kind, books.now, invoices.snapshot(inv))

    def _fee(self, sub: Subscription, rng: Random, details: Json | None) -> Json:
        """A pending invoice item of a product that the subscription holds, of several units."""
        product = rng.choice(sub.items).price.product
        quantity = rng.randint(1, 3)
        at = self.books.now
        parent = {"subscription_details": details, "type": "subscription_details"}
        amount = FEE * quantity
        item_id = self.books.ids.new("ii")
        fee = {
            "id": item_id,
            "object": "invoiceitem",
            "amount": amount,
            "currency": sub.currency,
            "customer": sub.customer.id,
            "customer_account": None,
            "date": at,
            "description": "Training",
            "discountable": True,
            "discounts": [],
            "frozen_fields": [],
            "invoice": None,
            "invoicing_rules": [],
            "livemode": False,
            "metadata": {},
            "net_amount": amount,
            "parent": None if details is None else parent,
            "period": {"end": at, "start": at},
            "pricing": {
                "price_details": {"price": self._price(product, sub.currency), "product": product},
                "type": "price_details",
                "unit_amount_decimal": str(FEE),
            },
            "proration": False,
            "proration_details": None,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": [],
            "test_clock": None,
        }
        self.books.objects["invoiceitem"][item_id] = fee
        self.books.log.emit("invoiceitem.created", at, dict(fee))
        return fee

    def _price(self, product: str, currency: str) -> str:
        """A one-time price of the product."""
        key = (product, currency)
        if key not in self.prices:
            recurring = next(iter(self.books.objects["price"].values()))
            obj = {
                **recurring,
                "id": self.books.ids.new("price"),
                "billing_scheme": "per_unit",
                "created": self.books.now,
                "currency": currency,
                "currency_options": {},
                "nickname": "training",
                "product": product,
                "recurring": None,
                "tiers": None,
                "tiers_mode": None,
                "transform_quantity": None,
                "type": "one_time",
                "unit_amount": FEE,
                "unit_amount_decimal": str(FEE),
            }
            self.prices[key] = obj["id"]
            self.books.objects["price"][obj["id"]] = obj
            hidden = ("tiers", "currency_options")
            shown = {name: value for name, value in obj.items() if name not in hidden}
            self.books.log.emit("price.created", self.books.now, shown)
        return self.prices[key]

    # what comes back

    def give_credit(self, sub: Subscription, rng: Random) -> None:
        """A credit balance, which the next invoices use up."""
        balance = sub.customer.obj["balance"] - 100 * rng.randint(1, 80)
        self.books.change_customer(sub.customer, balance=balance)

    def credit_latest(self, sub: Subscription, rng: Random) -> None:
        """A credit note over a line of the latest invoice, off what is due or into the balance; some are voided."""
        inv = self.books.objects["invoice"].get(sub.latest_invoice or "")
        lines = [line for line in inv["lines"]["data"] if line["amount"] > 100] if inv else []
        if inv is None or inv["status"] not in {"open", "paid"} or not lines:
            return
        line = rng.choice(lines)
        left = inv["amount_remaining"] if inv["status"] == "open" else inv["amount_paid"]
        amount = min(line["amount"] // 2, left // 3)
        if amount <= 0 or inv["post_payment_credit_notes_amount"]:
            return
        ids, at = self.books.ids, self.books.now
        note = invoices.credit_note(ids.new("cn"), ids.new("cnli"), at, inv, amount, "order_change")
        part = note["lines"]["data"][0]
        part |= {"type": "invoice_line_item", "invoice_line_item": line["id"]}
        part |= {"unit_amount": None, "unit_amount_decimal": None}
        if inv["status"] == "open":
            note |= {"type": "pre_payment", "pre_payment_amount": amount, "post_payment_amount": 0}
            inv["pre_payment_credit_notes_amount"] += amount
            inv["amount_due"] -= amount
            inv["amount_remaining"] -= amount
        else:
            note["customer_balance_transaction"] = ids.new("cbtxn")
            inv["post_payment_credit_notes_amount"] += amount
            balance = sub.customer.obj["balance"] - amount
            self.books.change_customer(sub.customer, balance=balance)
        self.books.objects["credit_note"][note["id"]] = note
        self.books.log.emit("credit_note.created", at, invoices.snapshot(note))
        if rng.random() < 0.2:
            self.books.schedule(at + DAY, Rank.PERSON, self._void, note)

    def _void(self, note: Json) -> None:
        note.update(status="void", voided_at=self.books.now)
        self.books.log.emit("credit_note.voided", self.books.now, invoices.snapshot(note))
