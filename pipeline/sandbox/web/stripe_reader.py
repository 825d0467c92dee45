"""Answers to Stripe's reads, without HTTP: lists, retrievals, embedded lists, the account.

Belongs here: which objects an answer holds. Does not belong here: keys, headers, status codes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.sandbox.web import stripe_errors as refuse
from pipeline.sandbox.web import stripe_query as query
from pipeline.sandbox.web.stripe_index import CREATED_FIELD, Index, Ordering
from pipeline.sandbox.web.stripe_query import Raw
from pipeline.sandbox.web.stripe_render import View, compile_view, render
from pipeline.sandbox.web.stripe_resources import EMBEDDED, RESOURCES, Predicate, Resource
from pipeline.sandbox.web.stripe_types import TYPES
from pipeline.sandbox.web.world import Json, World

ACCOUNT_ID = "acct_1SandboxCompany"
PAGING = frozenset({"ending_before", "expand", "limit", "starting_after"})
DAY = 86_400

Permit = Callable[[Iterable[str]], None]
"""Refuses when the key lacks one of these permissions."""
Params = Mapping[str, Raw]


class Reader:
    """Reads the company as Stripe would show it at this moment."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._index = Index()
        self._item_owner: dict[str, str] = {}

    # ---- the objects ---------------------------------------------------------------------------

    def _collection(self, type_name: str) -> Mapping[str, Json]:
        collection = TYPES[type_name].collection
        return self._world.company.objects.get(collection, {}) if collection else {}

    def lookup(self, type_name: str, object_id: str) -> Json | None:
        """The company's object, unless it is yet to come."""
        found = self._collection(type_name).get(object_id)
        if found is None or _created(type_name, found) > self._world.now:
            return None
        return found

    def _existing(self, resource: Resource, object_id: str) -> Json:
        found = self.lookup(resource.type, object_id)
        aged = (
            found is not None
            and resource.days is not None
            and found["created"] < self._world.now - resource.days * DAY
        )
        gone = found is not None and found.get("deleted") is True and resource.type != "customer"
        if found is None or aged or gone:
            raise refuse.missing(resource.type, object_id, resource.id_param, status=404)
        return found

    def existing(self, parts: Sequence[str]) -> None:
        """Refuse an address that names an object of which there is none."""
        name, *rest = parts
        if rest and name in RESOURCES:
            self._existing(RESOURCES[name], rest[0])

    # ---- the answers ---------------------------------------------------------------------------

    def account(self, params: Params) -> Json:
        """`/v1/account`: whose key this is."""
        query.check_names(dict(params), frozenset({"expand"}))
        return {
            "id": ACCOUNT_ID,
            "object": "account",
            "business_profile": {"name": "Simulated company", "url": None},
            "business_type": "company",
            "charges_enabled": True,
            "country": "US",
            "created": 1_577_836_800,
            "default_currency": "usd",
            "details_submitted": True,
            "email": "owner@sandbox.example",
            "metadata": {},
            "payouts_enabled": True,
            "settings": {"dashboard": {"display_name": "Simulated company", "timezone": "Etc/UTC"}},
            "type": "standard",
        }

    def retrieve(self, resource: Resource, object_id: str, params: Params, permit: Permit) -> Json:
        """One object by its id."""
        query.check_names(dict(params), frozenset({"expand"}))
        view = self._view(resource.type, params, permit, listed=False)
        found = self._existing(resource, object_id)
        if found.get("deleted") is True:
            return {"id": object_id, "object": resource.type, "deleted": True}
        return found if resource.type == "event" else render(view, found, self.lookup)

    def page(self, resource: Resource, params: Params, permit: Permit) -> Json:
        """One page of a list endpoint, newest first."""
        query.check_names(dict(params), PAGING | {"created"} | resource.filters.keys())
        for pair in (("starting_after", "ending_before"), *resource.exclusive):
            if all(name in params for name in pair):
                raise refuse.exclusive(*pair)
        view = self._view(resource.type, params, permit, listed=True)
        count = query.limit(dict(params))
        ids, more = self._ids(resource, params, count)
        objects = self._collection(resource.type)
        if resource.type == "event":
            data = [objects[object_id] for object_id in ids]
        else:
            data = [render(view, objects[object_id], self.lookup) for object_id in ids]
        return _list(data, more, f"/v1/{resource.name}")

    def embedded(
        self, name: str, object_id: str, part: str, params: Params, permit: Permit
    ) -> Json:
        """The whole of an embedded list, such as `/v1/invoices/{id}/lines`."""
        query.check_names(dict(params), PAGING)
        obj = self._existing(RESOURCES[name], object_id)
        url = f"/v1/{name}/{object_id}/{part}"
        return self._elements(EMBEDDED[name, part], obj[part]["data"], params, permit, url)

    def items(self, params: Params, permit: Permit) -> Json:
        """`/v1/subscription_items?subscription=`: the items of one subscription."""
        query.check_names(dict(params), PAGING | {"subscription"})
        if "subscription" not in params:
            raise refuse.required("subscription")
        subscription = query.text("subscription", params["subscription"])
        found = self.lookup("subscription", subscription)
        if found is None:
            raise refuse.missing("subscription", subscription, "subscription")
        data = found["items"]["data"]
        return self._elements("subscription_item", data, params, permit, "/v1/subscription_items")

    def item(self, item_id: str, params: Params, permit: Permit) -> Json:
        """One subscription item by its id."""
        query.check_names(dict(params), frozenset({"expand"}))
        view = self._view("subscription_item", params, permit, listed=False)
        subscriptions = self._collection("subscription")
        for owner in (self._item_owner.get(item_id), None):
            holders = [owner] if owner else reversed(list(subscriptions))
            for holder in holders:
                for entry in subscriptions[holder]["items"]["data"]:
                    self._item_owner[entry["id"]] = holder
                    if entry["id"] == item_id:
                        return render(view, entry, self.lookup)
        raise refuse.missing("subscription_item", item_id, "item", status=404)

    # ---- paging --------------------------------------------------------------------------------

    def _view(self, type_name: str, params: Params, permit: Permit, *, listed: bool) -> View:
        expand = params.get("expand", [])
        if isinstance(expand, dict):
            raise refuse.wrong_shape("expand", "array")
        paths = (expand,) if isinstance(expand, str) else tuple(expand)
        if type_name == "event" and paths:
            raise refuse.not_expandable(paths[0])
        view = compile_view(type_name, paths, listed=listed)
        permit(view.permissions())
        return view

    def _ids(self, resource: Resource, params: Params, count: int) -> tuple[Sequence[str], bool]:
        """The ids of the page, newest first, and whether more lie behind it."""
        objects = self._collection(resource.type)
        now = self._world.now
        ordering = self._index.ordering(resource.type, objects, now)
        tests = self._tests(resource, params)
        candidates = self._candidates(resource, params, ordering, objects)
        forward = "ending_before" in params
        cursor = "ending_before" if forward else "starting_after"
        start: int | None = None
        if cursor in params:
            object_id = query.text(cursor, params[cursor])
            known = object_id in ordering.position
            if not known or self.lookup(resource.type, object_id) is None:
                raise refuse.missing(resource.type, object_id, cursor)
            start = ordering.position[object_id]
        found: list[str] = []
        for at in candidates if forward else reversed(candidates):
            if start is not None and (at <= start if forward else at >= start):
                continue
            object_id = ordering.ids[at]
            obj = objects[object_id]
            if obj.get("deleted") is not True and all(test(obj) for test in tests):
                found.append(object_id)
                if len(found) > count:
                    break
        page = found[:count]
        return (page[::-1] if forward else page), len(found) > count

    def _tests(self, resource: Resource, params: Params) -> list[Predicate]:
        tests = []
        for name, wanted in resource.filters.items():
            if name not in params:
                continue
            tests.append(wanted.predicate(name, params[name]))
            if wanted.ref is not None:
                value = query.text(name, params[name])
                if self.lookup(wanted.ref, value) is None:
                    raise refuse.missing(wanted.ref, value, name)
        if resource.default is not None and resource.unless not in params:
            tests.append(resource.default)
        return tests

    def _candidates(
        self,
        resource: Resource,
        params: Params,
        ordering: Ordering,
        objects: Mapping[str, Json],
    ) -> Sequence[int]:
        """The positions, oldest first, that `created` and the indexed filters leave."""
        now = self._world.now
        newest = self._world.conditions.horizon(resource.type, now)
        low, high = query.bounds("created", params.get("created", {}))
        if resource.days is not None:
            low = max(low or 0, now - resource.days * DAY)
        span = ordering.span(low, newest if high is None else min(high, newest))
        for name, wanted in resource.filters.items():
            if name in params and wanted.path is not None:
                holders = ordering.holding(wanted.path, params[name], objects)
                return [at for at in holders if at in span]
        return span

    def _elements(
        self, type_name: str, data: list[Json], params: Params, permit: Permit, url: str
    ) -> Json:
        """One page of a list that an object holds, in the order in which it holds it."""
        if "starting_after" in params and "ending_before" in params:
            raise refuse.exclusive("starting_after", "ending_before")
        view = self._view(type_name, params, permit, listed=True)
        count = query.limit(dict(params))
        place = {entry["id"]: at for at, entry in enumerate(data)}
        start, end = 0, len(data)
        for cursor in ("starting_after", "ending_before"):
            if cursor not in params:
                continue
            object_id = query.text(cursor, params[cursor])
            if object_id not in place:
                raise refuse.missing(type_name, object_id, cursor)
            if cursor == "starting_after":
                start = place[object_id] + 1
            else:
                end = place[object_id]
        if "ending_before" in params:
            start, more = max(0, end - count), end > count
        else:
            more = end - start > count
            end = min(end, start + count)
        page: list[Any] = [render(view, entry, self.lookup) for entry in data[start:end]]
        return _list(page, more, url)


def _created(type_name: str, obj: Json) -> int:
    return int(obj.get(CREATED_FIELD.get(type_name, "created")) or 0)


def _list(data: list[Any], more: bool, url: str) -> Json:
    return {"object": "list", "data": data, "has_more": more, "url": url}
