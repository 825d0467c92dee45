"""Alembic's entry: runs the revisions on the connection that `pipeline.database.migrate` passes in."""

from alembic import context

from pipeline.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    # Comments come from the schemas after each upgrade; a new sentence is no new revision.
    autogenerate_plugins=["alembic.autogenerate.*", "~alembic.autogenerate.comments"],
)
with context.begin_transaction():
    context.run_migrations()
