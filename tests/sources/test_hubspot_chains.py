"""A long list is read by several chains: nothing is left out, nothing comes twice, whatever ids and cursors are."""

import asyncio
import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError
from pipeline.sources.hubspot.chains import Chains
from pipeline.sources.hubspot.client import HubSpotClient
from pipeline.sources.hubspot.listing import Listed, Lister
from tests.sources.hubspot_portal import KEY, NOW, QUICK, Portal, ids, pull, thing
from tests.sources.service import Answer, Asked, serve

SIZE = 2


def read(base: str, size: int = SIZE) -> list[int]:
    """The ids of companies, as they came."""
    found: list[int] = []

    async def take(listed: Listed) -> None:
        found.extend(int(each["id"]) for each in listed.objects)

    async def run() -> None:
        async with HubSpotClient(KEY, base, 10_000, QUICK) as client:
            path = "/crm/objects/2026-09/companies"
            lister = Lister(client, lambda: NOW, path, {"limit": size})
            await Chains(lister, take, size).read()

    asyncio.run(run())
    return found


numbers = st.one_of(
    st.integers(0, 10**11),
    st.integers(0, 300),
    st.integers(5 * 10**9, 5 * 10**9 + 3000),
)


@settings(max_examples=30, deadline=None)
@given(there=st.sets(numbers, max_size=200).map(sorted))
def test_every_object_comes_once_whatever_the_ids(there: list[int]) -> None:
    with serve(Portal({"companies": [{"id": str(each)} for each in there if each]})) as service:
        found = read(service.base)
    assert sorted(found) == [each for each in there if each]


def test_chains_begin_in_the_midst_of_a_long_list() -> None:
    with serve(Portal({"companies": [thing(9 * n) for n in range(1, 2001)]})) as service:
        found = read(service.base, 10)
    assert sorted(found) == [9 * n for n in range(1, 2001)]
    assert found != sorted(found)
    assert len(service.asked) < 200 * 1.15


def _opaque(asked: Asked, objects: list[dict[str, Any]]) -> Answer:
    """Cursors that say nothing, as those of archived objects."""
    at = int(base64.b64decode(asked.query["after"])) if "after" in asked.query else 0
    limit = int(asked.query["limit"])
    more = at + limit < len(objects)
    after = base64.b64encode(str(at + limit).encode()).decode()
    paging = {"paging": {"next": {"after": after}}} if more else {}
    return Answer({"results": objects[at : at + limit], **paging})


def test_cursors_that_are_no_ids_make_one_chain() -> None:
    objects = [thing(number) for number in (5, 3, 9, *range(20, 60))]

    def answer(asked: Asked) -> Answer:
        if asked.query.get("after", "").isdigit():
            return Answer({"category": "VALIDATION_ERROR"}, 400)
        return _opaque(asked, objects)

    with serve(answer) as service:
        assert read(service.base) == [int(each["id"]) for each in objects]


def test_a_server_that_does_not_heed_a_guessed_cursor_is_read_by_one_chain() -> None:
    """Only cursors that it gave itself are good; with another one it begins at the start."""
    everything = [thing(3 * number) for number in range(1, 60)]
    portal = Portal({"companies": everything})
    given_out: set[str] = set()

    def answer(asked: Asked) -> Answer:
        after = asked.query.get("after")
        if after is not None and after not in given_out:
            return Answer({"results": everything[:SIZE]})
        found = portal(asked)
        following = found.content.get("paging")
        if following:
            given_out.add(following["next"]["after"])
        return found

    with serve(answer) as service:
        found = read(service.base)
    assert set(found) == {3 * number for number in range(1, 60)}


@pytest.mark.parametrize("shown", [3, 0])
def test_pages_in_the_midst_that_claim_to_be_the_last_are_read_on_or_refused(shown: int) -> None:
    everything = [thing(number) for number in range(1, 2001)]
    portal = Portal({"companies": everything})

    def answer(asked: Asked) -> Answer:
        after = int(asked.query.get("after", "0"))
        if 100 <= after < 150:
            return Answer({"results": everything[after : after + shown]})
        return portal(asked)

    with serve(answer) as service:
        if shown:
            assert sorted(read(service.base, 10)) == list(range(1, 2001))
            return
        # Whatever lies behind is read by other chains, so the gap is seen.
        with pytest.raises(ExceptionGroup) as caught:
            read(service.base, 10)
        assert caught.group_contains(SourceError, match="in its midst")


def test_what_is_deleted_meanwhile_loses_nothing_else() -> None:
    """The very object where two chains meet is gone when the first one comes there."""
    companies = [thing(number) for number in range(1, 3001)]
    asked_so_far = [0]

    def spoilt(asked: Asked) -> None:
        asked_so_far[0] += 1
        if "companies" in asked.path and asked_so_far[0] % 3 == 0:
            gone = int(asked.query.get("after", "0")) + 1
            portal.objects["companies"] = [
                each for each in portal.objects["companies"] if int(each["id"]) != gone
            ]

    portal = Portal({"companies": companies}, spoilt=spoilt)
    with serve(portal) as service:
        pulled = pull(service.base)
    left = {each["id"] for each in portal.objects["companies"]}
    assert left <= set(ids(pulled, "company"))


@pytest.mark.parametrize("most", [{"X-HubSpot-RateLimit-Max": "100"}, {}])
def test_a_portal_may_be_empty(most: dict[str, str]) -> None:
    with serve(Portal(headers=most)) as service:
        assert read(service.base) == []
