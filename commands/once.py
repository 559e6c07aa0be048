"""`holdfast up --once`: watch the demo until every agent has traded and everything reconciles; then show the figures."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

from rich.console import Console

from commands.demo import Demo, Recipe
from commands.evidence import AgentFigures, Evidence
from commands.output import print_json, table_of
from domain.errors import Retryable
from storage.records import Figures

CYCLES_WANTED = 3
RECIPE = Recipe(
    cycle=timedelta(seconds=5),
    settings=(("eager", "true"), ("hold_cycles", "8"), ("stop_atr", "1.5"), ("profit_atr", "2"), ("conviction", "0.3")),
)
"""Short cycles, a side whenever flat, protection close to the market, no position older than eight cycles."""


@dataclass(slots=True, kw_only=True)
class Watch:
    """How far the run has come; `is_done` is what `up` waits for."""

    demo: Demo
    evidence: Evidence
    console: Console
    deadline: float
    agents: list[AgentFigures] = field(default_factory=list)
    differences: list[str] = field(default_factory=lambda: ["nothing was compared yet"])
    shown: str = ""

    def is_done(self) -> bool:
        """Look once; true when the proof is complete or the time is over."""
        try:
            self.look()
        except Retryable as failure:
            # A part that is restarting answers soon.
            self._show(f"waiting: {failure.message}")
        return self.has_succeeded or time.monotonic() > self.deadline

    def look(self) -> None:
        """Read the figures; compare the books once every agent has traded."""
        self.agents = [self.evidence.of_agent(agent_id) for agent_id in self.demo.agents]
        if self.has_traded:
            self.differences = self.evidence.differences()
        traded = sum(agent.has_traded(CYCLES_WANTED) for agent in self.agents)
        cycles = sum(agent.cycles for agent in self.agents)
        text = f"{traded} of {len(self.agents)} agents have traded"
        self._show(f"{text}; {cycles} cycles" + (f"; {self.differences[0]}" if traded and self.differences else ""))

    @property
    def has_traded(self) -> bool:
        """Say whether every agent has done its cycles and a filled and protected trade."""
        return bool(self.agents) and all(agent.has_traded(CYCLES_WANTED) for agent in self.agents)

    @property
    def has_succeeded(self) -> bool:
        """Say whether the proof is complete."""
        return self.has_traded and not self.differences

    def reason(self) -> str:
        """Say in one sentence what is missing."""
        if not self.has_traded:
            late = [agent for agent in self.agents if not agent.has_traded(CYCLES_WANTED)]
            names = ", ".join(
                f"{agent.coin or agent.agent_id[:8]} ({agent.cycles} cycles, {agent.filled} filled, {agent.protected} protected)"
                for agent in late
            )
            return f"Not every agent has traded in time: {names}."
        return f"The books do not agree: {'; '.join(self.differences)}."

    def _show(self, text: str) -> None:
        if text != self.shown:
            self.shown = text
            self.console.print(f"  [dim]{text}[/dim]")


def summary_of(watch: Watch, figures: Figures, events: float) -> dict[str, object]:
    """Gather the figures of the table."""
    filled = sum(agent.filled for agent in watch.agents)
    failed = sum(agent.ended_unfilled for agent in watch.agents)
    return {
        "ok": watch.has_succeeded,
        "reason": "" if watch.has_succeeded else watch.reason(),
        "agents": len(watch.agents),
        "cycles": figures.cycles,
        "intents": figures.intents,
        "orders": figures.orders,
        "filled": filled,
        "protected": sum(agent.protected for agent in watch.agents),
        "success_rate": f"{filled / (filled + failed):.1%}" if filled + failed else "none",
        "decision_to_fill_p50_s": _seconds(figures.fill_p50),
        "decision_to_fill_p95_s": _seconds(figures.fill_p95),
        "unprotected_max_s": _seconds(figures.unprotected_max),
        "refusals": figures.refused,
        "unknown_orders": figures.unknown,
        "events_per_cycle": f"{events:.1f}",
        "unexplained_difference": str(figures.unexplained),
    }


def print_summary(summary: dict[str, object], *, as_json: bool, console: Console) -> None:
    """Print the figures."""
    if as_json:
        print_json(summary)
        return
    shown = {name: value for name, value in summary.items() if name not in {"ok", "reason"}}
    rows = [{"figure": name.replace("_", " "), "value": value} for name, value in shown.items()]
    console.print(table_of(rows, ("figure", "value"), title="holdfast up --once"))


def _seconds(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
