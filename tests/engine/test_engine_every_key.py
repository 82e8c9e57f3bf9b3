"""A first release of a manifest that uses every key, when it fails; its whole life is in test_engine_rights.py."""

import pytest

from releases.errors import Refused
from tests.engine.world import raises, refusing

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_first_release_that_fails_at_the_very_end_is_taken_down_but_for_its_volume(world, every_key, process):
    words = 'admission webhook "budgets" denied the request: no budgets here'
    no = refusing(lambda how, kind, name: (how, kind) == ("apply", "PodDisruptionBudget") and raises(Refused(words)))
    ended = world.carried(every_key(), no(process.kubeconfig))
    assert (ended.status, ended.cause) == ("rolled_back", "refused"), ended.reason
    assert words in ended.reason and "Nothing runs: it was the first release." in ended.reason
    left = {kind: names for kind, names in world.written().items() if names}
    assert left == {"PersistentVolumeClaim": {"worker-data"}}
    assert world.running() == [] and world.names("Job") == set()
