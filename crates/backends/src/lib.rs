//! Everything to stand on: the embedded log, SQLite
