# Written by docs/reference/write.py from the table in __init__.py.
from ccdfx.night.calibrators import Use as Use
from ccdfx.night.cameras.camera_noise import CameraNoise as CameraNoise
from ccdfx.night.drafting.draft import Draft as Draft
from ccdfx.night.given.master import GivenMaster as GivenMaster
from ccdfx.night.given.master import TakenPlan as TakenPlan
from ccdfx.night.graph.execute import Event as Event
from ccdfx.night.graph.product import Product as Product
from ccdfx.night.graph.product import Settings as Settings
from ccdfx.night.graph.record import Record as Record
from ccdfx.night.grouping.colours import ColourPlan as ColourPlan
from ccdfx.night.grouping.combined import CombinePlan as CombinePlan
from ccdfx.night.grouping.setup import Setup as Setup
from ccdfx.night.instruments.camera_settings import CameraSetting as CameraSetting
from ccdfx.night.instruments.camera_settings import Temperature as Temperature
from ccdfx.night.instruments.conditions import Condition as Condition
from ccdfx.night.instruments.corrections import Correction as Correction
from ccdfx.night.instruments.header_facts import Known as Known
from ccdfx.night.instruments.instrument import BadPixels as BadPixels
from ccdfx.night.instruments.output import Output as Output
from ccdfx.night.instruments.readouts.described import DescribedReadout as DescribedReadout
from ccdfx.night.instruments.readouts.laws import Crosstalk as Crosstalk
from ccdfx.night.instruments.readouts.laws import LinearityLaw as LinearityLaw
from ccdfx.night.instruments.sections import Fixed as Fixed
from ccdfx.night.instruments.sections import Inside as Inside
from ccdfx.night.instruments.sections import Named as Named
from ccdfx.night.instruments.sections import Strip as Strip
from ccdfx.night.instruments.spectra import SpectrumRule as SpectrumRule
from ccdfx.night.plan import MasterPlan as MasterPlan
from ccdfx.night.plan import SciencePlan as SciencePlan
from ccdfx.night.settings.choices import BadPixelChoice as BadPixelChoice
from ccdfx.night.settings.choices import BiasChoice as BiasChoice
from ccdfx.night.settings.choices import ColourChoice as ColourChoice
from ccdfx.night.settings.choices import CombineChoice as CombineChoice
from ccdfx.night.settings.choices import CosmicRayChoice as CosmicRayChoice
from ccdfx.night.settings.choices import DarkChoice as DarkChoice
from ccdfx.night.settings.choices import FlatChoice as FlatChoice
from ccdfx.night.settings.choices import MastersChoice as MastersChoice
from ccdfx.night.settings.choices import NoiseChoice as NoiseChoice
from ccdfx.night.settings.choices import OverscanChoice as OverscanChoice
from ccdfx.night.settings.choices import ReadChoice as ReadChoice
from ccdfx.night.settings.choices import ScienceChoice as ScienceChoice
from ccdfx.night.settings.choices import SelectChoice as SelectChoice
from ccdfx.night.settings.choices import SetupChoice as SetupChoice
from ccdfx.night.settings.choices import StackChoice as StackChoice
from ccdfx.night.summary import night_schema as night_schema

__all__ = [
    "BadPixelChoice",
    "BadPixels",
    "BiasChoice",
    "CameraNoise",
    "CameraSetting",
    "ColourChoice",
    "ColourPlan",
    "CombineChoice",
    "CombinePlan",
    "Condition",
    "Correction",
    "CosmicRayChoice",
    "Crosstalk",
    "DarkChoice",
    "DescribedReadout",
    "Draft",
    "Event",
    "Fixed",
    "FlatChoice",
    "GivenMaster",
    "Inside",
    "Known",
    "LinearityLaw",
    "MasterPlan",
    "MastersChoice",
    "Named",
    "NoiseChoice",
    "Output",
    "OverscanChoice",
    "Product",
    "ReadChoice",
    "Record",
    "ScienceChoice",
    "SciencePlan",
    "SelectChoice",
    "Settings",
    "Setup",
    "SetupChoice",
    "SpectrumRule",
    "StackChoice",
    "Strip",
    "TakenPlan",
    "Temperature",
    "Use",
    "night_schema",
]
