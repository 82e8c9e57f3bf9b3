"""What retention takes from an engine: the tags of one build, and nothing else."""

from releases.clients.images import removal
from releases.clients.images.engine import Engine, EngineAddress


def test_the_tags_of_a_build_go_from_the_engine_and_others_stay(workshop):
    address = EngineAddress(workshop.host)
    names = {}
    with Engine(address) as engine:
        for build in ("BREMOVEDAAA", "BSTAYINGAAA"):
            source = workshop.source(
                f"FROM scratch\nLABEL deployer.build={build}\nLABEL x={build}\nCOPY Dockerfile /\n"
            )
            list(engine.build(path=str(source), tag=f"removal.example/shop:web.{build}", network_mode="none", rm=True))
            names[build] = f"removal.example/shop:web.{build}"
        engine.tag(names["BREMOVEDAAA"], "cache.invalid/shop", "web.0")

        assert removal.remove_from_engine(address, "BREMOVEDAAA") == 1
        tags = [tag for image in engine.images() for tag in image["RepoTags"] or ()]
        assert names["BREMOVEDAAA"] not in tags
        assert names["BSTAYINGAAA"] in tags and "cache.invalid/shop:web.0" in tags
        assert removal.remove_from_engine(address, "BREMOVEDAAA") == 0
        for tag in (names["BSTAYINGAAA"], "cache.invalid/shop:web.0"):
            engine.remove_image(tag)
