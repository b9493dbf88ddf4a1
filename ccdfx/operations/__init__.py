"""Operations on images: pure functions, Image -> Image or Images -> Image, in rooms by what they do.

May import kernels, records, estimators, photometry, noise and engines.
"""
