"""The engine: models, data, sparsity, training, search, jobs, storage, command line."""
