"""One image to be made, with everything that its maker needs to know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from releases.clients.images.context import Context
from releases.clients.images.engine import EngineAddress
from releases.clients.images.plan import Destination, Limits, Login, Recipe, login_for


@dataclass(frozen=True)
class Order:
    """`previous`: the reference of the app's last image of this recipe, "" without one. `private`: a folder that
    nobody else reads and that goes with the build. `alone`: the only image, whose lines nobody else's come between."""

    engine: EngineAddress
    destination: Destination
    limits: Limits
    recipe: Recipe
    context: Context
    private: Path
    labels: Mapping[str, str] = field(default_factory=dict)
    previous: str = ""
    alone: bool = True

    @property
    def name(self) -> str:
        return self.recipe.name

    @property
    def tags(self) -> list[str]:
        """One per service, in full; the first is the recipe's own."""
        return [self.destination.by_tag(service) for service in self.recipe.services]

    @property
    def login(self) -> Login | None:
        return login_for(self.destination.repository, self.destination.logins)
