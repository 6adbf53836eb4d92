"""How work flows: pulled from blocking code, let in by seats, done by engines found by name."""
