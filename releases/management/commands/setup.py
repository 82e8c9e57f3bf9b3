"""`manage.py setup`: what `make up` needs before the web server starts. Does nothing twice."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from deployer import login_file
from releases.models import Person, Token

ADMINISTRATOR = "admin"


class Command(BaseCommand):
    help = "Migrates the database, makes the first administrator, and leaves a login for the `deployer` command."

    def handle(self, *args: object, **options: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        person = first_administrator()
        if person.last_login is None and not person.has_usable_password():
            self.stdout.write(f"Sign in once with    {sign_in_link(person)}")
        try:
            path = leave_login(person)
        except login_file.LoginFileError as error:
            raise CommandError(f"No login could be left for the deployer command. {error}") from error
        self.stdout.write(f"Command              .venv/bin/deployer apps    (its login is in {path})")


def first_administrator() -> Person:
    """The administrator who has been here longest; made if there is none."""
    person = Person.objects.filter(role=Person.ADMINISTRATOR, is_active=True).order_by("pk").first()
    if person:
        return person
    taken = set(Person.objects.values_list("username", flat=True))
    names = [ADMINISTRATOR, *(f"{ADMINISTRATOR}{number}" for number in range(2, len(taken) + 3))]
    return Person.objects.create_person(next(name for name in names if name not in taken), role=Person.ADMINISTRATOR)


def sign_in_link(person: Person) -> str:
    """An address that signs this person in. The first sign-in makes it void, and so does a new password."""
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    return f"{settings.DEPLOYER_URL}/sign-in/{uid}/{default_token_generator.make_token(person)}/"


def leave_login(person: Person) -> str:
    """Makes sure that the command finds a token that works here, and gives the file it is in. Raises LoginFileError."""
    url = settings.DEPLOYER_URL
    logins = login_file.read()
    known = logins.find(url)
    if known is None or Token.find(known.token) is None:
        _, secret = Token.issue(person, name="make up")
        login_file.remember(url, secret)
    elif logins.current != login_file.plain_url(url):
        login_file.remember(url, known.token)
    return str(login_file.default_path())
