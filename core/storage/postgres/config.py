"""How a storage on PostgreSQL is configured."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from core.config import Field, IntSource, Permissive, Shape, StringSource
from core.errors import DagsterInvalidConfigError

POSTGRES_CONFIG = {
    "postgres_url": Field(
        StringSource, is_required=False, description="postgresql://user:password@host:5432/database, or its parts:"
    ),
    "postgres_db": Field(
        Shape(
            {
                "username": StringSource,
                "password": StringSource,
                "hostname": StringSource,
                "db_name": StringSource,
                "port": Field(IntSource, default_value=5432),
                "params": Field(Permissive(), default_value={}, description="Parameters of libpq, such as sslmode."),
            }
        ),
        is_required=False,
    ),
}


def postgres_url(config_value: dict[str, Any]) -> str:
    """The URL that a config comes to.

    Raises:
        DagsterInvalidConfigError: it has neither or both of `postgres_url` and `postgres_db`.
    """
    if ("postgres_url" in config_value) == ("postgres_db" in config_value):
        raise DagsterInvalidConfigError("A PostgreSQL storage takes one of postgres_url and postgres_db.")
    if "postgres_url" in config_value:
        return str(config_value["postgres_url"])
    parts = config_value["postgres_db"]
    user, password, name = (quote(parts[key], safe="") for key in ("username", "password", "db_name"))
    host = quote(parts["hostname"], safe=":[]")
    query = f"?{urlencode(parts['params'])}" if parts["params"] else ""
    return f"postgresql://{user}:{password}@{host}:{parts['port']}/{name}{query}"
