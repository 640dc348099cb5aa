"""What a value may be: arrays, ranges, times, numbers, texts, JSON, encodings. No SQL types."""
