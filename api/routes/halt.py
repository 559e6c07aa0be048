"""Halts: the platform's by an administrator, a user's own by the user."""

from __future__ import annotations

from fastapi import APIRouter

from api import halting, idempotency
from api.auth import Me
from api.deps import Ports
from api.schemas.intents import ReasonBody
from api.schemas.platform import HaltAnswer, HaltBody, HaltsView, ReleaseAnswer, ReleaseBody
from domain.errors import Refused
from domain.halts import HaltFlag, HaltScope
from wiring.venues import require_known

admin = APIRouter(prefix="/admin", tags=["admin"], route_class=idempotency.OnceRoute)
control = APIRouter(prefix="/api/control", tags=["control"], route_class=idempotency.OnceRoute)


@admin.post("/emergency-halt")
def emergency_halt(body: HaltBody, parts: Ports, me: Me, _: idempotency.Key) -> HaltAnswer:
    """Halt: CLOSED when this answers; GET /admin/halt says when it is DRAINED. Closing and cancelling stay possible."""
    require_known(body.scope, body.key)
    flag = HaltFlag(scope=body.scope, key=body.key, reason=body.reason, by=f"{halting.ADMIN_PREFIX}{me.name}")
    answer = halting.close(parts, flag, keep_resting=body.keep_resting)
    parts.audit.append(me.name, "halt", flag.name, {"reason": body.reason, "key": me.key_id})
    return answer


@admin.post("/release")
def release_halt(body: ReleaseBody, parts: Ports, me: Me, _: idempotency.Key) -> ReleaseAnswer:
    """Release a halt."""
    by = f"{halting.ADMIN_PREFIX}{me.name}"
    answer = halting.release(parts, scope=body.scope, key=body.key, by=by)
    parts.audit.append(me.name, "release", f"{body.scope} {body.key}".strip(), {"key": me.key_id})
    return answer


@admin.get("/halt")
def show_halts(parts: Ports, _: Me) -> HaltsView:
    """Show the halts in force, closed and drained."""
    return halting.in_force(parts)


@control.post("/pause")
def pause_all(body: ReasonBody, parts: Ports, me: Me, _: idempotency.Key) -> HaltAnswer:
    """Open nothing more for the calling user: a halt of the user's own. Positions stay protected."""
    flag = HaltFlag(scope=HaltScope.USER, key=me.user_id, reason=body.reason, by=me.name)
    answer = halting.close(parts, flag)
    parts.audit.append(me.name, "control.pause", f"user/{me.user_id}", {"reason": body.reason, "key": me.key_id})
    return answer


@control.post("/resume")
def resume_all(body: ReasonBody, parts: Ports, me: Me, _: idempotency.Key) -> ReleaseAnswer:
    """Release the calling user's own halt."""
    for halt in parts.halts.in_force():
        is_mine = halt.flag.scope == HaltScope.USER and halt.flag.key == me.user_id
        if is_mine and halt.flag.by.startswith(halting.ADMIN_PREFIX):
            raise Refused("halted_by_admin", "An administrator has halted this user.", action="Ask the operator.")
    answer = halting.release(parts, scope=HaltScope.USER, key=me.user_id, by=me.name)
    parts.audit.append(me.name, "control.resume", f"user/{me.user_id}", {"reason": body.reason, "key": me.key_id})
    mine = [halt for halt in answer.halts if halt.scope == HaltScope.USER and halt.key == me.user_id]
    return answer.model_copy(update={"halts": mine})
