"""`manage.py password`: a way in for the administrator of an installation, for who has its machine."""

import getpass
import secrets
import sys

from axes.utils import reset
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser

from releases.management.commands.setup import first_administrator
from releases.models import Person


class Command(BaseCommand):
    help = "Sets a new password for the administrator, or prints a one-time sign-in link."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="somebody else's name; default: the first administrator")
        parser.add_argument("--link", action="store_true", help="print a one-time sign-in link instead")
        parser.add_argument("--generate", action="store_true", help="don't ask for a password, even on a terminal")

    def handle(self, *args: object, user: str | None, link: bool, generate: bool, **options: object) -> None:
        person = self._person(user)
        # Who has the machine is not locked out by those who have only guessed.
        reset(username=person.get_username())
        if link:
            self.stdout.write(person.sign_in_link())
            return
        asked = "" if generate or not sys.stdin.isatty() else self._ask(person)
        password = asked or secrets.token_urlsafe(15)
        person.set_password(password)
        person.save(update_fields=["password"])
        shown = "what you typed" if asked else password
        self.stdout.write(f"Name: {person.get_username()}\nPassword: {shown}")

    def _person(self, name: str | None) -> Person:
        if name is None:
            return first_administrator()
        try:
            return Person.objects.get(username=name, is_active=True)
        except Person.DoesNotExist:
            raise CommandError(f"There is no active person named {name}.") from None

    def _ask(self, person: Person) -> str:
        """A password typed twice; "" to have one made."""
        password = getpass.getpass(f"New password for {person.get_username()} (leave empty to have one made): ")
        if not password:
            return ""
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if getpass.getpass("Once more: ") != password:
            raise CommandError("The two are not the same.")
        return password
