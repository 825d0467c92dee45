"""Revenue expansion from Stripe and CRM data: nightly, for every month, explained and tied out.

The rooms, in the order of the data: `sources` -> `lake` -> `billing` and `crm` -> `mrr` -> `metrics` -> `publish` and
`alerts`. `assets` is the Dagster side, `sandbox` a simulated company. See docs/architecture.md.
"""
