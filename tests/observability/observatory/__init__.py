"""What watches the services: a real Prometheus, exporters that are not ours, callers, and what is asked."""
