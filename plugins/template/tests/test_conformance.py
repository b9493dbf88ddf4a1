"""The laws that ccdfx has for each kind: a test for every law and everything that the plugin provides."""

from ccdfx.testing import Conformance

ccdfx_conformance = [Conformance("template", options={"sky_frame": {"instrument": "template-cam"}})]
