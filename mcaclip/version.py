"""The version of the package: the only place where it is written, readable without importing anything heavy."""

__version__ = "0.2.0"
