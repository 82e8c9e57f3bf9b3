"""How long the cluster tests wait for a fact before they give up, in seconds. All bounds come from here.

Clusters are slow in their own ways: TEST_PATIENCE multiplies.
"""

import os

FACTOR = float(os.environ.get("TEST_PATIENCE", "1"))

SOON = 60 * FACTOR
"""What the cluster or Deployer does in one step."""
ROLLOUT = 180 * FACTOR
"""A rollout, from its promote to its end: images are pulled, and some have to be restored."""
REMOVAL = 180 * FACTOR
"""A namespace, with all that is in it."""
TEST = 600 * FACTOR
"""A whole test."""

DEADLINE = 120
"""A rollout's own, where it should not matter."""
SHORT_DEADLINE = round(6 * FACTOR)
"""A rollout's own, where the test waits for its end: nothing becomes ready however long one waits."""
