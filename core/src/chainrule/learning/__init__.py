"""What trains: the loop, its optimizers and hooks, the data it goes through and what it reports."""
