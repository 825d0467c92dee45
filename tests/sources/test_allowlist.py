"""What reaches the disk of a Stripe object."""

from pipeline.sources.stripe.allowlist import STREAMS, allowed, shapes


def test_a_customer_keeps_its_country_and_nothing_of_the_street() -> None:
    customer = {
        "id": "cus_1",
        "object": "customer",
        "name": "Acme",
        "email": "a@acme.example",
        "phone": "+1 555",
        "description": "private",
        "shipping": {"address": {"line1": "Main St"}},
        "address": {"country": "DE", "line1": "Main St", "postal_code": "1"},
        "invoice_settings": {"default_payment_method": "pm_1"},
        "metadata": {"hubspot_company_id": "7"},
    }
    kept = allowed(customer, STREAMS["customer"])
    assert kept == {
        "id": "cus_1",
        "object": "customer",
        "name": "Acme",
        "email": "a@acme.example",
        "address": {"country": "DE"},
        "metadata": {"hubspot_company_id": "7"},
    }
    anonymous = allowed(customer, shapes(keep_names=False)["customer"])
    assert anonymous == {
        name: value for name, value in kept.items() if name not in {"name", "email"}
    }


def test_nested_objects_have_their_own_list_and_references_become_ids() -> None:
    invoice = {
        "id": "in_1",
        "customer": {"id": "cus_1", "email": "a@acme.example"},
        "customer_email": "a@acme.example",
        "lines": {
            "object": "list",
            "has_more": False,
            "url": "/v1/invoices/in_1/lines",
            "total_count": 1,
            "data": [
                {
                    "id": "il_1",
                    "description": "5 seats for Ann",
                    "discounts": ["di_1", {"id": "di_2"}],
                }
            ],
        },
    }
    assert allowed(invoice, STREAMS["invoice"]) == {
        "id": "in_1",
        "customer": "cus_1",
        "lines": {
            "object": "list",
            "has_more": False,
            "url": "/v1/invoices/in_1/lines",
            "data": [{"id": "il_1", "discounts": ["di_1", {"id": "di_2"}]}],
        },
    }


def test_old_shapes_and_nonsense_pass_without_a_crash() -> None:
    shape = STREAMS["subscription"]
    old = {
        "id": "sub_1",
        "discount": {"coupon": {"id": "c", "percent_off": 20.5}},
        "plan": {"id": "p"},
        "quantity": 3,
    }
    assert allowed(old, shape) == old
    for nonsense in (None, 1, "x", [], {}, [{"items": 3}], {"items": {"data": [None, "x", 3]}}):
        assert allowed(nonsense, shape) == nonsense
    assert allowed({"items": {"data": [{"id": "si", "secret": 1}]}}, shape) == {
        "items": {"data": [{"id": "si"}]}
    }
