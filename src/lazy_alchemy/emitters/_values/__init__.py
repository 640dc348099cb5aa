"""Validation and serialization of values: arrays, ranges, times, numbers, texts, JSON, encodings. No SQL types."""
