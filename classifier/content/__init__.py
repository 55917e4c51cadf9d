"""The content judge: a network that transcribes notes, whatever instrument plays them."""
