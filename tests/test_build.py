"""A build from its upload to its end, with real archives, in this process."""

import pytest

from releases import actions, jobs, logs
from releases.models import Build, Registry, Release, Rollout
from releases.pipeline import manifests
from releases.pipeline.build import upload_of
from tests import factories

# run_build closes this thread's connection, as a worker does: no transaction of a test may hold it.
pytestmark = pytest.mark.django_db(transaction=True)
BUILDER = "Builder: directory: the app's cluster is the embedded one, which runs from folders of this machine"
APP = {"app.py": "print(1)", "deployer.yml": factories.MANIFEST}


@pytest.fixture
def app():
    return factories.app()


@pytest.fixture
def by():
    return factories.actor("deployer")


@pytest.fixture
def run(app, by, own_home):
    """Builds these files; gives the build as it ended and the messages of its log."""

    def run_build(files=None, *members, archive=None, **given):
        source = archive or factories.tar_gz(files if files is not None else APP, *members)
        build = actions.create_build(app, source=source, by=by, **given)
        jobs.run_build(build.pk, 1)
        build.refresh_from_db()
        assert list((own_home / "building").iterdir()) == [], "a folder was left behind"
        assert not upload_of(build).exists(), "the upload was left behind"
        lines = logs.after(build.owner, 0)
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))
        return build, [line.message for line in lines]

    return run_build


def test_an_upload_becomes_a_release(run, app, own_home):
    build, messages = run()
    release = Release.objects.get(build=build)
    reference = release.images["web"]
    assert build.status == "succeeded" and build.finished_at and build.started_at
    assert messages == [
        f"Building {app.name} ({build.pk})",
        "Unpacked 2 files, 88 bytes",
        "deployer.yml: services web",
        BUILDER,
        "Building web from .",
        f"Built {reference}",
        f"Build: {build.pk}",
        f"Release: {release.pk}",
    ]
    assert reference.startswith(f"local/{app.name}@sha256:")
    root = own_home / "images" / reference.rpartition(":")[2] / "root"
    assert (root / "app.py").read_text() == "print(1)"
    assert release.manifest["services"]["web"]["command"] == ["python", "app.py"]


def test_services_that_share_a_folder_share_an_image(run):
    manifest = (
        "services: {web: {command: a}, worker: {build: ., command: b}, api: {build: api}, db: {image: x@sha256:1}}"
    )
    build, messages = run({"deployer.yml": manifest, "api/Dockerfile": "CMD a"})
    images = build.images
    assert images["web"] == images["worker"] != images["api"]
    assert images["db"] == "x@sha256:1"
    assert len([text for text in messages if text.startswith("Built ")]) == 2


def test_the_promote_comes_with_it(run):
    build, _ = run(promote=True, note="why")
    rollout = Rollout.objects.get()
    assert (rollout.release.build, rollout.status, rollout.note) == (build, "queued", "why")


@pytest.mark.parametrize(
    ("files", "commands"),
    [
        ({"Dockerfile": "CMD python app.py\n"}, {"web": None}),
        (
            {"Procfile": "web: a\nclock: b\n"},
            {"web": ["/bin/sh", "-c", "exec a"], "clock": ["/bin/sh", "-c", "exec b"]},
        ),
    ],
)
def test_without_a_manifest_there_is_still_a_way(run, files, commands):
    build, messages = run(files)
    assert build.status == "succeeded"
    services = build.manifest["services"]
    assert {name: service["command"] for name, service in services.items()} == commands
    assert services["web"]["port"] == 8080
    assert "No deployer.yml: using the Procfile, else one service `web`, port 8080" in messages


def test_one_file_is_one_file(run):
    assert "Unpacked 1 file, 17 bytes" in run({"Dockerfile": "CMD python app.py"})[1]


@pytest.mark.parametrize("dockerfile", [{}, {"Dockerfile": "ENV A=b\n"}])
def test_a_source_must_say_what_to_run(run, own_home, dockerfile):
    build, _ = run({"app.py": "", **dockerfile})
    assert (build.status, build.reason) == (
        "failed",
        "Nothing says what to run as web: name a command in deployer.yml, a Procfile or the Dockerfile's CMD.",
    )
    assert not (own_home / "images").exists()


