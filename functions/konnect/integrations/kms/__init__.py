"""Google Cloud KMS: wrapping the keys that data is encrypted with."""
