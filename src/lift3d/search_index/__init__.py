"""A searchable collection of models: the SQLite store of embeddings (`store`), the approximate nearest-neighbour graph
(`hnsw`), and how results are scored and ordered (`ranking`)."""
