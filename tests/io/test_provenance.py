"""What a product says of itself: program, kind, date, inputs."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from ccdfx import ArgumentError, Header
from ccdfx.io import provenance
from ccdfx.io.provenance import file_sha256, with_provenance


@pytest.mark.quick
def test_inputs_have_their_hashes_and_replace_older_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"pixels")
    old = Header(
        {"IMCMB001": "old", "IMCMB002": "older", "IMSHA002": "0", "DATE": "2020-01-01", "OBJECT": "x"}
    )
    made = with_provenance(old, "master bias", [("a.fits", file_sha256(path))])
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert (made["IMCMB001"], made["IMSHA001"], made["PRODUCT"]) == ("a.fits", digest, "master bias")
    assert made["CREATOR"].startswith("ccdfx ") and made["OBJECT"] == "x"
    assert not {"IMCMB002", "IMSHA002", "DATE"} & set(made), "the date of a raw file is not that of a product"
    assert file_sha256(tmp_path / "gone.fits") is None


def test_the_date_is_given_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert with_provenance(Header(), "combined frame", [])["DATE"] == "1970-01-02T00:00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(ArgumentError, match=r"SOURCE_DATE_EPOCH.*seconds since 1970.*today"):
        with_provenance(Header(), "combined frame", [])
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert "DATE" not in with_provenance(Header(), "combined frame", [])


def test_a_file_that_stays_is_read_once_and_one_that_changes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"pixels")
    now = time.time()
    monkeypatch.setattr(provenance, "_known", {})
    first = file_sha256(path)
    assert not provenance._known, "it was written a moment ago"
    monkeypatch.setattr(provenance.time, "time", lambda: now + 60)
    assert file_sha256(path) == first and list(provenance._known.values()) == [first]
    with monkeypatch.context() as patch:
        patch.setattr(provenance.hashlib, "file_digest", None)
        assert file_sha256(path) == first
    other = tmp_path / "b.fits"
    other.write_bytes(b"pixelz")
    other.replace(path)
    assert file_sha256(path) == hashlib.sha256(b"pixelz").hexdigest()
