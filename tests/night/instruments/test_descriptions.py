"""The instrument files of ccdfx: where they are, and what they make of the headers of their cameras."""

from __future__ import annotations

from pathlib import Path

import pytest

import ccdfx
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import builtin_instruments
from ccdfx.records.header import Header

ROOT = Path(ccdfx.__file__).parents[1]
SHAPE = {"NAXIS": 2, "NAXIS1": 96, "NAXIS2": 64}
ING = {
    "EXPTIME": 10.0,
    "DATE-OBS": "2015-01-02",
    "UT": "23:59:58",
    "CCDXBIN": 2,
    "CCDYBIN": 1,
    "GAIN": 1.5,
    "READNOIS": 4.0,
}
ESO = {
    "EXPTIME": 10.0, "ESO DPR CATG": "SCIENCE", "ESO DPR TYPE": "OBJECT", "ESO DPR TECH": "IMAGE", "ESO DET OUTPUTS": 1,
    "ESO DET OUT1 CONAD": 1.5, "ESO DET OUT1 RON": 4.0, "ESO DET WIN1 BINX": 2, "ESO DET WIN1 BINY": 2,
    "ESO DET OUT1 X": 2048, "ESO DET OUT1 NX": 90, "ESO DET OUT1 PRSCX": 6, "ESO DET OUT1 OVSCY": 3,
}  # fmt: skip
LOIS = {
    "EXPTIME": 10.0, "DATE-OBS": "2019-03-26", "UTCSTART": "01:04:25.00", "OBJECT": "field", "OBJNAME": "M 13", "NUMAMP": 1,
    "CCDSUM": "3 3", "AGAIN_01": 4.95, "ARDNS_01": 9.3, "BIASSEC": "[89:96,1:64]", "TRIMSEC": "[9:80,1:64]",
}  # fmt: skip
CMOS = {
    "EXPTIME": 10.0,
    "GAIN": 120,
    "OFFSET": 30,
    "XBINNING": 1,
    "YBINNING": 1,
    "DATE-OBS": "2020-01-01T20:00:00",
}
HEADERS = [
    # instrument, cards, and what they become
    ("acam", {**ING, "INSTRUME": "ACAM", "IMAGETYP": "object", "ACAMWH1": "CLEAR", "ACAMWH2": "SlnR", "ACAMDISP": "NONE"},
     {"kind": "science", "filter": "SlnR", "gain": 1.5, "readnoise": 4.0, "date": "2015-01-02T23:59:58", "binning": (2, 1)}),
    ("acam", {**ING, "INSTRUME": "ACAM", "IMAGETYP": "sky", "ACAMWH1": "CLEAR", "ACAMWH2": "SlnR"}, {"kind": "flat"}),
    ("acam", {**ING, "INSTRUME": "ACAM", "IMAGETYP": "object", "ACAMDISP": "VPH400"},
     {"kind": "science", "filter": "VPH400", "dispersion": "unknown"}),
    ("alfosc", {"INSTRUME": "ALFOSC_FASU", "NAXIS1": 2148, "NAXIS2": 2102, "IMAGETYP": "FLAT,SKY", "EXPTIME": 2.0,
                "ALFLTNM": "Open", "FAFLTNM": "R_Bes 650_130", "FBFLTNM": "Open", "GAIN": 0.16, "RDNOISE": 4.3, "DETXBIN": 1, "DETYBIN": 1},
     {"kind": "flat", "filter": "R_Bes 650_130", "gain": 0.16, "overscan": "[4:49,1:2102]", "data": "[51:2098,1:2052]"}),
    ("alfosc_window", {"INSTRUME": "ALFOSC_FASU", "IMAGETYP": "OBJECT", "EXPTIME": 2.0, "ALGRNM": "Open", "GAIN": 0.16,
                       "ALFLTNM": "Open", "FAFLTNM": "Open", "FBFLTNM": "ND1"}, {"kind": "science", "filter": "ND1"}),
    ("alfosc_window", {"INSTRUME": "ALFOSC_FASU", "IMAGETYP": "OBJECT", "EXPTIME": 2.0, "DETXBIN": 2, "DETYBIN": 2}, {"problem": "prescan"}),
    ("apt", {**CMOS, "SWCREATE": "Astro Photography Tool - APT v.3.54.1", "SBSTDVER": "SBFITSEXT Version 1.0",
             "IMAGETYP": "Light Frame", "EGAIN": 1.002}, {"kind": "science", "gain": 1.002}),
    ("asiair", {**CMOS, "CREATOR": "ZWO ASIAIR Plus", "IMAGETYP": "Light", "FILTER": "Ha"},
     {"kind": "science", "gain": None, "filter": "Ha"}),
    ("capture", {**CMOS, "FRAME": "Flat Field", "FILTER": "R"}, {"kind": "flat", "filter": "R"}),
    ("dbsp", {"FPA": "DBSP_BLUE", "IMGTYPE": "flat", "EXPTIME": 4.0, "GRATING": "600/4000", "DICHROIC": "D55", "CCDSUM": "1 1",
              "UTSHUT": "2021-01-01T03:00:00", "TSEC1": "[1:80,1:64]", "BSEC1": "[81:96,1:64]"},
     {"kind": "flat", "filter": "600/4000 + D55", "overscan": "[81:96,1:64]", "data": "[1:80,1:64]"}),
    ("decam", {"INSTRUME": "DECam", "OBSTYPE": "dome flat", "PROCTYPE": "raw", "EXPTIME": 10.0,
               "FILTER": "r DECam SDSS c0002 6415.0 1480.0"}, {"kind": "flat", "gain": None}),
    ("decam", {"INSTRUME": "DECam", "OBSTYPE": "object", "PROCTYPE": "InstCal", "EXPTIME": 10.0}, {"kind": "other"}),
    ("dwarflab", {"ORIGIN": "DWARFLAB", "INSTRUME": "DWARFII", "EXP": 15.0, "GAIN": 110, "BINNING": "2*2", "BAYERPAT": "GBRG"},
     {"problem": "no rule of instrument dwarflab says what the frame is", "binning": (2, 2)}),
    ("efosc", {**ESO, "INSTRUME": "EFOSC", "ESO INS FILT1 NAME": "R#642"},
     {"kind": "science", "filter": "R#642", "gain": 1.5, "readnoise": 4.0, "overscan": "[91:95,1:64]", "data": "[1:88,1:61]"}),
    ("efosc", {**ESO, "INSTRUME": "EFOSC", "ESO DPR CATG": "CALIB", "ESO DPR TYPE": "DARK", "EXPTIME": 0.0}, {"kind": "bias"}),
    ("efosc", {**ESO, "INSTRUME": "EFOSC", "ESO DPR TECH": "SPECTRUM", "ESO INS FILT1 NAME": "Free", "ESO INS GRIS1 NAME": "Gr#13",
               "ESO INS SLIT1 NAME": "slit#1.0"}, {"kind": "science", "filter": "Gr#13 + slit#1.0", "dispersion": "columns"}),
    ("esi", {"INSTRUME": "ESI: Echellette Spectrograph and Imager", "OBSTYPE": "DmFlat", "PRISMNAM": "out", "DWFILNAM": "R", "ELAPTIME": 5.0},
     {"kind": "flat", "filter": "R", "exptime": 5.0}),
    ("esi", {"INSTRUME": "ESI: Echellette Spectrograph and Imager", "OBSTYPE": "Object", "PRISMNAM": "in", "ELAPTIME": 5.0}, {"kind": "other"}),
    ("eso", {**ESO, "INSTRUME": "EFOSC", "ESO DET WIN1 BINX": 1, "ESO DET WIN1 BINY": 1}, {"kind": "science"}),
    ("folders", {"path": "/n/flats/a.fit", "INSTRUME": "Canon EOS 6D", "EXPTIME": 2.0, "ISOSPEED": 800, "BAYERPAT": "RGGB"},
     {"kind": "flat", "settings": ("sensitivity", "800")}),
    ("fors2", {**ESO, "INSTRUME": "FORS2", "ESO DPR TYPE": "FLAT,SKY", "ESO DET OUT1 X": 1, "ESO INS FILT1 NAME": "R_SPECIAL",
              "ESO INS FILT2 NAME": "free"},
     {"kind": "flat", "filter": "R_SPECIAL", "overscan": "[1:6,1:64]", "data": "[7:96,1:61]"}),
    ("gmos", {"INSTRUME": "GMOS-S", "OBSTYPE": "OBJECT", "OBJECT": "Twilight", "GRATING": "MIRROR", "EXPTIME": 5.0,
              "FILTER1": "open1-6", "FILTER2": "r_G0326", "CCDSUM": "2 2", "DATE-OBS": "2020-02-03", "UTSTART": "00:01:02.5"},
     {"kind": "flat", "filter": "r_G0326", "date": "2020-02-03T00:01:02.5"}),
    ("gmos", {"INSTRUME": "GMOS-N", "OBSTYPE": "OBJECT", "OBJECT": "M 13", "GRATING": "R400+_G5305", "EXPTIME": 5.0},
     {"kind": "science", "filter": "R400+_G5305", "dispersion": "rows"}),
    ("goodman", {"INSTRUME": "Goodman Spectro", "OBSTYPE": "OBJECT", "OBJECT": "dflat_r", "EXPTIME": 5.0, "GRATING": "<NO GRATING>",
                 "FILTER": "r-SDSS", "FILTER2": "<NO FILTER>", "GAIN": 1.48, "TRIMSEC": "[9:90,1:60]"},
     {"kind": "flat", "filter": "r-SDSS", "gain": 1.48, "data": "[9:90,1:60]", "dispersion": None}),
    ("goodman", {"INSTRUME": "ghts_red", "OBSTYPE": "SPECTRUM", "OBJECT": "HgArNe", "EXPTIME": 5.0, "GRATING": "400_SYZY", "WAVMODE": "400_M1"},
     {"kind": "arc", "dispersion": "rows"}),
    ("grond", {"INSTRUME": "GROND", "ESO DPR TYPE": "FLAT,SKY", "EXPTIME": 5.0, "FILTER": "g"}, {"kind": "flat", "filter": "g"}),
    ("grond", {"INSTRUME": "GROND", "ESO DPR TYPE": "OBJECT", "EXPTIME": 5.0, "NAXIS1": 3072}, {"problem": "J, H and K"}),
    ("indi", {**CMOS, "FRAME": "Light", "IMAGETYP": "Light Frame", "PIXSIZE1": 4.6, "ROWORDER": "TOP-DOWN"},
     {"kind": "science", "gain": None}),
    ("iraf", {**ING, "TELESCOP": "JKT", "IMAGETYP": "sky", "OBSTYPE": "SKY", "JAGFBAND": "V", "WINSEC2": "[0:0,0:0]"},
     {"kind": "flat", "filter": "V", "date": "2015-01-02T23:59:58", "binning": (2, 1)}),
    ("iraf", {"IMAGETYP": "Offset", "EXPTIME": "0 s", "GAIN": "2.0 e/ADU", "RDNOISE": "6.0 e-", "CCDTEMP": "-95.1 C", "FILTER": "None"},
     {"kind": "bias", "gain": 2.0, "readnoise": 6.0, "filter": None, "temperature": -95.1}),
    ("iraf", {"IMAGETYP": "object", "OBJNAME": "M 3", "EXPTIME": 9.0, "BSEC11": "[89:96,1:64]", "UTDATE": "2015/05/22", "UTSTART": "23:13:45"},
     {"kind": "science", "object": "M 3", "date": "2015-05-22T23:13:45", "doubts": "BSEC11 = '[89:96,1:64]' tells of an overscan"}),
    ("iraf", {"IMAGETYP": "object", "EXPTIME": 9.0, "TRIMSEC": "[9:96,1:64]"},
     {"kind": "science", "doubts": "8 columns outside of the exposed section [9:96,1:64] may be an overscan"}),
    ("iraf", {"IMAGETYP": "PLU", "EXPTIME": 9.0, "DATE-OBS": "02/03/24", "HBIN": 2, "VBIN": 2},
     {"kind": "flat", "date": None, "binning": (2, 2), "doubts": "a date of 1924"}),
    ("isis", {**ING, "INSTRUME": "ISIS", "IMAGETYP": "object", "CAGLAMPS": "CuNe+CuAr", "ISIARM": "Blue arm",
              "ISIGRAT": "R600B", "CENWAVE": 4499.6, "ISISLITW": 1.018},
     {"kind": "arc", "filter": "R600B + CENWAVE 4500 + ISISLITW 1.02", "dispersion": "columns", "settings": ("detector", "blue arm")}),
    ("lco", {"ORIGIN": "LCOGT", "INSTRUME": "sq34", "OBSTYPE": "SKYFLAT", "EXPTIME": 5.0, "FILTER": "rp", "CCDSUM": "1 1",
             "GAIN": 0.7, "RDNOISE": 3.2, "SATURATE": 46000.0, "BIASSEC": "N/A", "TRIMSEC": "[1:90,1:60]", "CONFMODE": "full_frame"},
     {"kind": "flat", "filter": "rp", "gain": 0.7, "saturation": 46000.0, "data": "[1:90,1:60]",
      "settings": ("read mode", "full_frame")}),
    ("lco", {"ORIGIN": "LCOGT", "INSTRUME": "en06", "OBSTYPE": "LAMPFLAT", "EXPTIME": 5.0}, {"kind": "other"}),
    ("lmi", {**LOIS, "INSTRUME": "LMI", "OBSTYPE": "SKY FLAT", "FILTERS": "R"}, {"kind": "flat", "filter": "R"}),
    ("magellan", {"SITENAME": "LCO", "INSTRUME": "LDSS3-Two", "EXPTYPE": "Object", "EXPTIME": 9.0, "EGAIN": 0.75, "ENOISE": 4.07,
                  "FILENAME": "ccd4048c2", "BIASSEC": "[81:96,10:20]", "DATE-OBS": "2008-05-02", "UT-TIME": "02:36:50", "BINNING": "1x1"},
     {"kind": "science", "gain": 0.75, "overscan": "[81:96,1:64]", "data": "[1:80,1:64]", "settings": ("output", "2")}),
    ("nasa42", {**LOIS, "LCAMMOD": "nasa42", "OBSTYPE": "OBJECT", "IMAGETYP": "OBJECT", "FILTNAME": "VR"},
     {"kind": "science", "filter": "VR", "object": "M 13", "gain": 4.95, "readnoise": 9.3, "date": "2019-03-26T01:04:25.00"}),
    ("nina", {**CMOS, "SWCREATE": "N.I.N.A. 3.1.2.9001", "IMAGETYP": "DARKFLAT", "EGAIN": 0.25}, {"kind": "dark", "gain": 0.25}),
    ("nina", {**CMOS, "SWCREATE": "N.I.N.A. 3.1.2.9001", "IMAGETYP": "SNAPSHOT"}, {"kind": "other"}),
    ("noao", {"INSTRUME": "Y4KCam", "IMAGETYP": "zero", "EXPTIME": 0.0, "DATE-OBS": "2010-01-02", "TIME-OBS": "03:04:05"},
     {"kind": "bias", "date": "2010-01-02T03:04:05"}),
    ("noao", {"INSTRUME": "hdi", "OBSTYPE": "SKY FLAT", "EXPTIME": 3.0, "FILTER1": "u", "CCDBIN1": 1, "CCDBIN2": 1, "GAIN": 1.3},
     {"kind": "flat", "filter": "u", "gain": 1.3}),
    ("obstype", {"EXPTYPE": "Object", "EXPTIME": 9.0, "EGAIN": 1.6, "ENOISE": 5.0, "DATE-OBS": "2021-03-04", "UT-TIME": "01:02:03",
                 "BIASSEC": "[81:96,1:64]", "DATASEC": "[1:80,1:64]", "BINNING": "1x1"},
     {"kind": "science", "gain": 1.6, "readnoise": 5.0, "overscan": "[81:96,1:64]", "date": "2021-03-04T01:02:03"}),
    ("obstype", {"DATA-TYP": "proj flat ( 2 )", "ITIME": 20, "DATE-OBS": "15/02/1985", "UT": "11:23:13"},
     {"kind": "flat", "exptime": 20.0, "date": "1985-02-15T11:23:13"}),
    ("obstype", {"IMGTYPE": "BIAS", "EXPTIME": 0.0}, {"kind": "bias"}),
    ("obstype", {"OBSTYPE": "OBJECT", "EXPTIME": 0.0}, {"kind": "science", "problem": "exposure time: must be above 0 in a science frame"}),
    ("obstype", {"IMTYPE": "CONTBARS", "EXPTIME": 6.0}, {"kind": "other"}),
    ("obstype", {"OBSTYPE": "Line", "ELAPTIME": 6.0, "BINNING": "1, 2"}, {"kind": "arc", "exptime": 6.0, "binning": (1, 2)}),
    ("obstype", {"OBSTYPE": "SPECTRUM", "EXPTIME": 6.0, "GRATING": "400_SYZY", "FILTER": "<NO FILTER>", "FILTER2": "GG455", "SLIT": '1.0" long slit'},
     {"kind": "science", "filter": 'GG455 + 400_SYZY + 1.0" long slit', "dispersion": "unknown"}),
    ("obstype", {"OBSTYPE": "OBJECT", "EXPTIME": 6.0, "GRATING": "<NO GRATING>", "FILTER": "r-SDSS", "FILTER2": "<NO FILTER>", "SLIT": "<NO MASK>"},
     {"kind": "science", "filter": "r-SDSS", "dispersion": None}),
    ("obstype", {"OBS-TYPE": "FLAT", "EXPTIME": 6.0, "FLT_ID": "R_JOHN_12", "GRM_ID": "OPEN", "OBJCAT": "sky"}, {"kind": "flat", "filter": "R_JOHN_12"}),
    ("obstype", {"OBSMODE": "OsirisBroadBandImage", "EXPTIME": 6.0, "FILTER1": "OPEN", "FILTER2": "Sloan_r"}, {"kind": "science", "filter": "Sloan_r"}),
    ("panoptes", {"ORIGIN": "Project PANOPTES", "IMAGETYP": "Light Frame", "FIELD": "FlatDither00", "EXPTIME": 300, "EGAIN": 1.14,
                  "FILTER": "g_band", "CAM-GAIN": 100, "CAM-ID": "03"},
     {"kind": "flat", "filter": "g_band", "gain": 1.14, "settings": ("gain setting", "100")}),
    ("panoptes", {"ORIGIN": "Project PANOPTES", "IMAGETYP": "Dark Frame", "FIELD": "Bias", "EXPTIME": 1e-32}, {"kind": "bias"}),
    ("picttype", {"PICTTYPE": 4, "SWCREATE": "Astroart 6.0", "EXPTIME": 2.0, "FILTER": "R"}, {"kind": "flat", "filter": "R"}),
    ("saao_ste", {"INSTRUME": "STE3 CCD", "OBSERVAT": "SAAO", "IMAGETYP": "object", "FILTERS": 48, "DATE-OBS": "2013-07-13",
                  "UT": "00:57:33", "EXPTIME": 150.04, "GAIN": 1.9, "RDNOISE": 5.0},
     {"kind": "science", "filter": "48", "gain": 1.9, "date": "2013-07-13T00:57:33"}),
    ("sbig", {"SWCREATE": "MaxIm DL Version 6.29", "TELESCOP": "ARCSAT", "IMAGETYP": "Light Frame", "FILTER": "SDSS g",
              "EXPTIME": 30.0, "EGAIN": 2.0}, {"kind": "science", "filter": "SDSS g", "gain": 2.0}),
    ("seestar", {**CMOS, "CREATOR": "ZWO Seestar S50", "INSTRUME": "Seestar S50", "IMAGETYP": "Light", "FILTER": "IRCUT"},
     {"kind": "science", "gain": None, "filter": "IRCUT"}),
    ("sgp", {**CMOS, "CREATOR": "Sequence Generator Pro v3.1.0.479", "IMAGETYP": "LIGHT", "EXPTIME": None, "EXPOSURE": 30,
             "EGAIN": 3.99}, {"kind": "science", "gain": 3.99, "exptime": 30.0}),
    ("sharpcap", {"SWCREATE": "SharpCap v4.1", "EXPTIME": 2, "FRAMETYP": "Flat"}, {"kind": "flat"}),
    ("sharpcap", {"SWCREATE": "SharpCap", "EXPTIME": 2}, {"problem": "no rule of instrument sharpcap says what the frame is"}),
    ("shoc", {"HEAD": "DU8201_UVB", "OBSTYPE": "object", "EXPOSURE": 2.0, "FRAME": "2021-03-05T02:00:00.0", "FILTERA": "V", "FILTERB": "EMPTY",
              "HBIN": 2, "VBIN": 2, "PREAMP": "2.4x"},
     {"kind": "science", "date": "2021-03-05T02:00:00.0", "filter": "V", "binning": (2, 2), "settings": ("preamplifier", "2.4x")}),
    ("sprat", {"INSTRUME": "SPRAT", "OBSTYPE": "EXPOSE", "EXPTIME": 90.0, "EPERDN": 2.45, "CCDXBIN": 1, "CCDYBIN": 1},
     {"kind": "science", "gain": 2.45, "dispersion": "rows"}),
    ("wfc", {**ING, "INSTRUME": "WFC", "IMAGETYP": "sky", "OBSTYPE": "SKY", "WFFBAND": "Halpha"},
     {"kind": "flat", "filter": "Halpha"}),
]  # fmt: skip


