"""The style judge: a network that predicts the instrument."""