def test_of_what_no_process_runs_nothing_need_say_so(run, app):
    """Its image is there for the commands of others."""
    services = "services: {jobs: {scale: {count: 0}}, tool: {}}\nrelease: {command: b, service: tool}\n"
    timers = "timers: {t: {schedule: '0 3 * * *', command: a, service: jobs}}\n"
    app.scale = {"tool": 0}
    app.save()
    build, messages = run({"deployer.yml": services + timers, "app.py": ""})
    assert build.status == "succeeded", messages


CONVOX = "services:\n  web:\n    command: python app.py\n    port: 8080\n    health: /up\n    test: make test\n"


def test_a_convox_yml_is_read_where_there_is_no_deployer_yml(run):
    build, messages = run({"app.py": "", "convox.yml": CONVOX, "Procfile": "other: a\n"})
    assert build.status == "succeeded"
    web = build.manifest["services"]["web"]
    assert (web["command"], web["port"], web["health"]["path"]) == (["python", "app.py"], 8080, "/up")
    assert messages[2:7] == [
        "No deployer.yml: reading convox.yml",
        "convox.yml line 6: services.web.test is left out: Deployer runs no tests.",
        "convox.yml: services web",
        BUILDER,
        "Building web from .",
    ]


def test_beside_a_deployer_yml_a_convox_yml_is_not_read(run):
    build, messages = run({**APP, "convox.yml": "services: {"})
    assert build.status == "succeeded" and list(build.manifest["services"]) == ["web"]
    assert messages[2:4] == ["convox.yml is not read: there is a deployer.yml", "deployer.yml: services web"]


def test_a_release_has_what_the_manifest_asks_for_beside_its_services(run, app):
    timer = "timers: {nightly: {schedule: '0 3 * * *', command: python nightly.py}}"
    run({**APP, "deployer.yml": f"{factories.MANIFEST}    scale: {{count: 1-2, targets: {{cpu: 5}}}}\n{timer}\n"})
    release = Release.objects.get(app=app)
    kinds = {obj["kind"] for obj in manifests.render(release, installation="here")}
    assert {"CronJob", "HorizontalPodAutoscaler", "PodDisruptionBudget"} < kinds


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "The source is empty."),
        ({"convox.yml": "services: {web: {port: eighty}}"}, "convox.yml line 1: services.web.port: input should be"),
        ({"convox.yml": b"\xff\xfe\x00"}, "convox.yml can't be read: it is no UTF-8 text file"),
        ({"convox.yml": "#" * 300_000}, "convox.yml is larger than 256 KiB"),
        ({"deployer.yml": "services: {web: {prot: 1}}"}, "services.web.prot is not a key here; did you mean port?"),
        ({"deployer.yml": b"\xff\xfe\x00"}, "it is no UTF-8 text file"),
        ({"deployer.yml/x": ""}, "it is no UTF-8 text file"),
        ({"deployer.yml": "#" * 300_000}, "is larger than 256 KiB"),
        ({"deployer.yml": "services: {web: {build: nowhere}}"}, "build: nowhere: there is no such folder"),
        ({"deployer.yml": "services: {web: {build: ../..}}"}, "leads out of the source"),
        ({"../escaped": ""}, "leads out of it"),
        ({"Procfile": "Web Server: a"}, "Procfile"),
        ({"Procfile": "web_1: a"}, "Procfile"),
    ],
)
def test_a_fault_of_the_person_is_told_in_words(run, files, reason):
    build, messages = run(files)
    assert build.status == "failed", build.reason
    assert reason in build.reason and "Deployer itself" not in build.reason
    assert any(reason in text for text in messages)
    assert not Release.objects.exists()


@pytest.mark.parametrize("file", ["deployer.yml", "convox.yml"])
def test_a_manifest_that_is_a_link_out_is_not_read(run, file):
    link = factories.member(file, b"2", linkname="/etc/passwd")
    build, messages = run({"a": ""}, link)
    assert build.status == "failed" and not any("root:" in text for text in messages)


def test_every_fault_of_a_manifest_has_its_line_in_the_log(run):
    build, messages = run({"deployer.yml": "services:\n  web:\n    prot: 1\n    scael: 2\n"})
    assert len([text for text in messages if "is not a key here" in text]) == 2
    assert build.reason.endswith("(and 1 more)")


