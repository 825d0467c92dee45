"""Revenue expansion from Stripe and CRM data: nightly, for every month, explained and tied out.

The rooms, in the order of the data: `sources` -> `lake` -> `billing` and `crm` -> `mrr` -> `metrics` -> `publish` and
`alerts`. `assets` is the Dagster side, `sandbox` a simulated company. See docs/architecture.md.
"""

import gc

# Dagster, Polars and SQLAlchemy are some hundred thousand objects that stay. Looking through them for garbage, again
# and again while still more is loaded, is a third of the time that loading takes.
gc.freeze()
gc.set_threshold(50_000, 20, 20)
