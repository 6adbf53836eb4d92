"""Bytes to sound and sound to bytes, over PyAV; no event loop, no network."""
