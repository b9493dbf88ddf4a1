"""`ccdfx reduce` and `ccdfx demo`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from astropy.io import fits

import ccdfx
from ccdfx.engines import DEFAULT_MEMORY, current_engine
from ccdfx.errors import ArgumentError


@pytest.mark.quick
def test_dry_run_prints_the_plan_and_writes_nothing(run, night: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run("reduce", night, "-o", output, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "masters/bias.fits: 4 bias frames" in result.stdout and "└── " in result.stdout
    assert result.stderr == "" and not output.exists()
    planned = json.loads(run("reduce", night, "-o", output, "--dry-run", "--json").stdout)
    assert len(planned["frames"]) == len(list(night.glob("*.fits"))) and planned["plan"][0]["children"]


def test_a_night_is_reduced(run, night: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = run("reduce", night, "-o", output)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    facts = json.loads((output / "night.json").read_text())
    total = len(list(night.glob("*.fits")))
    masters = len(facts["masters"])
    assert (
        f"{total} of {total} frames used: {masters} masters, 2 calibrated frames, 1 combined image"
        in result.stderr
    )
    assert masters > 0 and (len(facts["calibrated"]), len(facts["combined"])) == (2, 1)
    for kind in ("masters", "calibrated", "combined"):
        for product in facts[kind]:
            assert ccdfx.read(output / product["file"]).header.history
    assert (output / "report.html").stat().st_size > 1000

    before = products(output)
    assert run("reduce", night, "-o", output, "-q").exit_code == 0
    assert run("reduce", night, "-o", output, "--overwrite", "-q", "--json").exit_code == 0
    assert products(output) == before


@pytest.mark.parametrize("options", [(), ("--overwrite",), ("--dry-run",)])
def test_a_file_of_others_ends_the_run_with_status_4(run, night: Path, tmp_path: Path, options) -> None:
    planned = json.loads(run("reduce", night, "-o", tmp_path / "out", "--dry-run", "--json").stdout)
    file = next(word for word in re.findall(r"combined/[\w.-]+\.fits", json.dumps(planned["plan"])))
    mine = tmp_path / "out" / file
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = run("reduce", night, "-o", tmp_path / "out", *options)
    assert result.exit_code == 4 and file in result.stderr and "not made by ccdfx" in result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
    assert mine.read_text() == "mine" and list((tmp_path / "out").iterdir()) == [mine.parent]


def test_facts_as_json_go_to_stdout(run, night: Path, tmp_path: Path) -> None:
    result = run("reduce", night, "-o", tmp_path / "out", "--json", "-v")
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "night.json").read_text())
    assert re.search(r"^4/\d+ masters/bias\.fits$", result.stderr, re.MULTILINE)


def products(output: Path) -> dict[str, bytes]:
    """Return the bytes of the images that a reduction has written, by their file."""
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*.fits")}


def test_threads_and_memory_change_nothing(run, night: Path, tmp_path: Path) -> None:
    made = []
    for name, options in (("one", ("--threads", 1)), ("two", ("--threads", 2, "--memory", 1))):
        result = run("reduce", night, "-o", tmp_path / name, *options)
        assert result.exit_code == 0, result.stderr
        made.append((products(tmp_path / name), (tmp_path / name / "night.json").read_bytes()))
    assert len(made[0][0]) > 4 and made[0] == made[1]


@pytest.mark.parametrize(
    ("command", "options", "engine"),
    [
        ("reduce", ("--threads", 3, "--memory", 7), (3, 7 * 2**20)),
        ("demo", ("--threads", 3, "--memory", 7), (3, 7 * 2**20)),
        ("reduce", ("--engine", "threads", "--threads", 3), (3, DEFAULT_MEMORY)),
    ],
)
def test_a_night_is_reduced_on_the_engine_that_was_asked_for(
    run, night: Path, tmp_path: Path, monkeypatch, command: str, options: tuple, engine: tuple[int, int]
) -> None:
    found = []

    def note(*_arguments: object, **_options: object) -> None:
        found.append((current_engine().threads, current_engine().memory))
        raise ArgumentError("night", "ends here", remedy="none")

    monkeypatch.setattr("ccdfx.night.run.scan", note)
    run(*(("reduce", night) if command == "reduce" else ("demo",)), "-o", tmp_path / "out", *options)
    assert found == [engine]


@pytest.mark.parametrize("command", ["reduce", "demo", "noise"])
@pytest.mark.parametrize("option", ["--threads", "--memory"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_wrong_threads_and_memory_are_usage_errors(
    run, tmp_path: Path, command: str, option: str, value: str
) -> None:
    words = {"reduce": (tmp_path, "-o", tmp_path / "out"), "demo": (), "noise": (tmp_path, tmp_path)}
    result = run(command, *words[command], option, value)
    assert result.exit_code == 2 and option in result.stderr and value in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture
def damaged(night: Path, tmp_path: Path) -> Path:
    """The night with one frame cut short."""
    copy = tmp_path / "damaged"
    shutil.copytree(night, copy)
    victim = sorted(copy.glob("*flat*"))[0]
    victim.write_bytes(victim.read_bytes()[:9000])
    return copy


def test_a_broken_frame_is_listed_and_the_rest_goes_on(run, damaged: Path, tmp_path: Path) -> None:
    result = run("reduce", damaged, "-o", tmp_path / "out", "-q")
    assert result.exit_code == 1
    assert result.stderr.startswith("failed: ") and "flat" in result.stderr and result.stderr.count("\n") == 1
    facts = json.loads((tmp_path / "out" / "night.json").read_text())
    assert sum(frame["problem"] is not None for frame in facts["frames"]) == 1
    assert len(facts["calibrated"]) == 2


def test_a_lost_product_is_said_however_quiet(run, night: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[bias]\nreject = { name = "minmax", low = 3, high = 3 }\n')
    reason = "masters/bias.fits could not be made: minmax: must leave at least one of 4 frames"
    quiet = run("reduce", night, "-o", tmp_path / "quiet", "--recipe", recipe, "-q")
    assert quiet.exit_code == 1 and quiet.stderr.startswith(f"failed: {reason}") and quiet.stdout == ""
    assert quiet.stderr.count("\n") == 1
    loud = run("reduce", night, "-o", tmp_path / "loud", "--recipe", recipe)
    assert loud.exit_code == 1 and loud.stderr.count(reason) == 1
    facts = json.loads((tmp_path / "quiet" / "night.json").read_text())
    (lost,) = facts["lost"]
    assert lost["file"] == "masters/bias.fits" and lost["problem"].startswith("minmax: must leave")


def test_a_night_of_nothing_is_said_however_quiet(run, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    result = run("reduce", tmp_path / "raw", "-o", tmp_path / "out", "-q")
    assert result.exit_code == 3
    assert result.stderr == f"ccdfx: error: {tmp_path / 'raw'}: holds no frame that can be reduced\n"
    planned = run("reduce", tmp_path / "raw", "-o", tmp_path / "dry", "-q", "--dry-run")
    assert (planned.exit_code, planned.stderr) == (3, result.stderr)


@pytest.mark.parametrize("command", ["reduce", "demo"])
@pytest.mark.parametrize("name", ["", " "])
def test_an_output_without_a_name_is_refused(
    run, night: Path, tmp_path: Path, monkeypatch, command: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*(("reduce", night) if command == "reduce" else ("demo",)), "-o", name)
    assert result.exit_code == 2 and f"{name!r} is no name" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_demo_that_has_no_place_is_said_with_what_to_do(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = run("demo", "-o", tmp_path / "file" / "demo")
    assert result.exit_code == 1 and "file/demo/night: cannot be made: " in result.stderr
    assert "give an output that can be written" in result.stderr


def test_nothing_usable_is_status_3(run, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.fits").write_bytes(b"nothing")
    assert run("reduce", tmp_path / "raw", "-o", tmp_path / "out").exit_code == 3
    assert run("reduce", tmp_path / "raw", "-o", tmp_path / "out2", "--dry-run").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--instrument", "nikkel"), "must be one of"),
        (("--instrument", "absent.toml"), "absent.toml"),
        (("--recipe", "absent.toml"), "absent.toml"),
        (("--no-such",), "No such option"),
    ],
)
def test_wrong_usage_is_status_2(run, night: Path, tmp_path: Path, arguments, words: str) -> None:
    result = run("reduce", night, "-o", tmp_path / "out", *arguments)
    assert result.exit_code == 2 and words in result.stderr and not (tmp_path / "out").exists()


def test_a_wrong_recipe_is_status_2(run, night: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[dark]\nscael = true\n")
    result = run("reduce", night, "-o", tmp_path / "out", "--recipe", recipe)
    assert result.exit_code == 2 and "did you mean 'scale'" in result.stderr
    recipe.write_text("[[step]]\nuse = 'trim'\n")
    result = run("reduce", night, "-o", tmp_path / "out", "--recipe", recipe)
    assert result.exit_code == 2 and "apply it with ccdfx run" in result.stderr


def test_a_recipe_whose_steps_are_not_there_is_status_2(run, night: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[science]\nsteps = "gone.toml"\n')
    result = run("reduce", night, "-o", tmp_path / "out", "--recipe", tmp_path / "mine.toml")
    assert result.exit_code == 2 and "gone.toml" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_recipe_and_an_instrument_are_used(run, night: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[combine]\nuse = false\n")
    name = json.loads(run("scan", night, "--json").stdout)[0]["instrument"]
    result = run("reduce", night, "-o", tmp_path / "out", "--recipe", recipe, "--instrument", name)
    assert result.exit_code == 0, result.stderr
    facts = json.loads((tmp_path / "out" / "night.json").read_text())
    assert facts["combined"] == [] and facts["instrument"] == name


@pytest.mark.parametrize("output", [".", "sub"])
def test_the_raw_frames_cannot_be_the_output(run, night: Path, tmp_path: Path, output: str) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(night, raw)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    result = run("reduce", raw, "-o", raw / output, "--overwrite")
    assert result.exit_code == (2 if output == "." else 0)
    assert {path.name: path.read_bytes() for path in raw.iterdir() if path.is_file()} == before


@pytest.mark.slow
def test_demo_agrees_with_its_truth(run, tmp_path: Path) -> None:
    result = run("demo", "-o", tmp_path / "demo", "--seed", "2")
    assert result.exit_code == 0, result.stderr
    assert "DISAGREES" not in result.stdout and "bias level" in result.stdout and "agree" in result.stderr
    assert (tmp_path / "demo" / "reduced" / "report.html").exists()
    assert run("demo", "-o", tmp_path / "demo").exit_code == 4


def test_demo_fails_when_a_result_disagrees(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ccdfx.demo import run as demo
    from ccdfx.demo.checks import Check

    checks = (Check("bias level", "ADU", 0.0, 0.1, 0.5), Check("flat error", "%", 0.0, 9.0, 0.5))
    made = demo.DemoResult(tmp_path, tmp_path, tmp_path / "report.html", (), checks)
    monkeypatch.setattr(demo, "run_demo", lambda output, **options: made)
    result = run("demo")
    assert result.exit_code == 1
    assert "agrees" in result.stdout.splitlines()[1] and "DISAGREES" in result.stdout.splitlines()[2]
    assert "1 of 2 results disagree" in result.stderr and "flat error" in result.stderr
    verdicts = [entry["verdict"] for entry in json.loads(run("demo", "--json").stdout)]
    assert verdicts == ["agrees", "DISAGREES"]


def test_science_that_nothing_fits_is_named_with_the_reason(run, night: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for path in sorted(night.glob("*field*"))[:2]:
        with fits.open(path) as hdus:
            del hdus[0].header["BIASSEC"]
            hdus.writeto(tmp_path / "raw" / path.name)
    result = run("reduce", tmp_path / "raw", "-o", tmp_path / "out", "-q")
    assert result.exit_code == 3
    assert result.stderr.count("not used: ") == 1
    assert all(path.name in result.stderr for path in (tmp_path / "raw").iterdir())


def test_the_camera_is_said(run, night: Path, tmp_path: Path) -> None:
    result = run("reduce", night, "-o", tmp_path / "out")
    assert re.search(
        r"^iraf, .*: gain 1\.6 e-/ADU \(header\), read noise 5 e- \(header\)$", result.stderr, re.M
    )


@pytest.mark.quick
def test_demo_says_where_everything_is(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ccdfx.demo import run as demo

    made = demo.DemoResult(
        tmp_path / "night",
        tmp_path / "reduced",
        tmp_path / "r.html",
        (tmp_path / "pictures" / "raw.png",),
        (),
    )
    monkeypatch.setattr(demo, "run_demo", lambda *_, **__: made)
    said = run("demo", "-o", tmp_path).stderr
    assert f"report: {tmp_path / 'r.html'}" in said and f"pictures: {tmp_path / 'pictures'}" in said


def test_frames_that_iraf_reduced_are_refused_once_unless_asked(run, night: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(night, raw)
    flats = sorted(path for path in raw.glob("*.fits") if "flat" in fits.getval(path, "IMAGETYP").lower())
    for i, path in enumerate(flats):
        fits.setval(path, "ZEROCOR", value=f"Nov 30 12:0{i} Zero level correction image is Zero")
    result = run("reduce", raw, "-o", tmp_path / "out")
    lines = [line for line in result.stderr.splitlines() if "ZEROCOR" in line and line.startswith("failed")]
    assert result.exit_code == 1 and len(lines) == 1 and len(flats) > 1
    assert "Zero level correction image is Zero" in lines[0] and "--again" in lines[0]
    forced = run("reduce", raw, "-o", tmp_path / "forced", "--again")
    assert "ZEROCOR" not in forced.stderr, forced.stderr
    (flat,) = (tmp_path / "forced/masters").glob("flat_*")
    assert "again=True" in "".join(ccdfx.read(flat).header.history)
    assert "problem" in run("scan", raw).stderr and "ZEROCOR" not in run("scan", raw, "--again").stdout
