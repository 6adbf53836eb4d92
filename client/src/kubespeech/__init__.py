"""The kubespeech command."""
