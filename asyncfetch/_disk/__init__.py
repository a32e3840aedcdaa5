"""What both file ends need of the disk: worker threads, buffers, locks, names, copies."""
