"""Settings of the calling user."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import Me
from api.deps import Parts, Ports
from api.schemas.platform import SettingsBody, SettingsView
from domain.errors import Refused
from storage.records import Caller

router = APIRouter(prefix="/api/settings", tags=["settings"])


@router.get("")
def show_settings(parts: Ports, me: Me) -> SettingsView:
    """Show the settings, defaults included."""
    return _view(parts, me)


@router.put("")
def put_settings(body: SettingsBody, parts: Ports, me: Me) -> SettingsView:
    """Change some settings; what is left out stays."""
    values = body.model_dump(mode="json", exclude_unset=True)
    parts.user_settings.put(me.user_id, values)
    changed = {name: str(value) for name, value in values.items()}
    parts.audit.append(me.name, "settings.put", f"user/{me.user_id}", changed)
    return _view(parts, me)


@router.delete("")
def delete_settings(parts: Ports, me: Me, key: Annotated[str, Query(max_length=80)] = "") -> SettingsView:
    """Return one setting, or all of them, to the default."""
    if key and key not in SettingsBody.model_fields:
        known = ", ".join(SettingsBody.model_fields)
        raise Refused("setting_unknown", f"There is no setting {key!r}.", action=f"Choose one of {known}.")
    parts.user_settings.delete(me.user_id, key)
    parts.audit.append(me.name, "settings.delete", f"user/{me.user_id}", {"key": key})
    return _view(parts, me)


def _view(parts: Parts, me: Caller) -> SettingsView:
    stored = parts.user_settings.read(me.user_id)
    return SettingsView.model_validate({name: stored[name] for name in SettingsView.model_fields if name in stored})
