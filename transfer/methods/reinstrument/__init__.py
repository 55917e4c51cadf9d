"""Read the notes of the content, and play them as the instrument of the style would."""
