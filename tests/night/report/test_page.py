"""The report of a night: well-formed, self-contained, honest, and unaffected by markup in headers."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from ccdfx.errors import FileError
from ccdfx.night.graph.preview import draw_pictures, histogram_facts, raw_pictures, write_pictures
from ccdfx.night.graph.record import Record, facts_path, write_record
from ccdfx.night.report import page as report_page
from ccdfx.night.report.page import write_report
from ccdfx.records.image import Image

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and collects what the tests ask for."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def tags(self, name):
        return [attrs for tag, attrs in self.seen if tag == name]

    @property
    def text(self):
        return re.sub("[ \n]+", " ", " ".join(self.words))


def sky(level, seed=0):
    array = np.random.default_rng(seed).normal(level, 5.0, (60, 80)).astype(np.float32)
    mask = np.zeros(array.shape, np.uint8)
    mask[:, 7] = 4
    return Image(array, mask=mask, header={"BUNIT": "adu"})


def keep_facts(image, output, file):
    """Write what the making of a product leaves for the page: its picture, and its record with the histogram."""
    facts_path(output, file).parent.mkdir(parents=True, exist_ok=True)
    write_pictures(draw_pictures(image, kind="calibrated", further=raw_pictures(image)), output, file)
    write_record(
        output,
        Record(file=file, kind="calibrated", key="0", parts={}, histogram=histogram_facts(image)),
    )


@pytest.fixture
def night(tmp_path):
    facts = {
        "ccdfx": "0.1.0",
        "directory": "/data/2012-03-14",
        "instrument": "iraf",
        "recipe": {"bias": {"average": "median"}, "flat": {"average": "mean"}, "science": {"steps": None}},
        "plan": [{"label": "iraf 80 x 60", "children": [{"label": "master bias of 9", "children": []}]}],
        "noise": [
            {
                "instrument": "iraf",
                "gain": 1.6123,
                "gain_error": 0.0123,
                "readnoise": 5.0,
                "readnoise_error": None,
                "source": "measured",
                "pairs": 8,
            }
        ],
        "frames": [
            {
                "file": f"{i:02d}.fits",
                "kind": kind,
                "object": None,
                "filter": band,
                "exptime": t,
                "used": True,
            }
            | {"problem": None}
            for i, (kind, band, t) in enumerate(
                [("bias", None, 0.0)] * 9 + [("science", "V", 180.0)] * 3 + [("science", "R", 60.0)]
            )
        ],
        "masters": [
            {"file": "masters/bias.fits", "kind": "bias", "filter": None, "exptime": 0.0}
            | {
                "inputs": ["a"] * 9,
                "unit": "adu",
                "level": 0.01,
                "rms": 1.05,
                "rejected": 1234,
                "flags": {"SATURATED": 60},
            }
        ],
        "calibrated": [
            {"file": f"calibrated/{i}.fits", "source": f"{i:02d}.fits", "masters": ["masters/bias.fits"]}
            | {"sky": 260.5, "noise_measured": noise, "noise_predicted": 10.0, "excess": noise / 10.0}
            | {"unit": "adu", "flags": {"SATURATED": 60, "COSMIC_RAY": 0}}
            for i, noise in ((9, 10.1), (10, 12.5), (11, 7.0))
        ],
        "combined": [
            {"file": "combined/field.fits", "object": "field", "filter": "V", "rejected": 4321}
            | {"inputs": ["calibrated/9.fits", "calibrated/10.fits"], "sky": 260, "unit": "adu"}
            | {"noise_measured": 5.0, "noise_predicted": 5.0, "excess": 1.0, "flags": {}}
            | {"shifts": [{"source": "calibrated/9.fits", "dx": 0.0, "dy": 0.0, "error": 0.0}]}
            | {"left_out": [{"source": "calibrated/11.fits", "reason": "its stars do not match"}]}
        ],
        "warnings": ["no flat of filter R"],
    }
    for sort in ("masters", "calibrated", "combined"):
        for number, product in enumerate(facts[sort]):
            keep_facts(sky(100.0, seed=number), tmp_path, product["file"])
    return facts, tmp_path


def require_one_script(output):
    """Let a page have one script, which its policy names by its hash, and data that is none."""
    text = (output / "report.html").read_text(encoding="utf-8")
    data, script = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
    assert data[0] == ' type="application/json" id="pictures"' and json.loads(data[1]) and script[0] == ""
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert text.count("<script") == 2 and f"script-src 'sha256-{digest}'" in text
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert (
        f"style-src 'sha256-{digest}'" in text
        and " style=" not in text.partition("<body>")[2].partition("<script")[0]
    )


def page(facts, output, **options):
    path = write_report(facts, output, **options)
    assert path == output / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.quick
def test_the_page_stands_alone(night):
    made = page(*night)
    require_one_script(night[1])
    assert not made.tags("link")
    assert not made.tags("iframe")
    assert all(
        image["src"].startswith(("data:image/png;base64,", "data:image/svg+xml;base64,"))
        for image in made.tags("img")
    )
    assert all(
        link["href"].startswith(("#", "calibrated/", "combined/", "facts/", "../")) for link in made.tags("a")
    )
    assert not [attrs for _, attrs in made.seen for name in attrs if name.startswith("on")]
    text = (night[1] / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text)
    assert "default-src 'none'" in text


def test_links_lead_somewhere(night):
    made = page(*night)
    places = {attrs["id"] for _, attrs in made.seen if "id" in attrs}
    assert {link["href"][1:] for link in made.tags("a") if link["href"].startswith("#")} <= places
    files = {link["href"] for link in made.tags("a") if link["href"].startswith("facts/")}
    assert files and all((night[1] / unquote(file)).is_file() for file in files)


def test_people_who_do_not_see_get_words(night):
    made = page(*night)
    assert made.tags("html")[0]["lang"] == "en"
    assert len(made.tags("h1")) == 1
    assert all(len(image["alt"]) > 10 for image in made.tags("img"))
    heads = made.tags("th")
    assert heads
    assert all(attrs["scope"] in ("row", "col") for attrs in heads)


@pytest.mark.quick
def test_it_says_what_there_was(night):
    text = page(*night).text
    for words in (
        "/data/2012-03-14",
        "take such frames, or give masters of another night with --masters (documentation, Recipes",
        "△ see warnings",
        "1 master, 3 calibrated frames, 1 combined image from 13 frames",
        "no flat of filter R",
        "master bias of 9",
        "bias.average median",
        "1.612 ± 0.012",
        "measured (8 pairs)",
        "1\u202f234",
        "4\u202f321",
        "saturated 60",
        "its stars do not match",
        "noise 1.010 × expected",
    ):
        assert words in text, words


def test_numbers_have_units_and_words_their_plurals(night):
    facts, output = night
    facts["masters"][0]["inputs"] = ["a"]
    facts["recipe"] = {"cosmic_rays": {"sigma_limit": 4.25, "object_limit": 6.0, "low": math.inf}}
    text = page(facts, output).text
    for words in ("Unit Level", "adu 0.01", "bias of 1 frame ", "Rejected values", "combined/field.fits"):
        assert words in text, words
    assert "field, filter V, 2 frames" in text
    assert "sigma_limit 4.25 " in text and "object_limit 6 " in text and "low infinite" in text
    facts["frames"] = facts["frames"][:1]
    assert "from 1 frame." in page(facts, output).text
    facts["frames"][0]["problem"] = "cut"
    assert "1 of 1 frame has a problem; made 1 master" in page(facts, output).text


def test_a_lost_product_makes_a_night_incomplete(night):
    facts, output = night
    facts["lost"] = [{"file": "masters/dark_60s.fits", "problem": "no frame of 3 is usable"}]
    told = "△ incomplete 1 product could not be made; made 1 master, 3 calibrated frames, 1 combined image."
    assert told in page(facts, output).text
    facts["frames"][0]["problem"] = "cut"
    told = "1 of 13 frames has a problem; 1 product could not be made; made 1 master"
    assert told in page(facts, output).text


def test_too_much_and_too_little_noise_are_marked_in_words(night):
    facts, output = night
    text = page(facts, output).text
    assert text.count("▲ excess") == 3  # in two tables and under the picture
    assert text.count("▽ too little") == 3
    assert "2 images have noise other than expected" in text
    for product in facts["calibrated"]:
        product["excess"] = 1.14
    text = page(facts, output).text
    assert "▲ excess" not in text
    assert "other than expected" not in text


def test_a_resampled_image_is_marked_beside_its_ratio(night):
    facts, output = night
    assert "resampled" not in page(facts, output).text
    facts["combined"][0]["resampled"] = 4
    text = page(facts, output).text
    assert "reads up to 7 % low" in text
    assert text.count("resampled") == 2  # in the words above the table and in the row


def test_resampling_lowers_the_measured_noise_by_no_more_than_is_said():
    from ccdfx.estimators import local_noise
    from ccdfx.operations.resampling.shift import shift

    noise = np.random.default_rng(1).normal(0.0, 10.0, (512, 512)).astype(np.float32)
    moved = [shift(noise, dx=dx, dy=dy) for dx, dy in ((0.5, 0.5), (0.5, 0.0), (0.2, 0.3))]
    ratios = [local_noise(image) / float(np.std(image.array)) for image in moved]
    assert 0.92 < min(ratios) < 0.95
    assert max(ratios) < 0.99


def test_the_ratio_is_computed_where_it_is_missing(night):
    facts, output = night
    del facts["calibrated"][1]["excess"]
    assert "1.250" in page(facts, output).text


def test_unused_frames_and_why(night):
    facts, output = night
    facts["frames"][3] |= {"used": False, "problem": "is cut short"}
    facts["frames"][4] |= {"used": False, "left_out": "no science frame needs it"}
    text = page(facts, output).text
    assert "△ incomplete 1 of 13 frames has a problem" in text
    assert "03.fits bias – is cut short" in text
    assert "04.fits bias – no science frame needs it" in text


def test_remarks_are_one_line_each(night):
    facts, output = night
    assert "Remarks" not in page(facts, output).text
    facts["frames"][3]["remarks"] = "other bytes follow the last HDU, 0; DATE is no date: <b>"
    facts["frames"][4]["remarks"] = "other bytes follow the last HDU, 0"
    said = "other bytes follow the last HDU, 0 2 03.fits, 04.fits DATE is no date: <b> 1 03.fits"
    assert said in page(facts, output).text


def test_header_text_stays_text(night):
    facts, output = night
    evil = '<script>alert("1")</script>\x1b[2J\u202e&amp;\'"><img src=x onerror=alert(1)>\ud800'
    facts = copy.deepcopy(facts)
    for part in ("frames", "masters", "calibrated", "combined", "noise"):
        for record in facts[part]:
            for name, value in record.items():
                if isinstance(value, str) and name != "file":
                    record[name] = evil
            record |= {"object": evil, "filter": evil, "problem": evil, "reason": evil}
    facts["directory"] = facts["instrument"] = facts["recipe"] = evil
    facts["warnings"] = [evil]
    facts["plan"] = [{"label": evil, "children": [{"label": evil, "children": []}]}]
    facts["masters"][0]["flags"] = {evil: 3}
    facts["combined"][0]["left_out"] = [{"source": evil, "reason": evil}]
    facts["masters"].append({"file": evil, "kind": evil})
    made = page(facts, output)
    raw = (output / "report.html").read_text(encoding="utf-8")
    require_one_script(output)
    assert all("onerror" not in attrs for attrs in made.tags("img"))
    assert "\x1b" not in raw
    assert "\u202e" not in raw
    assert "\\x1b" in raw
    assert '<script>alert("1")</script>\\x1b[2J\\u202e&amp;' in made.text


def test_endless_text_is_cut(night):
    facts, output = night
    facts["warnings"] = ["x" * 10_000_000]
    write_report(facts, output)
    assert (output / "report.html").stat().st_size < 1_000_000


@pytest.mark.parametrize("facts", [{}, {"frames": [], "masters": [], "plan": [], "warnings": []}])
def test_an_empty_night(tmp_path, facts):
    text = page(facts, tmp_path).text
    assert "✕ nothing" in text
    assert "No frames were found." in text
    assert "No master was made." in text


def test_a_night_in_which_nothing_worked(tmp_path):
    frames = [{"file": "a.fits", "kind": None, "used": False, "problem": "is no FITS file"}]
    made = page({"frames": frames, "warnings": ["nothing is usable"]}, tmp_path)
    assert "None of 1 frame could be used." in made.text
    assert "is no FITS file" in made.text
    assert "nothing is usable" in made.text
    assert not made.tags("img")


def test_a_good_night_is_complete(night):
    facts, output = night
    facts["warnings"] = []
    text = page(facts, output).text
    assert "✓ complete" in text
    assert "Warnings" not in text
    assert "Frames not used" not in text


def test_the_same_night_gives_the_same_page(night):
    first = write_report(*night).read_bytes()
    assert write_report(*night).read_bytes() == first


def test_facts_are_not_changed(night):
    facts, output = night
    kept = copy.deepcopy(facts)
    write_report(facts, output)
    assert facts == kept


def test_a_page_that_cannot_be_written_leaves_the_old_one(night, monkeypatch):
    facts, output = night
    (output / "report.html").write_text("old")
    monkeypatch.setattr(report_page, "template", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(facts, output)
    assert (output / "report.html").read_text() == "old"
    with pytest.raises(FileError):
        monkeypatch.undo()
        write_report({}, output / "absent")
