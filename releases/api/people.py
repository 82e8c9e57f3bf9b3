"""People and their roles: for administrators. Nobody is deleted, so that the history keeps its names."""

from datetime import datetime
from typing import Annotated, Literal, cast

from django.conf import settings
from ninja import Router, Status
from pydantic import BaseModel, Field, StringConstraints

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, NameCursor, Page, Text, page_of
from releases.api.lookups import find_person
from releases.models import Person

router = Router()
Role = Literal["viewer", "deployer", "administrator"]
Email = Annotated[Text, StringConstraints(max_length=254)]
Password = Annotated[Text, StringConstraints(min_length=1, max_length=1024)]


class NewPerson(Body):
    """Without a password they come in by a one-time link."""

    username: Annotated[Text, StringConstraints(min_length=1, max_length=150)]
    role: Role = "viewer"
    email: Email = ""
    password: Password | None = None


class PersonChange(Body):
    """What is left out stays. A new password signs them out everywhere; `active` false shuts them out."""

    role: Role | None = None
    active: bool | None = None
    email: Email | None = None
    password: Password | None = None


class PersonInfo(BaseModel):
    """`locked_until`: a wrong password was typed too often; until then none is tried, from where that was."""

    username: str
    role: Role
    active: bool
    email: str
    has_password: bool
    last_sign_in: datetime | None
    locked_until: datetime | None
    created: datetime


class Link(BaseModel):
    """Works once, for so many seconds; a new password makes it void."""

    url: str
    seconds: Annotated[int, Field(ge=1)]


@router.get("", response={200: Page[PersonInfo], **documented()})
def list_people(request: Request, limit: Limit, cursor: NameCursor) -> Page[PersonInfo]:
    """Everybody, by name, also those who are shut out."""
    policy.require("manage_people", by=request.actor)
    people = list(Person.objects.filter(username__gt=cursor).order_by("username")[: limit + 1])
    return page_of(_infos(people), [each.username for each in people], limit)


@router.post("", response={201: PersonInfo, **documented(409)})
def create_person(request: Request, payload: NewPerson) -> Status:
    """Make somebody known."""
    return Status(201, _info(actions.create_person(**payload.model_dump(), by=request.actor)))


@router.get("/{username}", response={200: PersonInfo, **documented(404)})
def person_info(request: Request, username: str) -> PersonInfo:
    """One person."""
    return _info(_found(request, username))


@router.patch("/{username}", response={200: PersonInfo, **documented(404, 409)})
def change_person(request: Request, username: str, payload: PersonChange) -> PersonInfo:
    """Change the role, let in, shut out, set a password. The last administrator stays one."""
    person = actions.change_person(
        _found(request, username),
        by=request.actor,
        role=payload.role,
        is_active=payload.active,
        email=payload.email,
        password=payload.password,
    )
    return _info(person)


@router.post("/{username}/unlock", response={204: None, **documented(404)})
def unlock_person(request: Request, username: str) -> Status:
    """Who typed a wrong password too often may try again at once."""
    actions.unlock_person(_found(request, username), by=request.actor)
    return Status(204, None)


@router.post("/{username}/link", response={201: Link, **documented(404, 409)})
def sign_in_link(request: Request, username: str) -> Status:
    """A link that signs this person in, once. Whoever has it is this person: send it to nobody else."""
    url = actions.sign_in_link(_found(request, username), by=request.actor)
    return Status(201, Link(url=url, seconds=settings.PASSWORD_RESET_TIMEOUT))


def _found(request: Request, username: str) -> Person:
    """Who may not manage people is not told who there is."""
    policy.require("manage_people", by=request.actor)
    return find_person(username)


def _info(person: Person) -> PersonInfo:
    return _infos([person])[0]


def _infos(people: list[Person]) -> list[PersonInfo]:
    locked = actions.locked_out(person.username for person in people)
    return [
        PersonInfo(
            username=person.username,
            role=cast(Role, person.role),
            active=person.is_active,
            email=person.email,
            has_password=person.has_usable_password(),
            last_sign_in=person.last_login,
            locked_until=locked.get(person.username),
            created=person.date_joined,
        )
        for person in people
    ]
