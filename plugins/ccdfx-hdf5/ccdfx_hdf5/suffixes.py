"""Suffixes of the names of HDF5 files; apart, so that looking up the format does not load h5py."""

SUFFIXES = (".h5", ".hdf5", ".gz.h5")
