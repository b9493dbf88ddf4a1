"""The laws that ccdfx has for each kind, for the command of this package."""

ccdfx_conformance = ["kcorrect"]
