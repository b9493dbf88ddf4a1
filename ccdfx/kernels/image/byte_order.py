"""Byte order of stored pixels, changed and summed in one loop over 32-bit words.

The sums are those of big-endian words, as FITS defines its checksums. One compiled loop serves all types of pixels.
The machine is little-endian.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

_8, _24 = np.uint32(8), np.uint32(24)
_WITHOUT_SIGN = np.uint32(0x7FFFFFFF)
MAY_BE_NAN = {4: 0x7F800001, 8: 0x7FF00000}
"""Floats of 4 and 8 bytes whose first words are all below this hold no NaN."""
_EVEN, _ODD, _SECOND = np.uint32(0x00FF00FF), np.uint32(0xFF00FF00), np.uint32(0xFF00)


@kernel
def _reversed(word):
    """Return a word with its four bytes in the opposite order."""
    return np.uint32((word >> _24) | ((word >> _8) & _SECOND) | ((word & _SECOND) << _8) | (word << _24))


@kernel
def _halves_reversed(word):
    """Return a word with the bytes of each of its halves in the opposite order."""
    return np.uint32(((word >> _8) & _EVEN) | ((word << _8) & _ODD))


@kernel
def to_big_endian(words, itemsize, flip, out):
    """Store native pixels in big-endian order, and return the sum of the words as they are stored.

    Parameters
    ----------
    words : (n,) uint32
        Pixels of 1, 2, 4 or 8 bytes (an even number of words); read-only.
    itemsize : int
    flip : uint32
        Bits of each word (of 8 bytes: of the upper half) to invert before.
    out : (n,) uint32
    """
    total = np.uint64(0)
    if itemsize == 1:
        for i in range(words.size):
            stored = words[i] ^ flip
            out[i] = stored
            total += np.uint64(_reversed(stored))
    elif itemsize == 2:
        for i in range(words.size):
            stored = _halves_reversed(words[i] ^ flip)
            out[i] = stored
            total += np.uint64(_reversed(stored))
    elif itemsize == 4:
        for i in range(words.size):
            value = words[i] ^ flip
            out[i] = _reversed(value)
            total += np.uint64(value)
    else:
        for i in range(0, words.size, 2):
            lower, upper = words[i], words[i + 1] ^ flip
            out[i], out[i + 1] = _reversed(upper), _reversed(lower)
            total += np.uint64(lower) + np.uint64(upper)
    return total


@kernel
def from_big_endian(words, itemsize, flip, out):
    """Store big-endian pixels in native order.

    Parameters are those of `to_big_endian`, with the bits inverted after the change.

    Returns
    -------
    (uint64, uint32)
        The sum of the words as they were stored, and the greatest first word of a pixel of 4 or 8 bytes without its
        sign bit, which tells whether any float may be NaN (`MAY_BE_NAN`).
    """
    total, most = np.uint64(0), np.uint32(0)
    if itemsize == 1:
        for i in range(words.size):
            total += np.uint64(_reversed(words[i]))
            out[i] = words[i] ^ flip
    elif itemsize == 2:
        for i in range(words.size):
            total += np.uint64(_reversed(words[i]))
            out[i] = _halves_reversed(words[i]) ^ flip
    elif itemsize == 4:
        for i in range(words.size):
            value = _reversed(words[i])
            total += np.uint64(value)
            most = max(most, np.uint32(value & _WITHOUT_SIGN))
            out[i] = value ^ flip
    else:
        for i in range(0, words.size, 2):
            upper, lower = _reversed(words[i]), _reversed(words[i + 1])
            total += np.uint64(lower) + np.uint64(upper)
            most = max(most, np.uint32(upper & _WITHOUT_SIGN))
            out[i], out[i + 1] = lower, upper ^ flip
    return total, most
