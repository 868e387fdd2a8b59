//! Every bound of a door, by name. Past one of them the sender gets a coded answer.

/// Largest request body as it comes over the wire, in bytes. GitHub's webhooks end at 25 MB.
pub const BODY_BYTES_MAX: usize = 26 * 1024 * 1024;

/// Largest body after decompression, in bytes.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most bytes that one compressed byte may become. Audit logs reach 10 to 60; a bomb of zeros 1,000.
pub const DECOMPRESSED_RATIO_MAX: usize = 250;

/// Output below this many bytes is never called a bomb, whatever its ratio.
pub const DECOMPRESSED_RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Largest window of a zstd frame, as a power of two: 8 MiB, what level 19 asks for.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Most records in one body.
pub const BODY_RECORDS_MAX: usize = 200_000;

/// Largest single record, in bytes; what the log takes, less its envelope.
pub const RECORD_BODY_BYTES_MAX: usize = ports::log::RECORD_BYTES_MAX - 4 * 1024;

/// Longest text that a transport header may carry on to the log (event type, delivery id), in bytes.
pub const TRANSPORT_NAME_BYTES_MAX: usize = 256;

/// Default for the bytes of all requests that are being worked on.
pub const IN_FLIGHT_BYTES_MAX: usize = 160 * 1024 * 1024;

/// Bodies up to this size are unpacked on the thread that read them; larger ones go to a blocking thread.
pub const INLINE_BODY_BYTES_MAX: usize = 256 * 1024;

/// When a sender that found no room should come again, in milliseconds.
pub const NO_ROOM_RETRY_AFTER_MS: u64 = 1_000;

/// Most acknowledgement channels of HEC senders that are remembered.
pub const HEC_CHANNELS_MAX: usize = 10_000;

/// Most acknowledgement ids in one HEC query.
pub const HEC_ACKS_PER_QUERY_MAX: usize = 10_000;

/// Most lines of one body that begin an object without end for which an end is looked for on later lines; each
/// costs a look over up to [`RECORD_BODY_BYTES_MAX`]. From there on every line stands for itself.
pub const BROKEN_STARTS_MAX: usize = 16;
