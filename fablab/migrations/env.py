"""Runs migrations on the database of the present app, one transaction for each."""

from alembic import context
from flask import current_app

from fablab.core.db import Base
from fablab.core.db import engine as app_engine
from fablab.models import MODELS

assert MODELS


def run() -> None:
    """Upgrades or downgrades as Alembic was asked to."""
    with app_engine().connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            transactional_ddl=True,
            compare_server_default=True,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
