"""The echo: a recording in, the same words spoken out."""
