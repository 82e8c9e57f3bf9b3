"""Clusters."""

from django import forms

from releases.forms.checked import NARROW
from releases.models.cluster import NAME_MAX

# More than is taken: what is too large is refused in words.
KUBECONFIG_FORM_MAX = 1024**2


class ClusterForm(forms.Form):
    """What a known cluster can be given. `kubeconfig` and `context` only for those that are reached by one."""

    ingress_class = forms.CharField(
        required=False,
        max_length=253,
        help_text="Which controller serves domains. Blank: the cluster's default.",
        widget=forms.TextInput(attrs=NARROW),
    )
    certificate_issuer = forms.CharField(
        required=False,
        max_length=253,
        help_text="A ClusterIssuer of cert-manager, asked for every domain's certificate. Blank: none is asked for.",
        widget=forms.TextInput(attrs=NARROW),
    )
    storage_class = forms.CharField(
        required=False,
        max_length=253,
        help_text="What new volumes are made of. Blank: the cluster's default.",
        widget=forms.TextInput(attrs=NARROW),
    )
    is_default = forms.BooleanField(required=False, label="New apps live here if they name no cluster")
    kubeconfig = forms.CharField(
        max_length=KUBECONFIG_FORM_MAX,
        strip=False,
        help_text="With certificates, keys or token inline, as kubectl config view --raw --flatten --minify prints "
        "it. It is encrypted and never shown again.",
        widget=forms.Textarea(attrs={**NARROW, "class": "mono wide", "rows": 8}),
    )
    context = forms.CharField(
        required=False,
        max_length=300,
        help_text="Which context of the kubeconfig, when it has several.",
        widget=forms.TextInput(attrs=NARROW),
    )


class NewClusterForm(ClusterForm):
    name = forms.CharField(
        max_length=NAME_MAX,
        help_text="Small letters, digits and hyphens.",
        widget=forms.TextInput(attrs={**NARROW, "autofocus": True}),
    )
    field_order = ["name", "kubeconfig", "context"]
