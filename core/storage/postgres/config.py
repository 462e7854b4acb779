"""How a storage on PostgreSQL is configured."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from core.config import Field, IntSource, Permissive, Selector, Shape, StringSource

POSTGRES_CONFIG = Selector(
    {
        "postgres_url": Field(
            StringSource, is_secret=True, description="postgresql://user:password@host:5432/database"
        ),
        "postgres_db": Shape(
            {
                "username": StringSource,
                "password": Field(StringSource, is_secret=True),
                "hostname": Field(StringSource, description="The host, or the folder of the server's Unix socket."),
                "db_name": StringSource,
                "port": Field(IntSource, default_value=5432),
                "params": Field(Permissive(), default_value={}, description="Parameters of libpq, such as sslmode."),
            }
        ),
    }
)


def postgres_url(config_value: dict[str, Any]) -> str:
    """The database URL that a config stands for."""
    if "postgres_url" in config_value:
        return str(config_value["postgres_url"])
    parts = config_value["postgres_db"]
    host, params = parts["hostname"], dict(parts["params"])
    if host.startswith("/"):  # the host part of a URL cannot hold a path
        host, params["host"] = "", host
    user, password, name = (quote(parts[key], safe="") for key in ("username", "password", "db_name"))
    query = f"?{urlencode(params)}" if params else ""
    return f"postgresql://{user}:{password}@{quote(host, safe=':[]')}:{parts['port']}/{name}{query}"
