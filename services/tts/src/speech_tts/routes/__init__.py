"""Every way in but the socket."""
