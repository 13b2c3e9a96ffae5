"""The server behind `lift3d serve`: a page and a REST interface on which every capability is a job with progress.

Requests are answered by one process (`app`, `routes_*`, `security`); each job runs in a worker process of its own (`worker`,
`task_calls`), which `supervisor` starts, watches and ends. Jobs and uploads are rows of an SQLite file (`store`), so that they
survive the end of the process. `page` holds the files of the page."""
