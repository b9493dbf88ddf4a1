"""Where tests are: folders mirror the rooms, every module has a quick test, no file is long."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import ccdfx

ROOT = Path(ccdfx.__file__).parent
HERE = Path(__file__).parent
THEMES = {"faults", "oracles", "plugins", "properties"}
"""Folders of tests that belong to no room."""
MOST_LINES = 420
ALSO_RUN = {
    "cli/test_colour_commands.py::test_mosaics_are_split": "cli/split_colours cli/colour_files",
    "cli/test_colour_commands.py::test_mosaics_become_three_images": "cli/debayer",
    "cli/test_arithmetic_commands.py::test_arith_is_the_expression_of_the_images": "cli/arith",
    "cli/test_arithmetic_commands.py::test_run_applies_a_recipe_to_each_file_and_names_what_fails": "cli/run",
    "cli/test_arithmetic_commands.py::test_sources_are_counted_from_1_and_have_a_sky": "cli/sources",
    "cli/test_combine_command.py::test_it_combines_and_writes_where_everything_came_from": "cli/combine",
    "cli/test_drawing_commands.py::test_hist_writes_a_picture": "cli/hist",
    "cli/test_drawing_commands.py::test_inspect_prints_what_was_clicked": "cli/inspect",
    "cli/test_drawing_commands.py::test_mosaic_writes_a_picture": "cli/mosaic",
    "cli/test_drawing_commands.py::test_show_draws_what_its_options_say": "cli/show cli/picture_options",
    "cli/test_group.py::test_help_lists_every_built_in_command": "cli/builtin",
    "cli/test_looking_commands.py::test_plugins_lists_the_built_in_one_first": "cli/plugins",
    "cli/test_looking_commands.py::test_scan_lists_a_night": "cli/scan",
    "cli/test_looking_commands.py::test_stats_table_and_json_agree": "cli/stats",
    "cli/test_noise_and_convert.py::test_a_file_becomes_another": "cli/convert",
    "cli/test_noise_and_convert.py::test_it_measures_the_camera": "cli/noise cli/frame_options",
    "cli/test_processes.py::test_streams_and_statuses": "__main__",
    "cli/test_reduce_command.py::test_demo_says_where_everything_is": "cli/demo",
    "cli/test_reduce_command.py::test_dry_run_prints_the_plan_and_writes_nothing": "cli/reduce",
    "demo/test_demo.py::test_the_result_agrees_with_the_truth":
        "demo/checks demo/frame_checks demo/run demo/star_checks",
    "demo/test_simulate.py::test_bias_frames_have_the_level_structure_and_read_noise": "demo/detector",
    "demo/test_simulate.py::test_the_truth_comes_back_from_its_file": "demo/truth",
    "estimators/test_estimators.py::test_a_large_float_image_takes_the_sampled_way_to_the_same_numbers":
        "estimators/values",
    "faults/test_signals.py::test_a_signal_is_not_swallowed_where_python_swallows_exceptions": "cli/signals",
    "faults/test_tile_sizes.py::test_one_handle_reads_one_version": "io/fits/compressed/tiles",
    "io/fits/test_fits.py::test_blank_pixels_are_flagged_and_integers_stay": "io/fits/pixels",
    "io/fits/test_fits.py::test_compression_is_recognised_by_content": "io/content io/fits/format",
    "io/fits/test_fits.py::test_layout_cards_of_the_user_are_rebuilt": "io/fits/write",
    "io/fits/test_fits.py::test_planes": "io/fits/source",
    "io/fits/test_fits.py::test_the_first_image_is_the_default": "io/fits/hdus",
    "io/fits/test_fits.py::test_a_source_notices_that_its_file_was_replaced": "io/stamp",
    "io/test_formats.py::test_a_plugin_format_is_read_and_written": "io/source",
    "io/test_npz.py::test_a_broken_npz_is_refused": "io/npz_members",
    "io/test_update.py::test_all_other_bytes_stay": "io/fits/encode",
    "kernels/defects/test_medians.py::test_the_curvature_is_that_of_quartered_pixels":
        "kernels/defects/cosmic_rays",
    "kernels/image/test_statistics.py::test_block_table_is_its_twin": "kernels/image/blocks",
    "kernels/rules/test_rules.py::test_rules_equal_their_twin":
        "kernels/rules/gesd kernels/rules/linear_fit kernels/rules/survivors",
    "kernels/stack/test_plain.py::test_a_median_of_integers_is_that_of_floats_to_the_last_bit":
        "kernels/stack/strips kernels/stack/strip_rows",
    "kernels/stack/test_ranked.py::test_rules_equal_their_twin":
        "kernels/rules/centers kernels/rules/clipping kernels/rules/noise kernels/rules/ranks"
        " kernels/rules/sigma kernels/stack/averages kernels/stack/gather kernels/stack/lanes"
        " kernels/stack/rule",
    "kernels/stack/test_ranked.py::test_weights_never_enter_the_rejection": "kernels/stack/weighted_sums",
    "kernels/stack/test_sorting.py::test_an_ordered_sorter_says_where_each_value_comes_from":
        "kernels/compile/llvm",
    "night/instruments/test_instruments.py::test_two_equal_matches_are_an_error_that_names_both":
        "night/instruments/instrument",
    "night/instruments/test_instruments.py::test_shipped_instruments": "night/instruments/known",
    "night/test_run.py::test_a_whole_night": "night/products/stacking",
    "operations/calibration/test_calibrate.py::test_calibrate_takes_all_at_once":
        "operations/calibration/one_pass",
    "operations/calibration/test_calibrate.py::test_masters_come_as_image_array_or_master":
        "operations/calibration/masters",
    "operations/combining/test_combine.py::test_a_thousand_sigma_hit_in_one_of_five_goes_by_default":
        "operations/rejection/builtin",
    "operations/combining/test_combine.py::test_stack_and_combine_agree":
        "operations/combining/kernel_call operations/combining/plan",
    "operations/combining/test_frames.py::test_raw_pixels_of_either_byte_order_are_those_in_memory":
        "operations/combining/tile_reader kernels/stack/decode",
    "operations/combining/test_placement.py::test_an_intersection_is_what_all_have": "operations/combining/layout",
    "operations/pixels/test_bad_pixels.py::test_columns_and_pixels_are_found_between_dithered_stars":
        "operations/pixels/majority operations/pixels/sharpness",
    "operations/pixels/test_cosmic_rays.py::test_nonsense_is_refused": "operations/pixels/ray_search",
    "operations/registration/test_align.py::test_frames_and_words_that_do_not_fit_are_refused":
        "operations/registration/ways",
    "operations/combining/test_run.py::test_an_average_in_python": "operations/combining/by_function",
    "operations/combining/test_run.py::test_the_frames_that_were_rejected_are_known":
        "operations/combining/maps",
    "operations/registration/test_align.py::test_phase_measures_a_shift_from_structure_alone":
        "operations/registration/correlation operations/registration/refinement",
    "operations/registration/test_star_match.py::test_few_stars_prove_nothing":
        "operations/registration/star_list",
    "operations/registration/test_star_match.py::test_the_true_similarity_has_most_votes":
        "operations/registration/triangles",
    "operations/resampling/test_lazy.py::test_any_window_is_that_of_the_image_moved_in_memory": "operations/resampling/affine",
    "operations/resampling/test_shift.py::test_fill_bad_equals_its_twin": "kernels/image/bad_pixels",
    "operations/resampling/test_shift.py::test_separable_equals_its_twin": "kernels/image/resample",
    "operations/resampling/test_shift.py::test_the_weights_sum_to_one": "operations/resampling/taps",
    "operations/readouts/test_exposure.py::test_the_assembled_image_is_the_truth":
        "operations/readouts/corrections",
    "photometry/test_photometry.py::test_aperture_equals_its_twin": "kernels/sources/apertures",
    "photometry/test_photometry.py::test_local_maxima_equal_their_twin": "kernels/sources/maxima",
    "photometry/test_photometry.py::test_masked_pixels_are_no_sources": "photometry/detection",
    "operations/colour/test_debayer.py::test_the_sharp_method_is_that_of_the_paper": "kernels/image/debayer",
    "photometry/test_trails.py::test_stars_beside_a_trail_are_found_and_nothing_of_the_trail": "photometry/width",
    "plots/inspect/test_inspect.py::test_events_of_a_window_become_clicks_and_keys": "plots/inspect/window",
    "plots/test_image.py::test_a_window_is_drawn_at_its_place_in_the_parent_frame": "plots/axes",
    "plots/test_image.py::test_many_pixels_are_averaged_and_not_left_out": "plots/artist",
    "plots/test_image.py::test_the_current_pyplot_figure_is_left_alone": "plots/figures",
    "plugins/test_faulty_engines.py::test_a_faulty_engine_is_caught": "testing/kinds/engine_laws",
    "plugins/test_faulty_formats.py::test_a_faulty_format_is_caught":
        "testing/kinds/format_laws testing/kinds/format_files",
    "night/drafting/test_draft.py::test_a_draft_finds_what_is_true_and_reduces_the_frames":
        "night/drafting/pixels",
    "night/products/by_colour/test_colour_nights.py::test_a_night_becomes_three_images_that_lie_on_each_other":
        "night/grouping/combined night/products/by_colour/mosaics night/products/by_colour/planes",
    "night/raw/test_preparation.py::test_a_frame_is_flagged_levelled_and_trimmed": "night/raw/reading",
    "night/products/test_further.py::test_the_built_in_makers_come_by_the_hook": "night/makers",
    "night/spectra/test_calibrated.py::test_spectra_are_the_truth_with_their_lines_and_traces":
        "night/spectra/rays night/raw/reading",
    "plugins/test_faulty_objects.py::test_a_faulty_command_is_caught": "testing/kinds/command_laws",
    "plugins/test_faulty_objects.py::test_faulty_instruments_are_caught": "testing/kinds/instrument_laws",
    "plugins/test_faulty_rejections.py::test_limits_that_still_reject_at_infinity_are_caught":
        "testing/kinds/rejection_laws",
    "plugins/test_faulty_scalings.py::test_a_faulty_noise_model_is_caught": "testing/kinds/noise_laws",
    "plugins/test_faulty_scalings.py::test_a_faulty_scaling_is_caught": "testing/kinds/scaling_laws",
    "plugins/test_faulty_steps.py::test_the_example_is_small_and_in_the_words":
        "testing/kinds/step_laws testing/laws",
    "plugins/test_subtle_faults.py::test_what_the_wrong_ones_were_made_of_is_right":
        "testing/kinds/step_frames testing/kinds/step_probes",
    "plugins/test_faulty_updates.py::test_a_faulty_update_is_caught": "testing/kinds/update_laws",
    "plugins/test_new_plugin.py::test_the_new_package_has_names_of_its_own": "cli/template cli/template_kinds",
    "plugins/test_pytest_plugin.py::test_a_module_that_names_a_plugin_gets_the_whole_suite":
        "testing/pytest_plugin",
    "records/test_arithmetic.py::test_numbers_flags_and_errors_of_the_four_operations": "records/arithmetic/rules",
    "records/test_image.py::test_ccddata_both_ways": "records/exchange/ccddata",
    "records/test_image.py::test_it_shows_itself": "records/views/image",
    "test_registry.py::test_every_kind_has_built_in_records_under_their_own_names": "_builtins hookspecs",
}  # fmt: skip
"""The modules, besides that of the name of its file, of which a test is the quick one."""


def files() -> list[Path]:
    found = sorted(HERE.rglob("test_*.py"))
    assert len(found) > 80
    return found


def modules() -> list[str]:
    """The modules by their paths below ccdfx, without suffix: `io/fits/cards`."""
    paths = [path.relative_to(ROOT).with_suffix("").as_posix() for path in sorted(ROOT.rglob("*.py"))]
    found = [path for path in paths if not path.endswith("__init__")]
    assert len(found) > 150
    return found


@cache
def quick_tests(path: Path) -> frozenset[str]:
    """The tests of a file of which all parameters or some are marked as quick."""
    return frozenset(
        node.name
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any("pytest.mark.quick" in ast.unparse(decorator) for decorator in node.decorator_list)
    )


def has_examples(module: str) -> bool:
    """Whether a module has examples; tests/conftest.py marks these as quick."""
    return ">>> " in (ROOT / f"{module}.py").read_text(encoding="utf-8")


def test_folders_mirror_the_rooms() -> None:
    rooms = {path.parent.relative_to(ROOT) for path in ROOT.rglob("__init__.py")}
    folders = {path.parent.relative_to(HERE) for path in files()}
    assert folders - rooms == {Path(theme) for theme in THEMES}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(HERE).as_posix())
def test_a_file_named_after_a_module_is_in_the_folder_of_that_module(path: Path) -> None:
    folder = path.relative_to(HERE).parent
    room = folder.parts[0] if folder.parts else ""
    homes = {home.parent.relative_to(ROOT) for home in (ROOT / room).rglob(f"{path.stem[5:]}.py")}
    assert not homes or folder in homes, f"there is a module of this name in {', '.join(map(str, homes))}"


def test_no_file_is_long() -> None:
    plugins = sorted(HERE.parent.glob("plugins/*/tests/test_*.py"))
    assert len(plugins) > 10
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (*files(), *plugins)}
    assert not {path: count for path, count in lines.items() if count > MOST_LINES}


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_quick_test(module: str) -> None:
    folder, _, name = module.rpartition("/")
    own = HERE / folder / f"test_{name}.py"
    elsewhere = {also for several in ALSO_RUN.values() for also in several.split()}
    has_own = own.is_file() and quick_tests(own)
    assert has_own or has_examples(module) or module in elsewhere, (
        f"mark a test in {own} or another, or give examples"
    )


@pytest.mark.parametrize("test", ALSO_RUN)
def test_the_table_names_what_there_is(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in quick_tests(HERE / file)
    assert set(ALSO_RUN[test].split()) <= set(modules())
