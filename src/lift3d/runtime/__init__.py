"""How a pipeline runs: timed steps with progress (`runner`), a cache of finished stages on disk (`stage_cache`,
`serialize`), measured time and memory (`profiler`), the versions and limits of this machine (`environment`), the
self-test behind `lift3d doctor` (`doctor`), and threads that wait without spinning (`waiting`)."""
