"""The laws of formats, held against this one."""

ccdfx_conformance = ["ccdfx-hdf5"]
