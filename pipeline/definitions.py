"""What Dagster loads: assets, jobs, schedule and sensor, all from one `Settings` object.

Belongs here: which parts a deployment has. `dagster dev` loads `defs`, which reads the environment when it is called;
nothing is read at import.
"""

import dagster as dg

from pipeline.assets.alerts import alert_assets
from pipeline.assets.attribution import attribution_assets
from pipeline.assets.billing import billing_assets
from pipeline.assets.crm import crm_assets
from pipeline.assets.experiments import experiment_assets
from pipeline.assets.failures import run_failed
from pipeline.assets.fx import fx_assets
from pipeline.assets.gone import gone_runs
from pipeline.assets.jobs import months_due, months_job, nightly, sync_job
from pipeline.assets.metrics import metric_assets
from pipeline.assets.months import months_of
from pipeline.assets.mrr import mrr_assets
from pipeline.assets.place import Place
from pipeline.assets.publish import publish_assets
from pipeline.assets.readiness import readiness_assets
from pipeline.assets.report import report_assets
from pipeline.assets.sources import source_assets
from pipeline.assets.watched import current_month, watched
from pipeline.assets.weekly import weekly_assets
from pipeline.settings import Settings


def build_definitions(settings: Settings, place: Place | None = None) -> dg.Definitions:
    """Everything that Dagster runs.

    Args:
        settings: the environment and the configuration.
        place: in place of a new one; the command passes one that reports progress.
    """
    months = months_of(settings)
    return dg.Definitions(
        assets=watched(
            [
                *source_assets(settings),
                *billing_assets(),
                *fx_assets(),
                *crm_assets(),
                *mrr_assets(months),
                *metric_assets(months),
                *attribution_assets(months),
                *readiness_assets(months),
                *publish_assets(months),
                *alert_assets(),
                *experiment_assets(),
                *weekly_assets(),
                *report_assets(),
            ],
            settings,
        ),
        jobs=[sync_job, months_job],
        schedules=[nightly(settings)],
        sensors=[
            months_due(settings),
            current_month(settings),
            run_failed(settings),
            gone_runs(),
        ],
        resources={"place": place or Place(settings)},
        # One process for a run: the steps are short, a process each would cost more than they do.
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The deployment that the environment describes."""
    return build_definitions(Settings.load())
