"""What the functions of definitions are called with, in a run and outside of one, and what they give."""
