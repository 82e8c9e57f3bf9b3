"""What a client sees of an API server that is stopped and started again (`apiserver-restart.client.jsonl`)."""

import httpx
import pytest

from tests.localcluster.conftest import Cluster
from tests.localcluster.recorded_answers import recorded

URL = "/apis/apps/v1/namespaces/default/deployments"


def test_a_stopped_server_refuses_ends_its_watches_cleanly_and_comes_back(own_cluster: Cluster) -> None:
    """The recorded watch hung for 60 s before its clean end; ours ends as cleanly, at once."""
    lines = recorded("apiserver-restart.client.jsonl")
    assert [line["GET deployments"][:13] for line in lines if "GET deployments" in line] == [
        "200",
        "exception New",
        "200",
    ]
    with own_cluster.client() as client:
        assert client.get(URL).status_code == 200
        with client.stream("GET", f"{URL}?watch=true") as stream:
            assert stream.status_code == 200
            assert own_cluster.stop() == 0
            assert list(stream.iter_lines()) == []
        with pytest.raises(httpx.ConnectError):
            client.get(URL)
        own_cluster.start()
        assert client.get(URL).status_code == 200
