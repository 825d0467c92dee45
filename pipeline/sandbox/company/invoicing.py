"""Invoices in time: made at a boundary, finalised an hour later, paid, retried, given up.

What belongs here: an invoice's life and what it does to its subscription's status. What does not:
which items it bills (`subscriptions`).
"""

from collections.abc import Callable

from pipeline.sandbox.company import invoices, taxes
from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY, HOUR
from pipeline.sandbox.company.discounts import Discounts, above_items, on_item, take_off
from pipeline.sandbox.company.events import Json
from pipeline.sandbox.company.records import Customer, Item, Subscription, TaxRate

RETRY_DAYS = (3, 5, 7)
HOURS_TO_PAY = 23
Outcome = str


class Invoicing:
    """Makes, finalises and collects invoices.

    `payment_works(sub, attempt)` decides a payment attempt, `after_retries(sub)` names what becomes
    of a subscription whose last attempt failed: `cancel` or `unpaid`, and
    `first_payment_after(sub)` says after how many hours a failed first payment is made good.
    """

    def __init__(self, books: Books, discounts: Discounts) -> None:
        self.books = books
        self.discounts = discounts
        self.payment_works: Callable[[Subscription, int], bool] = lambda _sub, _attempt: True
        self.after_retries: Callable[[Subscription], Outcome] = lambda _sub: "cancel"
        self.first_payment_after: Callable[[Subscription], int | None] = lambda _sub: None
        self.end_subscription: Callable[[Subscription, str], None] = lambda _sub, _reason: None

    def make(
        self,
        sub: Subscription,
        lines: list[tuple[Item, Json]],
        reason: str,
        at_once: bool,
        direct: bool = False,
    ) -> Json:
        """A draft with the pending invoice items and these lines; the caller commits `sub`.

        Once discounts that reduced it are taken off the subscription.
        """
        now = self.books.now
        invoice_id = self.books.ids.new("in")
        drafts = [invoices.pending_line(each, direct) for each in reversed(sub.pending)]
        drafts += [line for _, line in lines]
        above = above_items(sub, now)
        self._reduce(sub, lines, [line for line in drafts if line["discountable"]])
        self._tax(sub, lines, drafts)
        for line in drafts:
            line["id"] = self.books.ids.new("il")
            line["invoice"] = invoice_id
        self._link_credits(sub, lines, drafts, invoice_id)
        discount_ids = [each.id for each in above]
        inv = invoices.invoice(invoice_id, now, sub, drafts, discount_ids, reason)
        starts = [item.start for item in sub.items]
        if reason == "subscription_cycle" and starts:
            inv["period_start"] = min(starts)
        self.books.objects["invoice"][invoice_id] = inv
        for each in sub.pending:
            each["invoice"] = invoice_id
        sub.pending = []
        sub.latest_invoice = invoice_id
        kept = (sub.pause_collection or {}).get("behavior") == "keep_as_draft"
        if kept or sub.status == "unpaid":
            inv["auto_advance"] = False
        self.books.log.emit("invoice.created", now, invoices.snapshot(inv))
        if at_once:
            self.finalize(sub, inv)
        elif inv["auto_advance"]:
            inv["automatically_finalizes_at"] = now + HOUR
            self.books.schedule(now + HOUR, Rank.COLLECTION, self.finalize, sub, inv)
        return inv

    def _reduce(
        self, sub: Subscription, lines: list[tuple[Item, Json]], drafts: list[Json]
    ) -> None:
        now = self.books.now
        left = {line_key(line): line["amount"] for line in drafts}
        for item in dict.fromkeys(item for item, _ in lines):
            own = [line for owner, line in lines if owner is item and line["discountable"]]
            rest = [left[line_key(line)] for line in own]
            take_off(own, on_item(item, now), rest, sub.currency)
            left.update({line_key(line): amount for line, amount in zip(own, rest, strict=True)})
        rest = [left[line_key(line)] for line in drafts]
        take_off(drafts, above_items(sub, now), rest, sub.currency)

    def _tax(self, sub: Subscription, lines: list[tuple[Item, Json]], drafts: list[Json]) -> None:
        """Taxes of every line; an item, and the usage that it is billed for, remember what they left."""
        taxed: list[tuple[str | None, tuple[TaxRate, ...], Json]] = [
            (item.id, item.tax_rates, line) for item, line in lines
        ]
        for line, pending in zip(drafts, reversed(sub.pending), strict=False):
            owner = (pending["parent"]["subscription_details"] or {}).get("subscription_item")
            held = tuple(self.books.tax_rates[rate["id"]] for rate in pending["tax_rates"])
            taxed.append((owner, held, line))
        for _, held, line in taxed:
            if rates := taxes.rates_of(sub, held, self.books.now):
                taxes.put_on(line, rates)
        for item in sub.items:
            own = [line for owner, _, line in taxed[: len(lines)] if owner == item.id]
            late = [line for owner, _, line in taxed[len(lines) :] if owner == item.id]
            left = taxes.line_net(own)
            if left is None and not item.line_net_lasts:
                item.line_net = taxes.line_net(late) or item.line_net
            elif left is not None:
                item.line_net, item.line_net_lasts = left, True
                if item.price.metered:
                    item.ledger.usages[-1] = item.ledger.usages[-1]._replace(net=left)

    def _link_credits(
        self, sub: Subscription, lines: list[tuple[Item, Json]], drafts: list[Json], invoice_id: str
    ) -> None:
        """A later credit proration names the lines that it credits."""
        billed: dict[str, list[str]] = {}
        for item, line in lines:
            billed.setdefault(item.id, []).append(line["id"])
        for line, pending in zip(drafts, reversed(sub.pending), strict=False):
            if pending["amount"] >= 0:
                owner = pending["parent"]["subscription_details"]["subscription_item"]
                billed.setdefault(owner, []).append(line["id"])
        for item in sub.items:
            if item.id in billed:
                item.credited = {
                    "invoice_item": None,
                    "invoice_line_item_details": {
                        "invoice": invoice_id,
                        "invoice_line_items": billed[item.id],
                    },
                    "type": "invoice_line_items",
                }

    def finalize(self, sub: Subscription, inv: Json) -> None:
        """Open and, unless the subscription's collection is paused, collected."""
        if inv["status"] != "draft":
            return
        now = self.books.now
        customer = sub.customer
        prefix = customer.obj["invoice_prefix"]
        number = customer.obj["next_invoice_sequence"]
        customer.obj["next_invoice_sequence"] = number + 1
        balance = customer.obj["balance"] if not customer.deleted else 0
        total = inv["total"]
        ending = min(0, balance + total)
        due = max(0, total + balance)
        inv.update(
            status="open",
            number=f"{prefix}-{number:04d}",
            effective_at=now,
            automatically_finalizes_at=None,
            starting_balance=balance,
            ending_balance=ending,
            amount_due=due,
            amount_remaining=due,
            status_transitions={**inv["status_transitions"], "finalized_at": now},
            hosted_invoice_url=f"https://invoice.stripe.com/i/{inv['id']}",
            invoice_pdf=f"https://pay.stripe.com/invoice/{inv['id']}/pdf",
        )
        self.books.log.emit("invoice.finalized", now, invoices.snapshot(inv))
        if ending != balance and not customer.deleted:
            self.books.change_customer(customer, balance=ending)
        behavior = (sub.pause_collection or {}).get("behavior")
        if behavior == "void":
            self._close(inv, "void", "voided_at", "invoice.voided")
        elif behavior == "mark_uncollectible":
            self.give_up(inv)
        else:
            self.collect(sub, inv)

    def collect(self, sub: Subscription, inv: Json) -> None:
        """One attempt to be paid."""
        if inv["status"] != "open":
            return
        now = self.books.now
        if inv["amount_due"] == 0:
            self._paid(sub, inv)
            return
        attempt = inv["attempt_count"] + 1
        inv.update(attempt_count=attempt, attempted=True)
        if sub.ended or sub.customer.deleted:
            self.give_up(inv)
        elif sub.awaits_payment:
            self.books.log.emit("invoice.payment_failed", now, invoices.snapshot(inv))
        elif self.payment_works(sub, attempt):
            self._paid(sub, inv)
        elif inv["billing_reason"] == "subscription_create":
            self._first_payment_failed(sub, inv)
        elif attempt <= len(RETRY_DAYS):
            again = now + RETRY_DAYS[attempt - 1] * DAY
            inv["next_payment_attempt"] = again
            self.books.schedule(again, Rank.COLLECTION, self.collect, sub, inv)
            self._failed(sub, inv, "past_due")
        else:
            inv["next_payment_attempt"] = None
            self._last_attempt_failed(sub, inv)

    def _first_payment_failed(self, sub: Subscription, inv: Json) -> None:
        """Incomplete: the customer has 23 hours to pay. The caller commits."""
        now = self.books.now
        sub.status = "incomplete"
        self.books.log.emit("invoice.payment_failed", now, invoices.snapshot(inv))
        hours = self.first_payment_after(sub)
        if hours is not None and hours < HOURS_TO_PAY:
            self.books.schedule(now + hours * HOUR, Rank.COLLECTION, self._made_good, sub, inv)
        else:
            at = now + HOURS_TO_PAY * HOUR
            self.books.schedule(at, Rank.COLLECTION, self._expire, sub, inv)

    def _made_good(self, sub: Subscription, inv: Json) -> None:
        if sub.status == "incomplete" and not sub.customer.deleted:
            sub.status = "active"
            self._paid(sub, inv)
            self.books.commit(sub)

    def _expire(self, sub: Subscription, inv: Json) -> None:
        if sub.status == "incomplete":
            sub.status, sub.ended_at = "incomplete_expired", self.books.now
            self.books.commit(sub)
            self._close(inv, "void", "voided_at", "invoice.voided")

    def _last_attempt_failed(self, sub: Subscription, inv: Json) -> None:
        if self.after_retries(sub) == "unpaid":
            self._failed(sub, inv, "unpaid")
            return
        self._failed(sub, inv, "past_due")
        self.give_up(inv)
        self.end_subscription(sub, "payment_failed")

    def _failed(self, sub: Subscription, inv: Json, status: str) -> None:
        now = self.books.now
        self.books.log.emit("invoice.payment_failed", now, invoices.snapshot(inv))
        if not sub.customer.obj.get("delinquent"):
            self.books.change_customer(sub.customer, delinquent=True)
        if sub.status in {"active", "past_due"}:
            sub.status = status
            self.books.commit(sub)

    def _paid(self, sub: Subscription, inv: Json) -> None:
        now = self.books.now
        due = inv["amount_due"]
        inv.update(
            status="paid",
            amount_paid=due,
            amount_remaining=0,
            attempted=True,
            auto_advance=False,
            next_payment_attempt=None,
            status_transitions={**inv["status_transitions"], "paid_at": now},
        )
        self.books.log.emit("invoice.paid", now, invoices.snapshot(inv))
        if sub.status == "past_due" and sub.latest_invoice == inv["id"]:
            sub.status = "active"
            self.books.commit(sub)
        self._clear(sub.customer)

    def _clear(self, customer: Customer) -> None:
        late = any(each.status in {"past_due", "unpaid"} for each in customer.subscriptions)
        if not customer.deleted and customer.obj["delinquent"] and not late:
            self.books.change_customer(customer, delinquent=False)

    def pay(self, sub: Subscription, inv: Json) -> None:
        """The customer pays an open invoice by hand."""
        if inv["status"] == "open":
            self._paid(sub, inv)

    def void(self, inv: Json) -> None:
        """An invoice that was not paid was a mistake."""
        if inv["status"] in {"open", "uncollectible"}:
            self._close(inv, "void", "voided_at", "invoice.voided")

    def give_up(self, inv: Json) -> None:
        """Nobody expects this invoice to be paid any more."""
        if inv["status"] == "open":
            self._close(
                inv, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible"
            )

    def _close(self, inv: Json, status: str, transition: str, kind: str) -> None:
        now = self.books.now
        inv.update(
            status=status,
            auto_advance=False,
            status_transitions={**inv["status_transitions"], transition: now},
        )
        self.books.log.emit(kind, now, invoices.snapshot(inv))

    def settle(self, sub: Subscription) -> None:
        """An unpaid subscription's customer pays everything that is open or kept as a draft."""
        sub.status = "active"
        for inv in list(self.books.objects["invoice"].values()):
            parent = inv["parent"]
            if parent is None or parent["subscription_details"]["subscription"] != sub.id:
                continue
            if inv["status"] == "draft":
                inv["auto_advance"] = True
                self.finalize(sub, inv)
            if inv["status"] == "open":
                self._paid(sub, inv)
        self.books.commit(sub)

    def credit(self, inv: Json, amount: int, reason: str) -> None:
        """A credit note over a paid invoice."""
        ids = self.books.ids
        note = invoices.credit_note(
            ids.new("cn"), ids.new("cnli"), self.books.now, inv, amount, reason
        )
        self.books.objects["credit_note"][note["id"]] = note
        credited = inv["post_payment_credit_notes_amount"] + amount
        inv["post_payment_credit_notes_amount"] = credited
        self.books.log.emit("credit_note.created", self.books.now, invoices.snapshot(note))


def line_key(line: Json) -> int:
    """Lines have no id before their invoice is made; the object itself tells them apart."""
    return id(line)
