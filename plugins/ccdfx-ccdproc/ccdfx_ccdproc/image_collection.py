"""The FITS files of a folder, with a table of their headers."""

from __future__ import annotations

import fnmatch
import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.utils.exceptions import AstropyUserWarning

from ccdfx_ccdproc.header_table import header_values, make_table, matching

log = logging.getLogger(__name__)
SUFFIXES = (".fit", ".fits", ".fts")
COMPRESSED = (".fz", ".gz", ".bz2")


class ImageFileCollection:
    """The FITS files of a folder or of a list, a table of their headers, and loops over what is in them.

    Parameters
    ----------
    location : path, optional
        Folder of the files.
    keywords : list of str, or str, optional
        Columns of the table: names, "*" for all keywords of the headers, or both; all by default.
    find_fits_by_reading : bool
        Whether a file is known by its first bytes, not by its name; compressed files are not found so.
    filenames : str or list of str, optional
        The files, in `location` or by their own paths.
    glob_include, glob_exclude : str, optional
        Patterns of the names that are taken, and that are left out.
    ext : int, str or (str, int)
        The HDU of headers and data.

    Raises
    ------
    FileNotFoundError
        The folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in (1, 2):
    ...         fits.PrimaryHDU(np.ones((2, 3)), fits.Header({"FILTER": "RB"[i - 1]})).writeto(f"{folder}/{i}.fits")
    ...     files = ImageFileCollection(folder, keywords=["filter", "naxis1"])
    ...     print(files.summary)
    ...     print(files.files_filtered(filter="b"), [data.shape for data in files.data(filter="R")])
     file  filter naxis1
    ------ ------ ------
    1.fits      R      3
    2.fits      B      3
    ['2.fits'] [(2, 3)]
    """

    def __init__(
        self,
        location: Any = None,
        keywords: Any = None,
        find_fits_by_reading: bool = False,
        filenames: Any = None,
        glob_include: str | None = None,
        glob_exclude: str | None = None,
        ext: Any = 0,
    ) -> None:
        self._location = "" if location is None else location
        self._find_fits_by_reading = find_fits_by_reading
        self._filenames = [filenames] if isinstance(filenames, str | os.PathLike) else filenames
        self._glob_include, self._glob_exclude, self._ext = glob_include, glob_exclude, ext
        self._given_keywords = keywords
        self._summary: Table | None = None
        self._files = self._get_files()
        if not self._files:
            warnings.warn("no FITS files in the collection.", AstropyUserWarning, stacklevel=2)
        self._wanted = ["*"] if keywords is None else _listed(keywords)
        self._tabulate()

    def __repr__(self) -> str:
        given = {
            "location": self._location,
            "keywords": None if self._given_keywords is None or self._wanted == ["*"] else self.keywords[1:],
            "find_fits_by_reading": self._find_fits_by_reading or None,
            "filenames": self._filenames,
            "glob_include": self._glob_include,
            "glob_exclude": self._glob_exclude,
        }
        words = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        if self._ext != 0:
            words.append(f"ext={self._ext}")
        return f"ImageFileCollection({', '.join(words)})"

    @property
    def location(self) -> Any:
        """Return the folder; empty text without one."""
        return self._location

    @property
    def ext(self) -> Any:
        """Return the HDU of headers and data."""
        return self._ext

    @property
    def glob_include(self) -> str | None:
        """Return the pattern of the names that are taken."""
        return self._glob_include

    @property
    def glob_exclude(self) -> str | None:
        """Return the pattern of the names that are left out."""
        return self._glob_exclude

    @property
    def summary(self) -> Table | None:
        """Return the table of the headers, one row for each file; None without files."""
        return self._summary

    @property
    def files(self) -> list[str]:
        """Return the names of the files."""
        return self._files

    @property
    def keywords(self) -> list[str]:
        """Return the columns of the table, the first of which is "file"; they can be set and deleted."""
        return [] if self._summary is None else list(self._summary.colnames)

    @keywords.setter
    def keywords(self, keywords: Any) -> None:
        wanted = [] if keywords is None else _listed(keywords)
        self._given_keywords = self._wanted = wanted
        if keywords is None:
            self._summary = None
            return
        have = self.keywords
        if self._summary is not None and "*" not in wanted and set(wanted) <= set(have):
            self._summary.keep_columns(["file", *dict.fromkeys(name for name in wanted if name != "file")])
        else:
            self._tabulate()

    @keywords.deleter
    def keywords(self) -> None:
        self.keywords = []
        self._summary = None

    def values(self, keyword: str, unique: bool = False) -> list[Any]:
        """Return the values of a column, with `unique` each once; a ValueError names a column that is not there."""
        if self._summary is None or keyword not in self.keywords:
            raise ValueError(f"keyword {keyword} is not in the current summary")
        column = self._summary[keyword]
        return list(set(column)) if unique else list(column)

    def files_filtered(self, **kwd: Any) -> Any:
        """Find the files whose keywords have the given values.

        Parameters
        ----------
        include_path : bool
            Whether to return the paths and not the names.
        regex_match : bool
            Whether texts are regular expressions, which are searched for.
        **kwd
            Keyword and value: text in any case of its letters, "*" for any value, "" or None for no value. Keywords
            that are not in the table are read from the headers.

        Returns
        -------
        array of str, or an empty list
        """
        include_path = kwd.pop("include_path", False)
        rows = self._matching(kwd)
        if self._summary is None or not len(self._summary):
            return []
        names = np.asarray(self._summary["file"])[rows]
        return [os.path.join(self._location, name) for name in names] if include_path else names

    def filter(self, **kwd: Any) -> ImageFileCollection:
        """Return a collection of the files that `files_filtered` finds."""
        names = [str(path) for path in self.files_filtered(include_path=True, **kwd)]
        return ImageFileCollection(filenames=names, keywords=self.keywords[1:], ext=self._ext)

    def refresh(self) -> None:
        """List the files and read their headers again."""
        self._files = self._get_files()
        self._tabulate()

    def sort(self, keys: str | Sequence[str]) -> None:
        """Sort the table, and with it the order of all loops, by one column or several; missing values are last."""
        if not keys:
            raise ValueError("sort needs keys: one column of the summary, or several")
        names = [keys] if isinstance(keys, str) else list(keys)
        if self._summary is None:
            return
        if not set(names) <= set(self.keywords):
            raise ValueError(f"{set(names) - set(self.keywords)} is not a subset of table columns")
        columns = [self._summary[name] for name in names]

        def key(row: int) -> list[Any]:
            cells = [column[row] for column in columns]
            return [(2, 0) if cell is np.ma.masked else (isinstance(cell, str), cell) for cell in cells]

        self._summary = self._summary[sorted(range(len(self._summary)), key=key)]
        self._files = [str(name) for name in self._summary["file"]]

    def headers(self, do_not_scale_image_data: bool = True, **kwd: Any) -> Iterator[Any]:
        """Yield the headers; parameters are those of `hdus`."""
        return self._generator("header", do_not_scale_image_data=do_not_scale_image_data, **kwd)

    def hdus(self, do_not_scale_image_data: bool = False, **kwd: Any) -> Iterator[Any]:
        """Yield the HDUs.

        Parameters
        ----------
        save_with_name, save_location, overwrite
            After each turn the file is written with what was changed in it: with a suffix to its name, into another
            folder, or over itself.
        do_not_scale_image_data : bool
            Whether values stay as they are stored.
        return_fname : bool
            Whether to give pairs with the name of the file.
        **kwd
            Which files: as in `files_filtered`, with ``replace_="_"`` for keywords written with that in place of blanks.
        """
        return self._generator("hdu", do_not_scale_image_data=do_not_scale_image_data, **kwd)

    def data(self, do_not_scale_image_data: bool = False, **kwd: Any) -> Iterator[Any]:
        """Yield the arrays; parameters are those of `hdus`."""
        return self._generator("data", do_not_scale_image_data=do_not_scale_image_data, **kwd)

    def ccds(self, ccd_kwargs: dict[str, Any] | None = None, **kwd: Any) -> Iterator[Any]:
        """Yield the frames as CCDData; parameters are those of `hdus`.

        `ccd_kwargs` are options of `astropy.nddata.fits_ccddata_reader`, such as ``unit``. Files cannot be
        overwritten, as what is changed may be in a new object: a NotImplementedError.
        """
        if "clobber" in kwd:
            text = "clobber is deprecated: use overwrite"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            kwd["overwrite"] = kwd.pop("clobber")
        if kwd.get("overwrite"):
            raise NotImplementedError(
                "CCDData cannot be written over their files; use save_location or save_with_name"
            )
        return self._generator("ccd", ccd_kwargs=ccd_kwargs, **kwd)

    def _generator(self, kind: str, **kwd: Any) -> Iterator[Any]:
        """Yield one kind of content, and write the files that are to be written."""
        if kind not in ("header", "hdu", "data", "ccd"):
            raise ValueError(f"no generator of {kind}: it is header, hdu, data or ccd")
        if "clobber" in kwd:
            text = "clobber is deprecated: use overwrite"
            warnings.warn(text, DeprecationWarning, stacklevel=3)
            kwd["overwrite"] = kwd.pop("clobber")
        return self._loop(kind, **kwd)

    def _loop(
        self,
        kind: str,
        save_with_name: str = "",
        save_location: Any = "",
        overwrite: bool = False,
        do_not_scale_image_data: bool = True,
        return_fname: bool = False,
        ccd_kwargs: dict[str, Any] | None = None,
        replace_: str | None = None,
        **kwd: Any,
    ) -> Iterator[Any]:
        if self._summary is None or (not self.keywords[1:] and not kwd):
            return
        if replace_ is not None:
            kwd = {name.replace(replace_, " "): value for name, value in kwd.items()}
        saving = bool(save_with_name or save_location or overwrite)
        for name in [str(name) for name in np.asarray(self._summary["file"])[self._matching(kwd)]]:
            path = os.path.join(self._location, name)
            if kind == "ccd":
                from astropy.nddata import CCDData

                item: Any = CCDData.read(path, hdu=self._ext, **(ccd_kwargs or {}))
                yield (item, name) if return_fname else item
                if saving:
                    item.write(self._new_path(name, save_with_name, save_location))
                continue
            with fits.open(path, do_not_scale_image_data=do_not_scale_image_data, memmap=False) as opened:
                hdu = opened[self._ext]
                item = hdu if kind == "hdu" else getattr(hdu, kind)
                yield (item, name) if return_fname else item
                if saving:
                    if kind == "data":
                        hdu.data = item
                    opened.writeto(self._new_path(name, save_with_name, save_location), overwrite=overwrite)

    def _new_path(self, name: str, suffix: str, folder: Any) -> str:
        """Return where a file is written."""
        stem, end = os.path.splitext(os.path.basename(name) if folder else name)
        if end.lower() in COMPRESSED:
            stem, inner = os.path.splitext(stem)
            end = inner + end
        return os.path.join(folder or self._location, f"{stem}{suffix}{end}")

    def _matching(self, wanted: dict[str, Any]) -> np.ndarray:
        """Return the rows of the table with the wanted values, in its order."""
        wanted = dict(wanted)
        regex = wanted.pop("regex_match", False)
        if self._summary is None or not len(self._summary):
            return np.zeros(0, int)
        table = self._summary
        absent = [name for name in wanted if name not in table.colnames]
        if absent:
            table = self._read([*absent])
            order = {name: row for row, name in enumerate(table["file"])}
            table = table[[order[name] for name in self._summary["file"]]]
        found = np.ones(len(table), bool)
        for name, value in wanted.items():
            column = table[name] if name in table.colnames and name in absent else self._summary[name]
            found &= matching(column, value, regex)
        return np.flatnonzero(found)

    def _find_keywords_by_values(self, **kwd: Any) -> None:
        """Exclude the rows of the table in which the keywords have other values."""
        if self._summary is not None:
            found = np.ones(len(self._summary), bool)
            found[self._matching(kwd)] = False
            for name in self._summary.colnames:
                self._summary[name].mask |= found

    def _paths(self) -> list[str]:
        """Return the paths of all files."""
        return [os.path.join(self._location, name) for name in self._files]

    def _tabulate(self) -> None:
        self._summary = self._read(self._wanted) if self._files else None

    def _fits_summary(self, header_keywords: Sequence[str]) -> Table:
        """Return the table of some keywords."""
        return self._read(list(header_keywords))

    def _read(self, keywords: Sequence[str]) -> Table:
        """Return the table of keywords of all files that can be read."""
        if not any(name != "file" for name in keywords):
            return make_table([{"file": name} for name in self._files], ["file"])
        rows = []
        for name, path in zip(self._files, self._paths(), strict=True):
            try:
                rows.append({"file": name, **header_values(path, self._ext)})
            except (OSError, IndexError, KeyError) as error:
                log.warning("unable to get FITS header for file %s: %s.", path, error)
        names = list(dict.fromkeys(name for name in keywords if name not in ("*", "file")))
        if "*" in keywords:
            found = [key for row in rows for key in row]
            lower = {key.lower() for key in found}
            names = [
                *dict.fromkeys(key for key in found if key != "file"),
                *(n for n in names if n.lower() not in lower),
            ]
        return make_table(rows, ["file", *names])

    def _get_files(self) -> list[str]:
        """Return the names of the files that are there now."""
        if self._filenames is not None:
            return [str(name) for name in self._filenames]
        if not self._location:
            return []
        return self._fits_files_in_directory()

    def _fits_files_in_directory(self, compressed: bool = True) -> list[str]:
        """Return the names of the FITS files in the folder."""
        ends = (*SUFFIXES, *(one + two for one in SUFFIXES for two in COMPRESSED)) if compressed else SUFFIXES
        names = sorted(os.listdir(self._location))
        if self._find_fits_by_reading:
            names = [name for name in names if _is_fits(Path(self._location) / name)]
        else:
            names = [name for name in names if name.lower().endswith(ends)]
        if self._glob_include is not None:
            names = fnmatch.filter(names, self._glob_include)
        if self._glob_exclude is not None:
            left_out = set(fnmatch.filter(names, self._glob_exclude))
            names = [name for name in names if name not in left_out]
        return names


def _listed(keywords: Any) -> list[str]:
    return [keywords] if isinstance(keywords, str) else list(dict.fromkeys(keywords))


def _is_fits(path: Path) -> bool:
    """Return whether a file begins as FITS does."""
    if not path.is_file():
        return False
    with path.open("rb") as opened:
        return re.match(rb"SIMPLE  = +T", opened.read(30)) is not None
