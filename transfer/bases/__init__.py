"""What a method may inherit: frames for spectrograms, blocks, smooth shapes and trained networks."""
