"""The style judge: which instrument is heard."""
