"""HCOMPRESS streams that go on behind their last pixel: the decoder does not say where it stops reading."""

from __future__ import annotations

from ccdfx.io.fits.compressed.rice import decoder

HEAD = 25  # bytes of the magic, nx, ny, scale, sum and three numbers of bit planes


def padding(stream: bytes, pixels: int) -> int:
    """Return how many bytes the decoder may read behind a stream, whatever is in it."""
    return pixels * (max(stream[22:HEAD], default=0) + 2) // 4 + 64


def goes_on(stream: bytes, pixels: int) -> bool:
    """Return whether other bytes than zeros follow the last pixel of a stream, whose sizes were compared with its tile.

    The last byte that is not zero holds bits of the last pixels, or of what follows them: then the pixels stay the same
    with any other byte in its place. Where this astropy keeps its decoder elsewhere, the answer is no.
    """
    decode = decoder("decompress_hcompress_1_c")
    end = len(stream.rstrip(b"\0"))
    if decode is None or end <= HEAD:
        return False
    nx, ny = (int.from_bytes(stream[at : at + 4], "big") for at in (2, 6))
    behind = bytes(len(stream) - end + padding(stream, pixels))
    other = stream[: end - 1] + bytes([stream[end - 1] ^ 255]) + behind
    try:
        return decode(stream[:end] + behind, nx, ny, 0, 0, 8) == decode(other, nx, ny, 0, 0, 8)
    except Exception:  # the byte is needed, or the stream is broken, which its reading finds
        return False
