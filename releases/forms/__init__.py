"""What people type, checked for form; what it may mean is for the actions to say."""

from releases.forms.access import SignInForm
from releases.forms.account import PasswordForm, TokenForm
from releases.forms.apps import AppForm, BuildForm, RestartForm, ScaleForm
from releases.forms.checked import Checked
from releases.forms.clusters import ClusterForm, NewClusterForm
from releases.forms.environment import EnvironmentEdit
from releases.forms.people import MemberForm, NewPersonForm, PersonForm
from releases.forms.registries import NewRegistryForm, RegistryForm
from releases.forms.runs import RunForm
from releases.forms.settings import DeleteForm, DomainForm, LockForm
from releases.forms.sources import SourceForm

__all__ = [
    "AppForm",
    "BuildForm",
    "Checked",
    "ClusterForm",
    "DeleteForm",
    "DomainForm",
    "EnvironmentEdit",
    "LockForm",
    "MemberForm",
    "NewClusterForm",
    "NewPersonForm",
    "NewRegistryForm",
    "PasswordForm",
    "PersonForm",
    "RegistryForm",
    "RestartForm",
    "RunForm",
    "ScaleForm",
    "SignInForm",
    "SourceForm",
    "TokenForm",
]
