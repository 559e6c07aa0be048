"""The workflow types of this code: what a workflow worker serves and a replay tries."""

from workflows.account.workflow import AccountWorkflow
from workflows.platform.workflow import PlatformWorkflow
from workflows.stream_shard.workflow import StreamShardWorkflow
from workflows.trade_intent.workflow import TradeIntentWorkflow
from workflows.user_agent.workflow import UserAgentWorkflow

WORKFLOWS: tuple[type, ...] = (
    UserAgentWorkflow,
    TradeIntentWorkflow,
    AccountWorkflow,
    StreamShardWorkflow,
    PlatformWorkflow,
)
