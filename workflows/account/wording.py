"""What people read about an account."""

from __future__ import annotations

from domain.accounts import AccountRef
from domain.notices import Notice, Severity
from domain.supervision import ReconcileOutcome
from workflows.account.messages import AccountProgress


def phase_of(progress: AccountProgress) -> str:
    """The status that lists show."""
    if progress.breaker:
        return "breaker"
    return "flat" if progress.flat_since else "exposed"


def details_of(account: AccountRef, progress: AccountProgress) -> str:
    """Current details in Markdown."""
    lines = [f"**{phase_of(progress)}** · {account.venue} {account.address}", f"- trading day {progress.day}"]
    if progress.breaker:
        lines.append(f"- breaker: {progress.breaker}")
    lines.append(f"- unexplained difference: {progress.unexplained}")
    return "\n".join(lines)


def of_breaker(account: AccountRef, outcome: ReconcileOutcome) -> Notice:
    """Tell that nothing new is opened."""
    return Notice(
        user_id=account.user_id,
        kind="circuit_breaker",
        title="The circuit breaker has tripped: nothing new is opened",
        text=f"{outcome.breaker} Open positions keep their protection. Reset it when you know why.",
        severity=Severity.ALARM,
        key=f"breaker/{account.account_id}/{outcome.day}/{outcome.at:%H%M}",
        details={"account_id": account.account_id},
    )


def of_manual_trades(account: AccountRef, outcome: ReconcileOutcome) -> Notice:
    """Tell of trades that are not ours."""
    return Notice(
        user_id=account.user_id,
        kind="manual_trade",
        title="The account was traded by hand or by another program",
        text=f"{'; '.join(outcome.flagged)}. Our stop, where there is one, covers the whole position.",
        severity=Severity.WARNING,
        key=f"manual/{account.account_id}/{outcome.at.isoformat()}",
        details={"account_id": account.account_id},
    )