def test_a_truncated_upload_is_the_senders_fault(run):
    import io

    whole = factories.tar_gz({"a": "x" * 10_000}).getvalue()
    build, _ = run(archive=io.BytesIO(whole[: len(whole) // 2]))
    assert build.status == "failed" and "not a whole .tar.gz archive" in build.reason


def test_values_of_variables_do_not_get_into_the_log(run, app, by):
    actions.set_env(app, by=by, set={"TOKEN": "hunter22hunter"}, unset=[])
    _, messages = run({"Dockerfile": "RUN curl -H hunter22hunter\n"})
    assert "  RUN curl -H [TOKEN]" in messages


def test_nor_do_they_get_into_the_reason_of_a_failure(run, app, by):
    actions.set_env(app, by=by, set={"SECRET": "hunter2hunter2"}, unset=[])
    build, messages = run({"deployer.yml": "services: {web: {command: a, hunter2hunter2: b}}"})
    assert build.status == "failed" and any("[SECRET]" in message for message in messages)
    assert "hunter2" not in build.reason + "".join(messages)


def test_a_cancelled_build_stops_and_makes_nothing(app, by, own_home):
    build = actions.create_build(app, source=factories.tar_gz(APP), by=by)
    taken = Build.take(build.pk, 1)
    taken.transition("running")
    actions.cancel_build(build, by=by)
    assert taken.renew()  # the worker died; the next one finds the wish
    jobs.run_build(build.pk, 2)
    build.refresh_from_db()
    assert build.status == "cancelled" and not Release.objects.exists()
    assert not upload_of(build).exists()


def test_a_late_job_does_nothing(app, by):
    build = actions.create_build(app, source=factories.tar_gz(APP), by=by)
    assert build.renew()
    jobs.run_build(build.pk, 1)
    build.refresh_from_db()
    assert (build.status, build.taken) == ("queued", False) and upload_of(build).exists()
    jobs.run_build(build.pk, 2)
    jobs.run_build(build.pk, 2)
    assert Release.objects.count() == 1


def test_a_build_that_begins_again_says_so_and_ends_right(app, by):
    build = actions.create_build(app, source=factories.tar_gz(APP), by=by)
    first = Build.take(build.pk, 1)
    first.transition("running")
    logs.append(first, [logs.Line("build", "half way")])
    assert Build.objects.get(pk=build.pk).renew(restarts=1)
    jobs.run_build(build.pk, 2)
    build.refresh_from_db()
    messages = [line.message for line in logs.after(build.owner, 0)]
    assert build.status == "succeeded"
    assert messages[:2] == ["half way", "The worker died; the build begins again."]
    assert Release.objects.count() == 1


def test_a_build_has_a_deadline(app, by, settings):
    settings.BUILD_DEADLINE = -1
    build = actions.create_build(app, source=factories.tar_gz(APP), by=by)
    jobs.run_build(build.pk, 1)
    build.refresh_from_db()
    assert build.status == "failed" and "took longer than" in build.reason


def test_a_source_that_is_gone_is_said(app, by):
    build = actions.create_build(app, source=factories.tar_gz(APP), by=by)
    upload_of(build).unlink()
    jobs.run_build(build.pk, 1)
    build.refresh_from_db()
    assert (build.status, build.reason) == ("failed", "The uploaded source is gone: upload it again.")


def test_a_commit_is_not_to_blame_for_an_engine_that_is_away_but_for_its_manifest(by, own_home, settings, tmp_path):
    settings.DOCKER_HOST = f"unix://{tmp_path}/none.sock"
    Registry.objects.create(name="ours", address="registry.example/team", is_default=True)
    app = factories.app(cluster=factories.cluster("real", kind="kubeconfig"))
    found = {}
    for name, manifest in (("engine", factories.MANIFEST), ("manifest", "servces: {}")):
        source = factories.tar_gz({"deployer.yml": manifest, "Dockerfile": "FROM scratch"})
        build = actions.create_build(app, source=source, by=by)
        jobs.run_build(build.pk, 1)
        build.refresh_from_db()
        found[name] = (build.status, build.faultless)
    assert found == {"engine": ("failed", True), "manifest": ("failed", False)}
