"""The server's life: addresses, control, start and stop."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pipeline.errors import PipelineError
from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer

END = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(2, customers=6, months=4, end=END)
    company.advance(END)
    return company


def test_the_environment_is_the_contracts(company: Company) -> None:
    with SandboxServer(company) as server:
        found = server.environment()
        assert found == {
            "STRIPE_API_KEY": "sk_test_sandbox",
            "STRIPE_API_BASE": f"http://127.0.0.1:{server.port}/stripe",
            "HUBSPOT_SERVICE_KEY": "pat-sandbox-hubspot",
            "HUBSPOT_API_BASE": f"http://127.0.0.1:{server.port}/hubspot",
            "SLACK_BOT_TOKEN": "xoxb-sandbox-slack",
            "SLACK_API_BASE": f"http://127.0.0.1:{server.port}/slack",
            "PIPELINE_NOW": "2026-11-23T00:00:00+00:00",
        }


def test_status_and_clock() -> None:
    company = Company(2, customers=6, months=4, end=END)
    with SandboxServer(company) as server:
        httpx.post(f"{server.url}/sandbox/advance", json={"to": "2026-11-23"}).raise_for_status()
        status = httpx.get(f"{server.url}/sandbox/status").json()
        assert status["now"] == "2026-11-23T00:00:00+00:00"
        assert status["objects"]["customer"] == len(company.objects["customer"])
        for body in ({"to": "2026-11-22"}, {"to": "soon"}, {}, []):
            refused = httpx.post(f"{server.url}/sandbox/advance", json=body)
            assert refused.status_code == 400
        assert company.now == END


def test_a_stopped_server_leaves_its_port(company: Company) -> None:
    server = SandboxServer(company)
    with server:
        kept = httpx.Client()
        assert kept.get(f"{server.url}/sandbox/status").status_code == 200
    with pytest.raises(httpx.TransportError):
        kept.get(f"{server.url}/sandbox/status")
    kept.close()
    with SandboxServer(company, port=server.port) as again:
        assert again.port == server.port


def test_a_port_that_is_taken(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PipelineError, match=f"Port {port} of 127.0.0.1 is taken"):
            SandboxServer(company, port=port).start()


def test_slack_alone(tmp_path: Path) -> None:
    with SandboxServer(None, slack_store=tmp_path / "slack.json") as server:
        assert httpx.get(server.slack_page_url).status_code == 200
        assert httpx.get(f"{server.stripe_url}/v1/customers").status_code == 404
        assert set(server.environment()) == {"SLACK_BOT_TOKEN", "SLACK_API_BASE"}
