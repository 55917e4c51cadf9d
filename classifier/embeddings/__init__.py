"""Embeddings of clips by networks of others, whose weights the user has: the spaces of Fréchet distances."""
