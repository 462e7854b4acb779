"""Loading the code of pipelines: files and modules, as Python itself loads them, and what is chosen in them."""
