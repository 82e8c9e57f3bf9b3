"""Members of an app: who may more there than in general."""

from datetime import datetime
from typing import Literal, cast

from ninja import Path, Router, Status
from pydantic import BaseModel

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, NameCursor, Page, page_of
from releases.api.lookups import find_app, find_person
from releases.models import App, Membership, Person

router = Router()
Role = Literal["viewer", "deployer", "administrator"]
MemberRole = Literal["deployer", "administrator"]


class MemberInfo(BaseModel):
    """`role`: given here; `general_role`: what they have everywhere. The higher counts."""

    username: str
    role: MemberRole
    general_role: Role
    active: bool
    created: datetime
    by: str


class MemberWish(Body):
    role: MemberRole


@router.get("", response={200: Page[MemberInfo], **documented(404)})
def list_members(request: Request, app_name: Path[str], limit: Limit, cursor: NameCursor) -> Page[MemberInfo]:
    """Those with a role of their own in this app, by name. Others may here what they may in general."""
    app = find_app(app_name, by=request.actor)
    rows = app.members.filter(person__username__gt=cursor).select_related("person").order_by("person__username")
    members = list(rows[: limit + 1])
    return page_of([_info(member) for member in members], [member.person.username for member in members], limit)


@router.put("/{username}", response={200: MemberInfo, **documented(404, 409)})
def set_member(request: Request, app_name: Path[str], username: str, payload: MemberWish) -> MemberInfo:
    """Give somebody a role in this app, in place of the one that they may have had there."""
    app, person = _found(request, app_name, username)
    return _info(actions.set_member(app, person, payload.role, by=request.actor))


@router.delete("/{username}", response={204: None, **documented(404, 409)})
def remove_member(request: Request, app_name: Path[str], username: str) -> Status:
    """From now on they may here what they may in general."""
    app, person = _found(request, app_name, username)
    actions.remove_member(app, person, by=request.actor)
    return Status(204, None)


def _found(request: Request, app_name: str, username: str) -> tuple[App, Person]:
    """Who may not manage members is not told who there is."""
    app = find_app(app_name, by=request.actor)
    policy.require("manage_members", by=request.actor, app=app)
    return app, find_person(username)


def _info(member: Membership) -> MemberInfo:
    return MemberInfo(
        username=member.person.username,
        role=cast(MemberRole, member.role),
        general_role=cast(Role, member.person.role),
        active=member.person.is_active,
        created=member.created_at,
        by=member.by_label,
    )