@pytest.mark.quick
def test_a_wheel_has_every_file_and_each_file_is_named_as_its_instrument() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    packed = {
        Path(item.distribution_path)
        for item in wheel.WheelBuilder(str(ROOT)).recurse_included_files()
        if item.distribution_path.startswith("ccdfx/night/instruments/descriptions/")
    }
    assert sorted(path.name for path in packed) == sorted(f"{one.name}.toml" for one in builtin_instruments())


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "cards", "expected"), HEADERS, ids=[f"{i}-{one[0]}" for i, one in enumerate(HEADERS)]
)
def test_a_header_of_the_camera_is_read(name, cards, expected) -> None:
    told = {key: value for key, value in {**SHAPE, **cards}.items() if value is not None and key != "path"}
    found = facts_of(Header(told), builtin_instruments(), path=cards.get("path"))
    assert found["instrument"] == name
    problem = found.get("problem")
    assert problem is None if "problem" not in expected else expected["problem"] in problem
    for key, value in expected.items():
        if key == "problem":
            continue
        got = found[key]
        if key in ("gain", "readnoise", "saturation"):
            got = None if got is None else got.value
        elif key in ("overscan", "data"):
            got = got.to_fits()
        elif key == "temperature":
            got = got.value
        elif key == "doubts":
            got, value = any(value in text for text in got), True
        elif key == "settings":
            got, value = value in [(one.name, one.value) for one in got], True
        assert got == value, key


def test_every_camera_but_the_conventions_has_a_header_here() -> None:
    assert {one.name for one in builtin_instruments()} - {name for name, _, _ in HEADERS} == {
        "nickel",
    }
