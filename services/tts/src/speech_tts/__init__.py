"""The tts service: text in, audio out while it is still being made."""
