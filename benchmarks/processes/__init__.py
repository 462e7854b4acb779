"""Steps in processes of their own: what one costs, how soon a dead one is seen, what is left."""
