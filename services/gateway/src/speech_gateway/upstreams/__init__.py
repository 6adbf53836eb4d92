"""The services behind the gateway, and how their answers and sockets are passed on."""
