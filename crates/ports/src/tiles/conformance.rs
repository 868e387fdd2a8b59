//! What every tile store must do. Failures panic with what was promised, as assertions of a test do.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that lives in a library so that every backend can run it"
)]

use super::TileStore;
use std::io;

/// Reads, writes, appends, removes and lists in an empty store, and refuses every bad name.
pub fn keeps_its_promise(tiles: &dyn TileStore) {
    assert_eq!(tiles.read("checkpoint").unwrap(), None);
    assert_eq!(tiles.list("tile/0").unwrap(), Vec::<String>::new());
    for content in [&b"one"[..], b"", b"two, longer"] {
        tiles.write("tile/0/x001/000.p/7", content).unwrap();
        assert_eq!(tiles.read("tile/0/x001/000.p/7").unwrap().as_deref(), Some(content));
    }
    tiles.write("tile/0/x001/000", b"full").unwrap();
    assert_eq!(tiles.list("tile/0/x001").unwrap(), ["000", "000.p"]);
    tiles.append("checkpoints/2026-01-01", b"a").unwrap();
    tiles.append("checkpoints/2026-01-01", b"bc").unwrap();
    assert_eq!(tiles.read("checkpoints/2026-01-01").unwrap().as_deref(), Some(&b"abc"[..]));
    tiles.remove("tile/0/x001/000").unwrap();
    tiles.remove("tile/0/x001/000").unwrap();
    assert_eq!(tiles.read("tile/0/x001/000").unwrap(), None);
    for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "A", ".hidden", "a b", "tile/ü"] {
        let refused = tiles.read(bad).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{bad:?}");
        assert!(tiles.write(bad, b"x").is_err() && tiles.append(bad, b"x").is_err(), "{bad:?}");
        assert!(tiles.remove(bad).is_err() && tiles.list(bad).is_err(), "{bad:?}");
    }
}
