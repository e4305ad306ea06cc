"""Scripts that made the weights in assets/models: run them again and get the same kind of file."""
