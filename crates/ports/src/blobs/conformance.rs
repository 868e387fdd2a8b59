//! What every keeper of blobs must do. Failures panic with what was promised, as assertions of a test do.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that lives in a library so that every backend can run it"
)]

use super::{BLOB_BYTES_MAX, BlobError, Blobs, in_pieces, whole};
use bytes::Bytes;
use std::io;

/// SHA-256 of nothing and of `abc` (FIPS 180-4, examples).
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn abc() -> Bytes {
    Bytes::from_static(b"abc")
}

/// Puts, reads, caps and deletes in an empty store of blobs.
pub async fn keeps_its_promise(blobs: &dyn Blobs) {
    assert_eq!(blobs.get(&[7; 32]).await.unwrap(), None);
    assert!(!blobs.delete(&[7; 32]).await.unwrap());
    let nothing = blobs.put(in_pieces(Vec::new()), 0).await.unwrap();
    assert_eq!((hex(&nothing.sha256).as_str(), nothing.bytes), (OF_NOTHING, 0));
    let kept = blobs.put(whole(abc()), 3).await.unwrap();
    assert_eq!((hex(&kept.sha256).as_str(), kept.bytes), (OF_ABC, 3));
    let pieces = [&b"a"[..], b"", b"bc"].map(|piece| Ok(Bytes::from_static(piece)));
    assert_eq!(blobs.put(in_pieces(pieces.into()), 100).await.unwrap(), kept, "the same bytes in pieces");
    assert_eq!(blobs.get(&kept.sha256).await.unwrap(), Some(abc()));
    assert!(blobs.holds(&kept.sha256).await.unwrap());
    assert!(blobs.delete(&kept.sha256).await.unwrap());
    assert_eq!(blobs.get(&kept.sha256).await.unwrap(), None, "kept once, gone at once");
    assert!(!blobs.holds(&kept.sha256).await.unwrap());
    assert_eq!(blobs.get(&nothing.sha256).await.unwrap(), Some(Bytes::new()));
}

/// What is too large or ends half way leaves nothing that could be read.
pub async fn keeps_nothing_by_half(blobs: &dyn Blobs) {
    let kept = blobs.put(whole(abc()), 3).await.unwrap();
    assert!(blobs.delete(&kept.sha256).await.unwrap());
    let refused = blobs.put(whole(abc()), 2).await.unwrap_err();
    assert!(matches!(refused, BlobError::TooLarge { bytes_max: 2 }), "{refused}");
    let cut = in_pieces(vec![Ok(abc()), Err(io::ErrorKind::ConnectionReset.into())]);
    let refused = blobs.put(cut, 100).await.unwrap_err();
    assert!(matches!(refused, BlobError::Cut(_)), "{refused}");
    assert_eq!(blobs.get(&kept.sha256).await.unwrap(), None);
    let piece = Bytes::from(vec![0; 1 << 20]);
    let endless = (0..=BLOB_BYTES_MAX >> 20).map(|_| Ok(piece.clone())).collect();
    let refused = blobs.put(in_pieces(endless), u64::MAX).await.unwrap_err();
    assert!(matches!(refused, BlobError::TooLarge { bytes_max: BLOB_BYTES_MAX }), "{refused}");
}
