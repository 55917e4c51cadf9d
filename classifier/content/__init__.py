"""The content judge: a network that says which notes it hears, whatever plays them."""
