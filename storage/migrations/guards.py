"""Triggers that refuse what no code of ours may do, written from the domain's own tables."""

from __future__ import annotations

from domain.orders import ORDER_TRANSITIONS

BINDABLE = ("client_id", "intent_id", "step")
"""Columns of a fill that may be filled in later; everything else is what the venue said."""


def guards() -> str:
    """Return the SQL of all triggers."""
    return f"{order_state_guard()}\n{fills_guard()}\n{audit_guard()}"


def order_state_guard() -> str:
    """Return the trigger that lets orders.state move along ORDER_TRANSITIONS and in no other way."""
    allowed = ",\n    ".join(
        f"('{before}', '{after}')"
        for before in ORDER_TRANSITIONS
        for after in ORDER_TRANSITIONS
        if after in ORDER_TRANSITIONS[before]
    )
    return f"""create function guard_order_state() returns trigger language plpgsql as $$
begin
  if (old.state, new.state) not in (
    {allowed}
  ) then
    raise exception 'order %/%/% cannot go from % to %', old.intent_id, old.leg, old.step, old.state, new.state
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_order_state before update of state on orders
  for each row when (old.state is distinct from new.state) execute function guard_order_state();
"""


def fills_guard() -> str:
    """Return the triggers that keep a fill as the venue reported it; it may only be bound to an intent."""
    bound = " - ".join(f"'{column}'" for column in BINDABLE)
    return f"""create function guard_fills() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and to_jsonb(old) - {bound} = to_jsonb(new) - {bound} then
    return new;
  end if;
  raise exception 'fills are never changed or deleted' using errcode = 'restrict_violation';
end $$;
create trigger guard_fills before update or delete on fills for each row execute function guard_fills();
create trigger guard_fills_truncate before truncate on fills for each statement execute function guard_fills();
"""


def audit_guard() -> str:
    """Return the triggers that make the audit log append-only."""
    return """create function guard_audit_log() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'restrict_violation';
end $$;
create trigger guard_audit_log before update or delete on audit_log
  for each row execute function guard_audit_log();
create trigger guard_audit_log_truncate before truncate on audit_log
  for each statement execute function guard_audit_log();
"""
