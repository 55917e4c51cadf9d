"""Systems outside this project: a program, an exported model, a folder of finished audio."""
