"""What puts a network together by name: entry points, their registry, and recipes."""
