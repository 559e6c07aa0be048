"""How each workflow is started: id, queue, search attributes and the line that the Web UI shows."""

from __future__ import annotations

from dataclasses import replace

from temporalio.common import WorkflowIDReusePolicy

from api.executions import Start
from domain.agents import AgentConfig
from domain.intents import Intent, IntentKind
from storage.records import AccountRecord
from workflows import attributes, ids, options
from workflows.account.messages import AccountInput
from workflows.platform.messages import Halt, PlatformInput, Release
from workflows.stream_shard.messages import StreamShardInput
from workflows.trade_intent.messages import TradeIntentInput
from workflows.user_agent.messages import AgentProgress, Reason, UserAgentInput


def agent_of(config: AgentConfig, *, cycle: int = 0) -> Start:
    """Start an agent; a stopped one may start again, so only a running one refuses."""
    name = config.name or config.agent_id
    return Start(
        kind="UserAgentWorkflow",
        id=ids.agent(config.user_id, config.agent_id),
        argument=UserAgentInput(config=config, progress=AgentProgress(cycle=cycle)),
        keywords={
            "task_queue": ids.QUEUE_WORKFLOW,
            "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            "search_attributes": attributes.of(
                user=config.user_id, agent=config.agent_id, venue=config.venue, strategy=config.adviser
            ),
            "static_summary": f"{name}: {config.adviser} on {', '.join(config.coins)} ({config.mode})",
            # Ahead of the intents that agents start: a stop goes through the agent, and cannot change its priority then.
            "priority": replace(options.URGENT, fairness_key=config.user_id),
        },
    )


def stopping_agent_of(config: AgentConfig, reason: Reason, *, cycle: int = 0) -> Start:
    """Start an agent that does nothing but an emergency stop, or tell the running one."""
    wanted = agent_of(config, cycle=cycle)
    signal = {"start_signal": "emergency_stop", "start_signal_args": [reason]}
    urgent = {"priority": replace(options.HALTS, fairness_key=config.user_id)}
    return replace(wanted, keywords=wanted.keywords | signal | urgent)


def intent_of(intent: Intent) -> Start:
    """Start an intent; its id is never used twice."""
    size = intent.size or intent.notional
    urgency = options.NORMAL if intent.kind is IntentKind.OPEN else options.URGENT
    return Start(
        kind="TradeIntentWorkflow",
        id=ids.intent(intent.intent_id),
        argument=TradeIntentInput(intent=intent),
        keywords={
            "task_queue": ids.QUEUE_WORKFLOW,
            "id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE,
            "search_attributes": attributes.of(
                user=intent.user_id,
                agent=intent.agent_id,
                venue=intent.venue,
                instrument=intent.coin,
                phase="CREATED",
                strategy=intent.strategy,
            ),
            "static_summary": f"{intent.kind} {size or 'all'} {intent.coin} {intent.side}, by hand",
            "priority": replace(urgency, fairness_key=intent.user_id),
        },
    )


def account_of(account: AccountRecord) -> Start:
    """Start the AccountWorkflow of an account."""
    ref = account.ref
    return Start(
        kind="AccountWorkflow",
        id=ids.account(ref.account_id),
        argument=AccountInput(account=ref),
        keywords={
            "task_queue": ids.QUEUE_WORKFLOW,
            "search_attributes": attributes.of(user=ref.user_id, venue=ref.venue),
            "static_summary": f"account {ref.address[:10]} on {ref.venue} {ref.network}",
        },
    )


def stream_of(account: AccountRecord) -> Start:
    """Start the StreamShardWorkflow that an account belongs to."""
    ref = account.ref
    return Start(
        kind="StreamShardWorkflow",
        id=ids.stream(ref.venue, account.egress, account.shard),
        argument=StreamShardInput(venue=ref.venue, network=ref.network, egress=account.egress, shard=account.shard),
        keywords={
            "task_queue": ids.QUEUE_WORKFLOW,
            "search_attributes": attributes.of(venue=ref.venue),
            "static_summary": f"streams of {ref.venue} {ref.network}, {account.egress} {account.shard}",
        },
    )


def platform() -> Start:
    """Start the PlatformWorkflow."""
    return Start(
        kind="PlatformWorkflow",
        id=ids.PLATFORM,
        argument=PlatformInput(),
        keywords={
            "task_queue": ids.QUEUE_WORKFLOW,
            "static_summary": "halts, broadcasts and the watchdog",
            "priority": options.HALTS,
            "task_timeout": options.HALT_TASK,
        },
    )


def platform_told(signal: str, message: Halt | Release | object) -> Start:
    """Start the PlatformWorkflow unless it runs, and signal it."""
    wanted = platform()
    return replace(wanted, keywords=wanted.keywords | {"start_signal": signal, "start_signal_args": [message]})


def surroundings(account: AccountRecord) -> tuple[Start, ...]:
    """What has to run before an account trades."""
    return account_of(account), stream_of(account), platform()
