"""A simulated company: a small Stripe billing engine, a CRM, and seeded customers who live in it.

`Company(seed).advance(to)` runs its life; `objects` and `hubspot` are what the servers serve,
`ledgers` is what really happened. Rooms, from the inside out: `calendar`, `ids`, `pricing`,
`catalogue`, `records` (state); `render`, `invoices` (shapes); `events`, `books` (store and clock);
`discounts`, `prorations`, `invoicing`, `subscriptions`, `schedules` (Stripe's side); `people`,
`crm`, `signup`, `wishes`, `acts`, `behaviour` (the customers' side); `company` (the whole).
Beside the usual life stand further turns of it, each a feature of its own: `turns` (who wants them),
`client_turns` (the same of customers and accounts), `edits`, `pending`, `phases`, `promotions` (what
Stripe does about them), `reasons` (why customers grow, beside chance), `outreach` (what asking them adds).
"""

from pipeline.sandbox.company.company import Company
from pipeline.sandbox.company.wishes import CRM_TURNS, FEATURES, RARE, REASONS, SALESFORCE_IDS

__all__ = ["CRM_TURNS", "FEATURES", "RARE", "REASONS", "SALESFORCE_IDS", "Company"]
