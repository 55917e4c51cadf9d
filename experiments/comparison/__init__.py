"""Methods and runs compared: side by side, and with a baseline."""
