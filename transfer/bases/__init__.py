"""What a method may inherit: a frame for spectrograms, for blocks of samples, for smooth shapes, for trained networks."""
