"""Operations on images: pure functions, Image -> Image or Images -> Image, in rooms by what they do.

May import everything below pipelines: records, kernels, estimators, photometry, noise, scalings and engines.
"""
