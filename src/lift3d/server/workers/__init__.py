"""The processes that do the jobs: what runs in them (`worker`, `task_calls`, `thumbnails`), and what starts, watches and ends
them (`supervisor`)."""
