"""An upload that nobody vouches for is unpacked into its folder, or refused without a trace outside of it."""

import gzip
import io
import os
import tarfile

import pytest

from releases.clients.archive import unpack
from releases.errors import BuildFailed
from tests.factories import member, tar_gz

MIB = 1024**2


@pytest.fixture
def place(tmp_path):
    """A folder to unpack into, beside a file that must not be touched."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "secret").write_text("untouched")
    yield tmp_path
    assert (tmp_path / "secret").read_text() == "untouched"
    assert not (tmp_path / "escaped").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"folder", "secret", "upload.tar.gz"}


def unpacked(place, data, max_bytes=10 * MIB, max_files=100):
    upload = place / "upload.tar.gz"
    upload.write_bytes(data if isinstance(data, bytes) else data.getvalue())
    return unpack(upload, place / "folder", max_bytes=max_bytes, max_files=max_files)


def refused(place, data, **limits):
    with pytest.raises(BuildFailed) as failure:
        unpacked(place, data, **limits)
    return failure.value.message


def tree(place):
    folder = place / "folder"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_folders_and_links_inside_come_out_as_they_went_in(place):
    archive = tar_gz(
        {"app.py": "print(1)", "deep/er/file": b"\x00\xff"},
        member("run", mode=0o755),
        member("empty", tarfile.DIRTYPE, mode=0o755),
        member("link", tarfile.SYMTYPE, linkname="deep/er/file"),
        member("hard", tarfile.LNKTYPE, linkname="app.py"),
    )
    assert unpacked(place, archive) == (6, 10)
    folder = place / "folder"
    assert tree(place) == ["app.py", "deep", "deep/er", "deep/er/file", "empty", "hard", "link", "run"]
    assert (folder / "link").read_bytes() == b"\x00\xff" and (folder / "hard").read_text() == "print(1)"
    assert os.access(folder / "run", os.X_OK)


def test_a_link_that_leads_out_through_one_that_comes_later_is_refused(place):
    """Judged by its text when it came, `c` stayed inside."""
    archive = tar_gz(
        {},
        member("d", tarfile.DIRTYPE, mode=0o755),
        member("d/e", tarfile.DIRTYPE, mode=0o755),
        member("c", tarfile.SYMTYPE, linkname="d/e/z/../secret"),
        member("d/e/z", tarfile.SYMTYPE, linkname="../.."),
    )
    assert "'c' leads out of it" in refused(place, archive)


@pytest.mark.parametrize(
    "name",
    [
        "../escaped",
        "a/../../escaped",
        "/tmp/escaped",
        "..",
        "a/..",
        "./../escaped",
        "//escaped",
        "a/b/../../../escaped",
    ],
)
def test_a_name_that_climbs_out_is_refused_by_name(place, name):
    message = refused(place, tar_gz({"app.py": "x", name: "escaped"}))
    assert message == f"The source archive is refused: {name!r} leads out of it."


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "a/../../secret", ".."])
def test_a_link_that_leads_out_is_refused(place, target):
    message = refused(place, tar_gz({}, member("link", tarfile.SYMTYPE, linkname=target)))
    assert message.startswith("The source archive is refused: ") and "link" in message
    assert tree(place) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret"])
def test_a_hard_link_that_leads_out_is_refused(place, target):
    assert "refused" in refused(place, tar_gz({}, member("hard", tarfile.LNKTYPE, linkname=target)))
    assert tree(place) == []


def test_a_file_is_not_written_through_a_link(place):
    through = tar_gz({}, member("a", tarfile.SYMTYPE, linkname=".."), member("a/escaped"))
    assert "refused" in refused(place, through)
    # The link is fine when it is made, and leads out once another stands in its way.
    chain = tar_gz(
        {},
        member("d", tarfile.DIRTYPE, mode=0o755),
        member("d/up", tarfile.SYMTYPE, linkname=".."),
        member("out", tarfile.SYMTYPE, linkname="d/up/.."),
        member("out/escaped"),
    )
    assert refused(place, chain)


def test_a_file_in_the_place_of_a_link_replaces_the_link(place):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        inner = member("target")
        inner.size = 3
        tar.addfile(inner, io.BytesIO(b"old"))
        tar.addfile(member("link", tarfile.SYMTYPE, linkname="target"))
    unpacked(place, archive)
    assert (place / "folder" / "link").read_text() == "old"


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE], ids=["character device", "block device", "fifo"]
)
def test_devices_and_pipes_are_refused(place, kind):
    message = refused(place, tar_gz({}, member("strange", kind, devmajor=1, devminor=3)))
    assert message == "The source archive is refused: 'strange' is no file, folder or link."
    assert tree(place) == []


def test_rights_that_nobody_should_have_are_not_given(place):
    unpacked(place, tar_gz({}, member("suid", mode=0o6777, uid=0), member("dark", mode=0o000)))
    assert (place / "folder" / "suid").stat().st_mode & 0o7022 == 0
    assert (place / "folder" / "dark").read_bytes() == b""  # else the next step fails on it


# --- What is broken -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [2, 10, 20, 60, 0.5, 0.9])
def test_a_truncated_archive_is_refused(place, kept):
    whole = tar_gz({"data": os.urandom(5000)}).getvalue()
    part = whole[: kept if isinstance(kept, int) else int(len(whole) * kept)]
    assert "archive" in refused(place, part)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x1f\x8b",
        b"PK\x03\x04 zip",
        gzip.compress(b"no tar at all" * 100, mtime=0),
        gzip.compress(b"\xff" * 2000, mtime=0),
        os.urandom(500),
    ],
    ids=["nothing", "magic", "zip", "no tar", "noise", "random"],
)
def test_what_is_no_archive_is_refused(place, data):
    assert "archive" in refused(place, data)


def test_a_flipped_bit_is_noticed(place):
    data = bytearray(tar_gz({"data": os.urandom(5000)}).getvalue())
    data[len(data) // 2] ^= 0x10
    refused(place, bytes(data))


def test_a_missing_checksum_is_noticed(place):
    assert "archive" in refused(place, tar_gz({"a": "x"}).getvalue()[:-8])


def test_an_empty_archive_has_no_files(place):
    assert unpacked(place, tar_gz()) == (0, 0)


def test_a_file_where_a_folder_is_needed_is_refused(place):
    assert refused(place, tar_gz({"a": "file", "a/b": "inside"}))


def test_a_name_that_the_disk_does_not_take_is_refused(place):
    assert refused(place, tar_gz({"n" * 300: "x"}))
    assert refused(place, tar_gz({"/".join(["d" * 200] * 30): "x"}))


# --- What is a bomb -------------------------------------------------------------------------------------------------


def test_a_bomb_by_size_is_refused_before_it_fills_the_disk(place):
    bomb = tar_gz({f"zeros-{n}": bytes(3 * MIB) for n in range(4)})
    assert len(bomb.getvalue()) < MIB // 10
    assert refused(place, bomb, max_bytes=5 * MIB) == "The source is larger than 5 MiB when unpacked."
    assert sum(path.stat().st_size for path in (place / "folder").iterdir()) <= 5 * MIB


def test_a_bomb_by_count_is_refused(place):
    assert (
        refused(place, tar_gz({f"f{n}": "" for n in range(30)}), max_files=20) == "The source has more than 20 files."
    )
    assert len(tree(place)) <= 20


@pytest.mark.parametrize("claimed", [10 * 1024**3, 2**60])
def test_a_header_that_claims_absurd_sizes_is_refused(place, claimed):
    raw = tarfile.TarInfo("huge")
    raw.size = claimed
    lie = gzip.compress(raw.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert refused(place, lie)
    assert tree(place) == []


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_an_extended_header_of_absurd_size_is_not_read_into_memory(place, kind):
    header = tarfile.TarInfo("pax")
    header.type, header.size = kind, 3 * 1024**3
    bomb = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(20 * MIB))
    assert refused(place, bomb, max_bytes=1024**4)


def test_a_bomb_of_padding_after_the_end_is_refused(place):
    tail = gzip.compress(tar_gz_plain() + bytes(50 * MIB))
    assert refused(place, tail, max_bytes=MIB) == "The source is larger than 1 MiB when unpacked."


def tar_gz_plain():
    return gzip.decompress(tar_gz({"a": "x"}).getvalue())


def test_a_sparse_file_does_not_pass_the_limit(place):
    sparse = tarfile.TarInfo("sparse")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1024**3)  # its real size, a gibibyte of nothing
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    try:
        _, size = unpacked(place, gzip.compress(bytes(header) + bytes(1024)), max_bytes=MIB)
    except BuildFailed:
        return
    assert size <= MIB
    assert sum(path.stat().st_size for path in (place / "folder").iterdir()) <= MIB
