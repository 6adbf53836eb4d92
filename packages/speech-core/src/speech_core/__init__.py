"""What two or more kubespeech services share: words for sound, the wire, codecs, models, the shell of a service."""

from importlib.metadata import version

__version__ = version("speech-core")
