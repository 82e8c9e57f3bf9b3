"""What each role allows, in words."""

from releases.models import Person

WORDS = {
    Person.VIEWER: "look at everything but the values of variables, and have tokens for that",
    Person.DEPLOYER: (
        "make apps, build, promote, roll back, scale, run commands, change variables and see their values, connect "
        "repositories, give domains, lock"
    ),
    Person.ADMINISTRATOR: (
        "do everything: what a deployer may, delete apps, manage people, members, clusters and registries, and read "
        "the whole audit"
    ),
}
