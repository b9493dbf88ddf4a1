"""The report in a real browser: it is sorted, filtered and compared, and its policy lets nothing else run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccdfx.night.products.registration import displacement_facts
from ccdfx.night.report.page import write_report
from ccdfx.operations.resampling.transform import Transform

from .test_page import keep_facts, sky

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="no Chromium with its chromedriver"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # of the driver's connections
]
FWHM = {"a.fits": 3.2, "b.fits": None, "c.fits": 11.5, "d.fits": 2.75}
EVIL = '</script><script>document.title = "run"</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=["in the page", "linked"])
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("night")
    names = list(FWHM)
    frames = [
        {
            "file": name,
            "kind": "science",
            "object": EVIL if name == "d.fits" else f"M {number}",
            "filter": "V",
        }
        | {"exptime": 60.0, "date": f"2020-01-01T0{number}:00:00", "used": True}
        for number, name in enumerate(names)
    ]
    calibrated = [
        {
            "file": f"calibrated/{name}",
            "source": name,
            "fwhm": FWHM[name],
            "masters": [],
            "sky": 100.0,
            "unit": "adu",
        }
        for name in names
    ]
    shifts = [
        {"source": one["file"], "dx": 4.0, "dy": -3.0, "rotation": 0.0, "scale": 1.0} for one in calibrated
    ]
    combined = {
        "file": "combined/field.fits",
        "inputs": [one["file"] for one in calibrated],
        "shifts": shifts,
    }
    for frame in frames:
        frame["shape"] = [60, 80]
    for number, one in enumerate([*calibrated, combined]):
        keep_facts(sky(100.0, seed=number), output, one["file"])
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "linked":
            patch.setattr("ccdfx.night.report.pictures.large_pictures.__kwdefaults__", {"embedded": 0})
        write_report({"frames": frames, "calibrated": calibrated, "combined": [combined]}, output)
    return output


@pytest.fixture
def opened(browser: Any, night: Path) -> Any:
    browser.get((night / "report.html").as_uri())
    return browser


def find(browser: Any, selector: str) -> list[Any]:
    return list(browser.find_elements("css selector", selector))


def widths(browser: Any) -> list[str]:
    rows = find(browser, "table.exposures tbody tr")
    return [
        row.find_element("css selector", "td[data-label='FWHM [pix]']").text
        for row in rows
        if row.is_displayed()
    ]


def test_a_column_is_sorted_as_numbers_and_unknown_values_are_last(opened: Any) -> None:
    assert widths(opened) == ["3.20", "–", "11.50", "2.75"]  # by time
    (button,) = (
        one for one in find(opened, "table.exposures thead button") if one.text.startswith("FWHM [pix]")
    )
    button.click()
    assert widths(opened) == ["2.75", "3.20", "11.50", "–"]
    button.click()
    assert widths(opened) == ["11.50", "3.20", "2.75", "–"]
    head = button.find_element("xpath", "..")
    assert head.get_attribute("aria-sort") == "descending"


def test_rows_are_filtered_by_all_words(opened: Any) -> None:
    field = find(opened, "#exposures input[type=search]")[0]
    field.send_keys("11.50 C.FITS")
    assert widths(opened) == ["11.50"]
    assert find(opened, "#exposures output")[0].text == "1 of 4"
    field.clear()
    field.send_keys("nothing of the kind")
    assert widths(opened) == []


def test_pictures_are_enlarged_and_blink(opened: Any) -> None:
    def shown() -> list[str]:
        layers = find(opened, "dialog .layer")
        buttons = find(opened, "dialog .views button")
        return [
            button.text
            for layer, button in zip(layers, buttons, strict=True)
            if layer.value_of_css_property("visibility") == "visible"
        ]

    find(opened, "a[data-file='calibrated/a.fits']")[0].click()
    assert [one.text for one in find(opened, "dialog .views button")] == ["raw", "calibrated", "combined"]
    assert shown() == ["calibrated"]
    images = find(opened, "dialog .layer img")
    widths_of = [opened.execute_script("return arguments[0].naturalWidth", image) for image in images]
    assert len(images) == 5 and all(
        width == 80 for width in widths_of
    )  # the pictures are there, two have flags
    find(opened, "dialog .views button")[0].click()
    assert shown() == ["raw"]
    blink, flags = find(opened, "dialog .views input")
    blink.click()
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait(opened, 10, poll_frequency=0.05)
    seen = {
        wait.until(lambda _, name=name: name in shown() and name)
        for name in ("calibrated", "combined", "raw")
    }
    assert seen == {"raw", "calibrated", "combined"}
    moved = opened.execute_script("return document.querySelectorAll('dialog .layer')[2].style.transform")
    assert moved.endswith("translate(-5%, -5%)")
    flags.click()
    assert all(
        image.value_of_css_property("visibility") == "hidden"
        for image in find(opened, "dialog .layer img.flags")
    )
    find(opened, "dialog .close")[0].click()
    assert not find(opened, "dialog")[0].is_displayed()


def test_a_turned_frame_lies_on_its_combined_image(browser: Any, tmp_path: Path) -> None:
    """Where the page draws each place of the combined image is where the frame shows it, by the transform measured."""
    transform = Transform(((-0.9, -0.5), (-0.5, 0.9)), (70.0, 12.0))  # turned and mirrored
    known = displacement_facts(transform, (60, 80))
    assert known["flipped"] and abs(known["rotation"]) > 20
    one = {"file": "calibrated/t.fits", "source": "t.fits", "masters": []}
    combined = {
        "file": "combined/t.fits",
        "inputs": [one["file"]],
        "shifts": [{"source": one["file"], **known}],
    }
    for product in (one, combined):
        keep_facts(sky(100.0), tmp_path, product["file"])
    frame = {"file": "t.fits", "kind": "science", "shape": [60, 80], "used": True}
    write_report({"frames": [frame], "calibrated": [one], "combined": [combined]}, tmp_path)
    browser.get((tmp_path / "report.html").as_uri())
    find(browser, "a[data-file='calibrated/t.fits']")[0].click()
    matrix = browser.execute_script(
        "const layer = [...document.querySelectorAll('dialog .layer')].at(-1), css = getComputedStyle(layer);"
        "const m = new DOMMatrix(css.transform); return [m.a, m.b, m.c, m.d, m.e, m.f, layer.offsetWidth / 80]"
    )
    a, b, c, d, e, f, size = matrix
    places = np.array([[0.0, 0.0], [79.0, 0.0], [20.0, 50.0]])  # in the combined image
    middle = np.array([39.5, 29.5])
    x, y = size * (places - middle).T * np.array([[1.0], [-1.0]])  # on the screen, from the middle
    drawn = np.column_stack([a * x + c * y + e, -(b * x + d * y + f)]) / size + middle
    assert np.abs(drawn - transform.inverse().apply(places)).max() < 0.2
    shifts = find(browser, "#combined table")[-1].text
    assert "mirrored" in shifts and "Rotation" in shifts


def test_text_of_headers_does_not_run_and_nothing_is_refused(opened: Any) -> None:
    assert opened.title != "run" and "script" in find(opened, "table.exposures")[0].text
    assert not [entry for entry in opened.get_log("browser") if "Content Security Policy" in entry["message"]]
    added = "const one = document.createElement('script'); one.textContent = 'document.title = \"run\"'; "
    opened.execute_script(added + "document.body.append(one);")
    assert opened.title != "run"
    assert [entry for entry in opened.get_log("browser") if "Content Security Policy" in entry["message"]]


def test_it_is_as_wide_as_a_telephone(opened: Any) -> None:
    size = opened.get_window_size()
    try:
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        assert opened.execute_script("return document.documentElement.scrollWidth") <= 390
        assert widths(opened)[0].endswith("3.20")
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        opened.set_window_size(size["width"], size["height"])
