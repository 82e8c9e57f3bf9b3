"""Every address of the dashboard that is a page."""

from collections.abc import Iterator

from django.urls import URLPattern

from releases.urls import urlpatterns

# Address name → its paths, whose parts `every_page_world.make` names. Several show other things.
PAGES: dict[str, list[str]] = {
    "apps": ["/", "/?q=nothing-is-called-so"],
    "app-new": ["/apps/new"],
    "app": ["/apps/{app}", "/apps/{moving}", "/apps/{empty}"],
    "app-releases": ["/apps/{app}/releases", "/apps/{empty}/releases"],
    "app-builds": ["/apps/{app}/builds", "/apps/{empty}/builds"],
    "env": ["/apps/{app}/env", "/apps/{empty}/env"],
    "processes": ["/apps/{app}/processes", "/apps/{empty}/processes"],
    "diagnosis": ["/apps/{app}/diagnosis", "/apps/{app}/diagnosis?service=web&all=1", "/apps/{empty}/diagnosis"],
    "app-logs": ["/apps/{app}/logs"],
    "app-activity": ["/apps/{app}/activity"],
    "app-settings": ["/apps/{app}/settings"],
    "app-images": ["/apps/{app}/settings/registry"],
    "app-domains": ["/apps/{app}/settings/domains"],
    "app-members": ["/apps/{app}/settings/members"],
    "app-tokens": ["/apps/{app}/settings/tokens"],
    "app-lock": ["/apps/{app}/settings/lock", "/apps/{moving}/settings/lock"],
    "app-danger": ["/apps/{app}/settings/danger"],
    "source": ["/apps/{app}/source", "/apps/{empty}/source"],
    "deliveries": ["/apps/{app}/deliveries", "/apps/{empty}/deliveries"],
    "build": ["/apps/{app}/builds/{build}", "/apps/{app}/builds/{failed_build}"],
    "release": ["/apps/{app}/releases/{release}", "/apps/{app}/releases/{old}", "/apps/{app}/releases/{bad}"],
    "compare": ["/apps/{app}/releases/{release}/compare"],
    "run": ["/apps/{app}/releases/{release}/run"],
    "rollout": ["/apps/{app}/rollouts/{undone}", "/apps/{app}/rollouts/1", "/apps/{moving}/rollouts/{running}"],
    "rollout-diagnosis": ["/apps/{app}/rollouts/{undone}/diagnosis", "/apps/{app}/rollouts/1/diagnosis"],
    "activity": ["/activity"],
    "history": ["/releases", "/releases?list=releases"],
    "clusters": ["/clusters"],
    "cluster-new": ["/clusters/new"],
    "cluster": ["/clusters/local"],
    "registries": ["/registries"],
    "registry-new": ["/registries/new"],
    "registry": ["/registries/{registry}"],
    "find": ["/find?q=sh"],
    "words": ["/help/words"],
    "diagnostics": ["/help/diagnostics"],
    "people": ["/people"],
    "person": ["/people/{person}"],
    "account": ["/account"],
}
WITHOUT_A_SIGN_IN = {"sign-in": ["/sign-in"], "sign-in-link": ["{link}"]}
# Tables of the admin: Django's own pages, in our look.
ADMIN = ["/admin/", "/admin/releases/release/", "/admin/releases/rollout/", "/admin/releases/auditentry/?q=shop"]
# What nobody looks at: it does something, streams, or answers programs; and what only a sign-in elsewhere leads to.
NO_PAGE = """
scale restart process-stop activity-csv app-activity-csv history-csv app-releases-csv env-change env-reveal
domain-remove app-token-revoke app-unlock discard-staged source-change source-secret source-test source-remove
app-registry resume build-new replay app-logs-raw build-log build-lines build-search cancel promote rollback
rollout-log rollout-lines rollout-search abort cluster-change cluster-test cluster-remove registry-change
registry-test registry-remove theme member-remove person-let-in person-shut-out person-link
person-unlock person-token-revoke account-password account-token-new account-token-revoke account-connect
account-disconnect account-sign-out-elsewhere sign-in-with github_callback openid_connect_callback sign-out healthz
readyz compare-reveal build-again release-reveal env-discard
diagnosis-json diagnosis-text rollout-diagnosis-json rollout-diagnosis-text
""".split()  # noqa: SIM905


def names() -> Iterator[str]:
    """Of all addresses of ours but the API's."""
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def paths(of: dict[str, list[str]]) -> list[str]:
    return [path for each in of.values() for path in each]
