"""An engine on a fresh migrated database, and builders of rows."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from storage.postgres.engine import engine


@pytest.fixture
def db(database: str) -> Iterator[Engine]:
    """An engine on this test's own database."""
    made = engine(database, pool_size=4, max_overflow=4)
    yield made
    made.dispose()
