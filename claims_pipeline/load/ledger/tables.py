"""The tables of the ledger, and how a row is put into one, in what SQLite and PostgreSQL both understand.

Grain: `resources` one row per (resource_type, resource_id); `partitions` one row per file of the lake that was
loaded completely; `info` one row per fact about the ledger itself; `holder` the loader at work, if any. What the rows
mean is decided in diff.py and settle.py.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

METADATA = sa.MetaData()

INFO = sa.Table(
    "info",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

PARTITIONS = sa.Table(
    "partitions",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False),
)

RESOURCES = sa.Table(
    "resources",
    METADATA,
    sa.Column("resource_type", sa.Text, primary_key=True),
    sa.Column("resource_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, comment="SHA-256 of what the server confirmed; null: it holds nothing of ours"),
    sa.Column("version_id", sa.Text, comment="Version on the server"),
    sa.Column("as_of", sa.Text, nullable=False, comment="Day of the latest version settled; empty: no day"),
    sa.Column("origin", sa.Text, nullable=False, comment="Table of the lake, or 'files'"),
    sa.Column("rejected_hash", sa.Text, comment="SHA-256 of the version that was rejected"),
    sa.Column("missing_target", sa.Text, comment="Type/id that the rejected version lacked"),
    sa.Index("resources_by_partition", "origin", "as_of"),
    sqlite_with_rowid=False,
)

HOLDER = sa.Table(
    "holder",
    METADATA,
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("process_started", sa.Float, nullable=False),
    sa.Column("acquired_at", sa.Text, nullable=False),
)


def upsert(table: sa.Table, *columns: str) -> sa.Insert:
    """Return an insert that, where the row's key is there already, replaces only `columns`; without any, nothing.

    (The clause is the same in both databases. SQLAlchemy has it once for each: PostgreSQL's is also compiled for
    SQLite, while SQLite's is not compiled for PostgreSQL.)
    """
    statement = insert(table)
    if not columns:
        return statement.on_conflict_do_nothing()
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={name: statement.excluded[name] for name in columns}
    )
