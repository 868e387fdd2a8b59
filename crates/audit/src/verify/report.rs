//! What a verifier found.

use serde::Serialize;

/// Findings that are listed; more are only counted.
pub const FINDINGS_LISTED_MAX: usize = 100;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of tampering, or damage, a finding shows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingCode { $($(#[$doc])* $name,)* }

        impl FindingCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The copy names another public key.
    KeyDiffers = "key_differs",
    /// There is no last checkpoint.
    CheckpointMissing = "checkpoint_missing",
    /// A checkpoint is damaged, or not signed by this key.
    CheckpointInvalid = "checkpoint_invalid",
    /// The checkpoints are not one unbroken chain.
    HistoryBroken = "history_broken",
    /// The records do not have the root that was signed.
    RootDiffers = "root_differs",
    /// A checkpoint covers records that are not there.
    Truncated = "truncated",
    /// Records stand after the last signed one.
    RecordsUnsigned = "records_unsigned",
    /// A line is no record.
    RecordUnreadable = "record_unreadable",
    /// A record stands at another place than its own.
    RecordOrder = "record_order",
    /// A record is not the one whose hash is in the tree.
    RecordChanged = "record_changed",
    /// A record's time does not follow from its clock and the record before.
    TimeOrder = "time_order",
    /// The clock was set back.
    ClockSetBack = "clock_set_back",
    /// A tile is missing.
    TileMissing = "tile_missing",
    /// A tile is not that of the signed tree.
    TileChanged = "tile_changed",
    /// A file among the tiles belongs to no tile of the tree.
    TileUnexpected = "tile_unexpected",
    /// A value is gone without a record of its erasure.
    ErasedUnannounced = "erased_unannounced",
    /// An attachment of an evidence pack is missing, or not the one that was packed.
    AttachmentChanged = "attachment_changed",
    /// A proof of an evidence pack is missing, or does not lead to the signed root.
    ProofInvalid = "proof_invalid",
}

impl Serialize for FindingCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind.
    pub code: FindingCode,
    /// Where: a record, a file, a checkpoint.
    pub place: String,
    /// What exactly.
    pub detail: String,
}

/// The verdict on a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records that could be read.
    pub records: u64,
    /// Values that were erased.
    pub erased_values: u64,
    /// Values that were withheld from whoever made the copy; the log has them.
    pub withheld_values: u64,
    /// Checkpoints that were compared with the records, those kept elsewhere among them.
    pub checkpoints: u64,
    /// When the newest tree was signed, milliseconds since the epoch.
    pub signed_at_ms: Option<i64>,
    /// What is not as it should be, at most [`FINDINGS_LISTED_MAX`] of it.
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_total: u64,
}

impl Report {
    /// Whether all is as it was signed.
    pub const fn is_clean(&self) -> bool {
        self.findings_total == 0
    }

    pub(crate) fn find(&mut self, code: FindingCode, place: impl ToString, detail: impl ToString) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_LISTED_MAX {
            self.findings.push(Finding { code, place: place.to_string(), detail: detail.to_string() });
        }
    }
}
