"""Explain: why one account's MRR moved, with what proves each step.

Belongs here: finding the account that is asked for, its figures again from its part of the evidence, the records
behind each component, and how that is shown as text and as JSON; pure, frames in and values out.
Does not belong here: a formula (`pipeline.mrr`), how evidence becomes a timeline (`pipeline.billing`), the lake.
"""

from pipeline.explain.account import Account, find_account
from pipeline.explain.brought import brought_document, render_brought
from pipeline.explain.document import document
from pipeline.explain.explain import Basis, explain
from pipeline.explain.explanation import Component, End, Explanation, Proof, Rate
from pipeline.explain.published import agrees
from pipeline.explain.text import render

__all__ = [
    "Account",
    "Basis",
    "Component",
    "End",
    "Explanation",
    "Proof",
    "Rate",
    "agrees",
    "brought_document",
    "document",
    "explain",
    "find_account",
    "render",
    "render_brought",
]
