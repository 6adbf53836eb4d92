"""The gateway: the one way in. It moves bytes; only the echo joins two services."""
