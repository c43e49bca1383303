"""What is measured: one file per measure, each run by the parent process over workers."""
