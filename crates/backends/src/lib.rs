//! Everything to stand on: the embedded log, SQLite

pub mod blobs;

pub mod log;

pub mod sqlite;

pub mod tiles;
