"""Workflow ids and task queues: one place, so that a signal by hand finds its target."""

from __future__ import annotations

PLATFORM = "platform"

QUEUE_WORKFLOW = "hf-workflow"
QUEUE_HALT = "hf-halt"
QUEUE_CLOSE = "hf-close"
QUEUE_READ = "hf-read"
QUEUE_LLM = "hf-llm"
QUEUE_STREAM = "hf-stream"


def queue_open(venue: str) -> str:
    """The queue of opening orders of a venue; it carries the venue's rate limit."""
    return f"hf-open-{venue}"


def agent(user_id: str, agent_id: str) -> str:
    """Id of a UserAgentWorkflow."""
    return f"agent/{user_id}/{agent_id}"


def intent(intent_id: str) -> str:
    """Id of a TradeIntentWorkflow."""
    return f"intent/{intent_id}"


def account(account_id: str) -> str:
    """Id of an AccountWorkflow."""
    return f"account/{account_id}"


def stream(venue: str, egress: str, shard: int) -> str:
    """Id of a StreamShardWorkflow."""
    return f"stream/{venue}/{egress}/{shard}"
