"""Images by a real Docker Engine, in a real registry."""

import re

import pytest

from tests.images.workshop import TOOLS, image, service


def test_services_that_share_a_build_share_an_image(either):
    source = either.source(
        TOOLS + 'COPY greeting /\nCMD ["cat", "/greeting"]\n',
        greeting="hello",
        docker__api=TOOLS.replace("scratch", "scratch AS tools") + 'ARG WHO\nRUN echo "api of $WHO" > /who\n'
        'FROM tools AS last\nCMD ["cat", "/who"]\nFROM scratch AS other\n',
    )
    services = {
        "web": service(),
        "worker": service(),
        "api": service(dockerfile="docker/api", args={"WHO": "ours"}, target="last"),
    }
    app = f"shop-{'b' if either.client else 'a'}"
    references = either.build(source, services, app=app, build="BABCDEFGHIJ")
    assert list(references) == ["web", "worker", "api"]
    assert references["web"] == references["worker"] != references["api"]
    assert sorted(either.tags(app)) == ["api.BABCDEFGHIJ", "web.BABCDEFGHIJ", "worker.BABCDEFGHIJ"]
    for name, reference in references.items():
        assert re.fullmatch(rf"{either.registry}/{app}@sha256:[0-9a-f]{{64}}", reference)
        digest, config = either.manifest(app, f"{name}.BABCDEFGHIJ")
        assert reference.endswith(digest)
        assert config["config"]["Labels"] == {
            "org.opencontainers.image.revision": "0a1b2c3",
            "org.opencontainers.image.source": "https://git.example/hello",
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
            "org.opencontainers.image.version": "BABCDEFGHIJ",
            "deployer.app": app,
            "deployer.build": "BABCDEFGHIJ",
        }
    assert either.run(references["web"]) == "hello"
    assert either.run(references["api"]) == "api of ours\n"
    # Two are made at the same time: each line says whose it is.
    assert {line.partition(": ")[0] for line in either.lines} == {"web", "api"}


def test_the_log_reads_like_a_terminal(either):
    """Colours stay; a carriage return leaves what a terminal would show; what is no UTF-8 is marked as such."""
    step = r"RUN printf '\033[31mred\033[0m\n10%%\r55%%\r100%%\nno \377 UTF-8\n'"
    either.build(either.source(TOOLS + step + "\nRUN echo trouble >&2\nRUN printf 'no end'\n"), app="terminal")
    first = next(number for number, line in enumerate(either.lines) if line.endswith("red\x1b[0m"))
    shown = either.lines[first : first + 3]
    assert shown == ["\x1b[31mred\x1b[0m", "100%", "no \ufffd UTF-8"]
    assert {"trouble", "no end"} <= set(either.lines)
    assert any(re.match(r"Step \d/\d : RUN printf", line) for line in either.lines)
    assert not any("\r" in line or "\n" in line for line in either.lines)


def test_a_push_takes_few_lines_whatever_it_sends(workshop):
    """32 MiB in one layer make hundreds of ticks of progress."""
    workshop.build(workshop.source(TOOLS + "RUN head -c 33554432 /dev/urandom > /large\n"), app="large")
    pushed = workshop.lines[workshop.lines.index(f"Pushing {workshop.registry}/large:web.BAAAAAAAAAA") + 1 :]
    assert len(pushed) < 10
    assert any(re.fullmatch(r"[0-9a-f]{12}: Pushed \(32\.\d MiB\)", line) for line in pushed)


def test_the_next_build_finds_the_steps_of_the_last_one(either):
    dockerfile = TOOLS + "RUN cat /proc/sys/kernel/random/uuid > /made\nCOPY version /\nCMD cat /made /version\n"
    first = either.build(either.source(dockerfile, version="1"), app="again", build="BAAAAAAAAAB")
    second = either.build(either.source(dockerfile, version="2"), app="again", build="BAAAAAAAAAC", previous=first)
    assert " ---> Using cache" in either.lines
    made = [either.run(references["web"]) for references in (first, second)]
    assert made[0][:-1] == made[1][:-1] and made[0][-1] != made[1][-1]


def test_an_engine_that_never_saw_the_last_image_pulls_it_for_its_steps(workshop):
    dockerfile = TOOLS + "RUN cat /proc/sys/kernel/random/uuid > /made\nCMD cat /made\n"
    source = workshop.source(dockerfile)
    first = workshop.build(source, app="moved", build="BAAAAAAAAAB")
    made = workshop.run(first["web"])
    for found in workshop.api.images(name=f"{workshop.registry}/moved"):
        workshop.api.remove_image(found["Id"], force=True)
    for found in workshop.api.images(name="cache.invalid/moved"):
        workshop.api.remove_image(found["Id"], force=True)
    second = workshop.build(source, app="moved", build="BAAAAAAAAAC", previous=first)
    assert workshop.run(second["web"]) == made
    nowhere = {"web": f"{workshop.registry}/moved@sha256:{'0' * 64}"}
    workshop.build(source, app="moved", build="BAAAAAAAAAD", previous=nowhere)
    assert any(line.startswith("Without the cache of the previous image: ") for line in workshop.lines)


def test_an_image_is_resolved_to_its_digest_and_not_made(workshop):
    made = workshop.build(workshop.source(TOOLS), app="database", build="BAAAAAAAAAB")
    digest = made["web"].rpartition("@")[2]
    by_tag, by_digest = f"{workshop.registry}/database:web.BAAAAAAAAAB", f"x.invalid/y@sha256:{'1' * 64}"
    source = workshop.source(None)
    references = workshop.build(source, {"db": image(by_tag), "cache": image(by_digest)})
    assert references == {"db": f"{workshop.registry}/database@{digest}", "cache": by_digest}
    assert workshop.lines == [f"db: {by_tag} is {references['db']}"]


def test_what_stays_on_the_engine_is_bounded(workshop):
    """Stages and failures leave steps behind; the next build of the app lets go of those that it does not use."""
    before = workshop.leftovers()
    dockerfile = "FROM scratch AS first\nCOPY other /\n" + TOOLS + "COPY --from=first /other /\nRUN {}\n"
    for number in range(2):
        build = f"BAAAAAAAAA{'AB'[number]}"
        workshop.build(workshop.source(dockerfile.format("true"), other=str(number)), app="kept", build=build)
        with pytest.raises(Exception, match="code: 1"):
            workshop.build(workshop.source(dockerfile.format(f"echo {number}; false"), other="x"), app="kept")
    assert workshop.leftovers() <= before
    tags = [tag for found in workshop.api.images(name=f"{workshop.registry}/kept") for tag in found["RepoTags"]]
    assert tags == [f"{workshop.registry}/kept:web.BAAAAAAAAAB"]
    assert len(workshop.api.images(name="cache.invalid/kept")) <= 2
