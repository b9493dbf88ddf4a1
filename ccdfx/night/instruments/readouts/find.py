"""The readouts of an exposure, from the headers of all images of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.amplifiers import sites_of_amplifiers
from ccdfx.night.instruments.readouts.channels import sites_of_channels
from ccdfx.night.instruments.readouts.described import DescribedReadout, sites_of_described
from ccdfx.night.instruments.readouts.eso import outputs_of, sites_of_outputs
from ccdfx.night.instruments.readouts.keck import sites_of_windows
from ccdfx.night.instruments.readouts.lick import sites_of_two_amplifiers
from ccdfx.night.instruments.readouts.mosaic import names_of, sites_of_extensions
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.settle import settled
from ccdfx.night.instruments.readouts.site import Site
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.header import lenient_number

_IN_ONE_IMAGE = (
    sites_of_outputs, sites_of_amplifiers, sites_of_channels, sites_of_windows, sites_of_two_amplifiers
)  # fmt: skip
_COUNTS = ("NUMAMP", "NUMAMPS", "NAMPS", "NAMP", "CCDNAMPS")


def find_readouts(
    images: Sequence[StoredImage],
    *,
    described: Sequence[DescribedReadout] = (),
    numbers: Numbers = Numbers(),  # noqa: B008  # immutable
    hdus: int | None = None,
) -> tuple[Readout, ...]:
    """Return the readouts of an exposure in the order of its file, by the conventions of the field.

    Those of the instrument file come first; then, for each image, the outputs of ESO, cards that bear the name of an amplifier
    (IRAF's quad cards and others), channels of Subaru and, in one image, amplifiers of Keck and Lick; then extensions that are one
    readout each.

    Parameters
    ----------
    images : sequence of StoredImage
        All images of the file, or the one of it that is reduced.
    described : sequence of DescribedReadout
        Those of the instrument file.
    numbers : Numbers
        What the instrument says of gain, read noise and saturation.
    hdus : int, optional
        How many HDUs the file has; fewer than NEXTEND counts is an error.

    Returns
    -------
    tuple of Readout
        Empty where the file has one image of one readout, and where its headers do not tell what its images are.

    Raises
    ------
    ArgumentError
        Sections overlap, lie outside, have other sizes or do not fit together; an extension is missing; a list has the
        wrong length; cards contradict each other. Extension and card are named.

    Examples
    --------
    Two extensions, the second one stored from the right to the left:

    >>> from ccdfx.records.header import Header
    >>> cards = {"DATASEC": "[1:4,1:4]", "BIASSEC": "[5:6,1:4]", "GAIN": 2.0}
    >>> ccdsec = {"A": "[1:4,1:4]", "B": "[8:5,1:4]"}
    >>> images = [
    ...     StoredImage(header=Header({**cards, "EXTNAME": name, "CCDSEC": place}), shape=(4, 6), hdu=number)
    ...     for number, (name, place) in enumerate(ccdsec.items(), 1)
    ... ]
    >>> [(one.name, one.place.to_fits(), one.flip_x) for one in find_readouts(images)]
    [('A', '[1:4,1:4]', False), ('B', '[5:8,1:4]', True)]
    """
    if not images:
        return ()
    _refuse_lost_extensions(images, hdus)
    own = [item for item in described if item.applies(images[0].header)]
    if own:
        return settled(sites_of_described(images, own, numbers), numbers, whole=False)
    if len(images) == 1:
        [image] = images
        sites = next(filter(None, (find(image) for find in _IN_ONE_IMAGE)), [])
        if not sites and image.hdu is None:
            _refuse_unknown_sections(image)
        return settled(sites, _of_eso(images, numbers))
    sites = _inside_images(images)
    if sites:
        return settled(sites, _of_eso(images, numbers))
    sites = sites_of_extensions(images)
    return settled(sites, numbers, whole=all(site.card == "CCDSEC" for site in sites))


def _inside_images(images: Sequence[StoredImage]) -> list[Site]:
    """Return the sites of images that hold a whole detector each; none where not all do."""
    names = names_of(images)
    outputs = sum(len(outputs_of(image)) for image in images)
    found = []
    for image, name in zip(images, names, strict=True):
        sites = (
            sites_of_outputs(image, least=1, of_file=outputs)
            or sites_of_amplifiers(image)
            or sites_of_channels(image)
        )
        if not sites:
            return []
        several = len(sites) > 1
        found.append([replace(site, name=f"{name} {site.name}" if several else name) for site in sites])
    detectors = [sites[0].detector for sites in found]
    if len(set(detectors)) < len(detectors):  # a name that several images have is that of the camera
        found = [
            [replace(site, detector=name) for site in sites] for sites, name in zip(found, names, strict=True)
        ]
    return [site for sites in found for site in sites]


def _of_eso(images: Sequence[StoredImage], numbers: Numbers) -> Numbers:
    """Return the numbers with the cards of ESO's outputs; CONAD is e-/ADU, where GAIN is ADU/e-."""
    if not any(outputs_of(image) for image in images):
        return numbers
    return replace(numbers, output="ESO DET OUT{} ")


def _refuse_unknown_sections(image: StoredImage) -> None:
    """Refuse one image of several amplifiers whose sections no card tells: it would be reduced as one readout."""
    for card in _COUNTS:
        count = lenient_number(image.header, card)
        if count is not None and count > 1:
            rule = "must be 1, or each amplifier must have its sections (AMPLIST and DSEC11, DATASECA, ESO DET OUT1 NX...)"
            raise image.refusal(card, rule, count, "give the readouts in an instrument file ([[readout]])")


def _refuse_lost_extensions(images: Sequence[StoredImage], hdus: int | None) -> None:
    stated = images[0].count("NEXTEND")
    if hdus is not None and stated is not None and hdus - 1 < stated:
        names = [image.name for image in images]
        raise ArgumentError(
            "header keyword NEXTEND",
            f"must be that of the extensions of the file, which are {hdus - 1}, with the images {', '.join(names)}",
            value=stated,
            remedy="copy the file again from where it came",
        )
