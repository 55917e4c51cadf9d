"""What knows no sound: errors, files, plug-ins, progress, workers, statistics."""
