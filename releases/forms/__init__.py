"""What people type, checked for form; what it may mean is for the actions to say."""

from releases.forms.access import SignInForm
from releases.forms.apps import AppForm, BuildForm, ScaleForm, VariableForm
from releases.forms.checked import Checked
from releases.forms.clusters import ClusterForm, NewClusterForm
from releases.forms.registries import NewRegistryForm, RegistryForm
from releases.forms.sources import SourceForm

__all__ = [
    "AppForm",
    "BuildForm",
    "Checked",
    "ClusterForm",
    "NewClusterForm",
    "NewRegistryForm",
    "RegistryForm",
    "ScaleForm",
    "SignInForm",
    "SourceForm",
    "VariableForm",
]
