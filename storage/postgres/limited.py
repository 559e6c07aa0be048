"""Whether a venue has lately refused an account for the number of requests that it sent."""

from __future__ import annotations

# Ten minutes: so long such a refusal is believed to tell of the next request as well.
_RECENT = "clock_timestamp() - interval '10 minutes'"
_REFUSED = f"o.code = 'address_budget' and o.resolved_at > {_RECENT}"

# By the slots, which are few, a step of whoever holds a position; by the sends, an opening order, which ended its intent.
IS_LIMITED = (
    "(exists (select 1 from slots s join orders o on o.intent_id = s.owner_intent"  # noqa: S608 - what is put in is a constant
    f" where s.account_id = :account and {_REFUSED})"
    " or exists (select 1 from orders o where o.account_id = :account and o.opening"
    f" and o.sent_at > {_RECENT} and {_REFUSED}))"
)
