# Written by docs/reference/write.py from the table in __init__.py.
from ccdfx.testing.conformance import Case as Case
from ccdfx.testing.conformance import Conformance as Conformance
from ccdfx.testing.conformance import check_command as check_command
from ccdfx.testing.conformance import check_engine as check_engine
from ccdfx.testing.conformance import check_format as check_format
from ccdfx.testing.conformance import check_instrument as check_instrument
from ccdfx.testing.conformance import check_maker as check_maker
from ccdfx.testing.conformance import check_noise_model as check_noise_model
from ccdfx.testing.conformance import check_plugin as check_plugin
from ccdfx.testing.conformance import check_rejection as check_rejection
from ccdfx.testing.conformance import check_scaling as check_scaling
from ccdfx.testing.conformance import check_step as check_step
from ccdfx.testing.conformance import laws_of as laws_of
from ccdfx.testing.equality import assert_same_image as assert_same_image
from ccdfx.testing.laws import ConformanceError as ConformanceError
from ccdfx.testing.laws import Trial as Trial
from ccdfx.testing.strategies import fits_files as fits_files
from ccdfx.testing.strategies import headers as headers
from ccdfx.testing.strategies import images as images
from ccdfx.testing.strategies import masks as masks
from ccdfx.testing.strategies import ranges as ranges
from ccdfx.testing.strategies import recipes as recipes
from ccdfx.testing.strategies import stacks as stacks

__all__ = [
    "Case",
    "Conformance",
    "ConformanceError",
    "Trial",
    "assert_same_image",
    "check_command",
    "check_engine",
    "check_format",
    "check_instrument",
    "check_maker",
    "check_noise_model",
    "check_plugin",
    "check_rejection",
    "check_scaling",
    "check_step",
    "fits_files",
    "headers",
    "images",
    "laws_of",
    "masks",
    "ranges",
    "recipes",
    "stacks",
]
