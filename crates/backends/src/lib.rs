//! Everything to stand on: the embedded log, SQLite, SMTP

pub mod blobs;

pub mod log;

pub mod smtp;

pub mod sqlite;

pub mod tiles;
