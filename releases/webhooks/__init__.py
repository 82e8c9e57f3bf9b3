"""GitHub's deliveries, over HTTP: what is not well formed or not signed is refused, all else is kept.

Beside Django's views, which share one thread: here whatever comes while the database writes is written together next,
so that hundreds a second are answered as quickly as one. The answer comes once a delivery is stored, before anything is
done about it; docs/webhooks.md tells the rest.
"""

from releases.webhooks.door import Hooks

__all__ = ["Hooks"]
