"""One company behind the simulated Stripe, for the tests of its API."""

from collections.abc import Iterator

import pytest
import stripe

from pipeline.sandbox.company import Company
from pipeline.sandbox.server import SandboxServer
from tests.sandbox.asking import END, connect


@pytest.fixture(scope="module")
def company() -> Company:
    company = Company(5, customers=60, months=14, end=END)
    company.advance(END)
    return company


@pytest.fixture(scope="module")
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: SandboxServer) -> stripe.StripeClient:
    return connect(server)
