"""What the tables' words are called for people, in the terminal and on the page alike.

Belongs here: names of types of expansion and of attributions. How figures are written is with each way of showing them.
"""

TYPES = {
    "seat": "Seats",
    "plan": "Plan upgrades",
    "interval": "Billing interval",
    "price": "Price increases",
    "discount": "Discounts",
    "usage": "Usage",
    "add_on": "Add-ons",
    "cross_sell": "Cross-sell",
}
"""Types of expansion."""
ATTRIBUTIONS = {
    "contractual": "Contract",
    "sales_driven": "Sales",
    "influenced": "Influenced by sales",
    "natural": "By itself",
    "unknown": "Unknown",
}
"""Who brought it, in the order in which it is tried."""
