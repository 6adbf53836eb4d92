"""The asr service: an audio file in, text out."""
