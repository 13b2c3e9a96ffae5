"""A searchable collection of models: the SQLite file (`database`), the store of embeddings in it (`store`), the approximate
nearest-neighbour graph (`hnsw`), and how results are scored and ordered (`ranking`)."""
