"""What the tests of two or more packages share; nothing in production imports it."""
