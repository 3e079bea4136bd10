"""DuckDB's extensions, from packages on this machine: DuckDB never fetches one.

Here: finding and loading them, and the key of an S3-compatible store.
Add here: another extension, as a package of the extra `cluster`.
Keep out: what is done with them.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from pipelines.contracts.table import sql_literal
from pipelines.errors import UserError

# The options of a secret, by the variables that every other client of such a store reads.
_STORE = {
    "KEY_ID": ("AWS_ACCESS_KEY_ID",),
    "SECRET": ("AWS_SECRET_ACCESS_KEY",),
    "SESSION_TOKEN": ("AWS_SESSION_TOKEN",),
    "REGION": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "ENDPOINT": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
}


class ExtensionError(UserError):
    """An extension is not installed; one sentence says how to get it."""


def load(connection: duckdb.DuckDBPyConnection, *extensions: str) -> None:
    """Loads extensions into a connection. Raises `ExtensionError`."""
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    for extension in extensions:
        connection.execute(f"LOAD {sql_literal(str(_file(extension)))}")


def let_into_store(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets a connection read and write `s3://`, with the key of the environment."""
    load(connection, "httpfs")
    # The extension takes the same variables into settings, which any query can show.
    for setting in ("s3_access_key_id", "s3_secret_access_key", "s3_session_token"):
        connection.execute(f"SET {setting} = ''")
    options: dict[str, str | bool] = {}
    for option, variables in _STORE.items():
        said = next((os.environ[variable] for variable in variables if os.environ.get(variable)), None)
        if said is not None:
            options[option] = said
    if "ENDPOINT" in options:
        address = urlsplit(str(options["ENDPOINT"]))
        options |= {"ENDPOINT": address.netloc, "USE_SSL": address.scheme == "https", "URL_STYLE": "path"}
    connection.execute(
        f"CREATE SECRET store (TYPE s3{''.join(f', {option} ?' for option in options)})", list(options.values())
    )


def _file(extension: str) -> Path:
    package = f"duckdb_extension_{extension}"
    found = find_spec(package)
    folder = Path(found.origin).parent if found is not None and found.origin is not None else None
    files = sorted(folder.rglob(f"v{duckdb.__version__}/*.duckdb_extension")) if folder is not None else []
    if not files:
        raise ExtensionError(
            f"This needs the package {package.replace('_', '-')} for DuckDB {duckdb.__version__}; "
            "install Plimsoll with its extra: pip install 'plimsoll[cluster]'."
        )
    return files[0]
