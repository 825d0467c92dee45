"""The simulated services on one loopback port, in a thread of the test or the command.

Belongs here: starting, stopping, addresses. What is answered is in `stripe_api`, `hubspot_api`,
`salesforce_api` and `slack_api`.
"""

import socket
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pipeline.errors import PipelineError
from pipeline.sandbox.hubspot_api import HubSpotApi
from pipeline.sandbox.salesforce_api import SalesforceApi
from pipeline.sandbox.slack_api import ALL_SCOPES, SlackApi
from pipeline.sandbox.stripe_api import StripeApi
from pipeline.sandbox.web.slack_store import SlackStore
from pipeline.sandbox.web.stripe_types import TYPES
from pipeline.sandbox.web.world import CompanyLike, Conditions, World

HOST = "127.0.0.1"
STRIPE_KEY = "sk_test_sandbox"
RESTRICTED_KEY = "rk_test_sandbox"
HUBSPOT_KEY = "pat-sandbox-hubspot"
SALESFORCE_DOMAIN = "acme.my"
SALESFORCE_ID, SALESFORCE_SECRET = "3MVG9sandbox.salesforce", "sandbox-salesforce-secret"
SLACK_TOKEN = "xoxb-sandbox-slack"  # noqa: S105
START_SECONDS = 10.0
STOP_SECONDS = 5.0

Crm = Literal["hubspot", "salesforce", "both", "none"]


