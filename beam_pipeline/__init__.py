"""Headcount: who is in your photos, as an Apache Beam pipeline over photo collections."""

__version__ = "0.1.0"
