"""How kernels are compiled and cached, and vector instructions written for LLVM.

Imports no other room of kernels.
"""