class SandboxServer:
    """Stripe, HubSpot, Salesforce and Slack of one company, while the `with` block lasts.

    `/stripe`, `/hubspot`, `/salesforce` and `/slack` are the services; `POST /sandbox/advance` moves the company's
    clock and `GET /sandbox/status` tells where it stands.

    Args:
        company: the simulated company; None serves Slack alone, as to show its page again.
        port: 0 takes a free one.
        key: the Stripe key that may do everything, unless it is a restricted one (`rk_`).
        hubspot_key: HubSpot's service key.
        crm: which CRMs `environment()` names; both are served.
        slack_token: Slack's bot token.
        missing_permissions: what restricted keys may not read, such as `rak_subscription_read`; if any,
            `environment()` gives a restricted key.
        write_permissions: what restricted keys may change, such as `rak_customer_write`; nothing by default.
        slack_store: JSON file that keeps the messages.
        slack_scopes: what the bot may do; everything that the pipeline asks for by default.
        conditions: latency, limits, late visibility and faults; none of them by default.

    Raises:
        PipelineError: the port is taken, or the server does not come up.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing that a test varies
        self,
        company: CompanyLike | None,
        port: int = 0,
        *,
        key: str = STRIPE_KEY,
        hubspot_key: str = HUBSPOT_KEY,
        crm: Crm = "hubspot",
        slack_token: str = SLACK_TOKEN,
        missing_permissions: frozenset[str] = frozenset(),
        write_permissions: frozenset[str] = frozenset(),
        slack_store: Path | None = None,
        slack_scopes: frozenset[str] = ALL_SCOPES,
        conditions: Conditions | None = None,
    ) -> None:
        self.company = company
        self.lock = threading.RLock()
        """Held while a request is answered or the clock moves."""
        self._port = port
        self._hubspot_key = hubspot_key
        self._crm = crm
        self._slack_token = slack_token
        conditions = conditions or Conditions()
        restricted = key if key.startswith("rk_") else RESTRICTED_KEY
        self._key = restricted if missing_permissions else key
        self.store = SlackStore(slack_store, self._seconds)
        self.slack = SlackApi(self.store, slack_token, conditions, self.lock, scopes=slack_scopes)
        self.world: World | None = None
        self.stripe: StripeApi | None = None
        self.hubspot: HubSpotApi | None = None
        self.salesforce: SalesforceApi | None = None
        routes: list[BaseRoute] = [
            Mount("/slack", self.slack.app()),
            Route("/sandbox/status", self._status),
            Route("/sandbox/advance", self._advance, methods=["POST"]),
        ]
        if company is not None:
            self.world = World(company, conditions, self.lock)
            writes = frozenset(kind.write_permission for kind in TYPES.values())
            lacking = missing_permissions | (writes - write_permissions)
            keys = {key: frozenset[str](), restricted: lacking}
            self.stripe = StripeApi(self.world, keys)
            self.hubspot = HubSpotApi(self.world, hubspot_key)
            self.salesforce = SalesforceApi(self.world, SALESFORCE_ID, SALESFORCE_SECRET)
            routes += [
                Mount("/stripe", self.stripe.app()),
                Mount("/salesforce", self.salesforce.app()),
                Mount("/hubspot", self.hubspot.app()),
            ]
        self._app = Starlette(routes=routes)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Serve in the background; returns when requests are answered."""
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, self._port))
        except OSError as error:
            listening.close()
            raise PipelineError(
                f"Port {self._port} of {HOST} is taken ({error.strerror}). Choose another port."
            ) from error
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        self._server = server
        self._thread = threading.Thread(
            target=server.run, args=([listening],), name="sandbox", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                listening.close()
                raise PipelineError(f"The sandbox did not start on {self.url}. Try again.")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Answer what is under way, then leave the port."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(STOP_SECONDS)
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # ---- addresses -----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def url(self) -> str:
        """The address of everything."""
        return f"http://{HOST}:{self._port}"

    @property
    def stripe_url(self) -> str:
        """For `STRIPE_API_BASE`: the SDK appends `/v1`."""
        return f"{self.url}/stripe"

    @property
    def hubspot_url(self) -> str:
        """For `HUBSPOT_API_BASE`."""
        return f"{self.url}/hubspot"

    @property
    def salesforce_url(self) -> str:
        """For `SALESFORCE_API_BASE`."""
        return f"{self.url}/salesforce"

    @property
    def slack_url(self) -> str:
        """For `SLACK_API_BASE`: the client appends `/api/`."""
        return f"{self.url}/slack"

    @property
    def slack_page_url(self) -> str:
        """Where a person reads the messages."""
        return f"{self.url}/slack/"

    @property
    def slack_webhook_url(self) -> str:
        """An incoming webhook, for `SLACK_WEBHOOK_URL`."""
        return f"{self.url}/slack/services/{SLACK_TOKEN.removeprefix('xoxb-')}"

    def environment(self) -> Mapping[str, str]:
        """The environment in which the pipeline reads this company, at the company's present."""
        found = {"SLACK_BOT_TOKEN": self._slack_token, "SLACK_API_BASE": self.slack_url}
        if self.company is None:
            return found
        return found | {
            "STRIPE_API_KEY": self._key,
            "STRIPE_API_BASE": self.stripe_url,
            **self._crm_environment(),
            "PIPELINE_NOW": self.company.now.isoformat(),
        }

    def _crm_environment(self) -> Mapping[str, str]:
        hubspot = {
            "HUBSPOT_SERVICE_KEY": self._hubspot_key,
            "HUBSPOT_API_BASE": self.hubspot_url,
        }
        salesforce = {
            "SALESFORCE_DOMAIN": SALESFORCE_DOMAIN,
            "SALESFORCE_CLIENT_ID": SALESFORCE_ID,
            "SALESFORCE_CLIENT_SECRET": SALESFORCE_SECRET,
            "SALESFORCE_API_BASE": self.salesforce_url,
        }
        known: Mapping[str, Mapping[str, str]] = {
            "hubspot": hubspot,
            "salesforce": salesforce,
            "both": hubspot | salesforce,
            "none": {},
        }
        return known[self._crm]

    def advance(self, to: datetime) -> None:
        """Move the company's clock; no request is answered meanwhile."""
        if self.world is None:
            raise PipelineError("This sandbox has no company whose clock could move.")
        self.world.advance(to)

    # ---- control -------------------------------------------------------------------------------

    def _seconds(self) -> float:
        """The time that messages bear: the company's, so that they stand beside its months."""
        return time.time() if self.company is None else self.company.now.timestamp()

    async def _status(self, request: Request) -> Response:
        del request
        with self.lock:
            return JSONResponse(self._standing())

    async def _advance(self, request: Request) -> Response:
        try:
            to = datetime.fromisoformat((await request.json())["to"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'Send {"to": "2026-11-24T00:00:00Z"}.'}, 400)
        if self.company is None:
            return JSONResponse({"error": "There is no company."}, 409)
        to = to if to.tzinfo else to.replace(tzinfo=UTC)
        with self.lock:
            if to < self.company.now:
                now = self.company.now.isoformat()
                return JSONResponse({"error": f"The clock stands at {now} already."}, 400)
            self.advance(to)
            return JSONResponse(self._standing())

    def _standing(self) -> dict[str, object]:
        messages = sum(len(channel.messages) for channel in self.store)
        if self.company is None or self.stripe is None:
            return {"now": None, "messages": messages}
        return {
            "now": self.company.now.isoformat(),
            "objects": {name: len(objects) for name, objects in self.company.objects.items()},
            "requests": self.stripe.requests,
            "messages": messages,
        }
