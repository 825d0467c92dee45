"""Attribution: who brought the expansion, what is in the pipeline, and what became of the deals.

Belongs here: pure functions from components, the item timeline and the CRM's frames to EXPANSION_ATTRIBUTION,
ATTRIBUTION_SENSITIVITY, CRM_PIPELINE and DEAL_RECONCILIATION. Source of the rules: docs/attribution.md. No headline
figure rests on any of it.
"""

from pipeline.metrics.attribution.attribute import (
    attributed,
    check_attribution,
    sensitivity,
)
from pipeline.metrics.attribution.changes import dated, expanding
from pipeline.metrics.attribution.deals import Crm
from pipeline.metrics.attribution.open_deals import crm_pipeline
from pipeline.metrics.attribution.reconciliation import reconciliation
from pipeline.metrics.attribution.rules import ATTRIBUTIONS, AttributionRules
from pipeline.metrics.attribution.together import Evidence, company

__all__ = [
    "ATTRIBUTIONS",
    "AttributionRules",
    "Crm",
    "Evidence",
    "attributed",
    "check_attribution",
    "company",
    "crm_pipeline",
    "dated",
    "expanding",
    "reconciliation",
    "sensitivity",
]
