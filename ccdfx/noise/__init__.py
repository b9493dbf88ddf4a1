"""Noise: models, predictions, simulated noise, and measurement from the frames of a camera.

Models work in the unit of the image, ADU for a raw or bias-subtracted frame. Kernels and estimators are imported where they
are used: rejection rules, which command lines list, import this room, and must not load numba.

May import kernels, records, estimators and engines.
"""

from __future__ import annotations

from ccdfx.noise.builtin import MODELS, ccd_noise, gaussian_noise, poisson_noise, uniform_noise
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.noise.photon_transfer import NoiseFit, fit_noise
from ccdfx.noise.predict import add_noise, snr, std_of, variance_of

__all__ = [
    "MODELS",
    "NoiseFit",
    "NoiseModel",
    "add_noise",
    "ccd_noise",
    "fit_noise",
    "gaussian_noise",
    "poisson_noise",
    "snr",
    "std_of",
    "uniform_noise",
    "variance_of",
]
