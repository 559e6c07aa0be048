"""What people read about an agent in the Web UI, in lists and in notices."""

from __future__ import annotations

from temporalio.common import TypedSearchAttributes
from temporalio.exceptions import ApplicationError

from domain.agents import AgentConfig, AgentStatus
from domain.halts import EmergencyOutcome
from domain.intents import Intent, IntentReport
from domain.money import plain
from domain.notices import Notice, Severity
from workflows import attributes
from workflows.user_agent.messages import AgentProgress


def attributes_of(intent: Intent) -> TypedSearchAttributes:
    """Search attributes of an intent's start."""
    return attributes.of(
        user=intent.user_id,
        agent=intent.agent_id,
        venue=intent.venue,
        instrument=intent.coin,
        phase="CREATED",
        strategy=intent.strategy,
    )


def summary_of(intent: Intent) -> str:
    """One line that names an intent."""
    size = f"{plain(intent.size)} " if intent.size is not None else ""
    return f"{intent.kind} {size}{intent.coin} {intent.side}, agent {intent.agent_id}, cycle {intent.cycle}"


def details_of(config: AgentConfig, progress: AgentProgress, status: AgentStatus) -> str:
    """Current details in Markdown."""
    lines = [
        f"**{status}** · {config.name or config.agent_id} · {config.adviser}: {', '.join(config.coins)} ({config.mode})",
        f"- cycle {progress.cycle}",
    ]
    if progress.next_at is not None and status is AgentStatus.RUNNING:
        lines.append(f"- next cycle at {progress.next_at:%Y-%m-%d %H:%M:%S} UTC")
    if progress.open_intents:
        lines.append(f"- open intents: {', '.join(f'`{intent}`' for intent in progress.open_intents)}")
    note = note_of(progress)
    if note:
        lines.append(f"- {note}")
    return "\n".join(lines)


def note_of(progress: AgentProgress) -> str:
    """What there is to say, the most important first."""
    held = f"held: {progress.held}" if progress.held else ""
    told = progress.reason if progress.paused or progress.stopping else ""
    return "; ".join(part for part in (held, told, progress.last_note) if part)


def of_report(report: IntentReport) -> str:
    """One line about an intent."""
    why = f": {report.reason}" if report.reason else ""
    return f"{report.coin} intent {report.intent_id} {report.phase}{why}"


def of_skipped(error: BaseException) -> str:
    """Why a cycle had no decision."""
    return f"cycle skipped: {error}"


def of_failure(error: ApplicationError, failures: int) -> str:
    """What broke in a cycle."""
    return f"cycle failed ({failures} in a row): {error.message}"


def of_flat(outcome: EmergencyOutcome) -> str:
    """How an emergency stop ended."""
    closed = ", ".join(outcome.closed_coins) or "nothing"
    return f"flat since {outcome.flat_at:%Y-%m-%d %H:%M:%S} UTC by the venue; closed {closed}"


def alarm_of(config: AgentConfig, error: ApplicationError) -> Notice:
    """Tell that an agent has stopped deciding; its protection is untouched."""
    return Notice(
        user_id=config.user_id,
        kind="agent_failed",
        title=f"Agent {config.name or config.agent_id} stopped deciding",
        text=f"{error.message} Positions keep their stops. Mend the cause, then resume the agent.",
        severity=Severity.ALARM,
        key=f"agent_failed/{config.agent_id}",
        details={"agent_id": config.agent_id, "code": error.type or ""},
    )


def fault_of_change(now: AgentConfig, wanted: AgentConfig) -> str:
    """Say why a configuration cannot take the place of another, '' when it can."""
    fixed = ("agent_id", "user_id", "account_id", "venue")
    changed = [name for name in fixed if getattr(now, name) != getattr(wanted, name)]
    if changed:
        return f"{', '.join(changed)} cannot change; make a new agent."
    if not wanted.coins:
        return "An agent needs at least one coin."
    if wanted.cycle_every.total_seconds() <= 0:
        return "cycle_every must be positive."
    return ""
