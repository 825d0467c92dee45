"""Records as received from a source, within the field allow-list, and of whom nothing personal is kept."""

import polars as pl

from pipeline.schemas.table import Column, Table, instant, text

FORGOTTEN = Table(
    name="forgotten",
    grain="one row per object of a source of which nothing personal is kept any more",
    key=("source", "stream", "id"),
    append_only=True,
    columns=(
        text("source", "Where it comes from: stripe, hubspot.", key=True),
        text("stream", "customer, company or deal.", key=True),
        text("id", "The object's id in the source.", key=True),
        instant("forgotten_at", "When it was forgotten."),
    ),
)

RAW_RECORD = Table(
    name="raw_record",
    grain="one row per object of one source each time its content was seen to differ from before, and per event",
    key=("source", "source_account", "stream", "id", "observed_at"),
    append_only=True,
    columns=(
        text("source", "Where it came from: stripe, hubspot, salesforce, file.", key=True),
        text(
            "source_account",
            "The Stripe or CRM account it belongs to; empty for the key's own.",
            key=True,
        ),
        text(
            "stream",
            "Kind of object in the source's own singular word, as subscription or event.",
            key=True,
        ),
        text("id", "The object's id in the source.", key=True),
        instant("created", "When the source says the object was created; an event's instant."),
        instant(
            "observed_at",
            "When the object was seen to be like this: the start of the request that returned it.",
        ),
        text("sync_id", "The sync that brought it."),
        text("api_version", "The API version the payload is rendered in."),
        Column(
            "previous_keys",
            pl.List(pl.String),
            "An event's top-level keys in previous_attributes (so that a null there differs from an absent key).",
        ),
        text(
            "payload",
            "The record as compact JSON, embedded lists completed, fields outside the allow-list removed.",
        ),
        text(
            "hash",
            "Hash of the payload: a record is stored when it differs from the last one of its id.",
            key=True,
        ),
    ),
)
