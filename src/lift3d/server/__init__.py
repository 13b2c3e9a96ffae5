"""The server behind `lift3d serve`: a page and a REST interface on which every capability is a job with progress.

Requests are answered by one process (`app`, `routes_jobs`, `routes_events`, `security`); each job runs in a process of its own
(`workers`). Jobs and uploads are rows of an SQLite file (`store`) and survive the end of the process. `page` has the files of the
page."""
