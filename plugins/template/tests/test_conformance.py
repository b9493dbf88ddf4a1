"""The laws that ccdfx has for each kind: a test for every law and everything that the plugin provides."""

ccdfx_conformance = ["template"]
