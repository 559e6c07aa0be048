"""The database's epoch: what a failover, a restore and a restart change, and an opening order must notice.

An epoch is (system identifier, timeline, start of the postmaster). The first two change with a restore or a promotion, the last
one also with a snapshot of the whole machine. Commits of an earlier epoch may be lost, a SENDING row or a halt among them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_KEY = "holdfast_epoch"
_CURRENT = text(
    "select s.system_identifier::text as system, c.timeline_id as timeline, pg_postmaster_start_time() as started_at"
    " from pg_control_system() s, pg_control_checkpoint() c"
)


def current_epoch(connection: Connection) -> str:
    """Return the epoch that a connection belongs to; read once a connection, since a new epoch means new connections."""
    known = connection.info.get(_KEY)
    if known is None:
        row = connection.execute(_CURRENT).one()
        known = connection.info[_KEY] = f"{row.system}/{row.timeline}/{row.started_at.isoformat()}"
    return str(known)
