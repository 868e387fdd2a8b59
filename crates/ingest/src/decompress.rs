//! Unpacks a body under two caps: its size, and how far it swells.

use crate::limits::{
    DECOMPRESSED_BYTES_MAX, DECOMPRESSED_RATIO_FREE_BYTES, DECOMPRESSED_RATIO_MAX, ZSTD_WINDOW_LOG_MAX,
};
use bytes::Bytes;
use std::io::{ErrorKind, Read};

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
}

/// Why a body could not be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// `Content-Encoding` names something else, or several.
    #[error("content-encoding {name:?} is not taken; send gzip, zstd or nothing")]
    Unsupported {
        /// What was named, cut short.
        name: String,
    },
    /// The packed data ends too early.
    #[error("the {encoding:?} data ends in the middle; nothing was accepted")]
    Truncated {
        /// Which format.
        encoding: Encoding,
    },
    /// The packed data is damaged, or of another format.
    #[error("the {encoding:?} data is damaged: {reason}; nothing was accepted")]
    Damaged {
        /// Which format.
        encoding: Encoding,
        /// What the decoder said.
        reason: String,
    },
    /// More than [`DECOMPRESSED_BYTES_MAX`].
    #[error("the body unpacks to more than {DECOMPRESSED_BYTES_MAX} bytes; nothing was accepted")]
    TooLarge,
    /// Swells more than [`DECOMPRESSED_RATIO_MAX`] times.
    #[error("the body swells more than {DECOMPRESSED_RATIO_MAX} times; nothing was accepted")]
    RatioTooHigh,
}

impl Encoding {
    /// Reads the `Content-Encoding` header.
    ///
    /// # Errors
    /// [`DecompressError::Unsupported`].
    pub fn of_header(value: &str) -> Result<Self, DecompressError> {
        let name = value.trim();
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if name.is_empty() || is("identity") {
            Ok(Self::Identity)
        } else if is("gzip") || is("x-gzip") {
            Ok(Self::Gzip)
        } else if is("zstd") {
            Ok(Self::Zstd)
        } else {
            Err(DecompressError::Unsupported { name: name.chars().take(40).collect() })
        }
    }

    /// Recognises packed bytes that were not declared, such as a CloudTrail file posted as it lies in its
    /// bucket: no JSON begins with these bytes.
    pub fn of_magic(body: &[u8]) -> Self {
        let begins = |encoding: &Self| body.starts_with(encoding.magic());
        [Self::Gzip, Self::Zstd].into_iter().find(begins).unwrap_or(Self::Identity)
    }

    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Identity => &[],
            Self::Gzip => &[0x1f, 0x8b],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }
}

/// The plain bytes of `body`. `grow` is asked before each step for the bytes about to be kept, so that a
/// caller can count them against its memory; its error ends the work.
///
/// # Errors
/// [`DecompressError`], or whatever `grow` returned.
pub fn decompress<E: From<DecompressError>>(
    body: Bytes,
    encoding: Encoding,
    mut grow: impl FnMut(usize) -> Result<(), E>,
) -> Result<Bytes, E> {
    let damaged = |error: std::io::Error| -> E { failure(encoding, &error).into() };
    let magic = encoding.magic();
    if !body.starts_with(magic) && !magic.starts_with(&body) {
        let reason = "it does not begin as such data does".to_owned();
        return Err(DecompressError::Damaged { encoding, reason }.into());
    }
    let mut reader: Box<dyn Read + '_> = match encoding {
        Encoding::Identity => return Ok(body),
        Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(&body[..])),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&body[..]).map_err(damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(damaged)?;
            Box::new(decoder)
        }
    };
    let swollen_max = body.len().saturating_mul(DECOMPRESSED_RATIO_MAX).max(DECOMPRESSED_RATIO_FREE_BYTES);
    let mut plain = Vec::new();
    let mut chunk = [0_u8; 32 * 1024];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => return Ok(plain.into()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error)),
        };
        if plain.len() + read > DECOMPRESSED_BYTES_MAX {
            return Err(DecompressError::TooLarge.into());
        }
        if plain.len() + read > swollen_max {
            return Err(DecompressError::RatioTooHigh.into());
        }
        grow(read)?;
        plain.extend_from_slice(&chunk[..read]);
    }
}

fn failure(encoding: Encoding, error: &std::io::Error) -> DecompressError {
    match error.kind() {
        ErrorKind::UnexpectedEof => DecompressError::Truncated { encoding },
        _ => DecompressError::Damaged { encoding, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn pack(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Identity => plain.to_vec(),
            Encoding::Gzip => gzip(plain),
            Encoding::Zstd => zstd::stream::encode_all(plain, 3).unwrap(),
        }
    }

    fn unpack(encoding: Encoding, packed: Vec<u8>) -> Result<Bytes, DecompressError> {
        decompress(packed.into(), encoding, |_| Ok(()))
    }

    const PACKED: [Encoding; 2] = [Encoding::Gzip, Encoding::Zstd];

    #[test]
    fn what_was_packed_is_unpacked() {
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            let packed = pack(encoding, b"{\"a\":1}");
            assert_eq!(Encoding::of_magic(&packed), encoding);
            assert_eq!(unpack(encoding, packed).unwrap(), b"{\"a\":1}"[..]);
        }
        let two = [gzip(b"{\"a\":"), gzip(b"1}")].concat();
        assert_eq!(unpack(Encoding::Gzip, two).unwrap(), b"{\"a\":1}"[..]);
    }

    #[test]
    fn a_cut_off_body_is_called_truncated_at_every_length() {
        for encoding in PACKED {
            let packed = pack(encoding, b"some text that is long enough to fill a block, some text");
            for len in 5..packed.len() {
                let error = unpack(encoding, packed[..len].to_vec()).unwrap_err();
                assert_eq!(error, DecompressError::Truncated { encoding }, "{len} bytes of {encoding:?}");
            }
        }
    }

    #[test]
    fn damage_is_named() {
        for encoding in PACKED {
            let error = unpack(encoding, b"{\"plain\": true, \"and\": \"not packed at all\"}".to_vec());
            assert!(matches!(error, Err(DecompressError::Damaged { .. })), "{error:?}");
        }
        let mut packed = gzip(b"text whose checksum will not fit");
        let crc = packed.len() - 8;
        packed[crc] ^= 1;
        assert!(matches!(unpack(Encoding::Gzip, packed), Err(DecompressError::Damaged { .. })));
    }

    #[test]
    fn bombs_are_stopped_early() {
        let zeros = vec![0; 16 * 1024 * 1024];
        for encoding in PACKED {
            let mut kept = 0;
            let bomb = pack(encoding, &zeros);
            let stopped: Result<_, DecompressError> = decompress(bomb.into(), encoding, |bytes| {
                kept += bytes;
                Ok(())
            });
            assert_eq!(stopped, Err(DecompressError::RatioTooHigh));
            assert!(kept <= 4 * 1024 * 1024, "{kept} bytes were unpacked before the stop");
        }
        let error = decompress(gzip(b"{}").into(), Encoding::Gzip, |_| Err(DecompressError::TooLarge));
        assert_eq!(error, Err(DecompressError::TooLarge), "the caller's refusal ends the work");
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(Encoding::of_header(" GZIP "), Ok(Encoding::Gzip));
        assert_eq!(Encoding::of_header(""), Ok(Encoding::Identity));
        assert!(Encoding::of_header("gzip, gzip").is_err());
        assert!(Encoding::of_header("br").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            for encoding in PACKED {
                let _ = unpack(encoding, bytes.clone());
            }
        }
    }
}
