"""Lists in pages, at versions, and what is wrong with how they are asked for."""

import pytest

MERGE = {"content-type": "application/merge-patch+json"}


def secret(name, labels=None, **data):
    return {"metadata": {"name": name, "labels": labels or {}}, "stringData": data}


def names(answer):
    assert answer.status_code == 200, answer.text
    return [item["metadata"]["name"] for item in answer.json()["items"]]


def test_later_pages_show_what_there_was_at_the_first(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/secrets"
    for number in range(6):
        api.post(url, json=secret(f"c{number}", a="old"))
    first = api.get(f"{url}?limit=2").json()
    assert [item["metadata"]["name"] for item in first["items"]] == ["c0", "c1"]
    assert first["metadata"]["remainingItemCount"] == 4
    api.delete(f"{url}/c2")
    api.patch(f"{url}/c3", json={"data": {"a": "bmV3"}}, headers=MERGE)
    api.post(url, json=secret("c35"))
    second = api.get(f"{url}?limit=2&continue={first['metadata']['continue']}").json()
    assert [item["metadata"]["name"] for item in second["items"]] == ["c2", "c3"]
    assert second["items"][1]["data"] == {"a": "b2xk"}
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    third = api.get(f"{url}?limit=9&continue={second['metadata']['continue']}").json()
    assert [item["metadata"]["name"] for item in third["items"]] == ["c4", "c5"]
    assert "continue" not in third["metadata"]
    assert names(api.get(url)) == ["c0", "c1", "c3", "c35", "c4", "c5"]


def test_a_list_can_be_had_as_it_was(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/secrets"
    for name in ("a", "b"):
        api.post(url, json=secret(name, labels={"is": name}))
    version = api.get(url).json()["metadata"]["resourceVersion"]
    api.delete(f"{url}/a")
    api.post(url, json=secret("c"))
    at = f"{url}?resourceVersion={version}&resourceVersionMatch"
    assert names(api.get(f"{at}=Exact")) == ["a", "b"]
    assert names(api.get(f"{at}=Exact&labelSelector=is%3Da")) == ["a"]
    assert names(api.get(f"{at}=NotOlderThan")) == ["b", "c"]
    assert names(api.get(f"{url}?resourceVersion=0")) == ["b", "c"]


def test_pages_of_all_namespaces_go_on_across_them(api, namespace):
    url = f"/api/v1/namespaces/{namespace}/secrets"
    for number in range(3):
        api.post(url, json=secret(f"c{number}", labels={"paged": namespace}))
    seen, token = [], ""
    while True:
        page = api.get(f"/api/v1/secrets?limit=1&labelSelector=paged%3D{namespace}&continue={token}").json()
        seen += [item["metadata"]["name"] for item in page["items"]]
        assert "remainingItemCount" not in page["metadata"]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert seen == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        ("resourceVersionMatch=Odd&resourceVersion=1", 422, 'supported values: "Exact", "NotOlderThan", ""'),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422, '"exact" is forbidden for resourceVersion "0"'),
        ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
        ("continue=abc", 400, "continue key is not valid"),
        ("continue=abc&resourceVersion=7", 400, "specifying resource version is not allowed when using continue"),
        ("resourceVersion=-1", 500, 'strconv.ParseUint: parsing "-1": invalid syntax'),
        ("limit=-1", 400, "limit"),
        ("resourceVersion=999999999", 504, "Too large resource version: 999999999, current: "),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(api, query, status, words):
    refused = api.get(f"/api/v1/secrets?{query}")
    assert refused.status_code == status, refused.text
    assert words in refused.json()["message"]
