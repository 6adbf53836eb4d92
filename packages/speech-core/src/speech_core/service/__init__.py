"""The shell of every service: settings, admission, errors, logs, metrics, probes, drain."""
