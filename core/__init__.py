"""What every folder stands on and nothing of it knows a sound: errors, files, plug-ins, progress, workers, statistics."""
